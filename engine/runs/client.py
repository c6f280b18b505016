"""What others do with runs: start, resume and branch them in detached hosts, and send them commands. Imports no torch.
All of it blocks: not for the event loop."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine import device, errors
from engine.checkpoints import manifest
from engine.errors import ConfigError, EngineError, RunError
from engine.home import CHECKPOINTS, RunFolder
from engine.models.user_code import file_hash
from engine.runs import folder as store
from engine.runs import listing
from engine.runs.branch import plan_branch
from engine.runs.control import ask
from engine.training.config import TrainConfig, absolute_dataset, is_file_reference
from engine.weights.key_mapping import file_and_mapping

POLL_S = 0.03


@dataclass(frozen=True)
class Resumed:
    """How a resumed run began: what is not as it was, and the checkpoints that could not be used."""

    differences: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


def start(home: Path, config: TrainConfig, *, name: str = "", data_dir: Path | None = None, processes: int = 1) -> Path:
    """Start a detached host for a new run and wait (2 to 5 seconds, most of it torch's import) until it trains.

    Returns the run's folder. Raises the EngineError that says why it can't start; then no folder is left, and likewise
    where the person interrupts.
    """
    folder = store.create(home, request(config, name=name, data_dir=data_dir, processes=processes))
    return begin(folder)


def resume(folder: Path, **changes: Any) -> Resumed:
    """Go on with a run that ended, in a detached host. `changes`: see `engine.runs.launch.resume`; None is no change.

    Raises the EngineError that says why it can't; then the run is as it was.
    """
    check_resumable(folder)
    answer = _launch(folder, ["--resume", json.dumps({k: v for k, v in changes.items() if v is not None})])
    return Resumed(answer["differences"], answer["bad"])


def check_resumable(folder: Path) -> None:
    """Raises RunError where the run is alive, or was never begun."""
    request_ = store.read_run(folder)
    if store.alive(folder):
        record = store.read_host(folder)
        assert record is not None
        raise RunError(
            f"{folder.name} is alive (process {record.pid} on {record.hostname}): nothing to resume; "
            f"see it with: fmnist-tui watch {folder.name}"
        )
    if "dataset" not in request_:
        raise RunError(f"{folder.name} was never begun; start it anew with: fmnist-tui train")


def foreseen(folder: Path) -> list[str]:
    """What will not be as it was if the run goes on here and now, as far as that shows without importing PyTorch.

    The host looks again, closer, and puts it on record.
    """
    asked = store.read_run(folder)
    then, config = asked.get("environment", {}), asked.get("config", {})
    told = []
    for package in ("torch", "numpy"):
        was, is_ = str(then.get(package, "")), version(package)
        if was and was.partition("+")[0] != is_.partition("+")[0]:
            told.append(f"{package} {was}, now {is_}")
    if asked.get("device") == "cpu" and then.get("device") and then["device"] != device.processor():
        told.append(f"device {then['device']}, now {device.processor()}")
    for name, reference in (("model file", config.get("model", "")), ("transform file", config.get("transform", ""))):
        if then.get(name) and then[name] != file_hash(reference):
            told.append(f"the {name} has changed since")
    return told


def branch(folder: Path, at: str, changes: Mapping[str, str], *, name: str = "") -> Path:
    """A new run that goes on from a checkpoint of the run in `folder`, with other settings; the old one stays.

    `at`: see `checkpoint_refs.find`. `changes`: settings as they are typed, see `plan_branch`. Returns the new run's
    folder. Raises EngineError, with nothing changed.
    """
    return begin(prepare_branch(folder, at, changes, name=name))


def prepare_branch(folder: Path, at: str, changes: Mapping[str, str], *, name: str = "") -> Path:
    """The branch's folder with its run.json and the checkpoint that it begins with, not yet begun."""
    plan = plan_branch(folder, changes, at)
    entry, config = plan.point.entry, _with_paths(plan.config)
    parent = store.read_run(folder)
    new = store.create(
        RunFolder(folder).home.path,
        {
            "name": name,
            "config": config.to_dict(),
            "data_dir": parent.get("data_dir"),
            "processes": parent.get("processes", 1),
            "parent": {
                "run": folder.name,
                "file": f"{CHECKPOINTS}/{entry.file}",
                "epoch": entry.epoch,
                "step": entry.step,
                "sha256": entry.sha256,
                "changes": {setting: getattr(config, setting) for setting in plan.changes},
            },
        },
    )
    try:
        RunFolder(new).checkpoints.mkdir()
        _link(RunFolder(folder).checkpoint(entry.file), RunFolder(new).checkpoint(entry.file))
        manifest.write(new, [replace(entry, reason="branch", rested_on=True)])
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise RunError(f"the checkpoint {entry.file} of {folder.name} can't be taken over ({error.strerror})") from None
    return new


def request(config: TrainConfig, *, name: str = "", data_dir: Path | None = None, processes: int = 1) -> dict[str, Any]:
    """What a new run's run.json holds before its host adds what it found. Paths in it are absolute."""
    config = _with_paths(config)
    return {
        "name": name,
        "config": config.to_dict(),
        "data_dir": str(data_dir.expanduser().absolute()) if data_dir else None,
        "processes": processes,
    }


def host_command(folder: Path, arguments: list[str] | None = None) -> list[str]:
    """The command line of the run's host: under torchrun where it trains with several processes."""
    processes = int(store.read_run(folder).get("processes", 1))
    module = ["-m", "engine.runs.host", os.fspath(folder), *(arguments or [])]
    if processes == 1:
        return [sys.executable, "-P", *module]
    torchrun = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*torchrun, *module]


