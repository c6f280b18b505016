"""A run's state as a list needs it, read again and again. Imports no torch."""

import math
import time

from engine.home import RunFolder
from engine.runs import log, state_file
from engine.runs.state import Fold, RunState
from engine.runs.state_file import Summary
from engine.training import events as ev

POINTS = 256  # of each curve of a state that is read for a list, or twice as many
_QUICK = frozenset(ev.KINDS.values()) - {ev.Progress, ev.BatchLoss, ev.Readings}  # what a state without a curve takes


class QuickReader:
    """A run's state with few points of its curves, read on from where it was read to: reading again the log of a whole
    day costs what the day has added since.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._begin()
        self.left = 0  # bytes of the log that the last reading left to the next one

    def _begin(self) -> None:
        self._fold, self._end, self._reading = Fold(), 0, log.Reading()
        self.state = RunState()  # as of the last reading

    @property
    def done(self) -> int:
        """Bytes of the log that were read."""
        return self._end

    def read(self, until: float = math.inf) -> RunState:
        """The state as of now; `left` says what of the log is not in it yet, after a long part of it at least, where it
        is `until` by time.monotonic. One that was cut short or written anew since is read from its beginning. Raises
        UnreadableError where the log can't be read."""
        try:
            return self._read(until)
        except log.RewrittenError:
            self._begin()
            return self._read(until)

    def _read(self, until: float) -> RunState:
        if not self._end and (saved := state_file.read(self._folder, POINTS)) is not None:
            self._fold, self._end = saved.fold, saved.end
            self.state = self._fold.snapshot()
        end, self.left = self._end, 0
        for part in log.parts(self._folder, self._end, kinds=_QUICK, latest=(ev.Progress,), reading=self._reading):
            self._end = part.end
            self._fold.add_all(part.events)
            self._fold.skip(part.skipped)
            if time.monotonic() > until:
                self.left = max(0, log.size(self._folder) - self._end)
                break
        if self._end > end:
            self.state = self._fold.snapshot()
        return self.state

    def summary(self) -> Summary:
        """Of the run as of the last reading."""
        return state_file.summary_of(self.state)

    def keep(self, found: Summary) -> None:
        """Write the summary down, so that nobody reads the log for it again, if the log has no more by now."""
        state_file.write_summary(self._folder, found, self._end)
