"""The store of runs: create, find, read and write their folders, and whether their host lives. Imports no torch."""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from engine import atomic
from engine.errors import RunError
from engine.home import Home, RunFolder, ensure

HEARTBEAT_S = 30.0  # a host elsewhere that has not touched its host.json for so long counts as dead


@dataclass(frozen=True)
class HostRecord:
    """Who trains a run: `host.json`. Alive only while pid, start time and boot id all match."""

    pid: int
    started: float  # Unix seconds, from the kernel
    boot_id: str
    hostname: str
    socket: str  # empty until the host listens


def create(home: Path, request: dict[str, Any]) -> RunFolder:
    """A new run folder (mode 0700) with its run.json. Raises RunError where the home can't be written."""
    ensure(home)
    now = time.time()
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"
    folder = Home(home).run(run_id)
    try:
        folder.path.mkdir(mode=0o700)
        folder.host_lock.touch(mode=0o600)
        write_run(folder, {"v": 1, "id": run_id, "created": round(now, 3), **request})
        write_host(folder, socket_path="")  # until its host is there, the one who starts it stands for it
    except OSError as error:
        raise RunError(f"cannot write to the home folder {home} ({error.strerror})") from None
    return folder


def write_run(folder: RunFolder, content: dict[str, Any]) -> None:
    atomic.write_text(folder.run_json, json.dumps(content, indent=1) + "\n")


def read_run(folder: RunFolder) -> dict[str, Any]:
    """run.json. Raises RunError where it is missing or is no JSON."""
    try:
        content: dict[str, Any] = json.loads(folder.run_json.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.run_json} can't be read ({error}); is this a run folder?") from None
    return content


def write_host(folder: RunFolder, socket_path: str, pid: int | None = None) -> None:
    """Record process `pid` (default: this one) as the run's host."""
    process = psutil.Process(pid)
    restore_host(folder, HostRecord(process.pid, process.create_time(), _boot_id(), socket.gethostname(), socket_path))


def restore_host(folder: RunFolder, record: HostRecord) -> None:
    """Write host.json as it was read."""
    atomic.write_text(folder.host_json, json.dumps({"v": 1, **asdict(record)}, indent=1) + "\n")


def read_host(folder: RunFolder) -> HostRecord | None:
    """host.json; None where there is none or it can't be read."""
    try:
        content = json.loads(folder.host_json.read_text())
        return HostRecord(**{name: content[name] for name in HostRecord.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def alive(folder: RunFolder) -> bool:
    """Whether the run's host process lives: its pid, its start time and this boot of the machine all match.

    Of a host on another machine (a home that machines share) only its heartbeat can be seen.
    """
    record = read_host(folder)
    if record is None:
        return False
    if not is_here(record):
        try:
            return time.time() - folder.host_json.stat().st_mtime < HEARTBEAT_S
        except OSError:
            return False
    if record.boot_id != _boot_id():
        return False
    try:
        process = psutil.Process(record.pid)
        return abs(process.create_time() - record.started) < 0.5 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_here(record: HostRecord) -> bool:
    """Whether the host is a process of this machine."""
    return record.hostname == socket.gethostname()


def beat(folder: RunFolder) -> None:
    """The host's sign of life, for other machines."""
    with contextlib.suppress(OSError):
        os.utime(folder.host_json)


def lock(folder: RunFolder) -> int:
    """Be the one host of this run, as long as the process lives or until the descriptor is closed.

    Raises RunError where another process is.
    """
    descriptor = os.open(folder.host_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunError(f"{folder.id} is trained by another process; watch it with: fmnist-tui watch") from None
    except OSError:  # a file system without locks: the check of host.json has to do
        pass
    return descriptor


def branches_from(folder: RunFolder) -> set[str]:
    """The checkpoint files of this run that other runs in the same home began with."""
    files = set()
    for other in run_folders(folder.home.path):
        with contextlib.suppress(RunError):
            parent = read_run(other).get("parent") or {}
            if parent.get("run") == folder.id:
                files.add(Path(parent["file"]).name)
    return files


def run_folders(home: Path) -> list[RunFolder]:
    """All run folders, newest first (of one second: by when they were made)."""
    try:
        folders = [RunFolder(path) for path in Home(home).runs.iterdir()]
        found = [folder for folder in folders if folder.run_json.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda folder: (folder.id[:15], _made(folder), folder.path), reverse=True)


def _made(folder: RunFolder) -> float:
    """When the run was made: Unix seconds, of the one file that is written then and never again."""
    try:
        return folder.host_lock.stat().st_ctime
    except OSError:
        return 0.0


def find(home: Path, text: str) -> RunFolder:
    """The run whose id begins with `text`, or whose name is `text`; `last` is the newest.

    Raises RunError where there is none, or several.
    """
    folders = run_folders(home)
    if not folders:
        raise RunError(f"there are no runs in {Home(home).runs}; start one with: fmnist-tui train")
    if text == "last":
        return folders[0]
    matching = [folder for folder in folders if folder.id == text]
    matching = matching or [folder for folder in folders if folder.id.startswith(text)]
    matching = matching or [folder for folder in folders if _name(folder) == text]
    if not matching or not text:
        raise RunError(f"no run {text!r} in {Home(home).runs}; see them with: fmnist-tui runs")
    if len(matching) > 1:
        ids = ", ".join(folder.id for folder in matching[:4]) + (", …" if len(matching) > 4 else "")
        raise RunError(f"{text!r} matches {len(matching)} runs: {ids}; give more of the id")
    return matching[0]


def title(folder: RunFolder) -> str:
    """What the run is called on screens: its name, or its id."""
    return _name(folder) or folder.id


def _name(folder: RunFolder) -> str:
    try:
        return str(read_run(folder).get("name") or "")
    except RunError:
        return ""


def _boot_id() -> str:
    """Names this boot of the machine: a process id means something only within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(round(psutil.boot_time()))
