"""The store of runs: create, find, read and write their folders, and whether their host lives. Imports no torch."""

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine import atomic
from engine.errors import RunError
from engine.home import Home, RunFolder, ensure
from engine.hosting import process, record_file, unix_socket
from engine.hosting.process import HostRecord
from engine.runs import meta, run_json
from engine.runs.run_name import check_name
from engine.runs.unreadable import UnreadableError, left_out_words
from engine.terminal_text import argument_text

MOST_TIME = 1e11  # Unix seconds; no date is shown of more


def create(home: Path, request: dict[str, Any]) -> RunFolder:
    """A new run folder (mode 0700) with its run.json. Raises RunError where the home can't be written, or where the
    run's name can't be shown."""
    check_name(str(request.get("name") or ""))
    ensure(home)
    now = time.time()
    try:
        folder = _new_folder(home, now)
    except OSError as error:
        raise RunError(f"cannot write to the home folder {home} ({error.strerror})") from None
    try:
        folder.host_lock.touch(mode=0o600)
        write_run(folder, {"v": 1, "id": folder.id, "created": round(now, 3), **request})
        write_host(folder, socket_path="")  # until its host is there, the one who starts it stands for it
    except BaseException as error:
        shutil.rmtree(folder.path, ignore_errors=True)
        if isinstance(error, OSError):
            raise RunError(f"cannot write to the home folder {home} ({error.strerror})") from None
        raise
    return folder


def _new_folder(home: Path, now: float) -> RunFolder:
    """An empty one, of a name that no other run has. Raises OSError."""
    while True:
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"
        folder = Home(home).run(run_id)
        with contextlib.suppress(FileExistsError):
            folder.path.mkdir(mode=0o700)
            return folder


def write_run(folder: RunFolder, content: dict[str, Any]) -> None:
    atomic.write_text(folder.run_json, json.dumps(content, indent=1) + "\n")


def read_run(folder: RunFolder) -> dict[str, Any]:
    """run.json. Raises UnreadableError where it is missing, or is not as the program writes it."""
    try:
        return run_json.read(folder.run_json)
    except OSError as error:
        raise UnreadableError(folder.run_json, error, run=folder.id) from None
    except run_json.MalformedError as error:
        raise UnreadableError(folder.run_json, str(error), run=folder.id) from None


def read_request(folder: RunFolder) -> dict[str, Any]:
    """The same, for who starts the run or goes on with it: its settings, `config`, are there. Raises
    UnreadableError."""
    try:
        return run_json.startable(read_run(folder))
    except run_json.MalformedError as error:
        raise UnreadableError(folder.run_json, str(error), run=folder.id) from None


def write_host(folder: RunFolder, socket_path: str, pid: int | None = None) -> None:
    """Record process `pid` (default: this one) as the run's host."""
    restore_host(folder, process.record(pid, socket_path))


def restore_host(folder: RunFolder, record: HostRecord) -> None:
    """Write host.json as it was read."""
    record_file.write(folder.host_json, record)


def read_host(folder: RunFolder) -> HostRecord | None:
    """host.json; None where there is none, or what is there is no such record. Raises UnreadableError where it can't be
    looked at."""
    try:
        return record_file.read(folder.host_json)
    except OSError as error:
        raise UnreadableError(folder.host_json, error, run=folder.id) from None


def alive(folder: RunFolder) -> bool:
    """Whether the run's host process lives, as far as that can be seen; see `lives`."""
    with contextlib.suppress(UnreadableError):
        return lives(folder, read_host(folder))
    return False


def lives(folder: RunFolder, record: HostRecord | None) -> bool:
    """Whether the process of the run's host.json lives; of one on another machine, whether its heart beats."""
    return record_file.lives(folder.host_json, record)


def beat(folder: RunFolder) -> None:
    """The host's sign of life, for other machines."""
    record_file.beat(folder.host_json)


def lock(folder: RunFolder) -> int:
    """Be the one host of this run, as long as the process lives or until the descriptor is closed.

    Raises RunError where another process is.
    """
    try:
        descriptor = record_file.lock(folder.host_lock, folder.host_json)
    except OSError as error:
        raise RunError(f"cannot write to {folder.host_lock} ({error.strerror})") from None
    if descriptor is None:
        raise RunError(f"{folder.id} is trained by another process; watch it with: fmnist-tui watch {folder.id}")
    return descriptor


def clear_away(folder: RunFolder, record: HostRecord | None) -> None:
    """What a host that was killed left: files that it was writing, and the socket's own folder."""
    for place in (folder.path, folder.checkpoints):
        for half in place.glob(".*.part"):
            if atomic.is_part(half):
                half.unlink(missing_ok=True)
    if record:
        unix_socket.remove_left(record.socket)


def branches_from(folder: RunFolder) -> set[str]:
    """The checkpoint files of this run that other runs in the same home began with."""
    return branched(folder.home.path).get(folder.id, set())


def branched(home: Path) -> dict[str, set[str]]:
    """The checkpoint files that runs began with, by the id of the run that they are of."""
    found = dict[str, set[str]]()
    for one in run_folders(home):
        with contextlib.suppress(RunError):
            parent = read_run(one).get("parent") or {}
            if parent.get("run") and parent.get("file"):
                found.setdefault(parent["run"], set()).add(Path(parent["file"]).name)
    return found


