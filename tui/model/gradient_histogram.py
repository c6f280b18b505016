"""The values of one gradient as a histogram that takes the room there is."""

from collections.abc import Sequence

from tui.model.autograd_text import loop_lines
from tui.widgets.lines import Line, Lines
from tui.widgets.value_histogram import histogram_lines

MOST = 14  # lines


class GradientHistogram(Lines):
    """Where there is no gradient, what the steps of the loop are for."""

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
        if bars := histogram_lines(self._counts, *self._ends, width, room):
            return [[], [(self._title, "strong")], *bars]
        words = loop_lines(width)
        return [*([] for _ in range((height - len(words)) // 2)), *words] if len(words) <= height else []