def shown_command(folder: Path) -> str:
    """The same for people, as torchrun is typed."""
    processes = int(store.read_run(folder).get("processes", 1))
    return shlex.join(
        ["torchrun", "--standalone", f"--nproc-per-node={processes}", "-m", "engine.runs.host", os.fspath(folder)]
    )


def command(folder: Path, name: str, changes: Mapping[str, str] | None = None) -> list[str]:
    """Send pause, unpause, step, stop, checkpoint or set to the run's host and wait until it is taken.

    Returns what a `set` changes, for people. Raises RunError with the reason where it is refused or there is nobody to
    take it.
    """
    record, living, run_id = store.read_host(folder), store.alive(folder), folder.name
    state = listing.state_of(listing.quick_state(folder), living)
    if record is None or state in ("finished", "stopped", "failed", "ended"):
        ended = "ended without finishing" if state == "ended" else state
        raise RunError(f"{run_id} does not run any more: {ended}")
    if not store.is_here(record):
        raise RunError(f"{run_id} trains on {record.hostname}: command it there")
    if not record.socket:
        raise RunError(f"{run_id} is still starting; try again in a moment")
    try:
        answer = ask(record.socket, {"command": name} | ({"changes": dict(changes)} if changes else {}))
    except RunError as error:
        raise RunError(f"{run_id}: {error}") from None
    if not answer["ok"]:
        raise RunError(f"{run_id}: {answer['reason']}")
    told: list[str] = answer.get("changed", [])
    return told


def begin(folder: Path) -> Path:
    """Start a detached host for the run whose folder was just made. Raises EngineError; then no folder is left."""
    try:
        _launch(folder, [])
    except _BugError:
        raise
    except (EngineError, KeyboardInterrupt):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


class _BugError(RunError):
    """Its folder holds the log with the traceback: it stays."""


def _launch(folder: Path, arguments: list[str]) -> dict[str, Any]:
    """Start the host detached, and wait for its answer. Interrupted, it takes the host along."""
    ready = RunFolder(folder).ready
    ready.unlink(missing_ok=True)
    try:
        with open(RunFolder(folder).host_log, "ab") as output:
            process = subprocess.Popen(
                host_command(folder, [*arguments, "--ready", os.fspath(ready)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # its own session: a closed terminal takes only its own along
                # Each process sets its threads itself; torchrun would say at length that it has set them to 1.
                env={"OMP_NUM_THREADS": "1", **os.environ},
            )
    except OSError as error:
        raise RunError(f"cannot start the run's host process ({error.strerror})") from None
    try:
        answer = _answer(process, ready)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    threading.Thread(target=process.wait, name="reap", daemon=True).start()  # leaves no zombie when it ends
    if answer is None:
        raise _BugError(
            f"the run's host process died while starting (exit {process.wait()}); see {RunFolder(folder).host_log}"
        )
    if not answer["ok"]:
        process.wait()
        raise _refusal(answer)
    return answer


def _answer(process: "subprocess.Popen[bytes]", ready: Path) -> dict[str, Any] | None:
    """What the host says; None where it died without a word."""
    while True:
        ended = process.poll() is not None  # before the look: what it wrote last is seen
        with contextlib.suppress(FileNotFoundError):
            answer: dict[str, Any] = json.loads(ready.read_text())
            ready.unlink()
            return answer
        if ended:
            return None
        time.sleep(POLL_S)


def _link(source: Path, target: Path) -> None:
    """The same file once more, without its bytes where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _with_paths(config: TrainConfig) -> TrainConfig:
    """The same, the person's own files named from the root: the host has another working directory."""

    def absolute(reference: str) -> str:
        path, _, name = reference.rpartition(":")
        return f"{Path(path).expanduser().absolute()}:{name}" if is_file_reference(reference) else reference

    return replace(
        config,
        model=absolute(config.model),
        transform=absolute(config.transform),
        weights=_absolute_weights(config.weights),
        dataset=absolute_dataset(config.dataset),
    )


def _absolute_weights(text: str) -> str:
    if not text.strip():
        return ""
    path, said = file_and_mapping(text)
    return f"{path.absolute()} {said}".strip()


def _refusal(answer: dict[str, Any]) -> EngineError:
    if answer.get("keep"):
        return _BugError(answer["reason"])
    area = getattr(errors, answer["area"], RunError) if answer["area"] else RunError
    if area is ConfigError:
        return ConfigError(answer["field"], answer["reason"])
    refusal: EngineError = area(answer["reason"])
    return refusal
