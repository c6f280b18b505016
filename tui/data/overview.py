"""A split as a whole: of each class its mean image, how many images it has and how many of them a model gets right; and
the pixels' histogram."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.strip import Strip
from textual.widgets import Static

from tui.dialogs.overlay import Overlay
from tui.format import count, percent
from tui.graphics.pictures import Pictures, Placed
from tui.keys import bind
from tui.widgets import tiling
from tui.widgets.bars import bar
from tui.widgets.histogram import histogram_lines
from tui.widgets.keyline import KeyLine
from tui.widgets.lines import Line, Lines, padded
from tui.widgets.palette import style_of
from tui.widgets.panel import Panel
from tui.widgets.picture_widget import PictureWidget
from tui.widgets.text import update_text
from tui.widgets.tiling import Grid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Split
    from engine.data.statistics import Statistics
    from engine.evaluation.predictions import Predictions
    from tui.graphics.image import Picture

    Fractions = npt.NDArray[np.float64]

HISTOGRAM = 10  # lines, with one above
TALL = 30  # lines in which the classes and the histogram fit together
PERCENT = 8  # cells
LEAST = 12  # cells of a mean image, with which ten classes stand in a window of 80 × 24


class OverviewScreen(Overlay[None]):
    """Computed in a thread: half a second for 60,000 images."""

    AUTO_FOCUS = "#overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("overview", "back", "Back", action="dismiss"),
        bind("overview", "down", "Down", action="scroll(1)", show=False),
        bind("overview", "up", "Up", action="scroll(-1)", show=False),
        bind("overview", "page_down", action="scroll_page(1)", show=False),
        bind("overview", "page_up", action="scroll_page(-1)", show=False),
        bind("overview", "first", action="scroll_to_end(-1)", show=False),
        bind("overview", "last", action="scroll_to_end(1)", show=False),
    ]

    def __init__(
        self,
        split: "Split",
        classes: tuple[str, ...],
        title: str,
        pictures: Pictures,
        predictions: "Predictions | None" = None,
    ) -> None:
        """`predictions`: a model's for the split."""
        super().__init__()
        self._predictions = predictions
        self._split, self._names, self._title, self._pictures = split, classes, title, pictures

    def compose(self) -> ComposeResult:
        title = f"Overview of {self._split.name} · {self._title}"
        with Panel(title=title, id="frame", focusable=False), VerticalScroll(id="overview"):
            yield ClassCards(self._pictures, id="classes")
            yield Static(id="channels", markup=False)
            yield Histogram(id="histogram")
        yield KeyLine()

    def on_mount(self) -> None:
        self._count()

    def on_resize(self, event: events.Resize) -> None:
        room = event.size.height - 3
        self.query_one(ClassCards).take_height(room - HISTOGRAM if room >= TALL else room)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#overview").scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, by: int) -> None:
        self.action_scroll(by * max(1, self.size.height - 4))

    def action_scroll_to_end(self, which: int) -> None:
        scroll = self.query_one("#overview")
        scroll.scroll_home(animate=False) if which < 0 else scroll.scroll_end(animate=False)

    @work(exclusive=True, group="overview")
    async def _count(self) -> None:
        from engine.data import statistics

        frame = self.query_one("#frame", Panel)
        frame.busy("counting pixels")
        found = await asyncio.to_thread(statistics.of, self._split, len(self._names))
        if not self.is_mounted:
            return  # closed meanwhile
        frame.busy("")
        correct, right = None, ""
        if self._predictions is not None:
            right = f"{self._predictions.title}: {percent(self._share_right())} right"
            correct = statistics.accuracies(self._split, self._predictions.predicted, len(self._names))
        frame.describe(
            right=f"{count(len(self._split))} images in {len(self._names)} classes",
            below=f"pixels: mean {found.mean:.2f}, std {found.std:.2f} "
            f"(÷ 255: {found.mean / 255:.4f}, {found.std / 255:.4f})",
            below_right=right,
        )
        if len(found.channels) == 3:
            means, stds = (", ".join(f"{moments[which] / 255:.4f}" for moments in found.channels) for which in (0, 1))
            update_text(self, "#channels", f"red, green, blue ÷ 255: means {means}, stds {stds}")
            self.query_one("#channels").display = True
        self.query_one(ClassCards).show(found, self._names, correct)
        self.query_one(Histogram).show(found)

    def _share_right(self) -> float | None:
        assert self._predictions is not None
        return float((self._predictions.predicted == self._split.labels).mean()) if len(self._split) else None


