"""The values of one gradient as a histogram that takes the room there is."""

from collections.abc import Sequence

from tui.widgets.lines import Line, Lines
from tui.widgets.value_histogram import histogram_lines

MOST = 14  # lines


class GradientHistogram(Lines):
    """Nothing where there is no gradient."""

    DEFAULT_CSS = "GradientHistogram { height: 1fr; width: 1fr; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title, self._counts, self._ends = "", tuple[int, ...](), (0.0, 0.0)

    def show(self, title: str, counts: Sequence[int], ends: tuple[float, float]) -> None:
        """Another gradient: its histogram, its lowest and its highest value."""
        self._title, self._counts, self._ends = title, tuple(counts), ends
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        room = min(MOST, height - 3)  # a heading, an empty line and the axis
        if room < 2:
            return []
        bars = histogram_lines(self._counts, *self._ends, width, room)
        return [[], [(self._title, "strong")], *bars] if bars else []
