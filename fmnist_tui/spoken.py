"""The engine's errors as Python says them. The engine names what a person can change by the command line's options; who
calls a function has its arguments instead. Each public function is decorated with `in_python`, and nothing else is said
of options."""

import os
import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from engine.errors import EngineError, InspectionError
from engine.terminal_text import printable

Args = ParamSpec("Args")
Given = TypeVar("Given")

# A command for a shell is whole, with its options; elsewhere an option is named. What is quoted is the person's own.
NAMED = re.compile(
    r"""(?P<command>fmnist-tui(?: [a-z]+)+(?: --[a-z][\w-]*)*)|(?<![\w'"/-])--(?P<option>[a-z][\w-]*)(?P<space> ?)"""
)
COMMANDS = {"fmnist-tui runs": "ft.runs()"}
# In place of an option and the space after it. What maps names follows a file of weights in the same text.
OPTIONS = {
    "data-dir": "data_dir=",
    "home": "home=",
    "strip": "",
    "rename": "",
    "without": "without:",
    "section": "section:",
}


def in_python(function: Callable[Args, Given]) -> Callable[Args, Given]:
    """The function, whose errors are all `Error`s in Python's words, one line each."""

    @wraps(function)
    def called(*args: Args.args, **kwargs: Args.kwargs) -> Given:
        try:
            return function(*args, **kwargs)
        except EngineError as error:
            given = " ".join(map(str, (*args, *kwargs.values())))
            error.args = (spoken(str(error), given), *error.args[1:])
            raise
        except OSError as error:  # such as a name that is too long for the file system
            name = "" if error.filename is None else f"{printable(os.fsdecode(error.filename), 200)}: "
            raise InspectionError(f"{name}{error.strerror or error}") from error

    return called


def spoken(message: str, given: str = "") -> str:
    """What an error of the engine says, without the command line's options. `given`: the person's words."""

    def said(found: re.Match[str]) -> str:
        if command := found["command"]:
            return COMMANDS.get(command, command)
        option = found["option"]
        if f"--{option}" in given:
            return found[0]
        if option in OPTIONS:
            put = OPTIONS[option]
            return put if put.endswith(":") or not put else put + found["space"]
        return option.replace("-", " ") + found["space"]

    return NAMED.sub(said, message.replace("--dataset demo", "the demo data"))
