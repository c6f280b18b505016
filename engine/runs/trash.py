"""Deleted runs: moved into the trash, from where they come back, and gone for good at last. Imports no torch.

The trash lies among the runs, on their file system, so that moving one takes no time and no room. Each process that
deletes has a folder of its own in it, with a record of the process: the app empties its own at its end. What is left by
a process that ended otherwise is emptied after a day.
"""

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine import private
from engine.errors import RunError
from engine.home import Home, RunFolder
from engine.hosting import process, record_file
from engine.runs import store
from engine.runs.unreadable import UnreadableError

KEPT_S = 86400.0  # that a run stays in the trash of a process that ended
OWNER = "owner.json"
FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk or a quota without room


@dataclass(frozen=True)
class Trashed:
    """A run in the trash."""

    folder: RunFolder  # where it was
    place: Path  # where it is
    moved: float  # when, Unix seconds


class Trash:
    """What this process deletes, and brings back. Blocks: not for the event loop."""

    def __init__(self, home: Path) -> None:
        self._home = Home(home)
        self._own: Path | None = None
        self._batches: list[list[Trashed]] = []  # as they were deleted, the newest last

    @property
    def holds(self) -> int:
        """How many runs can be brought back."""
        return sum(map(len, self._batches))

    def delete(self, folders: Sequence[RunFolder]) -> list[Trashed]:
        """Move runs into the trash, all of them or none. Raises RunError where one trains, or can't be moved."""
        moved = list[Trashed]()
        for folder in folders:
            refuse_living(folder)
        try:
            for folder in folders:
                moved.append(self._move(folder))
        except BaseException:
            for one in reversed(moved):
                with contextlib.suppress(OSError):
                    os.rename(one.place, one.folder.path)
            raise
        if moved:
            self._batches.append(moved)
        return moved

    def bring_back(self) -> list[RunFolder]:
        """Move back what was deleted last, together. Raises RunError where nothing is there, or one can't be moved:
        those that could are back then."""
        if not self._batches:
            raise RunError("nothing was deleted since the app was started")
        batch = self._batches[-1]
        found = list[RunFolder]()
        while batch:
            found.append(bring_back(batch[-1]))
            batch.pop()
        self._batches.pop()
        return found[::-1]

    def empty(self) -> list[str]:
        """Delete for good what this process has deleted. Returns what could not be, and why."""
        self._batches.clear()
        own, self._own = self._own, None
        return remove(own) if own is not None else []

    def _move(self, folder: RunFolder) -> Trashed:
        """Raises RunError."""
        try:
            place = self._folder() / folder.id
            with only_host(folder):
                os.rename(folder.path, place)
        except OSError as error:
            full = f"; for good, without the trash: fmnist-tui delete --now {folder.id}" if error.errno in FULL else ""
            raise RunError(f"{folder.id} can't be deleted ({error.strerror}){full}") from error
        return Trashed(folder, place, time.time())

    def _folder(self) -> Path:
        """This process's own. Raises OSError."""
        if self._own is None or not self._own.is_dir():
            own = self._home.trash / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
            private.folder(own)
            try:
                with contextlib.suppress(psutil.Error):
                    record_file.write(own / OWNER, process.record())
            except OSError:
                with contextlib.suppress(OSError):
                    own.rmdir()
                raise
            self._own = own
        return self._own


def refuse_living(folder: RunFolder) -> None:
    """Raises RunError where the run trains, or is no more."""
    if not os.path.lexists(folder.path):
        raise RunError(f"{folder.id} is not there any more")
    if store.alive(folder):
        raise RunError(f"{folder.id} trains; stop it first: fmnist-tui stop {folder.id}")


