"""What the settings cost that a run may have: those that are off, all together, and each that is on.

    python -m benchmarks.settings_cost [--rounds 5] [--settings NAME …] [--data-dir DIR] [--json]

On one thread, the mlp, whose short steps show most: the bare loop over images that are in memory (forward, loss,
backward, update, and the loss kept), the engine with its defaults, and the engine with one setting on, each in turn,
`--rounds` times. The figures are CPU time of the fastest round, which neighbours on the machine change least. What is
above the bare loop is the engine's events, losses and reports too: a setting that is off has no part in a step.
"""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.table import Row, at_most, parser, report
from benchmarks.train_speed import engine_epoch, new_mlp
from engine.device import before_torch

OFF = 1.05  # times the bare loop at most
ON: dict[str, dict[str, Any]] = {
    "--momentum 0.9 --nesterov": {"momentum": 0.9, "nesterov": True},
    "--label-smoothing 0.1": {"label_smoothing": 0.1},
    "--augment flip": {"augment": "flip"},
    '--augment "shift(2); cutout(8)"': {"augment": "shift(2); cutout(8)"},
    "--clip 1": {"clip": 1.0},
    "--accumulate 2": {"accumulate": 2},
    "--average ema": {"average": "ema"},
    "--optimizer muon": {"optimizer": "muon"},
    "--val 10%": {"val": "10%"},
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--batch-size", type=int, default=64)
    options.add_argument("--settings", nargs="*", choices=ON, default=list(ON), help="those to turn on, one at a time")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    given = options.parse_args()
    before_torch()  # as a run does
    import torch

    found = measure(given.settings, given.rounds, given.batch_size, given.data_dir)
    report("settings_cost", rows_of(found), as_json=given.json, torch=torch.__version__, rounds=given.rounds)


def rows_of(found: dict[str, float]) -> list[Row]:
    """The table, of microseconds a step in each way."""
    off = found["off"]
    return [
        Row("a step of the bare loop", found["bare"], "µs"),
        Row("a step of the engine, all settings off", off, "µs"),
        at_most("all settings off, of the bare loop", off / found["bare"], OFF),
        *(Row(f"{name}: a step takes more", 100 * (found[name] / off - 1), "%") for name in found if name in ON),
    ]


def measure(settings: list[str], rounds: int, batch_size: int, data_dir: Path | None) -> dict[str, float]:
    """Microseconds of CPU time a step, of the fastest round of each way."""
    import torch

    from engine import home
    from engine.training.config import TrainConfig
    from engine.training.setup import make_setup

    torch.set_num_threads(1)
    config = TrainConfig(
        epochs=1, threads=1, device="cpu", batch_size=batch_size, checkpoint_every=0.0, inspect_every=0
    )  # fmt: skip
    ways = {"off": config, **{name: replace(config, **ON[name]) for name in settings}}
    found: dict[str, float] = {}
    for _ in range(rounds):
        for name in ("bare", *ways):
            prepared = make_setup(ways.get(name, config), home=home.resolve(), data_dir=data_dir)
            steps = len(prepared.train_batches)
            begin = time.process_time()
            if name == "bare":
                bare_epoch(prepared)
            else:
                engine_epoch(prepared)
            a_step = 1e6 * (time.process_time() - begin) / steps
            found[name] = min(found.get(name, a_step), a_step)
    return found


def bare_epoch(p: Any) -> None:
    """The lines of a training loop over resident images, and nothing else; every loss is kept."""
    import torch
    from torch import nn

    images = torch.from_numpy(p.dataset.train.images.copy()).unsqueeze(1)
    labels = torch.from_numpy(p.dataset.train.labels.astype("int64"))
    model, loss_fn = new_mlp(p), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = []
    model.train()
    for first in range(0, len(labels), p.config.batch_size):
        X, y = (whole[first : first + p.config.batch_size] for whole in (images, labels))
        loss = loss_fn(model(X.to(torch.float32).div_(255)), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    torch.stack(losses).tolist()


if __name__ == "__main__":
    main()
