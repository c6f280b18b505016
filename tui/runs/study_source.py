"""What the screens of the studies read, from files alone: Optuna is never imported beside the keyboard."""

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RunError
from engine.home import StudyFolder
from engine.studies import client, study_file, trials
from engine.studies.study_file import Record
from engine.studies.trials import Snapshot
from engine.terminal_text import printable
from tui.study_text import state_text


@dataclass(frozen=True)
class StudySeen:
    """A study as its files have it."""

    folder: StudyFolder
    record: Record | None = None  # None: `problem` says why
    snapshot: Snapshot | None = None  # None: no worker has seen it yet
    living: bool = False  # whether a worker of this home works on it
    problem: str = ""

    @property
    def state(self) -> str:
        if self.record is None:
            return "unreadable"
        return state_text(self.record, self.snapshot, living=self.living)


class StudyReader:
    """Reads a study again and again; what has not changed is not decoded again. From any thread, one at a time."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._stamps: tuple[object, ...] = ()
        self._seen = StudySeen(folder, problem="not read yet")
        self._lock = threading.Lock()

    def read(self) -> StudySeen:
        """The study as of now; the same object where it is as it was. Blocks: not for the event loop."""
        with self._lock:
            living = client.worker_lives(self._folder)
            stamps = (living, *map(_stamp, (self._folder.study_json, self._folder.snapshot)))
            if stamps != self._stamps:
                self._seen = read(self._folder, living=living)
                self._stamps = stamps
            return self._seen


def read(folder: StudyFolder, *, living: bool) -> StudySeen:
    """The study, read once."""
    try:
        record = study_file.read(folder)
    except RunError as error:
        return StudySeen(folder, problem=str(error))
    try:
        snapshot, problem = trials.read(folder), ""
    except RunError as error:
        snapshot, problem = None, str(error)
    return StudySeen(folder, record, snapshot, living, problem)


def _stamp(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return (status.st_mtime_ns, status.st_size, status.st_ino)


async def sweep(home: Path, arguments: Sequence[str]) -> str:
    """Have a process of its own do what `fmnist-tui sweep` does with these arguments, as Optuna's import would hold up
    the keyboard for a second. Returns the last line that it says. Raises RunError with its complaint."""
    command = [sys.executable, "-P", "-m", "tui.cli.main", "--home", os.fspath(home), "sweep", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complained = await process.communicate()
    complaint = complained.decode(errors="replace").strip().splitlines()
    if process.returncode:
        words = (complaint or [f"it ended with the code {process.returncode}"])[-1]
        raise RunError(printable(words.removeprefix("fmnist-tui: ").removeprefix("fmnist-tui sweep: "), 500))
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return printable(lines[0], 500) if lines else ""
