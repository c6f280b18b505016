"""The event log, as its host writes it. `engine.runs.follower` reads it."""

import contextlib
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from engine.training.events import Event, encode

FILE = "events.jsonl"
RESERVE = ".reserve"  # given back to a full disk, so that the log can still say that it is full
RESERVE_BYTES = 64 * 1024


class EventLog:
    """Numbers, stamps and appends events. Never raises for a disk that can't be written: what could not be written is
    kept, `trouble` says why, and `retry()` (or the next event) tries again. May be used from several threads.
    """

    def __init__(self, run_folder: Path, last_seq: int = 0) -> None:
        """`last_seq`: of the newest event that is there already. A line that was cut off when the host before this one
        died is ended, so that it stands alone and is skipped: the log only grows, whoever follows it."""
        self._path = run_folder / FILE
        self._reserve = run_folder / RESERVE
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self._seq = last_seq
        self._waiting = b""  # bytes not written yet; may begin in the middle of a line
        self.trouble = ""
        if last_seq and not _ends_whole(self._path):
            self._waiting = b"\n"
        with contextlib.suppress(OSError):
            self._make_reserve()

    def append(self, event: Event) -> Event:
        """Write `event` with the next seq and the time. Returns it so."""
        with self._lock:
            self._seq += 1
            event = replace(event, seq=self._seq, t=round(time.time(), 3))
            self._waiting += encode(event).encode() + b"\n"
            self._flush()
            return event

    def sync(self) -> None:
        """Have what is written on the disk itself, where a power cut leaves it. Waits for the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def retry(self) -> None:
        """Write what is waiting, where there is room again."""
        with self._lock:
            if self._waiting:
                self._flush()

    def close(self) -> None:
        with self._lock:
            self._flush()
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            with contextlib.suppress(OSError):
                self._reserve.unlink()

    def _flush(self) -> None:
        try:
            self._write()
        except OSError as error:
            self.trouble = error.strerror or str(error)
            try:
                self._reserve.unlink()
                self._write()
            except OSError:
                return
            return  # written, thanks to the reserve: the trouble stands until the reserve could be made again
        if self.trouble:
            try:
                self._make_reserve()
            except OSError:
                return
            self.trouble = ""

    def _write(self) -> None:
        while self._waiting:
            written = os.write(self._file, self._waiting)
            self._waiting = self._waiting[written:]

    def _make_reserve(self) -> None:
        with open(self._reserve, "wb") as file:
            file.write(os.urandom(RESERVE_BYTES))  # a file of zeros may take no room
            file.flush()
            os.fsync(file.fileno())


def _ends_whole(path: Path) -> bool:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
