"""What saving checkpoints costs training, at the default: one every 60 seconds, and one an epoch.

Side by side in one process, on one thread: epochs that save as a run does, into a folder on the disk, and epochs that
do not. The share at the default follows from the time of a save, which is measured in the same rounds.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.table import Row, at_most, parser, report

SHARE = 2.0  # percent of the training time at most
MODELS = {
    "mlp, SGD": {"model": "mlp", "optimizer": "sgd"},
    "mlp, Adam": {"model": "mlp", "optimizer": "adam"},
    "cnn, Adam": {"model": "cnn", "optimizer": "adam"},
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--often", type=float, default=0.5, help="seconds between two saves that shall show directly")
    options.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    options.add_argument("--folder", type=Path, help="where to save (default: the folder for temporary files)")
    given = options.parse_args()
    import torch

    rows: list[Row] = []
    for name in given.models:
        rows += rows_of(
            name, measure(MODELS[name], given.rounds, given.often, given.data_dir, given.folder), given.often
        )
    report("checkpoint_cost", rows, as_json=given.json, torch=torch.__version__, rounds=given.rounds)


def rows_of(name: str, found: dict[str, Any], often_s: float) -> list[Row]:
    """The table of one model."""
    from engine.training.config import TrainConfig

    every = TrainConfig().checkpoint_every
    timed, at_end = statistics.median(found["time"]), statistics.median(found["epoch"])
    without, often = statistics.median(found["without"]), statistics.median(found["often"])
    share = 100 * timed / every
    return [
        Row(f"{name}: an epoch that saves nothing", without, "s"),
        Row(f"{name}: a checkpoint of {found['bytes'] / 2**20:.1f} MiB, by time", 1000 * timed, "ms"),
        Row(f"{name}: the same at an epoch's end, with model_weights.pth", 1000 * at_end, "ms"),
        Row(f"{name}: saving every {often_s:g} s, measured, of the training time", 100 * (often / without - 1), "%"),
        at_most(f"{name}: saving every {every:g} s, of the training time", share, SHARE, "%"),
        Row(f"{name}: an epoch's end, of the epoch's time", 100 * at_end / (without + at_end), "%"),
    ]


def measure(
    settings: dict[str, Any], rounds: int, often_s: float, data_dir: Path | None, folder: Path | None
) -> dict[str, Any]:
    """Seconds of an epoch's training without and with saving, of each save by reason, and a checkpoint's bytes."""
    from engine import home
    from engine.checkpoints.write import CheckpointWriter
    from engine.home import RunFolder
    from engine.training import events as ev
    from engine.training.config import TrainConfig
    from engine.training.session import TrainingSession
    from engine.training.setup import make_setup

    found: dict[str, Any] = {"without": [], "often": [], "time": [], "epoch": [], "bytes": 0}

    def epoch(every: float, place: Path) -> float:
        config = TrainConfig(epochs=1, threads=1, checkpoint_every=every, **settings)
        writer = CheckpointWriter(RunFolder(place))
        trained: list[float] = []

        def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
            begin = time.perf_counter()
            saved = writer.save(content, reason)
            found[reason].append(time.perf_counter() - begin)
            found["bytes"] = saved.bytes
            return saved

        def sink(event: ev.Event) -> None:
            if isinstance(event, ev.EpochFinished):
                trained.append(event.seconds)  # of the steps, with what is saved between them

        prepared = make_setup(config, home=home.resolve(), data_dir=data_dir)
        TrainingSession(prepared, sink=sink, save=save).run()
        return trained[0]

    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="fmnist-cost-", dir=folder) as place:
            for way, every in (
                (("without", 0.0), ("often", often_s)) if number % 2 else (("often", often_s), ("without", 0.0))
            ):
                (Path(place) / way).mkdir()
                found[way].append(epoch(every, Path(place) / way))
    return found


if __name__ == "__main__":
    main()
