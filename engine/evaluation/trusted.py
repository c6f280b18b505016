"""A module that was pickled whole, loaded and evaluated: its author's code runs. So only for a file that is trusted, by
its SHA-256, and in a process of its own with limits to its memory and time.

This is the one place where something is unpickled without `weights_only=True`, and nothing comes here by itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.checkpoints.verify import sha256 as sha256_of
from engine.errors import CheckpointError, EngineError
from engine.evaluation.evaluate import BATCH, EvaluationOptions, Result, report
from engine.home import Home
from engine.weights.contents_cache import contents_of

MEMORY = 4 << 30  # bytes that loading and evaluating may take, besides eight times the file
SECONDS = 1800  # of its processor time

Tell = Callable[[int, int], None]


def trusts(home: Path, sha256: str) -> bool:
    """Whether the person typed their trust for a file of this SHA-256 before."""
    try:
        return sha256 in json.loads(Home(home).trusted.read_text())
    except (OSError, ValueError, TypeError):
        return False


def trust(home: Path, sha256: str) -> None:
    """Remember it."""
    from engine import atomic

    try:
        known = [one for one in json.loads(Home(home).trusted.read_text()) if isinstance(one, str)]
    except (OSError, ValueError, TypeError):
        known = []
    home.mkdir(parents=True, exist_ok=True)
    atomic.write_text(Home(home).trusted, json.dumps(sorted({*known, sha256})))


def evaluate(
    path: Path,
    sha256: str,
    way: EvaluationOptions,
    *,
    home: Path,
    data_dir: Path | None,
    tell: Tell = lambda done, total: None,
) -> Result:
    """The pickled module's result on the test set. `sha256`: the one that the person trusts.

    Raises CheckpointError where the file is another one, holds no module, or what it does fails or takes too much.
    """
    is_ = sha256_of(path)
    if is_ != sha256.lower():
        raise CheckpointError(f"{path} has the SHA-256 {is_}, which is not the one that you trust")
    contents = contents_of(path)
    if not contents.modules or contents.modules[0].name:
        raise CheckpointError(f"{path} holds no module that was pickled whole: name the network with --model")
    if contents.problems:
        raise CheckpointError(f"{path} is not loaded: {contents.problems[0]}")
    asked = {
        "file": str(path), "sha256": is_, "home": str(home), "data_dir": str(data_dir) if data_dir else None,
        "way": asdict(way), "memory": MEMORY + 8 * contents.bytes,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "engine.evaluation.trusted"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if "done" in said:
                tell(said["done"], said["total"])
            elif "error" in said:
                raise CheckpointError(f"{path}: {said['error']}")
            else:
                return Result(**said["result"])
    except ValueError as error:
        raise CheckpointError(f"{path}: its process said something else than an answer") from error
    finally:
        process.kill()
        process.wait()
    raise CheckpointError(f"{path}: its process ended without an answer: out of memory or time, perhaps")


def main() -> None:
    """The process: a request on standard input, answers on what was standard output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the file's code prints is not an answer

    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        say(
            result=asdict(_evaluated(json.loads(sys.stdin.readline()), lambda done, total: say(done=done, total=total)))
        )
    except EngineError as error:
        say(error=str(error))
    except BaseException as error:  # whatever the file's code does
        lines = str(error).strip().splitlines()
        say(error=f"{type(error).__name__}: {lines[0][:200] if lines else ''}")


def _evaluated(asked: dict[str, Any], tell: Tell) -> Result:
    import resource

    import psutil
    import torch
    from torch import nn

    from engine.data.loader import make_batches
    from engine.data.open_dataset import open_dataset
    from engine.training.loop import test_loop
    from engine.training.losses import make_loss
    from engine.training.pipelines import transforms_of

    path, way = Path(asked["file"]), asked["way"]
    data_dir = Path(asked["data_dir"]) if asked["data_dir"] else None
    data = open_dataset(way["dataset"], data_dir, Path(asked["home"]), verify=True)
    own = transforms_of(way["transform"])
    batches = make_batches(
        data.test, data.classes, batch_size=BATCH, device="cpu", transform=own.test, after=own.after
    )  # fmt: skip
    most = psutil.Process().memory_info().vms + int(asked["memory"])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    if sha256_of(path) != asked["sha256"]:
        raise CheckpointError("the file has changed meanwhile")
    module = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(module, nn.Module):
        raise CheckpointError(f"it holds a {type(module).__name__}, not a module")
    found = test_loop(
        report(batches, batches.samples, tell), module, make_loss(way["loss"] or "cross_entropy"), len(data.classes)
    )
    return Result(
        file=str(path), sha256=asked["sha256"], model=type(module).__name__, data=data.title, samples=len(data.test),
        accuracy=found.accuracy, loss=found.loss, per_class=found.per_class, confusion=found.confusion,
        classes=data.classes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
