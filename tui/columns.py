"""Columns of text for a terminal that draws characters of two cells, of one, and of none."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len

from engine.terminal_text import shown

LEAST_NAME = 4  # cells of a name: its number and an ellipsis


def width_of(texts: Iterable[str]) -> int:
    """Cells that the widest of the texts takes."""
    return max((cell_len(shown(text)) for text in texts), default=0)


def fit(text: str, width: int) -> str:
    """`text`, as the terminal may have it, in at most `width` cells, cut with an ellipsis."""
    text = shown(text)
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[:-1]
    return text + "…" if width > 0 else ""


def told_apart(names: Sequence[str], width: int) -> list[str]:
    """The names of a list, of which `fit` is to make at most `width` cells each: as they are where they differ then
    too, else all of them with their numbers from 0 before them. `width`: room for the last number and an ellipsis."""
    if len({fit(name, width) for name in names}) == len(names):
        return list(names)
    return [f"{number} {name}" for number, name in enumerate(names)]


@lru_cache(maxsize=16)
def short_names(names: tuple[str, ...], width: int) -> list[str]:
    """The names of a list in at most `width` cells each (LEAST_NAME where there are fewer), told apart where they are
    cut."""
    width = max(LEAST_NAME, width)
    return [fit(name, width) for name in told_apart(names, width)]


def column(text: str, width: int, *, right: bool = False) -> str:
    """The text as the terminal may have it, with spaces behind it (before it: `right`) up to `width` cells."""
    text = shown(text)
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
