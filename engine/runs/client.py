"""What others do with runs: start, resume and branch them in detached hosts, and send them commands. Imports no torch.
All of it blocks: not for the event loop."""

import contextlib
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine import atomic, device, private
from engine.checkpoints import manifest
from engine.errors import RunError
from engine.home import CHECKPOINTS, RunFolder, expanded
from engine.hosting.process import HostRecord, is_here
from engine.models.user_code import file_hash
from engine.runs import host_answer, listing, store
from engine.runs.branch import plan_branch
from engine.runs.control import ask
from engine.training.config import TrainConfig, absolute_dataset, is_file_reference
from engine.weights.key_mapping import file_and_mapping

POLL_S = 0.03
NOT_BEGUN = "has not begun: it waits in the queue (see: fmnist-tui queue), or was made with --prepare"
ANSWER_BYTES = 4096  # that a host's answer may have
ENDS_WITHIN_S = 120.0  # what a host may take to end: it writes a checkpoint and the log to a disk that may be slow


@dataclass(frozen=True)
class Resumed:
    """How a resumed run started: what differs from before, and the checkpoints that could not be used."""

    differences: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


def start(
    home: Path,
    config: TrainConfig,
    *,
    name: str = "",
    data_dir: Path | None = None,
    processes: int = 1,
    notify: Sequence[str] = (),
) -> RunFolder:
    """Start a detached host for a new run and wait (2 to 5 seconds, most of it torch's import) until it trains.

    Returns the run's folder. Raises the EngineError that says why it can't start; then no folder is left, and likewise
    on KeyboardInterrupt.
    """
    folder = store.create(home, request(config, name=name, data_dir=data_dir, processes=processes, notify=notify))
    return launch(folder)


def resume(folder: RunFolder, *, environment: Mapping[str, str] | None = None, **changes: Any) -> Resumed:
    """Resume a run that ended, in a detached host. `changes`: see `engine.runs.launch.resume`; None is no change.
    `environment`: variables that its host has beside this process's.

    Raises the EngineError that says why it can't; then the run is as it was.
    """
    check_resumable(folder)
    asked = json.dumps({name: value for name, value in changes.items() if value is not None})
    answer = _start_host(folder, ["--resume", asked], environment)
    return Resumed(answer.differences, answer.bad)


def check_resumable(folder: RunFolder) -> None:
    """Raises RunError where the run is alive, or never started. Waits for a process that is about to end: of a run that
    is over, or was told to stop."""
    request_ = store.read_run(folder)
    record = store.read_host(folder)
    if record is not None and store.alive(folder) and not _wait_for_end(folder, record):
        raise RunError(
            f"{folder.id} is running (process {record.pid} on {record.hostname}); "
            f"watch it with: fmnist-tui watch {folder.id}"
        )
    if request_.get("prepared") and "dataset" not in request_:
        raise RunError(f"{folder.id} {NOT_BEGUN}")
    if "dataset" not in request_:
        raise RunError(f"{folder.id} never started; start a new run with: fmnist-tui train")


def _wait_for_end(folder: RunFolder, record: HostRecord) -> bool:
    """Wait for the end of a run's process that is about to end; False, at once, where it is not. Raises RunError where
    it does not end within ENDS_WITHIN_S."""
    until, ending = time.monotonic() + ENDS_WITHIN_S, False
    while store.alive(folder):
        ending = ending or _is_ending(folder, record)
        if not ending:
            return False
        if time.monotonic() > until:
            raise RunError(
                f"{folder.id} has stopped, but its process {record.pid} on {record.hostname} still lives; "
                "try again later"
            )
        time.sleep(POLL_S)
    return True


def _is_ending(folder: RunFolder, record: HostRecord) -> bool:
    if not record.socket:  # it is starting
        return False
    if listing.quick_state(folder).done:
        return True
    try:
        return bool(ask(record.socket, {"command": "status"}).get("stopping"))
    except RunError:  # of another machine; or it has ended meanwhile
        return listing.quick_state(folder).done


def expected_differences(folder: RunFolder) -> list[str]:
    """What will differ from before if the run is resumed here and now, as far as that shows without importing PyTorch.

    The host checks again, more closely, and records it.
    """
    asked = store.read_run(folder)
    then, config = asked.get("environment") or {}, asked.get("config") or {}
    differences = []
    for package in ("torch", "numpy"):
        was, is_ = str(then.get(package, "")), version(package)
        if was and was.partition("+")[0] != is_.partition("+")[0]:
            differences.append(f"{package} {was}, now {is_}")
    if asked.get("device") == "cpu" and then.get("device") and then["device"] != device.processor():
        differences.append(f"device {then['device']}, now {device.processor()}")
    for name, reference in (("model file", config.get("model", "")), ("transform file", config.get("transform", ""))):
        if then.get(name) and then[name] != file_hash(reference):
            differences.append(f"the {name} has changed since")
    return differences


