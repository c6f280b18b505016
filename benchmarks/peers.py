"""An epoch of the tutorial's network in other libraries' training loops, in turn with the engine's and the tutorial's.

    make bench-peers                                    # with an environment of their own, .bench-peers
    python -m benchmarks.peers [--only keras skorch] [--threads 1 2] [--rounds 3] [--device cuda] [--json]

Each gets the same network with the same first weights, the same images in the same order, batches of 64, and
torch.optim.SGD(lr=1e-3) (Keras its own SGD), by the call that its documentation begins with. Lightning, Ignite and
fastai take the tutorial's DataLoader; Keras and skorch arrays of float32, made before the clock runs. Progress
displays, logs, checkpoints and validation are off. An epoch is that whole call; of the engine, a TrainingSession up to
the end of its steps.

Each library has a process of its own for each number of threads, in which the engine, the tutorial's loop and the
library train one epoch in turn, `--rounds` times. The fastest round of each counts, in seconds, and, for a machine
that others use too, in CPU seconds. How far the weights lie from the tutorial's afterwards tells that the same was
computed. A library that can't be imported, or fails, is named and left out.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.table import Row, parser, report

if TYPE_CHECKING:
    import torch
    from torch import nn

    Ready = tuple[Callable[[], object], Callable[[], Mapping[str, torch.Tensor]]]

OURS = ("engine", "tutorial")  # beside them each library trains
MOST_WORDS = 200  # of a reason


@dataclass(frozen=True)
class Peer:
    """A library: the distribution that has its version, and what makes ready for an epoch.

    `ready` takes the setup and the network, and gives the call that trains one epoch, and one that gives the trained
    weights, by the network's names. It raises ImportError where the library is not there.
    """

    distribution: str
    ready: "Callable[[Any, nn.Module], Ready]"


def lightning(p: Any, model: "nn.Module") -> "Ready":
    import torch
    from torch import nn

    from benchmarks.train_speed import tutorial_loader

    library = importlib.import_module("lightning.pytorch")

    class Network(library.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_fn = model, nn.CrossEntropyLoss()

        def training_step(self, batch: Any, _: int) -> Any:
            return self.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    accelerator = "gpu" if p.device.type == "cuda" else "cpu"
    trainer = library.Trainer(max_epochs=1, accelerator=accelerator, devices=1, barebones=True)
    network, loader = Network(), tutorial_loader(p)
    return lambda: trainer.fit(network, loader), model.state_dict


def ignite(p: Any, model: "nn.Module") -> "Ready":
    import torch
    from torch import nn

    from benchmarks.train_speed import tutorial_loader

    library = importlib.import_module("ignite.engine")
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    trainer = library.create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss(), device=p.device)
    loader = tutorial_loader(p)
    return lambda: trainer.run(loader, max_epochs=1), model.state_dict


def fastai(p: Any, model: "nn.Module") -> "Ready":
    from functools import partial

    import torch
    from torch import nn

    from benchmarks.train_speed import tutorial_loader

    core, learner = importlib.import_module("fastai.data.core"), importlib.import_module("fastai.learner")
    importlib.import_module("fastai.callback.progress")  # gives learners no_bar
    callbacks, optimizers = importlib.import_module("fastai.callback.core"), importlib.import_module("fastai.optimizer")

    class NoValidation(callbacks.Callback):  # type: ignore[misc, name-defined]
        def before_validate(self) -> None:
            raise callbacks.CancelValidException

    loader = tutorial_loader(p)
    made = learner.Learner(
        core.DataLoaders(loader, loader, device=p.device),
        model,
        loss_func=nn.CrossEntropyLoss(),
        opt_func=partial(optimizers.OptimWrapper, opt=torch.optim.SGD),
        lr=1e-3,
        cbs=[NoValidation()],
    )

    def train() -> None:
        with made.no_bar(), made.no_logging():
            made.fit(1)

    return train, model.state_dict


def keras(p: Any, model: "nn.Module") -> "Ready":
    import torch

    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_TORCH_DEVICE"] = p.device.type
    os.environ.setdefault("KERAS_HOME", tempfile.mkdtemp(prefix="keras-"))  # else it writes into the person's home
    library = importlib.import_module("keras")
    layers, names = library.layers, list(model.state_dict())
    network = library.Sequential(
        [
            library.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(512, activation="relu"),
            layers.Dense(len(p.dataset.classes)),
        ]
    )
    # Keras' matrices are those of PyTorch on their side.
    network.set_weights([value.T.cpu().numpy() for value in model.state_dict().values()])
    network.compile(
        optimizer=library.optimizers.SGD(learning_rate=1e-3),
        loss=library.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images, labels = _arrays(p)

    def weights() -> Mapping[str, torch.Tensor]:
        return {name: torch.tensor(value.T) for name, value in zip(names, network.get_weights(), strict=True)}

    return lambda: network.fit(images, labels, batch_size=64, epochs=1, shuffle=False, verbose=0), weights


def skorch(p: Any, model: "nn.Module") -> "Ready":
    import torch
    from torch import nn

    library = importlib.import_module("skorch")
    net = library.NeuralNetClassifier(
        model,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        lr=1e-3,
        batch_size=64,
        max_epochs=1,
        train_split=None,
        verbose=0,
        device=str(p.device),
    )
    images, labels = _arrays(p)
    return lambda: net.fit(images, labels), lambda: net.module_.state_dict()


PEERS = {
    "lightning": Peer("lightning", lightning),
    "ignite": Peer("pytorch-ignite", ignite),
    "fastai": Peer("fastai", fastai),
    "keras": Peer("keras", keras),
    "skorch": Peer("skorch", skorch),
}


def main(arguments: Sequence[str] | None = None) -> None:
    given = options().parse_args(arguments)
    if given.measure:
        with contextlib.redirect_stdout(sys.stderr):  # what the libraries print is no part of the answer
            found = measure(given.measure, given.threads[0], given.rounds, given.device, given.data_dir)
        print(json.dumps(found))
        return
    rows, left_out, versions = list[Row](), dict[str, str](), dict[str, str]()
    data = ""
    for threads in given.threads:
        for name in given.only:
            found = in_a_process(name, threads, given)
            if "left_out" in found:
                left_out[name] = found["left_out"]
                continue
            versions[name], data = found["version"], found["data"]
            rows += rows_of(name, threads, found)
    import torch

    about: dict[str, Any] = {
        "torch": torch.__version__, "python": sys.version.split()[0], "device": given.device, "rounds": given.rounds,
        "data": data or "none", **versions,
    }  # fmt: skip
    if left_out:
        about["left out"] = "; ".join(f"{name} ({why})" for name, why in left_out.items())
    report("peers", rows, as_json=given.json, **about)


def options() -> argparse.ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="these libraries")
    made.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--device", default="cpu")
    made.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    made.add_argument("--measure", choices=PEERS, help="one library, in this process (used by the benchmark itself)")
    return made


def in_a_process(name: str, threads: int, given: argparse.Namespace) -> dict[str, Any]:
    """What `measure` gives of a library, or `left_out` with the reason."""
    command = [sys.executable, "-m", "benchmarks.peers", "--measure", name, "--threads", str(threads)]
    command += ["--rounds", str(given.rounds), "--device", given.device]
    command += ["--data-dir", str(given.data_dir)] if given.data_dir else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"left_out": f"ended with {done.returncode}: {last}"[:MOST_WORDS]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows_of(name: str, threads: int, found: dict[str, Any]) -> list[Row]:
    """The table of one library."""
    label = f"{threads} thread{'s' if threads > 1 else ''}: {name}"
    seconds = {way: min(wall for wall, _ in found[way]) for way in (*OURS, "peer")}
    cpu = {way: min(used for _, used in found[way]) for way in (*OURS, "peer")}
    return [
        Row(label, seconds["peer"], "s an epoch"),
        Row(f"{label}, in turn with it the engine", seconds["engine"], "s an epoch"),
        Row(f"{label}, and the tutorial's loop", seconds["tutorial"], "s an epoch"),
        Row(f"{label} takes, of the engine's time,", seconds["peer"] / seconds["engine"], "×"),
        Row(f"{label} takes, of the engine's CPU time,", cpu["peer"] / cpu["engine"], "×"),
        Row(f"{label} takes, of the tutorial's time,", seconds["peer"] / seconds["tutorial"], "×"),
        Row(f"{label}, a weight off the tutorial's, at most", 1e6 * found["off"], "millionths"),
    ]


def measure(name: str, threads: int, rounds: int, device: str, data_dir: Path | None) -> dict[str, Any]:
    """Wall and CPU seconds of each round of each way, and how far the weights are from the tutorial's (`off`); or
    `left_out`, the reason why the library can't be compared."""
    import torch

    from benchmarks.train_speed import engine_epoch, new_mlp, tutorial_epoch
    from engine import home
    from engine.training.config import TrainConfig
    from engine.training.setup import make_setup

    warnings.simplefilter("ignore")
    peer = PEERS[name]
    config = TrainConfig(threads=threads, device=device, epochs=1)
    torch.set_num_threads(threads)
    p = make_setup(config, home=home.resolve(), data_dir=data_dir)
    try:
        peer.ready(p, new_mlp(p))
        version = importlib.metadata.version(peer.distribution)
    except ImportError as error:
        return {"left_out": str(error)[:MOST_WORDS]}
    found: dict[str, Any] = {way: [] for way in (*OURS, "peer")}
    off = 0.0
    for _ in range(rounds):
        ours = make_setup(config, home=home.resolve(), data_dir=data_dir)
        begin = time.process_time()
        seconds, _losses = engine_epoch(ours)
        found["engine"].append((seconds, time.process_time() - begin))
        theirs, model = new_mlp(p), new_mlp(p)
        begin = time.process_time()
        seconds, _losses = tutorial_epoch(p, model)
        found["tutorial"].append((seconds, time.process_time() - begin))
        train, weights = peer.ready(p, theirs)
        found["peer"].append(_timed(train, p.device))
        off = max(off, _distance(model.state_dict(), weights()))
    return {**found, "off": off, "version": version, "data": p.dataset.title}


def _timed(train: Callable[[], object], device: "torch.device") -> tuple[float, float]:
    """Wall and CPU seconds."""
    import torch

    begin, used = time.perf_counter(), time.process_time()
    train()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin, time.process_time() - used


def _distance(these: "Mapping[str, torch.Tensor]", those: "Mapping[str, torch.Tensor]") -> float:
    """The largest between two weights of the same name and place. Raises ValueError where names or shapes differ."""
    if {name: one.shape for name, one in these.items()} != {name: one.shape for name, one in those.items()}:
        raise ValueError(f"not the same network: {list(these)} and {list(those)}")
    return max(float((one.cpu() - those[name].cpu()).abs().max()) for name, one in these.items())


def _arrays(p: Any) -> tuple[Any, Any]:
    """The training images, [N, 28, 28] float32 of 0 to 1, and their labels, [N] int64."""
    import numpy as np

    return p.dataset.train.images.astype(np.float32) / 255, p.dataset.train.labels.astype(np.int64)


if __name__ == "__main__":
    main()
