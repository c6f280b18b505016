"""Arguments: names, and where things are: as for the command line, from the environment unless an argument says it.
What is of another type raises Error, as all that can't be done."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine import home as homes
from engine.errors import InspectionError

PathLike = str | os.PathLike[str]
Function = TypeVar("Function", bound=Callable[..., Any])


def home_of(home: PathLike | None) -> Path:
    """The home folder: what is given, else $FMNIST_TUI_HOME, else the user's data folder."""
    return homes.resolve(None if home is None else path_of(home, "home"))


def folder_of(path: PathLike | None) -> Path | None:
    """A data folder that is given, absolute."""
    return None if path is None else path_of(path, "data_dir").expanduser().absolute()


def text_of(name: object, what: str) -> str:
    """A name that is text. `what`: that is named, with an example."""
    if not isinstance(name, str):
        raise InspectionError(f"{what} is named as text, and this is {_kind(name)}")
    return name


def path_of(path: object, what: str) -> Path:
    """A path of text, or that an object has. `what`: the argument's name."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise InspectionError(f"{what} is a path, as text or as pathlib has it, and this is {_kind(path)}")
    if not text or "\0" in text:
        raise InspectionError(f"{what} is {'empty' if not text else 'no path'}: {text!r}")
    return Path(text)


def function_of(function: Function | None, what: str) -> Function | None:
    """Something that can be called. `what`: the argument's name."""
    if function is not None and not callable(function):
        raise InspectionError(f"{what} is called with each item, and {_kind(function)} can't be called")
    return function


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
