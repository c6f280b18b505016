"""What reading the layers costs training, at the default interval.

Side by side in one process, on one thread: epochs whose layers are read every `inspect_every` steps, and epochs whose
are not. The share at the default follows from the time that a step takes longer when it is read, which is measured by
reading every step, in the same rounds.
"""

import os
import statistics
from pathlib import Path

from benchmarks.table import Row, at_most, parser, report

SHARE = 3.0  # percent of the training time at most
MODELS = {
    "mlp, SGD": {"model": "mlp", "optimizer": "sgd"},
    "mlp, Adam": {"model": "mlp", "optimizer": "adam"},
    "cnn, Adam": {"model": "cnn", "optimizer": "adam"},
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--often", type=int, default=5, help="steps between two readings that shall show directly")
    options.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    given = options.parse_args()
    import torch

    rows: list[Row] = []
    for name in given.models:
        rows += rows_of(name, measure(MODELS[name], given.rounds, given.often, given.data_dir), given.often)
    report("inspection_cost", rows, as_json=given.json, torch=torch.__version__, rounds=given.rounds)


def rows_of(name: str, found: dict[str, list[float]], often: int) -> list[Row]:
    """The table of one model."""
    from engine.training.config import TrainConfig

    every = TrainConfig().inspect_every
    without, at_default, at_often = (statistics.median(found[way]) for way in ("without", "default", "often"))
    share = 100 * (at_often / without - 1)
    return [
        Row(f"{name}: an epoch whose layers are not read", without, "s"),
        Row(f"{name}: reading them every {often} steps, measured, of the training time", share, "%"),
        at_most(f"{name}: every {every} steps, from that", share * often / every, SHARE, "%"),
        Row(f"{name}: every {every} steps, measured", 100 * (at_default / without - 1), "%"),
    ]


def measure(settings: dict[str, str], rounds: int, often: int, data_dir: Path | None) -> dict[str, list[float]]:
    """Seconds of an epoch's training in each way."""
    from engine import home
    from engine.training import events as ev
    from engine.training.config import TrainConfig
    from engine.training.session import TrainingSession
    from engine.training.setup import make_setup

    ways = {"without": 0, "default": TrainConfig().inspect_every, "often": often}
    found: dict[str, list[float]] = {way: [] for way in ways}

    def epoch(every: int) -> float:
        config = TrainConfig(epochs=1, threads=1, checkpoint_every=0.0, inspect_every=every, **settings)  # type: ignore[arg-type]
        trained: list[float] = []

        def sink(event: ev.Event) -> None:
            if isinstance(event, ev.EpochFinished):
                trained.append(event.seconds)

        def save(content: object, reason: str) -> ev.CheckpointSaved:
            return ev.CheckpointSaved(file="", epoch=1, step=1, bytes=0, sha256="", reason=reason)

        prepared = make_setup(config, home=home.resolve(), data_dir=data_dir)
        TrainingSession(prepared, sink=sink, save=save).run()
        return trained[0]

    for number in range(rounds):
        order = list(ways)[number % 3 :] + list(ways)[: number % 3]
        for way in order:
            found[way].append(epoch(ways[way]))
    return found


if __name__ == "__main__":
    main()
