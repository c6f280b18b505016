"""What shows a tensor's values, in one room: numbers, a map, pictures, charts."""

from textual.app import ComposeResult
from textual.containers import Container
from textual.css.scalar import Scalar
from textual.message import Message
from textual.widget import Widget

from tui.graphics.pictures import Pictures
from tui.model.tensor_charts import TensorCharts
from tui.model.tensor_plan import NONE, Plan, Size
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap
from tui.widgets.image_page import ImagePage


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

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    @property
    def room(self) -> Size:
        """Cells across, and lines."""
        width, height = self.content_size
        return width, height

    def share(self, plan: Plan) -> None:
        """Have the parts stand where the plan has them."""
        parts: tuple[type[Widget], ...] = (Cells, HeatMap, ImagePage, TensorCharts)
        for part, region in zip(parts, (plan.numbers, plan.map, plan.pictures, plan.charts), strict=True):
            widget = self.query_exactly_one(part)
            widget.display = region != NONE
            if region != NONE:
                widget.styles.offset = region.offset
                for name, cells in zip(("width", "height"), region.size, strict=True):
                    if getattr(widget.styles, name) != Scalar.from_number(cells):
                        setattr(widget.styles, name, cells)
