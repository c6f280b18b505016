"""Which network is looked into, on every screen that does. No widgets."""

from pathlib import Path
from typing import Any, Protocol


class Host(Protocol):
    """What this needs of the app."""

    data_dir: Path | None
    watched: Path | None

    @property
    def settings(self) -> dict[str, Any]: ...

    @property
    def branch_freeze(self) -> dict[Path, str]: ...


class NetworkSource:
    """A source (see `engine.inspection.networks`): what the person named; else the newest checkpoint of the run that
    *Train* shows; else the form's model, whichever it becomes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._chosen = ""
        self.folder: Path | None = None  # of the run that it is of, once that is known

    @property
    def source(self) -> str:
        if self._chosen:
            return self._chosen
        watched = self._host.watched
        return f"{watched.name}@last" if watched is not None else str(self._host.settings["model"])

    @property
    def of_form(self) -> bool:
        """Whether it is the model that the next run trains."""
        return self.source == str(self._host.settings["model"])

    def choose(self, source: str) -> None:
        self._chosen, self.folder = source, None

    @property
    def freeze(self) -> str | None:
        """What the next run, or a branch off this one, shall not train; None: as the run itself says."""
        if self.folder is not None:
            return self._host.branch_freeze.get(self.folder)
        return str(self._host.settings["freeze"]) if self.of_form else None

    def values(self, source: str = "") -> dict[str, Any]:
        """Of a request about it, or about another `source`."""
        settings, data_dir = self._host.settings, self._host.data_dir
        return {
            "source": source or self.source, "dataset": settings["dataset"],
            "data_dir": str(data_dir) if data_dir else None, "transform": settings["transform"],
            "seed": settings["seed"], "freeze": None if source else self.freeze,
        }  # fmt: skip