def branch(
    folder: RunFolder, at: str, changes: Mapping[str, str], *, name: str = "", notify: Sequence[str] = ()
) -> RunFolder:
    """Start a new run from a checkpoint of the run in `folder`, with other settings.

    `at`: see `checkpoint_refs.find`. `changes`: settings as they are typed, see `plan_branch`. Returns the new run's
    folder. Raises EngineError, with nothing changed.
    """
    return launch(prepare_branch(folder, at, changes, name=name, notify=notify))


def prepare_branch(
    folder: RunFolder, at: str, changes: Mapping[str, str], *, name: str = "", notify: Sequence[str] = ()
) -> RunFolder:
    """The branch's folder with its run.json and its first checkpoint; `launch` starts it."""
    plan = plan_branch(folder, changes, at)
    entry, config = plan.point.entry, with_absolute_paths(plan.config)
    parent = store.read_run(folder)
    new = store.create(
        folder.home.path,
        {
            "name": name,
            "config": config.to_dict(),
            "data_dir": parent.get("data_dir"),
            "processes": parent.get("processes", 1),
            "parent": {
                "run": folder.id,
                "file": f"{CHECKPOINTS}/{entry.file}",
                "epoch": entry.epoch,
                "step": entry.step,
                "sha256": entry.sha256,
                "changes": {setting: getattr(config, setting) for setting in plan.changes},
            },
            **_notified(notify),
        },
    )
    try:
        private.folder(new.checkpoints)
        _link(folder.checkpoint(entry.file), new.checkpoint(entry.file))
        manifest.write(new, [replace(entry, reason="branch", rested_on=True)])
    except OSError as error:
        shutil.rmtree(new.path, ignore_errors=True)
        raise RunError(f"can't copy the checkpoint {entry.file} of {folder.id} ({error.strerror})") from None
    return new


def request(
    config: TrainConfig,
    *,
    name: str = "",
    data_dir: Path | None = None,
    processes: int = 1,
    group: Mapping[str, Any] | None = None,
    notify: Sequence[str] = (),
) -> dict[str, Any]:
    """What a new run's run.json holds before its host adds to it. Paths are absolute. `group`: the runs that it belongs
    to (see `engine.runs.groups`). `notify`: see `engine.runs.notice`."""
    config = with_absolute_paths(config)
    return {
        "name": name,
        "config": config.to_dict(),
        "data_dir": str(expanded(data_dir).absolute()) if data_dir else None,
        "processes": processes,
        **({"group": dict(group)} if group else {}),
        **_notified(notify),
    }


def _notified(notify: Sequence[str]) -> dict[str, Any]:
    return {"notify": list(notify)} if notify else {}


def host_command(folder: RunFolder, arguments: list[str] | None = None) -> list[str]:
    """The command line of the run's host: under torchrun where it trains with several processes."""
    processes = int(store.read_run(folder).get("processes") or 1)
    module = ["-m", "engine.runs.host", str(folder), *(arguments or [])]
    if processes == 1:
        return [sys.executable, "-P", *module]
    torchrun = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*torchrun, *module]


def shown_command(folder: RunFolder) -> str:
    """The same as typed in a shell, with torchrun."""
    processes = int(store.read_run(folder).get("processes") or 1)
    return shlex.join(
        ["torchrun", "--standalone", f"--nproc-per-node={processes}", "-m", "engine.runs.host", str(folder)]
    )


