"""The log of a lab, `events.jsonl`: `read` reads parts of it, `LabLog` is the one writer (the lab's host)."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine import atomic, plain_file
from engine.lab.events import (
    KernelChanged,
    LabEvent,
    RunFinished,
    RunOutputs,
    RunQueued,
    RunsForgotten,
    RunStarted,
    decode,
    encode,
)
from engine.lab.state import LabState

LARGEST = 16 * 2**20  # bytes of a log that is opened as it is; of a larger one the last run of each cell stays
WAITING = 32 * 2**20  # bytes that are kept while the disk is full
MOST_LINE = WAITING + 1  # bytes of one that is read: a longer one is never written
MOST_NO_EVENTS = 64 * 2**20  # bytes of a log that are no event, after which it is not read on
OF_A_LINE = 100  # bytes that a line which is no event counts at least
PART = 2**20  # bytes, about, of the events that are read at a time


def read(path: Path, begin: int = 0, end: int | None = None) -> Iterator[list[LabEvent]]:
    """The events of the whole lines between two places, in parts. What is no event is passed over. A log that is not
    there is empty, and so is a line of more than MOST_LINE bytes. Raises OSError, also where more than MOST_NO_EVENTS
    bytes are no events: a log may hold gigabytes of anything."""
    if not path.exists():
        return
    with plain_file.opened(path) as file:
        file.seek(begin)
        place, part, size = begin, list[LabEvent](), 0
        whole, no_events = True, 0  # whether what comes next begins a line; bytes
        while (end is None or place < end) and (line := file.readline(MOST_LINE)):
            place, size = place + len(line), size + len(line)
            begins, whole = whole, line.endswith(b"\n")
            if begins and whole and (event := decode(line)) is not None:
                part.append(event)
            else:
                no_events += max(OF_A_LINE, len(line))
            if no_events > MOST_NO_EVENTS:
                raise plain_file.NotPlainError(f"more than {MOST_NO_EVENTS >> 20} MB of it are no events", path)
            if size >= PART:
                yield part
                part, size = [], 0
        yield part


def line_of(event: LabEvent) -> bytes:
    return encode(event).encode("utf-8", "surrogatepass") + b"\n"


class LabLog:
    """Numbers, stamps and appends events, and knows the state that they amount to. Never raises for a disk that can't
    be written: what could not be written is kept, `trouble` says why, and the next event, or `retry`, tries again."""

    def __init__(self, path: Path) -> None:
        """Open the log that is there, or begin one. Raises OSError."""
        self.state = LabState()
        for events in read(path):
            for event in events:
                self.state.add(event)
        if path.exists() and path.stat().st_size > LARGEST:
            self._compact(path)
        self._path, self._file = path, plain_file.written(path, append=True)
        self.size = os.fstat(self._file).st_size  # bytes that are written
        self.waiting = b""  # lines that are not
        self.trouble = ""
        if self.size and not _ends_whole(path):
            self.waiting = b"\n"  # a line that was cut off when the host before this one died stands alone

    def append(self, event: LabEvent) -> bytes:
        """Write an event with the next seq and the time. Returns its line."""
        event = replace(event, seq=self.state.seq + 1, t=round(time.time(), 3))
        self.state.add(event)
        line = line_of(event)
        if len(self.waiting) + len(line) <= WAITING:
            self.waiting += line
        self.retry()
        return line

    def retry(self) -> None:
        """Write what is waiting."""
        try:
            if self.waiting and (size := os.fstat(self._file).st_size) != self.size:
                self.size = size  # somebody has cut it short, or written to it
                self.waiting = self.waiting if _ends_whole(self._path) else b"\n" + self.waiting
            while self.waiting:
                written = os.write(self._file, self.waiting)
                self.size += written
                self.waiting = self.waiting[written:]
            self.trouble = ""
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def close(self) -> None:
        """Write what is waiting, and have all of it on the disk itself."""
        self.retry()
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)

    def _compact(self, path: Path) -> None:
        """Write the log anew with the last run of each cell alone, numbered from 1."""
        before, self.state = self.state, LabState()
        with atomic.whole(path) as beside, open(beside, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            for event in _compacted(before):
                event = replace(event, seq=self.state.seq + 1, t=round(time.time(), 3))
                self.state.add(event)
                file.write(line_of(event))


def _compacted(state: LabState) -> Iterator[LabEvent]:
    if state.forgotten:
        yield RunsForgotten(last=state.forgotten)
    for one in sorted(state.cells.values(), key=lambda run: run.run):
        yield RunQueued(run=one.run, cell=one.cell, source=one.source)
        if one.phase not in ("queued", "skipped"):
            yield RunStarted(run=one.run, generation=one.generation)
            yield RunOutputs(run=one.run, nodes=one.nodes)
        if one.phase != "queued" and one.phase != "running":
            yield RunFinished(
                run=one.run, status=one.phase, count=one.count, seconds=one.seconds, error=one.error, line=one.line
            )
    yield KernelChanged(
        phase=state.phase, generation=state.generation, name=state.kernel, why=state.why, pid=state.pid
    )  # fmt: skip


def _ends_whole(path: Path) -> bool:
    with plain_file.opened(path) as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
