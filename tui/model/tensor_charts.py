"""The values of a tensor as charts: of a vector the values by their index, of any tensor how many have which value."""

from collections.abc import Sequence

from tui import format as fmt
from tui.columns import fit
from tui.widgets import profile
from tui.widgets.lines import Line, Lines, padded
from tui.widgets.profile import profile_lines
from tui.widgets.value_histogram import histogram_lines

HIGHEST = 36  # lines of a chart
BETWEEN = 4  # cells between two charts
SIDE_BY_SIDE = 76  # cells


class TensorCharts(Lines):
    """Takes the room there is: two charts beside each other, or one below the other."""

    DEFAULT_CSS = "TensorCharts { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._counts, self._ends = tuple[int, ...](), (0.0, 0.0)
        self._values, self._count = tuple[float, ...](), 0

    def show(self, counts: Sequence[int], ends: tuple[float, float], values: Sequence[float], count: int) -> None:
        """`counts`: a histogram of the values from the one of `ends` to the other. `values`: those of a vector of
        `count` values in order, or means of its parts; empty where it is no vector."""
        self._counts, self._ends, self._values, self._count = tuple(counts), ends, tuple(values), count
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        if not self._values:
            return self._histogram(width, height)
        if width >= SIDE_BY_SIDE:
            left = _left(width)
            one, other = self._profile(left, height), self._histogram(width - left - BETWEEN, height)
            lines = max(len(one), len(other))
            one += [[] for _ in range(lines - len(one))]
            other += [[] for _ in range(lines - len(other))]
            gap = " " * BETWEEN
            return [[*_filled(a, left), (gap, ""), *b] for a, b in zip(one, other, strict=True)]
        above = self._profile(width, (height - 1) // 2 if height >= 2 * profile.LEAST + 6 else height)
        left_over = height - len(above) - 1
        return [*above, [], *self._histogram(width, left_over)] if left_over >= profile.LEAST + 1 else above

    def _histogram(self, width: int, height: int) -> list[Line]:
        bars = histogram_lines(self._counts, *self._ends, width, min(HIGHEST, height - 2))
        return [[(fit("How many have which value", width), "strong")], *bars] if bars and height > 3 else []

    def _profile(self, width: int, height: int) -> list[Line]:
        bars = profile_lines(self._values, self._count, width, min(HIGHEST, height - 1))
        mean = self._count / max(1, len(self._values))
        words = "The values by index" if mean == 1 else f"The values by index, each the mean of about {fmt.short(mean)}"
        return [[(fit(words, width), "strong")], *bars] if bars else []


def bars_in(width: int) -> int:
    """How many values of a vector have a bar of their own in charts of so many cells across."""
    return max(1, (_left(width) if width >= SIDE_BY_SIDE else width) - profile.MARGIN)


def _left(width: int) -> int:
    """Cells of the left one of two charts."""
    return (width - BETWEEN) * 3 // 5


def _filled(line: Line, width: int) -> Line:
    """The line with blanks up to `width`."""
    used = sum(len(text) for text, _ in line)
    return [*line, (padded("", max(0, width - used)), "")]
