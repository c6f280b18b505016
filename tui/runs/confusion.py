"""The test set by class: how much of each class was recognised, and the 10×10 confusion matrix."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.training.events import Evaluated
from tui import format as fmt
from tui.columns import fit, told_apart, width_of
from tui.widgets.lines import Line, Lines, padded

LEVELS = 5  # shades of a cell
NAME = 11  # cells of a class's name beside a bar
LEAST_CELL, WIDEST_CELL = 4, 13  # cells of a number of the matrix, with the space before it
LEAST_LABEL, WIDEST_LABEL = 8, 24  # cells of the name before a row of the matrix


class ClassBars(Lines, can_focus=True):
    """A bar for each class: the fraction of its test images that was recognised."""

    DEFAULT_CSS = "ClassBars { width: 1fr; height: 1fr; }"
    interval = 2.0

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._result: Evaluated | None = None
        self._names: tuple[str, ...] = ()

    def show(self, result: Evaluated | None, names: tuple[str, ...]) -> None:
        if (result, names) != (self._result, self._names):
            first = self._result is None
            self._result, self._names = result, names
            self.repaint(now=first)

    def paint(self, width: int, height: int) -> list[Line]:
        if self._result is None:
            return [[("after the first epoch", "dim")]]
        lines: list[Line] = []
        length = max(0, width - NAME - 1 - 7)
        names = told_apart(_names(self._names, len(self._result.per_class)), NAME)
        shown = len(names) if len(names) <= height else height - 1
        for name, fraction in list(zip(names, self._result.per_class, strict=True))[:shown]:
            filled = round(length * (fraction or 0.0))
            lines.append(
                [
                    (padded(name, NAME) + " ", ""),
                    ("━" * filled, "good"),
                    ("─" * (length - filled), "track"),
                    (f"{fmt.percent(fraction):>7}", ""),
                ]
            )
        if shown < len(names):
            lines.append([(f"… and {len(names) - shown} more classes", "dim")])
        return lines


class ConfusionMatrix(Lines, can_focus=True):
    """Rows are the true classes, columns the predicted ones; a stronger colour is a larger part of the row."""

    DEFAULT_CSS = "ConfusionMatrix { width: 1fr; height: 1fr; }"
    interval = 2.0

    def __init__(self, *, titled: bool = True, id: str | None = None) -> None:  # noqa: A002
        """`titled`: whether its first line is a title."""
        super().__init__(id=id)
        self._titled = titled
        self._result: Evaluated | None = None
        self._names: tuple[str, ...] = ()
        self._chosen: tuple[int, int] | None = None  # row and column of the cursor, where there is one

    def choose(self, true: int, predicted: int) -> None:
        """Put a cursor on a cell."""
        self._chosen = (true, predicted)
        self.repaint(now=True)

    def show(self, result: Evaluated | None, names: tuple[str, ...]) -> None:
        if (result, names) != (self._result, self._names):
            first = self._result is None
            self._result, self._names = result, names
            self.repaint(now=first)

    def paint(self, width: int, height: int) -> list[Line]:
        if self._result is None:
            return [[("after the first epoch", "dim")]]
        matrix, heads = self._result.confusion, 2 if self._titled else 1
        form = _Form.of(matrix, _names(self._names, len(matrix)), width)
        true, predicted = self._chosen or (0, 0)
        across = max(1, (width - form.label) // form.cell)
        whole = across >= len(matrix) <= height - heads
        rows = _stretch(len(matrix), max(1, height - heads - (not whole)), true)
        columns = _stretch(len(matrix), across, predicted)
        epoch = fit(f"confusion, epoch {self._result.epoch}", width)
        lines: list[Line] = [[(epoch, "strong"), (": true ↓  predicted →", "dim")]] if self._titled else []
        names = "".join(" " + padded(form.names[at], form.cell - 1, right=True) for at in columns)
        lines.append([(" " * form.label + names, "dim")])
        for row in rows:
            total = sum(matrix[row])
            line: Line = [(padded(form.names[row], form.label - 1) + " ", "")]
            for column in columns:
                number = matrix[row][column]
                shade = _shade(number / total if total else 0.0, hit=row == column)
                text = f"{number if number else '·':>{form.cell}}"
                line.append((text, "chosen" if (row, column) == self._chosen else shade))
            lines.append(line)
        if not whole:
            seen = f"↓ {rows[0]}–{rows[-1]}, → {columns[0]}–{columns[-1]} of {len(matrix)} classes"
            lines.append([(fit(seen, width), "dim")])
        return lines

    @staticmethod
    def width_for(result: Evaluated, names: tuple[str, ...]) -> int:
        """Cells that it takes where there are as many as it wants."""
        form = _Form.of(result.confusion, _names(names, len(result.confusion)), sys.maxsize)
        return form.label + form.cell * len(result.confusion)


@dataclass(frozen=True)
class _Form:
    """How wide the parts of a matrix are, and what its classes are called in them."""

    label: int
    cell: int
    names: list[str]

    @classmethod
    def of(cls, matrix: Sequence[Sequence[int]], names: list[str], width: int) -> "_Form":
        """In so many cells, or in more where the narrowest form takes more."""
        number = len(str(len(matrix) - 1))
        least = max(LEAST_CELL, number + 2, *(len(str(cell)) for row in matrix for cell in row))
        widest = max(least, min(WIDEST_CELL, width_of(names) + 1))
        label = min(WIDEST_LABEL, max(LEAST_LABEL, width_of(names) + 1))
        cell = max(least, min(widest, (width - label) // max(1, len(matrix))))
        label = min(label, max(LEAST_LABEL, width - cell * len(matrix)))
        numbered = told_apart(names, min(cell, label) - 1)
        longest = min(WIDEST_LABEL, max(LEAST_LABEL, width_of(numbered) + 1))
        return cls(max(label, min(longest, width - cell * len(matrix))), cell, numbered)


def _stretch(total: int, seen: int, at: int) -> range:
    """As many of a list's places as are seen, by whole pages, with `at` among them."""
    first = min(at // seen * seen, max(0, total - seen))
    return range(first, min(total, first + seen))


def _names(known: tuple[str, ...], classes: int) -> list[str]:
    """A name for each class; a number where it has none."""
    return [known[at] if at < len(known) else str(at) for at in range(classes)]


def _shade(fraction: float, *, hit: bool) -> str:
    """The style of a cell that holds this part of its row: hits by fifths, misses, which are rarer, by twelfths."""
    if fraction <= 0:
        return "dim"
    level = min(LEVELS, 1 + int(fraction * (LEVELS if hit else 12)))
    return f"{'hit' if hit else 'miss'}{level}"
