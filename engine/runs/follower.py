"""Following a run from outside its host: by its event log alone."""

from engine.home import RunFolder
from engine.runs import log
from engine.training.events import Event


class Follower:
    """Reads a run's events as they come."""

    def __init__(self, run_folder: RunFolder) -> None:
        self._folder = run_folder
        self._end = 0
        self._reading = log.Reading()

    def poll(self, most: int | None = None) -> list[Event]:
        """The events written since the last poll; `most`: bytes, of which the last event may go beyond. Raises
        UnreadableError."""
        part = log.read(self._folder, self._end, most=most, reading=self._reading)
        self._end = part.end
        return list(part.events)

    def skip(self) -> None:
        """Pass over what is there. Raises UnreadableError."""
        self._end = log.read(self._folder, self._end, kinds=(), reading=self._reading).end
