"""Following a run from outside its host: by its event log alone."""

from engine.home import RunFolder
from engine.runs import log
from engine.training.events import Event

PART_BYTES = 4 * 2**20  # of a log, read at once: some 20,000 events


class Follower:
    """Reads a run's events as they come."""

    def __init__(self, run_folder: RunFolder) -> None:
        self._folder = run_folder
        self._end = 0

    def poll(self, most: int | None = None) -> list[Event]:
        """The events written since the last poll; `most`: bytes, of which the last event may go beyond. Raises
        UnreadableError."""
        part = log.read(self._folder, self._end, most=most)
        self._end = part.end
        return list(part.events)

    @property
    def read(self) -> float:
        """How much of the log was read: 1.0 is all of it."""
        try:
            return min(1.0, self._end / max(1, self._folder.events.stat().st_size))
        except OSError:
            return 1.0