@dataclass(frozen=True)
class Scan:
    """What lies in a home's `runs`."""

    folders: list[RunFolder]  # newest first
    unreadable: list[UnreadableError]  # what is there and can't be read


def candidates(home: Path) -> Scan:
    """What lies in `runs` and may be a run (`is_run`), the newest first as far as names tell: opens no file."""
    runs = Home(home).runs
    try:
        names = sorted(os.listdir(runs), reverse=True)
    except FileNotFoundError:
        return Scan([], [])
    except OSError as error:
        return Scan([], [UnreadableError(runs, error)])
    return Scan([RunFolder(runs / name) for name in names if not name.startswith(".") and name != "lost+found"], [])


def scan(home: Path) -> Scan:
    """Look for runs. A folder that can't be read is left out, and told of; one that is no run's is passed over."""
    there = candidates(home)
    found, unreadable = list[tuple[float, float, Path]](), there.unreadable
    for folder in there.folders:
        try:
            if is_run(folder):
                found.append((_created(folder), made(folder), folder.path))
        except UnreadableError as error:
            unreadable.append(error)
    return Scan([RunFolder(path) for *_, path in sorted(found, reverse=True)], unreadable)


def run_folders(home: Path) -> list[RunFolder]:
    """All run folders that can be read, newest first."""
    return scan(home).folders


def is_run(folder: RunFolder) -> bool:
    """Whether a run lies there. Raises UnreadableError where that does not show, or where its run.json is gone."""
    try:
        folder.run_json.lstat()
    except NotADirectoryError:  # a file
        return False
    except FileNotFoundError:
        if folder.path.is_symlink() and not folder.path.exists():
            raise UnreadableError(folder.path, "a link to a folder that is not there", run=folder.id) from None
        if folder.events.exists():
            raise UnreadableError(folder.run_json, "No such file or directory", run=folder.id) from None
        return False
    except OSError as error:
        raise UnreadableError(folder.path, error, run=folder.id) from None
    return True


def _created(folder: RunFolder) -> float:
    """When the run was made, in Unix seconds, whatever the time zone was. Raises UnreadableError."""
    try:
        status = folder.run_json.stat()
    except OSError as error:
        raise UnreadableError(folder.run_json, error, run=folder.id) from None
    return _created_as_of(folder, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=10_000)
def _created_as_of(folder: RunFolder, *_stamp: int) -> float:
    """Read once, as long as the file stays as it is."""
    return created(folder, read_run(folder))


def created(folder: RunFolder, request: Mapping[str, Any]) -> float:
    """When the run was made, in Unix seconds: as its run.json says, else its name, else its files."""
    found = request.get("created")
    if isinstance(found, int | float) and found is not True and 0 <= found <= MOST_TIME:  # no NaN either
        return float(found)
    return created_by_id(folder)


def created_by_id(folder: RunFolder) -> float:
    """When the run was made, in Unix seconds, as its name says; else as its files do."""
    digits = re.match(r"\d{8}-\d{6}", folder.id)
    with contextlib.suppress(ValueError, OverflowError):
        if digits:
            return time.mktime(time.strptime(digits[0], "%Y%m%d-%H%M%S"))
    return made(folder)


def made(folder: RunFolder) -> float:
    """When the run was made: Unix seconds, of the one file that is written then and never again."""
    try:
        return folder.host_lock.stat().st_ctime
    except OSError:
        return 0.0


def find(home: Path, text: str) -> RunFolder:
    """The run whose id begins with `text`, or whose name is `text`; `last` is the newest.

    Raises RunError where there is none, or several, or where it can't be read.
    """
    found = scan(home)
    folders, broken, runs = found.folders, found.unreadable, Home(home).runs
    if text == "last" and folders:
        _refuse_a_newer_one(found)
        return folders[0]
    if not folders:
        for one in broken:
            raise one
        raise RunError(f"there are no runs in {runs}; start one with: fmnist-tui train")
    matching = [folder.id for folder in folders if folder.id == text]
    if text and not matching:
        matching = [folder.id for folder in folders if folder.id.startswith(text)]
        unread = [one for one in broken if one.run.startswith(text)]
        for one in unread if not matching else ():
            raise one
        matching += [one.run for one in unread]
        names = {text, argument_text(text)}
        matching = matching or [folder.id for folder in folders if _name(folder) in names]
    if not matching:
        raise RunError(f"no run {text!r} in {runs}; {left_out_words(broken) or 'see them with: fmnist-tui runs'}")
    if len(matching) > 1:
        ids = ", ".join(matching[:4]) + (", …" if len(matching) > 4 else "")
        raise RunError(f"{text!r} matches {len(matching)} runs: {ids}; give more of the id")
    return Home(home).run(matching[0])


def _refuse_a_newer_one(found: Scan) -> None:
    """Raises UnreadableError where the newest run may be one that can't be read, by its id."""
    newest = found.folders[0].id if found.folders else ""
    for one in found.unreadable:
        if re.match(r"\d{8}-\d{6}", one.run) and one.run > newest:
            raise one


def title(folder: RunFolder) -> str:
    """What the run is called on screens: its name, or its id."""
    return _name(folder) or folder.id


def _name(folder: RunFolder) -> str:
    said, _ = meta.known(folder)
    if said.name is not None:
        return said.name
    try:
        return str(read_run(folder).get("name") or "")
    except RunError:
        return ""
