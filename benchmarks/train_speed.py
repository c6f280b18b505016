"""An epoch of training three ways, side by side: the tutorial's loop, the engine's, and its matrix products alone.

    python -m benchmarks.train_speed [--threads 1 2] [--rounds 3] [--device cuda] [--data-dir DIR] [--json]

The tutorial's: a DataLoader over torchvision's FashionMNIST with ToTensor, batch 64, SGD 1e-3, no shuffling. The
engine's: a whole TrainingSession, with its events and reports. The floor: the eight matrix products that the same
steps need. Each thread count runs in a process of its own, the three ways in turn, `--rounds` times; the fastest
round of each counts, since whatever else the machine does can only slow one down. The losses of all steps are compared
bit by bit.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.table import Row, at_least, at_most, parser, report

if TYPE_CHECKING:
    from torch import nn

TARGETS = {1: (2.1, 1.4), 2: (2.5, 2.0)}  # threads: times the tutorial's loop at least, times the floor at most


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--device", default="cpu")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    options.add_argument("--measure", type=int, help="one thread count, in this process (used by the benchmark itself)")
    given = options.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.rounds, given.device, given.data_dir)))
        return
    rows = []
    for threads in given.threads:
        command = [
            sys.executable,
            "-m",
            "benchmarks.train_speed",
            "--measure",
            str(threads),
            "--rounds",
            str(given.rounds),
        ]
        command += ["--device", given.device] + (["--data-dir", str(given.data_dir)] if given.data_dir else [])
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        rows += rows_of(threads, found, cpu=given.device == "cpu")
    import torch

    report("train_speed", rows, as_json=given.json, torch=torch.__version__, device=given.device, data=found["data"])


def rows_of(threads: int, found: dict[str, Any], *, cpu: bool) -> list[Row]:
    """The table of one thread count."""
    label = f"{threads} thread{'s' if threads > 1 else ''}"
    tutorial, engine, floor = (min(found[name]) for name in ("tutorial", "engine", "floor"))
    faster, over = TARGETS.get(threads, (0.0, 0.0)) if cpu else (0.0, 0.0)
    equal = Row(f"{label}: steps with the same loss, bit for bit", found["equal"], f"of {found['steps']}")
    if cpu:
        equal = Row(equal.what, equal.value, equal.unit, "all", found["equal"] == found["steps"])
    return [
        Row(f"{label}: the tutorial's loop", tutorial, "s an epoch"),
        Row(f"{label}: the engine", engine, "s an epoch"),
        Row(f"{label}: the matrix products alone", floor, "s an epoch"),
        at_least(f"{label}: the engine is faster than the tutorial's loop by", tutorial / engine, faster)
        if faster
        else Row(f"{label}: the engine is faster than the tutorial's loop by", tutorial / engine, "×"),
        at_most(f"{label}: the engine takes, of the matrix products' time,", engine / floor, over)
        if over
        else Row(f"{label}: the engine takes, of the matrix products' time,", engine / floor, "×"),
        equal,
    ]


def measure(threads: int, rounds: int, device_name: str, data_dir: Path | None) -> dict[str, Any]:
    """Seconds of each round of each way, and how many steps had the same loss."""
    import torch

    from engine import home
    from engine.training.config import TrainConfig
    from engine.training.setup import make_setup

    config = TrainConfig(threads=threads, device=device_name, epochs=1)
    torch.set_num_threads(threads)

    def prepared() -> Any:
        return make_setup(config, home=home.resolve(), data_dir=data_dir)

    p = prepared()
    ways: dict[str, Callable[[], tuple[float, list[float]]]] = {
        "tutorial": lambda: tutorial_epoch(p),
        "engine": lambda: engine_epoch(prepared()),
        "floor": lambda: (matrix_products(p), []),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            took, losses[name] = way()
            seconds[name].append(took)
    equal = sum(a == b for a, b in zip(losses["tutorial"], losses["engine"], strict=True))
    return {**seconds, "equal": equal, "steps": len(losses["tutorial"]), "data": p.dataset.title}


def tutorial_loader(p: Any) -> Any:
    """The course's DataLoader: torchvision's FashionMNIST with ToTensor, 64 images a batch, in order."""
    from torch.utils.data import DataLoader
    from torchvision.transforms import ToTensor

    from engine.data.loader import torchvision_dataset

    return DataLoader(torchvision_dataset(p.dataset.train, p.dataset.classes, transform=ToTensor()), batch_size=64)


def new_mlp(p: Any) -> "nn.Module":
    """The course's network, with the weights that seed 0 gives it."""
    import torch

    from engine.models.mlp import NeuralNetwork

    torch.manual_seed(0)
    return NeuralNetwork().to(p.device)


def tutorial_epoch(p: Any, model: "nn.Module | None" = None) -> tuple[float, list[float]]:
    """The course's train loop. Seconds, and every step's loss (taken without a synchronisation). `model`: a `new_mlp`,
    which is trained."""
    import torch
    from torch import nn

    dataloader = tutorial_loader(p)
    model = model or new_mlp(p)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = []
    begin = time.perf_counter()
    model.train()
    for X, y in dataloader:
        X, y = X.to(p.device), y.to(p.device)
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    values: list[float] = torch.stack(losses).tolist()
    return time.perf_counter() - begin, values


def engine_epoch(p: Any) -> tuple[float, list[float]]:
    """The engine's session, up to the end of the training steps. Seconds, and every step's loss."""
    import torch

    from engine.training import events as ev
    from engine.training import session

    ended: list[float] = []
    losses: list[torch.Tensor] = []

    class Watched(session.TrainingSession):
        """Stops the clock where the training steps end."""

        def _evaluate(self, seconds: float) -> None:
            ended.append(time.perf_counter())
            self.place.evaluated = True

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        return ev.CheckpointSaved(file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="")

    def keep(loss: torch.Tensor, add: Callable[[torch.Tensor], None]) -> None:
        losses.append(loss)
        add(loss)

    watched = Watched(p, sink=lambda event: None, save=save)
    add = watched._losses.add
    watched._losses.add = lambda loss: keep(loss, add)  # type: ignore[method-assign]
    begin = time.perf_counter()
    watched.run()
    return ended[0] - begin, torch.stack(losses).tolist()


def matrix_products(p: Any) -> float:
    """Seconds for the products of an epoch's forward and backward passes, and nothing else."""
    import torch

    sizes = ((784, 512), (512, 512), (512, 10))
    weights = [torch.randn(out, into, device=p.device) for into, out in sizes]
    batches = [min(64, len(p.dataset.train) - start) for start in range(0, len(p.dataset.train), 64)]
    inputs = [torch.randn(64, into, device=p.device) for into, _ in sizes]
    gradients = [torch.randn(64, out, device=p.device) for _, out in sizes]
    if p.device.type == "cuda":
        torch.cuda.synchronize(p.device)
    begin = time.perf_counter()
    for batch in batches:
        xs, gs = [x[:batch] for x in inputs], [g[:batch] for g in gradients]
        for x, weight in zip(xs, weights, strict=True):
            torch.mm(x, weight.t())
        for index in (2, 1, 0):
            torch.mm(gs[index].t(), xs[index])
            if index:
                torch.mm(gs[index], weights[index])
    if p.device.type == "cuda":
        torch.cuda.synchronize(p.device)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
