"""Following a run from outside its host: by its event log alone."""

from pathlib import Path

from engine.runs.log import FILE
from engine.training.events import Event, decode


class Follower:
    """Reads a run's events as they come. A half-written last line waits until it is whole."""

    def __init__(self, run_folder: Path) -> None:
        self._path = run_folder / FILE
        self._offset = 0
        self._rest = b""

    def poll(self) -> list[Event]:
        """The events written since the last poll; lines of unknown kinds or shapes are skipped."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for line in lines if (event := decode(line)) is not None]
