"""Where things are: as for the command line, from the environment unless an argument says it."""

import os
from pathlib import Path

from engine import home as homes
from engine.errors import InspectionError

PathLike = str | os.PathLike[str]


def home_of(home: PathLike | None) -> Path:
    """The home folder: what is given, else $FMNIST_TUI_HOME, else the user's data folder."""
    return homes.resolve(None if home is None else Path(home))


def text_of(name: object, what: str) -> str:
    """A name that is text. Raises Error for anything else. `what`: that is named, with an example."""
    if not isinstance(name, str):
        raise InspectionError(f"{what} is named as text, and this is {type(name).__name__}")
    return name


def folder_of(path: PathLike | None) -> Path | None:
    """A folder that is given, absolute."""
    return None if path is None else Path(path).expanduser().absolute()
