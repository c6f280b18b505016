"""Homes of made-up runs, as many and with logs as long as one likes: what `benchmarks.scale` reads."""

import json
import math
import secrets
import time
from pathlib import Path

from engine.home import Home, RunFolder
from engine.runs import store
from engine.training.config import TrainConfig

STEPS = 938  # an epoch of Fashion-MNIST in batches of 64
BLOCK = 20_000  # lines written at once


def made_run(
    home: Path, number: int, events: int, *, an_epoch: int = 1000, ended: bool = True, **request: object
) -> RunFolder:
    """A run whose log has `events` events: about `an_epoch` of progress in each epoch, and at its end a test result and
    a checkpoint. `request`: of run.json, such as the group that it belongs to."""
    created = 1_760_000_000 + 60 * number
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    folder = Home(home).run(f"{stamp}-{number & 0xFFFF:04x}")
    folder.path.mkdir(parents=True, mode=0o700)
    config = TrainConfig(lr=1e-3 * (1 + number % 7), seed=number).to_dict()
    about = {"v": 1, "id": folder.id, "name": f"run {number}", "created": created, "config": config}
    store.write_run(folder, {**about, **request})
    with open(folder.events, "w", encoding="utf-8") as file:
        lines: list[str] = []
        seq = 0

        def add(kind: str, **values: object) -> None:
            nonlocal seq
            seq += 1
            t = created + seq / 20
            lines.append(json.dumps({"v": 1, "seq": seq, "t": t, "kind": kind, "up": round(seq / 20, 3), **values}))

        epochs, stride = max(1, events // (an_epoch + 3)), max(1, STEPS // an_epoch)
        data = {"name": "fashion-mnist", "title": "Fashion-MNIST", "demo": False, "train": 60000, "test": 10000}
        add(
            "run_started", config=config, device="cpu", device_name="a CPU", threads=1, dataset=data,
            loader="resident", parameters=669_706, epochs=epochs, steps=STEPS,
        )  # fmt: skip
        epoch = step = 0
        while seq < events - 1:
            epoch, step = epoch + (step == 0), min(STEPS, step + stride)
            x = epoch + step / STEPS
            add(
                "progress", epoch=epoch, step=step, steps=STEPS, loss=2.3 / (1 + x) + 0.1 * math.sin(seq), lr=1e-3,
                samples_per_s=25_000.0,
            )  # fmt: skip
            if step == STEPS:
                step = 0
                confusion = [[900 if row == column else 11 for column in range(10)] for row in range(10)]
                accuracy = min(0.93, 0.5 + x / 100)
                add("epoch_finished", epoch=epoch, loss=2.3 / (1 + x), seconds=4.0, samples_per_s=25_000.0)
                add(
                    "evaluated", epoch=epoch, loss=2.0 / (1 + x), loss_per_sample=2.0 / (1 + x), accuracy=accuracy,
                    per_class=[accuracy] * 10, confusion=confusion, seconds=0.3,
                )  # fmt: skip
                name = f"checkpoints/epoch-{epoch:04d}.pt"
                add(
                    "checkpoint_saved",
                    file=name,
                    epoch=epoch,
                    step=STEPS,
                    bytes=2_690_000,
                    sha256=secrets.token_hex(32),
                )
            if len(lines) >= BLOCK:
                file.write("\n".join(lines) + "\n")
                lines.clear()
        if ended:
            add("finished", epochs=epochs, seconds=seq / 20)
        if lines:
            file.write("\n".join(lines) + "\n")
    return folder
