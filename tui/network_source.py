"""Which network the screens show. No widgets."""

from pathlib import Path
from typing import Any, Protocol

from engine import sources
from engine.home import RunFolder
from engine.sources import NetworkRef


class Host(Protocol):
    """What this needs of the app."""

    data_dir: Path | None
    watched: RunFolder | None

    @property
    def settings(self) -> dict[str, Any]: ...

    @property
    def branch_freeze(self) -> dict[RunFolder, str]: ...


class NetworkSource:
    """A source, as it is typed: the one that was chosen; else the newest checkpoint of the run that *Train* shows; else
    the form's model, whichever it becomes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._chosen = ""
        self.folder: RunFolder | None = None  # of the run that it is of, once that is known

    @property
    def source(self) -> str:
        if self._chosen:
            return self._chosen
        watched = self._host.watched
        return f"{watched.id}@last" if watched is not None else str(self._host.settings["model"])

    @property
    def of_form(self) -> bool:
        """Whether it is the model that the next run trains."""
        return self.source == str(self._host.settings["model"])

    def choose(self, source: str) -> None:
        self._chosen, self.folder = source, None

    @property
    def freeze(self) -> str | None:
        """What the next run, or a branch of this one, keeps frozen; None: as the run itself says."""
        if self.folder is not None:
            return self._host.branch_freeze.get(self.folder)
        return str(self._host.settings["freeze"]) if self.of_form else None

    def ref(self, source: str = "") -> NetworkRef:
        """What requests about it hold, or about another `source`. Raises EngineError for any other text."""
        settings = self._host.settings
        return NetworkRef(
            sources.parse(source or self.source),
            dataset=settings["dataset"],
            data_dir=self._host.data_dir,
            transform=settings["transform"],
            seed=settings["seed"],
            freeze=None if source else self.freeze,
        )
