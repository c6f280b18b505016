"""Keeps a run's state.json and summary.json current, in its host. Imports no torch."""

import contextlib
import time

from engine.home import RunFolder
from engine.runs import state_file
from engine.runs.unreadable import UnreadableError

LOOK_BYTES = 256 * 1024  # of the log at one look: some 20 ms
LAST_BYTES = 32 * 2**20  # that are still read at the end
EVERY_S = 60.0  # between two writes


class StateKeeper:
    """Follows the log as every reader does, and writes down what that comes to. What is behind is caught up with bit by
    bit: the training goes first."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._folded = state_file.begun(folder)
        self._written, self._kept = time.monotonic(), self._folded.end

    def look(self) -> None:
        """Read on, some of it; write where it is time."""
        if not self._read(LOOK_BYTES) and time.monotonic() - self._written >= EVERY_S:
            self._write()

    def finish(self) -> None:
        """The log is complete, for now."""
        with contextlib.suppress(OSError):
            if self._folder.events.stat().st_size - self._folded.end > LAST_BYTES:
                return  # whoever looks at the run next reads it, and writes it down
        self._read(None)
        self._write()

    def _read(self, most: int | None) -> bool:
        """Whether there was anything."""
        before = self._folded.end
        with contextlib.suppress(UnreadableError):
            self._folded = state_file.read_on(self._folder, self._folded, most)
        return self._folded.end != before

    def _write(self) -> None:
        self._written = time.monotonic()
        if self._kept != self._folded.end:
            self._kept = self._folded.end
            state_file.keep(self._folder, self._folded)