@contextlib.contextmanager
def only_host(folder: RunFolder) -> Iterator[None]:
    """Within it, nobody begins to train the run, as far as its folder lets itself be locked. Raises RunError where
    somebody has."""
    descriptor: int | None = None
    try:
        if folder.host_lock.is_file():
            descriptor = record_file.lock(folder.host_lock, folder.host_json)
            if descriptor is None:
                raise RunError(f"{folder.id} trains; stop it first: fmnist-tui stop {folder.id}")
    except OSError:  # it can't be read, and so not be trained
        pass
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def contents(home: Path) -> list[Trashed]:
    """All runs in the trash, of any process, the newest first."""
    found = list[Trashed]()
    for own in _folders(Home(home)):
        with contextlib.suppress(OSError):
            moved = own.stat().st_mtime
            found += [Trashed(Home(home).run(one), own / one, moved) for one in os.listdir(own) if one != OWNER]
    return sorted(found, key=lambda one: (one.moved, one.folder.id), reverse=True)


def bring_back(one: Trashed) -> RunFolder:
    """Move a run back to where it was. Raises RunError."""
    if os.path.lexists(one.folder.path):
        raise RunError(f"{one.folder.id} can't be brought back: there is one of that id")
    try:
        os.rename(one.place, one.folder.path)
    except OSError as error:
        raise RunError(f"{one.folder.id} can't be brought back ({error.strerror})") from None
    return one.folder


def find(home: Path, text: str) -> Trashed:
    """The run in the trash whose id begins with `text`, or whose name it is. Raises RunError."""
    every = contents(home)
    if not every:
        raise RunError("the trash is empty")
    found = [one for one in every if one.folder.id == text] or [one for one in every if one.folder.id.startswith(text)]
    found = found or [one for one in every if store.title(RunFolder(one.place)) == text]
    if not found:
        raise RunError(f"no run {text!r} in the trash; see them with: fmnist-tui undelete")
    if len(found) > 1:
        ids = ", ".join(one.folder.id for one in found[:4])
        raise RunError(f"{text!r} matches {len(found)} runs in the trash: {ids}; give more of the id")
    return found[0]


def sweep(home: Path, *, now: float | None = None) -> list[str]:
    """Delete for good what processes that ended have left in the trash for a day. Returns what could not be."""
    now, problems = time.time() if now is None else now, list[str]()
    for own in _folders(Home(home)):
        try:
            if now - own.stat().st_mtime < KEPT_S or _lives(own):
                continue
        except OSError:
            continue
        problems += remove(own)
    return problems


def delete_now(folders: Sequence[RunFolder]) -> list[str]:
    """Delete runs for good, at once. Returns what could not be. Raises RunError where one trains, with nothing
    deleted."""
    if not folders:
        return []
    for folder in folders:
        refuse_living(folder)
    here, problems = Trash(folders[0].home.path), list[str]()
    try:
        here.delete(folders)
    except RunError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in FULL:
            raise
        for folder in folders:  # a full disk has no room for the trash either
            with only_host(folder):
                problems += remove(folder.path)
    return problems + here.empty()


def resolve(home: Path, text: str) -> RunFolder:
    """The run that is meant, also one that can't be read. Raises RunError."""
    try:
        return store.find(home, text)
    except UnreadableError as error:
        folder = Home(home).run(error.run)
        if not text or not error.run.startswith(text) or not os.path.lexists(folder.path):
            raise
        return folder


def remove(place: Path) -> list[str]:
    """Delete a folder and all in it, links not followed. Returns what could not be, and why."""
    try:
        if place.is_symlink():
            place.unlink(missing_ok=True)
        elif place.exists():
            _remove(place)
    except (OSError, RecursionError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or "too many folders in each other"
        return [f"{getattr(error, 'filename', None) or place} can't be deleted ({why})"]
    return []


def _remove(place: Path) -> None:
    """Raises OSError. A folder whose mode forbids it to its owner is opened for that."""
    try:
        shutil.rmtree(place)
    except PermissionError:
        for folder, below, _ in os.walk(place):
            for path in (folder, *(os.path.join(folder, name) for name in below)):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(place)


def _folders(home: Home) -> list[Path]:
    """Those of processes, in the trash. What somebody else has put there, such as a link, is not the program's."""
    try:
        if home.trash.is_symlink():
            return []
        with os.scandir(home.trash) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _lives(own: Path) -> bool:
    """Whether the process whose folder it is lives. One of another machine beats no heart: it counts as ended."""
    with contextlib.suppress(OSError):
        record = record_file.read(own / OWNER)
        return record is not None and process.is_here(record) and bool(process.lives(record))
    return False
