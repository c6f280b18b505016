"""The run whose newest checkpoint *Model* shows, whichever that becomes. No widgets."""

from engine import sources
from engine.errors import EngineError
from engine.home import RunFolder
from engine.runs import checkpoint_refs, store
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