class ClassCards(PictureWidget):
    """Of each class its mean image with its figures below, all of them at once where they fit."""

    DEFAULT_CSS = "ClassCards { width: 1fr; height: 1; }"

    def __init__(self, pictures: Pictures, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(pictures, id=id)
        self._found: Statistics | None = None
        self._names: tuple[str, ...] = ()
        self._correct: Fractions | None = None
        self._height = 1  # lines that it may take without being scrolled
        self._grid: Grid | None = None
        self._means: list[Picture] = []
        self._drawn: list[list[list[Segment]]] = []

    def show(self, found: "Statistics", classes: tuple[str, ...], correct: "Fractions | None" = None) -> None:
        """`correct`: float [classes], the model's accuracy on each class."""
        self._found, self._names, self._correct = found, classes, correct
        self._lay_out()

    def redraw(self) -> None:
        self._drawn = []
        self._lay_out()

    def placed(self) -> Iterable[Placed]:
        if (grid := self._grid) is not None:
            for label, image in enumerate(self._means):
                row, column = divmod(label, grid.columns)
                yield Placed(grid.left + column * grid.across, row * grid.down, image, grid.width)

    def take_height(self, lines: int) -> None:
        """Take so many lines, more only where the classes need them."""
        self._height = lines
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def text(self) -> str:
        """What stands below the pictures, a line a class."""
        return "\n".join("  ".join(text for text, _ in self._caption(label)) for label in range(len(self._names)))

    def render_line(self, y: int) -> Strip:
        base, grid = self.base, self._grid
        if grid is None:
            return Strip.blank(self.size.width, base)
        row, line = divmod(y, grid.down)
        segments = [Segment(" " * grid.left, base)]
        gap = Segment(" " * (grid.across - grid.width), base)
        for label in range(row * grid.columns, min((row + 1) * grid.columns, len(self._drawn))):
            if line < grid.lines:
                segments += [*self._drawn[label][line], gap]
                continue
            texts = self._caption(label)
            text, style = texts[line - grid.lines] if line - grid.lines < len(texts) else ("", "")
            segments.append(Segment(padded(text, grid.across - 1) + " ", base + style_of(self.app, style)))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _caption(self, label: int) -> list[tuple[str, str]]:
        """The lines below a picture, with their styles."""
        found = self._found
        assert found is not None
        lines = [
            (f"{label} {self._names[label]}", "strong"),
            (f"{count(int(found.counts[label]))} · std {found.spread[label]:.0f}", "dim"),
        ]
        if self._correct is not None:
            share = float(self._correct[label])
            lines.append((f"{percent(share)} right", "good"))
            if self._grid is not None and self._grid.width >= 18 and share == share:  # NaN: the class is empty
                lines[-1] = (f"{percent(share)} {bar(share, self._grid.width - PERCENT)}", "good")
        return lines

    def _lay_out(self) -> None:
        if self._found is None or not self.size.width:
            return
        import numpy as np

        below = 2 + (self._correct is not None)
        room = self.size.with_height(max(1, self._height))
        grid = tiling.all_of(len(self._names), room, below=below, least=LEAST)
        if grid != self._grid or len(self._drawn) != len(self._names):
            self._means = list(self._found.mean_images.round().astype(np.uint8))
            self._drawn = [self.pictures.lines(image, grid.width) for image in self._means]
        self._grid = grid
        self.styles.height = max(self._height, grid.rows * grid.down)
        self.refresh(layout=True)


class Histogram(Lines):
    """How many pixels have which value."""

    DEFAULT_CSS = f"Histogram {{ height: {HISTOGRAM - 1}; width: 1fr; margin-top: 1; }}"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._found: Statistics | None = None

    def show(self, found: "Statistics") -> None:
        self._found = found
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        return [] if self._found is None else histogram_lines(self._found.histogram, width, height)