def command(folder: RunFolder, name: str, changes: Mapping[str, str] | None = None) -> list[str]:
    """Send pause, unpause, step, stop, checkpoint or set to the run's host and wait for its answer.

    Returns what a `set` changes, in words. Raises RunError with the reason where the command is refused, or where there
    is no host.
    """
    record, living, run_id = store.read_host(folder), store.alive(folder), folder.id
    state = listing.state_of(listing.quick_state(folder).status, living)
    if not living and store.read_run(folder).get("prepared") and not listing.quick_state(folder).seq:
        raise RunError(f"{run_id} {NOT_BEGUN}")
    if record is None or state in ("finished", "stopped", "failed", "ended"):
        ended = "ended without finishing" if state == "ended" else state
        raise RunError(f"{run_id} is not running: {ended}")
    if not is_here(record):
        raise RunError(f"{run_id} is training on {record.hostname}; send commands there")
    if not record.socket:
        raise RunError(f"{run_id} is still starting; try again")
    try:
        answer = ask(record.socket, {"command": name} | ({"changes": dict(changes)} if changes else {}))
    except RunError as error:
        raise RunError(f"{run_id}: {error}") from None
    if not answer["ok"]:
        raise RunError(f"{run_id}: {answer['reason']}")
    changed: list[str] = answer.get("changed", [])
    return changed


def launch(folder: RunFolder) -> RunFolder:
    """Start a detached host for the run whose folder was just made. Raises EngineError; then no folder is left."""
    try:
        _start_host(folder, [])
    except _BugError as error:
        raise _without_folder(folder, error) from None
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return folder


def begin(folder: RunFolder, *, environment: Mapping[str, str] | None = None) -> None:
    """Start a detached host for a run that was made before. Raises EngineError; its folder stays."""
    _start_host(folder, [], environment)


class _BugError(RunError):
    """It names the run's log, which holds a traceback."""


class KilledError(_BugError):
    """The host was killed by a signal while it started: by a person, or for want of memory."""


def _without_folder(folder: RunFolder, error: _BugError) -> RunError:
    """The same of a run whose folder goes: what its log holds is in the app's log. Where that can't be written, the
    folder stays."""
    log = folder.home.app_log
    try:
        with private.appended(log) as file:
            file.write(f"\n{folder.id} could not start\n".encode() + folder.host_log.read_bytes())
    except OSError:
        return error
    shutil.rmtree(folder.path, ignore_errors=True)
    return RunError(str(error).replace(str(folder.host_log), str(log)))


def _start_host(
    folder: RunFolder, arguments: list[str], environment: Mapping[str, str] | None = None
) -> host_answer.Started:
    """Start the host detached, and wait for its answer. Interrupted, it takes the host along."""
    ready = folder.ready(secrets.token_hex(4))  # of this launch alone: another may be under way
    try:
        with private.appended(folder.host_log) as output:
            process = subprocess.Popen(
                host_command(folder, [*arguments, "--ready", os.fspath(ready)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # its own session: a closed terminal takes only its own along
                # Each process sets its threads itself; torchrun would say at length that it has set them to 1.
                env={"OMP_NUM_THREADS": "1", **os.environ, **(environment or {})},
            )
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise RunError(f"cannot start the run's host process{where} ({error.strerror})") from None
    try:
        answer = _answer(process, ready)
    except BaseException:
        process.terminate()
        process.wait()
        ready.unlink(missing_ok=True)
        raise
    threading.Thread(target=process.wait, name="reap", daemon=True).start()  # leaves no zombie when it ends
    if answer is None:
        _check_disk(folder, ready)
        code = process.wait()
        kind = KilledError if code < 0 else _BugError
        raise kind(f"the run's host process died while starting (exit {code}); see {folder.host_log}")
    if isinstance(answer, host_answer.Started):
        return answer
    process.wait()
    raise answer.error if isinstance(answer, host_answer.Refused) else _BugError(answer.words)


def _check_disk(folder: RunFolder, file: Path) -> None:
    """Raises RunError where `file` can't be written: then a host can't say why it did not start, either."""
    try:
        atomic.write_bytes(file, bytes(ANSWER_BYTES))
        file.unlink()
    except OSError as error:
        raise RunError(f"{folder.id} can't start: cannot write to {folder} ({error.strerror})") from None


def _answer(process: "subprocess.Popen[bytes]", ready: Path) -> host_answer.Answer | None:
    """What the host answers; None where it died without an answer."""
    while True:
        ended = process.poll() is not None  # before the look: what it wrote last is seen
        with contextlib.suppress(FileNotFoundError):
            answer = host_answer.read(ready)
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
        private.create(target)
        shutil.copyfile(source, target)


def with_absolute_paths(config: TrainConfig) -> TrainConfig:
    """The same, with absolute paths of the user's files: the host may have another working directory."""

    def absolute(reference: str) -> str:
        path, _, name = reference.rpartition(":")
        return f"{expanded(path).absolute()}:{name}" if is_file_reference(reference) else reference

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
    path, mapping = file_and_mapping(text)
    return f"{path.absolute()} {mapping}".strip()
