"""The run whose newest checkpoint *Model* shows, whichever that becomes. No widgets."""

from engine import sources
from engine.errors import EngineError
from engine.home import RunFolder
from engine.runs import checkpoint_refs, client, store
from engine.sources import RunCheckpoint
from tui.services import Services


class FollowedRun:
    """Of the network's source; there is none where that is not a run's last checkpoint."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def folder(self) -> RunFolder | None:
        """Of the run; None: another source."""
        try:
            source = sources.parse(self._services.network.source)
            if isinstance(source, RunCheckpoint) and source.at == sources.LAST:
                return store.find(self._services.home, source.run)
        except EngineError:
            pass
        return None

    def newest(self) -> str:
        """The newest checkpoint's file; empty for what does not change."""
        folder = self.folder
        try:
            return checkpoint_refs.find(folder, sources.LAST).file if folder is not None else ""
        except EngineError:
            return ""

    @property
    def lives(self) -> bool:
        """Whether a process trains it, or holds it paused."""
        folder = self.folder
        return folder is not None and store.alive(folder)

    def save(self) -> str:
        """Have it write a checkpoint as of now; what is in the way, "" where nothing is. It waits for the run."""
        folder = self.folder
        try:
            if folder is not None:
                client.command(folder, "checkpoint")
        except EngineError as error:
            return str(error)
        return ""
