"""The test set by class: how much of each class was recognised, and the 10×10 confusion matrix."""

from engine.training.events import Evaluated
from tui import format as fmt
from tui.columns import cut
from tui.widgets.lines import Line, Lines, padded

LEVELS = 5  # shades of a cell


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
        length = max(0, width - 12 - 7)
        for index, fraction in enumerate(self._result.per_class):
            name = self._names[index] if index < len(self._names) else str(index)
            filled = round(length * (fraction or 0.0))
            lines.append(
                [
                    (padded(name, 11) + " ", ""),
                    ("━" * filled, "good"),
                    ("─" * (length - filled), "track"),
                    (f"{fmt.percent(fraction):>7}", ""),
                ]
            )
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
        matrix = self._result.confusion
        names = [self._names[i] if i < len(self._names) else str(i) for i in range(len(matrix))]
        digits = max((len(str(number)) for row in matrix for number in row), default=1)
        cell = max(4, min(6, (width - 8) // max(1, len(matrix))), digits)
        label = max(0, min(12, width - cell * len(matrix)))
        heads = "".join(" " + padded(cut(name, cell - 1), cell - 1, right=True) for name in names)
        lines: list[Line] = [
            [(f"confusion, epoch {self._result.epoch}"[:width], "strong"), (": true ↓  predicted →", "dim")],
            [(" " * label, ""), (heads, "dim")],
        ]
        for true, row in enumerate(matrix):
            total = sum(row)
            line: Line = [(padded(names[true], label), "")]
            for predicted, number in enumerate(row):
                text = f"{number if number else '·':>{cell}}"
                shade = _shade(number / total if total else 0.0, hit=true == predicted)
                line.append((text, "chosen" if (true, predicted) == self._chosen else shade))
            lines.append(line)
        return lines if self._titled else lines[1:]


def _shade(fraction: float, *, hit: bool) -> str:
    """The style of a cell that holds this part of its row: hits by fifths, misses, which are rarer, by twelfths."""
    if fraction <= 0:
        return "dim"
    level = min(LEVELS, 1 + int(fraction * (LEVELS if hit else 12)))
    return f"{'hit' if hit else 'miss'}{level}"
