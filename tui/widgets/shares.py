"""The parts of a whole as rectangles: the area of each is its share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.terminal_text import shown
from tui import format as fmt
from tui.columns import width_of
from tui.widgets.lines import Line, Lines

SIGN, CHOSEN = "░", "▒"  # that fill a part: the chosen one is darker, without colours too
CELL = 2  # times as high as it is wide


@dataclass(frozen=True)
class Area:
    """Where a part stands: cells from the left and from the top, and how many across and down."""

    name: str
    share: float  # of the whole, from 0 to 1
    left: int
    top: int
    width: int
    height: int


class Shares(Lines):
    """Shows what it is given, the largest part first; a part that is smaller than a cell is not drawn."""

    DEFAULT_CSS = "Shares { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._parts: Sequence[tuple[str, int]] = ()
        self._chosen = ""

    def show(self, parts: Sequence[tuple[str, int]], chosen: str) -> None:
        """Other parts, each a name and its size; `chosen`: the name of the one that stands out."""
        self._parts, self._chosen = parts, chosen
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        rows: list[list[tuple[str, str]]] = [[(" ", "")] * width for _ in range(height)]
        for area in areas(self._parts, width, height):
            here = area.name == self._chosen
            across = area.width - (area.left + area.width < width and area.width > 1)  # an empty cell between two
            down = area.height - (area.top + area.height < height and area.height > 1)
            for row in rows[area.top : area.top + down]:
                row[area.left : area.left + across] = [(CHOSEN if here else SIGN, "strong" if here else "dim")] * across
            label = f" {shown(area.name)}  {fmt.percent(area.share)} "
            if width_of([label]) == len(label) <= across - 2 and down > 2:
                row = rows[area.top + 1]
                row[area.left + 1 : area.left + 1 + len(label)] = [(one, "chosen" if here else "") for one in label]
        return [_line(row) for row in rows]


def areas(parts: Sequence[tuple[str, int]], width: int, height: int) -> Iterator[Area]:
    """The largest first, cut along the longer side into two groups of nearly the same size, and so on."""
    ordered = sorted((part for part in parts if part[1] > 0), key=lambda part: -part[1])
    yield from _areas(ordered, sum(size for _, size in ordered), 0, 0, width, height)


def _areas(
    parts: Sequence[tuple[str, int]], whole: int, left: int, top: int, width: int, height: int
) -> Iterator[Area]:
    if not parts or width < 1 or height < 1:
        return
    if len(parts) == 1:
        name, size = parts[0]
        yield Area(name, size / whole, left, top, width, height)
        return
    total, first, at = sum(size for _, size in parts), parts[0][1], 1
    while at < len(parts) - 1 and first + parts[at][1] <= total / 2:
        first += parts[at][1]
        at += 1
    if width >= CELL * height:
        cells = round(width * first / total)
        yield from _areas(parts[:at], whole, left, top, cells, height)
        yield from _areas(parts[at:], whole, left + cells, top, width - cells, height)
    else:
        cells = round(height * first / total)
        yield from _areas(parts[:at], whole, left, top, width, cells)
        yield from _areas(parts[at:], whole, left, top + cells, width, height - cells)


def _line(cells: Sequence[tuple[str, str]]) -> Line:
    """The cells, those of one style together."""
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line
