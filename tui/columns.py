"""Columns of text for a terminal that draws characters of two cells, of one, and of none."""

from collections.abc import Iterable

from rich.cells import cell_len

from engine.terminal_text import shown


def width_of(texts: Iterable[str]) -> int:
    """Cells that the widest of the texts takes."""
    return max((cell_len(shown(text)) for text in texts), default=0)


def cut(text: str, width: int) -> str:
    """As much of the text's beginning as fits `width` cells."""
    text = shown(text)
    while cell_len(text) > width:
        text = text[:-1]
    return text


def column(text: str, width: int, *, right: bool = False) -> str:
    """The text as the terminal may have it, with spaces behind it (before it: `right`) up to `width` cells."""
    text = shown(text)
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
