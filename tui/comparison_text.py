"""Runs and groups side by side, as people read them: the cells of a table, and the table in Markdown."""

from collections.abc import Callable
from typing import Any

from engine.digits import significant
from engine.mean_std import MeanStd
from engine.runs.comparison import DIFFERENT, Column, Comparison
from engine.terminal_text import printable
from engine.training.settings import SETTINGS
from tui import format as fmt

TITLES = {"loss": "train loss", "seconds": "time"}  # of results that are not called by their names
_WORDS: dict[str, Callable[[float], str]] = {"loss": fmt.loss, "epochs": "{:.4g}".format, "seconds": fmt.span}


def title_of(column: Column) -> str:
    """What a column of the comparison is called."""
    return TITLES.get(column.name, column.name) if column.kind == "result" else column.name


def cells(found: Comparison, column: Column) -> list[str]:
    """The cells of a column, row by row."""
    if column.kind == "result":
        return [result(column.key, row.results[column.key]) for row in found.rows]
    values = [None if value == "" else value for value in found.values(column)]
    texts = dict[Any, str]()
    if column.kind == "setting":
        texts = SETTINGS[column.key].column_texts(one for one in values if one not in (None, DIFFERENT))
    return [fmt.NOTHING if value is None else texts.get(value, str(value)) for value in values]


def table_of(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """The titles of the columns, and the cells of each row."""
    columns = [cells(found, column) for column in found.columns]
    return [title_of(column) for column in found.columns], [list(row) for row in zip(*columns, strict=True)]


def as_markdown(found: Comparison) -> str:
    """A table in GitHub's Markdown."""
    header, rows = table_of(found)
    escaped = [[cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *escaped]
    return "".join(f"| {' | '.join(map(printable, line))} |\n" for line in lines)


def result(name: str, one: MeanStd | None) -> str:
    """A result; of several runs with the standard deviation and their number."""
    if one is None:
        return fmt.NOTHING
    if name not in _WORDS:
        return fmt.mean_percent(one, counted=one.std is not None)
    words = _WORDS[name]
    if one.std is None or (name == "epochs" and not one.std):
        return words(one.mean)
    std = significant(one.std, 2) if name == "epochs" else words(one.std)
    return f"{words(one.mean)} ± {std} ({one.count})"
