"""Made-up runs for the screens' tests: an app that is only as much of one as they need, and event logs."""

import dataclasses
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.home import Home
from engine.runs import store
from engine.training import event_json
from engine.training import events as ev
from engine.training.config import TrainConfig
from tui.app import FmnistApp

CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
SIZES = [(80, 24), (120, 40), (200, 60)]
STEPS = 100


class ScreensApp(FmnistApp):
    """The app, opened on the screen that a test is about."""

    def __init__(self, home: Path, mode: str = "train") -> None:
        super().__init__(home=home, dataset="demo", start=mode)


class MadeUpRun:
    """A run folder whose events the test writes. It lives as long as this process, unless `dead`."""

    def __init__(
        self,
        home: Path,
        run_id: str,
        *,
        name: str = "",
        dead: bool = False,
        demo: bool = False,
        begun: float = 1000.0,
        val: int = 0,
        **settings: Any,
    ) -> None:
        """`begun`: Unix seconds; each event comes a second after the one before. `val`: validation images. `settings`:
        see TrainConfig."""
        settings |= {"val": str(val)} if val else {}
        self.folder = Home(home).run(run_id)
        self.folder.path.mkdir(parents=True)
        config = TrainConfig(**settings).to_dict()
        created = time.mktime(time.strptime(run_id[:15], "%Y%m%d-%H%M%S"))
        store.write_run(self.folder, {"v": 1, "id": run_id, "name": name, "created": created, "config": config})
        if not dead:
            store.write_host(self.folder, "", os.getpid())
        self._seq = 0
        self._begun = begun
        title = "demo data, not Fashion-MNIST" if demo else "Fashion-MNIST"
        facts: ev.DatasetFacts = {
            "name": "x", "title": title, "demo": demo, "train": 6400 - val, "test": 1000, "classes": CLASSES,
        }  # fmt: skip
        if val:
            facts["val"] = val
        self.add(
            ev.RunStarted(
                config=config, device="cpu", device_name="Some CPU, 1 thread", threads=1,
                dataset=facts,
                loader="resident", parameters=669706, epochs=10, steps=STEPS,
            )
        )  # fmt: skip

    def add(self, *events: ev.Event) -> None:
        with open(self.folder.events, "a") as log:
            for event in events:
                self._seq += 1
                stamped = dataclasses.replace(event, seq=self._seq, t=self._begun + self._seq)
                log.write(event_json.encode(stamped) + "\n")

    def train(self, epochs: Iterable[int], split: str = "test") -> None:
        """Whole epochs, each with ten progress events, two log lines and a result."""
        for epoch in epochs:
            for step in range(10, STEPS + 1, 10):
                self.add(progress(epoch, step))
            self.add(
                ev.BatchLoss(epoch=epoch, step=1, loss=2.29735, seen=0, of=6400),
                ev.EpochFinished(epoch=epoch, loss=1.0, seconds=2.0, samples_per_s=3200.0),
                dataclasses.replace(evaluated(epoch), split=split),
                ev.Readings(load=0.63, memory=512 * 2**20, memory_total=4 * 2**30),
            )


def progress(epoch: int, step: int, loss: float = 1.5) -> ev.Progress:
    return ev.Progress(epoch=epoch, step=step, steps=STEPS, loss=loss / epoch, lr=1e-3, samples_per_s=3200.0)


def evaluated(epoch: int) -> ev.Evaluated:
    """Each class: 50 + epoch of 100 images recognised, the others taken for the next class."""
    right = 50 + epoch
    confusion = [[right if p == t else 100 - right if p == (t + 1) % 10 else 0 for p in range(10)] for t in range(10)]
    return ev.Evaluated(
        epoch=epoch, loss=2.153763, accuracy=right / 100, per_class=[right / 100] * 10, confusion=confusion, seconds=0.2
    )
