"""A split as a whole: how many images each class has, the mean image of each, and the pixels' histogram."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.dialogs.overlay import Overlay
from tui.format import count, percent
from tui.widgets.image import PictureStyle, half_block_lines, halved
from tui.widgets.lines import Line, Lines, padded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Split
    from engine.data.statistics import Statistics
    from engine.evaluation.predictions import Predictions

    Fractions = npt.NDArray[np.float64]

BLOCKS = " ▁▂▃▄▅▆▇█"
BINS = 64  # of the histogram, 4 values each
PICTURE = 14  # cells of a mean image at half its size


class OverviewScreen(Overlay[None]):
    """Computed in a thread: half a second for 60,000 images."""

    AUTO_FOCUS = "#overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,o,q,enter", "dismiss", "Back", key_display="esc", id="overview.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="overview.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="overview.up"),
    ]

    def __init__(
        self,
        split: "Split",
        classes: tuple[str, ...],
        title: str,
        style: PictureStyle,
        predictions: "Predictions | None" = None,
    ) -> None:
        """`predictions`: a model's for the split."""
        super().__init__()
        self._predictions = predictions
        self._split, self._names, self._title, self._picture_style = split, classes, title, style

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="overview"):
            yield Static(f"{self._title}, {self._split.name}: counting …", id="heading", markup=False)
            yield ClassTable(id="classes")
            yield MeanImages(self._picture_style, id="means")
            yield Histogram(id="histogram")

    def on_mount(self) -> None:
        self._count()

    def action_scroll(self, lines: int) -> None:
        self.query_one("#overview").scroll_relative(y=lines, animate=False)

    @work(exclusive=True, group="overview")
    async def _count(self) -> None:
        from engine.data import statistics

        found = await asyncio.to_thread(statistics.of, self._split, len(self._names))
        if not self.query("#heading"):
            return  # closed meanwhile
        heading = (
            f"{self._title}, {self._split.name}: {count(len(self._split))} images in {len(self._names)} classes; "
            f"pixels: mean {found.mean:.2f}, std {found.std:.2f} (÷ 255: {found.mean / 255:.4f}, {found.std / 255:.4f})"
        )
        if len(found.channels) == 3:
            means, stds = (", ".join(f"{moments[which] / 255:.4f}" for moments in found.channels) for which in (0, 1))
            heading += f"; red, green, blue ÷ 255: means {means}, stds {stds}"
        correct = None
        if self._predictions is not None:
            heading += f"; predictions of {self._predictions.title}"
            correct = statistics.accuracies(self._split, self._predictions.predicted, len(self._names))
        self.query_one("#heading", Static).update(heading)
        self.query_one(ClassTable).show(found, self._names, correct)
        self.query_one(MeanImages).show(found, self._names)
        self.query_one(Histogram).show(found)


class ClassTable(Lines):
    """A bar for each class: how many images, and how much they differ from their mean image."""

    DEFAULT_CSS = "ClassTable { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._found: Statistics | None = None
        self._names: tuple[str, ...] = ()
        self._correct: Fractions | None = None

    def show(self, found: "Statistics", classes: tuple[str, ...], correct: "Fractions | None" = None) -> None:
        """`correct`: float [classes], the model's accuracy on each class."""
        self._found, self._names, self._correct = found, classes, correct
        self.styles.height = len(classes) + 2
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        if self._found is None:
            return []
        found, most = self._found, max(1, int(self._found.counts.max()))
        room = max(8, width - 52 - 8 * (self._correct is not None))
        columns = f"{'class':<18}{'images':>8}   {'share':>6}  {'spread':>6}"
        lines: list[Line] = [[], [(columns + (f"  {'correct':>7}" if self._correct is not None else ""), "dim")]]
        for label, name in enumerate(self._names):
            number = int(found.counts[label])
            share = number / max(1, int(found.counts.sum()))
            bar = "━" * round(room * number / most)
            lines.append(
                [
                    (f"{label:>2} {padded(name, 15)}", ""),
                    (f"{count(number):>8}   {100 * share:5.1f}%  {found.spread[label]:6.1f}  ", ""),
                    (f"{percent(float(self._correct[label])):>6}  " if self._correct is not None else "", "good"),
                    (bar, "train"),
                ]
            )
        return lines


class MeanImages(Widget):
    """The mean image of each class, with its name, as many beside one another as fit."""

    DEFAULT_CSS = "MeanImages { height: auto; width: 1fr; margin-top: 1; }"

    def __init__(self, style: PictureStyle, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._style: PictureStyle = style
        self._pictures: list[list[list[Segment]]] = []
        self._names: tuple[str, ...] = ()

    def show(self, found: "Statistics", classes: tuple[str, ...]) -> None:
        import numpy as np

        self._names = classes
        means = found.mean_images.round().astype(np.uint8)
        self._pictures = [half_block_lines(halved(image), self._style) for image in means]
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        base, columns = self.rich_style, self._columns
        row, line = divmod(y, PICTURE // 2 + 1)
        segments: list[Segment] = []
        for label in range(row * columns, min((row + 1) * columns, len(self._pictures))):
            if line < PICTURE // 2:
                segments += self._pictures[label][line]
            else:
                segments.append(Segment(padded(self._names[label], PICTURE), base))
            segments.append(Segment("  ", base))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    @property
    def _columns(self) -> int:
        return max(1, (self.size.width + 2) // (PICTURE + 2))

    def _lay_out(self) -> None:
        rows = -(-len(self._pictures) // self._columns)
        self.styles.height = rows * (PICTURE // 2 + 1)
        self.refresh(layout=True)


class Histogram(Lines):
    """How many pixels have which value, without the zeros, which are half of all."""

    DEFAULT_CSS = "Histogram { height: 8; width: 1fr; margin-top: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._found: Statistics | None = None

    def show(self, found: "Statistics") -> None:
        self._found = found
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        if self._found is None:
            return []
        histogram = self._found.histogram
        total, zeros = int(histogram.sum()), int(histogram[0])
        counts = histogram.copy()
        counts[0] = 0
        bins = counts.reshape(BINS, -1).sum(axis=1)
        most, rows = max(1, int(bins.max())), height - 3
        heights = [int(8 * rows * int(number) / most + 0.5) for number in bins]
        lines: list[Line] = [
            [("pixels by value, 1 to 255", "strong"), (f"   0: {100 * zeros / max(1, total):.1f}% of all", "dim")]
        ]
        for row in range(rows - 1, -1, -1):
            text = "".join(BLOCKS[max(0, min(8, level - 8 * row))] for level in heights)
            lines.append([(text, "train")])
        lines.append([("└" + "─" * (BINS - 2) + "┘", "dim")])
        lines.append([(f"{'1':<{BINS // 2 - 2}}{'128':<{BINS // 2 - 1}}{'255':>3}", "dim")])
        return lines
