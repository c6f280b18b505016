"""What shows a tensor's values, in one room: numbers, a map, pictures, charts, few numbers exactly."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.css.scalar import Scalar
from textual.message import Message
from textual.widget import Widget

from tui.graphics.pictures import Pictures
from tui.model.exact_lines import ExactNumbers
from tui.model.tensor_charts import TensorCharts
from tui.model.tensor_plan import NONE, Plan, Size
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap
from tui.widgets.image_page import ImagePage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.inspection.tensor_requests import TensorWindow
    from engine.inspection.tensor_stats import TensorStats


class TensorParts(Container):
    """Which of them are shown, and how large, a `Plan` says."""

    DEFAULT_CSS = """
    TensorParts {
        height: 1fr;
        margin: 0 1;

        & > * {
            position: absolute;
        }
    }
    """

    class Resized(Message):
        """There is more room, or less."""

    def __init__(self, pictures: Pictures) -> None:
        super().__init__()
        self._pictures = pictures

    def compose(self) -> ComposeResult:
        yield Cells()
        yield HeatMap(self._pictures.cells)
        yield ImagePage(self._pictures)
        yield TensorCharts()
        yield ExactNumbers()

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_cells_short(self, event: Cells.Short) -> None:
        """The cells get their size after the parts: what was asked for meanwhile was for the one before."""
        event.stop()
        self.post_message(self.Resized())

    @property
    def room(self) -> Size:
        """Cells across, and lines."""
        width, height = self.content_size
        return width, height

    def tell(
        self,
        window: "TensorWindow",
        stats: "TensorStats | None",
        histogram: "npt.NDArray[np.int64] | None",
        bars: tuple[float, ...],
    ) -> None:
        """What charts and exact numbers show. `bars`: of a vector the values in order, or means of its parts."""
        counts = [] if stats is None or histogram is None else histogram.tolist()
        ends = (0.0, 0.0) if stats is None else (stats.min or 0.0, stats.max or 0.0)
        self.query_one(TensorCharts).show(counts, ends, bars, window.width)
        kind = window.about.number or window.about.dtype.removeprefix("torch.")
        self.query_one(ExactNumbers).show(window.numbers, kind)

    def share(self, plan: Plan) -> None:
        """Have the parts stand where the plan has them."""
        parts: tuple[type[Widget], ...] = (Cells, HeatMap, ImagePage, TensorCharts, ExactNumbers)
        regions = plan.numbers, plan.map, plan.pictures, plan.charts, plan.exact
        for part, region in zip(parts, regions, strict=True):
            widget = self.query_exactly_one(part)
            widget.display = region != NONE
            if region != NONE:
                widget.styles.offset = region.offset
                for name, cells in zip(("width", "height"), region.size, strict=True):
                    if getattr(widget.styles, name) != Scalar.from_number(cells):
                        setattr(widget.styles, name, cells)
