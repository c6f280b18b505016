"""A module that was pickled whole, loaded and evaluated: its author's code runs. So only for a file that is trusted, by
its SHA-256, and in a process of its own with limits to its memory and time.

This is the one place where something is unpickled without `weights_only=True`, and nothing comes here by itself.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine import plain_file
from engine.checkpoints.verify import sha256 as sha256_of
from engine.errors import CheckpointError, EngineError, InspectionError
from engine.evaluation.confidence import Confidence
from engine.evaluation.evaluate import evaluation, reported
from engine.evaluation.requests import Evaluation, EvaluationSettings
from engine.home import Home
from engine.progress import Progress, silent
from engine.weights.contents_cache import contents_of
from engine.worker import wire

MEMORY = 4 << 30  # bytes that loading and evaluating may take, plus eight times the file
SECONDS = 1800  # of its processor time


def trusts(home: Path, sha256: str) -> bool:
    """Whether the person trusted a file with this SHA-256 before. Raises InspectionError where the list of them can't
    be read."""
    return sha256 in _trusted(home)


def trust(home: Path, sha256: str) -> None:
    """Remember it. Raises InspectionError where that can't be done."""
    from engine import atomic, private

    path, known = Home(home).trusted, _trusted(home)
    try:
        private.folder(home)
        atomic.write_text(path, json.dumps(sorted({*known, sha256})))
    except OSError as error:
        raise InspectionError(f"{path} can't be written ({error.strerror})") from None


def _trusted(home: Path) -> list[str]:
    path = Home(home).trusted
    try:
        listed = json.loads(plain_file.read(path).decode("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "no JSON"
        raise InspectionError(
            f"{path} can't be read ({why}); mend it, or delete it and trust the files again"
        ) from None
    if not isinstance(listed, list):
        raise InspectionError(f"{path} can't be read (no list); delete it and trust the files again")
    return [one for one in listed if isinstance(one, str)]


@dataclass(frozen=True)
class _ModuleRequest:
    """What the process is asked."""

    path: Path
    sha256: str
    home: Path
    data_dir: Path | None
    settings: EvaluationSettings
    memory: int  # bytes that loading and evaluating may take


def evaluate(
    path: Path,
    sha256: str,
    settings: EvaluationSettings,
    *,
    home: Path,
    data_dir: Path | None,
    progress: Progress = silent,
) -> Evaluation:
    """The pickled module's result on the test set. `sha256`: the one that the person trusts.

    Raises CheckpointError where the file is another one, holds no module, or what it does fails or takes too much.
    """
    actual = sha256_of(path)
    if actual != sha256.lower():
        raise CheckpointError(f"{path} has the SHA-256 {actual}, which is not the one that you trust")
    contents = contents_of(path)
    if not contents.modules or contents.modules[0].name:
        raise CheckpointError(f"{path} contains no module that was pickled whole: name the network with --model")
    if contents.problems:
        raise CheckpointError(f"{path} is not loaded: {contents.problems[0]}")
    memory = MEMORY + 8 * contents.bytes
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "engine.evaluation.trusted"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        wire.send(process.stdin, _ModuleRequest(path, actual, home, data_dir, settings, memory))  # type: ignore[arg-type]
        process.stdin.close()
        for line in process.stdout:
            answer = json.loads(line)
            if "done" in answer:
                progress(answer["done"], answer["total"])
            elif "error" in answer:
                raise CheckpointError(f"{path}: {answer['error']}")
            else:
                return Evaluation.from_dict(answer["result"])
    except (ValueError, TypeError, LookupError) as error:
        raise CheckpointError(f"{path}: its process gave no valid answer") from error
    finally:
        process.kill()
        process.wait()
    raise CheckpointError(f"{path}: its process ended without an answer; perhaps it ran out of memory or time")


def main() -> None:
    """The process: a request on standard input, answers on what was standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the file's code prints is not an answer

    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        request: _ModuleRequest = wire.receive(sys.stdin.buffer)
        say(result=asdict(_evaluate(request, lambda done, total: say(done=done, total=total))))
    except EngineError as error:
        say(error=str(error))
    except BaseException as error:  # whatever the file's code does
        lines = str(error).strip().splitlines()
        say(error=f"{type(error).__name__}: {lines[0][:200] if lines else ''}")


def _evaluate(request: _ModuleRequest, progress: Progress) -> Evaluation:
    import resource

    import psutil
    import torch
    from torch import nn

    from engine.data.loader import make_batches
    from engine.data.open_dataset import open_dataset
    from engine.training import test_time
    from engine.training.config import TrainConfig
    from engine.training.loop import test_loop
    from engine.training.losses import make_loss
    from engine.training.pipelines import transforms_of

    path, settings = request.path, request.settings
    data = open_dataset(settings.dataset, request.data_dir, request.home, verify=True)
    own, batch_size = transforms_of(settings.transform or ""), TrainConfig().batch_size
    batches = make_batches(
        data.test, data.classes, batch_size=batch_size, device="cpu", transform=own.test, after=own.after
    )  # fmt: skip
    most = psutil.Process().memory_info().vms + request.memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    with plain_file.opened(path) as file:
        content = file.read()  # once: what is loaded is what is trusted, whoever replaces the file meanwhile
    if hashlib.sha256(content).hexdigest() != request.sha256:
        raise CheckpointError("the file has changed meanwhile")
    module = torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
    if not isinstance(module, nn.Module):
        raise CheckpointError(f"it holds a {type(module).__name__}, not a module")
    sure = Confidence(make_loss(settings.loss or "cross_entropy"))
    tta = settings.tta or "none"
    evaluated = test_time.evaluated(module, tta)
    found = test_loop(reported(batches, batches.samples, progress), evaluated, sure, len(data.classes))
    result = evaluation(
        found, sure, data, file=path, sha256=request.sha256, model=type(module).__name__, batch_size=batch_size
    )
    return replace(result, tta=tta)


if __name__ == "__main__":
    main()
