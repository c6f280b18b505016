"""`Preference`: the declaration of one thing that the program remembers, and the checks that it is made of."""

import difflib
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
MANY = 8  # names that are not all told in a line

TomlValue = str | int | float | bool | tuple[str, ...]  # what the file holds of one


@dataclass(frozen=True, kw_only=True)
class Preference(Generic[T]):
    """Everything that the program knows about one; see `tui.config.declared` for what derives from it."""

    name: str  # as in the file: "theme"; with a dot, a table and the name in it: "columns.runs"
    default: T
    read: Callable[[object], T]  # a value of the file; raises ValueError, saying what it must be
    help: str  # a sentence or two
    values: str  # what can be given, in a phrase
    write: Callable[[T], TomlValue]  # what `read` takes back
    environment: str = ""  # the variable that counts before the file; empty: there is none
    read_environment: Callable[[str], T] | None = None  # of that variable; raises ValueError

    def toml(self, value: T) -> str:
        """The value as the file has it."""
        return toml_text(self.write(value))


def toml_text(value: object) -> str:
    """A value as TOML spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml_text, value))}]"
    return str(value)


def same(value: str) -> TomlValue:
    """As it is."""
    return value


def one_of(choices: Callable[[], Collection[str]]) -> Callable[[object], str]:
    """One of the names, which are looked up at each check."""

    def read(value: object) -> str:
        names = choices()
        if isinstance(value, str) and value in names:
            return value
        close = difflib.get_close_matches(value, names, 1) if isinstance(value, str) else []
        if close:
            raise ValueError(f"did you mean {close[0]!r}?")
        if len(names) > MANY:
            raise ValueError("there is no such one; `fmnist-tui config` lists them")
        raise ValueError(f"it must be one of {', '.join(names)}")

    return read


def names_of(choices: Callable[[], Collection[str]]) -> Callable[[object], tuple[str, ...]]:
    """A list of names, each of them one of `choices`, which are looked up where the list has any."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValueError("it must be a list of names")
        names = choices() if value else ()
        for one in value:
            if one not in names:
                close = difflib.get_close_matches(one, names, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
                raise ValueError(f"there is no {one!r}; {hint}")
        return tuple(dict.fromkeys(value))

    return read


def switch(value: object) -> bool:
    """true or false; of a variable also 1 or 0."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    if found is None:
        raise ValueError("it must be true or false")
    return found


def number(low: float, below: float) -> Callable[[object], float]:
    """A number from `low` on, and less than `below`."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"it must be a number from {low:g} to less than {below:g}")
        if not low <= value < below:
            raise ValueError(f"it must be at least {low:g} and less than {below:g}")
        return float(value)

    return read


def integer_or_auto(low: int, high: int) -> Callable[[object], int | None]:
    """An integer from `low` to `high`; None for "auto"."""

    def read(value: object) -> int | None:
        if value == "auto":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f'it must be "auto" or an integer from {low} to {high}')
        return value

    return read


def first_of(read: Callable[[object], T]) -> Callable[[str], T]:
    """Of a variable with several values and commas between them, the first that can be used."""

    def read_list(text: str) -> T:
        error = ValueError("it is empty")
        for one in text.split(","):
            try:
                return read(one.strip())
            except ValueError as refused:
                error = refused
        raise error

    return read_list


Values = Mapping[str, object]  # of a table of the file, by name
