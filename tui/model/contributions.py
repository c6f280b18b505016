"""The sum behind one output of a layer: the product of each input and its weight."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from engine.digits import significant
from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.forward_requests import Contributions, ContributionsRequest
from engine.inspection.image_requests import ImageRef
from engine.sources import NetworkRef
from tui import format as fmt
from tui.detail.waiting import waiting
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind, move_keys
from tui.model import prompts
from tui.services import Services
from tui.widgets.heatmap import HeatMap
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

COLUMNS = (
    Column("index", -16),
    Column("input × weight", 14, right=True),
    Column("input", 12, right=True),
    Column("weight", 12, right=True),
    Column("running sum", 12, right=True),
)
ROWS = 28  # of the picture of the products, at most, where it stands above the list
WIDE = 110  # columns from which on it stands beside the list
LIST = 76  # columns of the list then


class ContributionsScreen(KeyScreen[None]):
    """The largest products first."""

    AUTO_FOCUS = "#sum"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("contributions", "back", "Back", action="dismiss"),
        bind("contributions", "next", "Next output", action="output(1)"),
        bind("contributions", "previous", "Previous output", action="output(-1)"),
        bind("contributions", "right", "Next output", action="output(1)", show=False),
        bind("contributions", "left", "Previous output", action="output(-1)", show=False),
        *move_keys("contributions"),
        bind("contributions", "go_to", "Output", "by its index", action="find"),
        bind("contributions", "largest", "Largest", "the largest output"),
    ]

    def __init__(self, services: Services, network: NetworkRef, image: ImageRef, stage: int) -> None:
        """Of the stage's output, for this image."""
        super().__init__()
        self._services = services
        self._network, self._image, self._stage = network, image, stage
        self._output: int | None = None  # None: the largest
        self._answer: Contributions | None = None

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        with Panel(id="sum", title="Sum behind an output"):
            yield Static(id="about", markup=False)
            with Container(id="parts"):
                yield HeatMap(self._services.pictures.cells, id="products")
                yield Rows(COLUMNS, id="contributions")
        yield KeyLine()

    def on_mount(self) -> None:
        self._arrange()
        self.call_after_refresh(self._ask)

    def on_resize(self) -> None:
        self._arrange()
        if self._answer is not None:
            self.call_after_refresh(self._ask)

    def _arrange(self) -> None:
        """The picture beside the list where there is room, else above it."""
        self.query_one("#parts").set_class(self.size.width >= WIDE, "-wide")

    @property
    def _room(self) -> tuple[int, int]:
        """Rows and columns of the picture, at most: two rows a line."""
        parts = self.query_one("#parts").size
        if self.size.width >= WIDE:
            return 2 * parts.height, parts.width - LIST - 2
        return min(ROWS, self.size.height), parts.width - 2

    @work(group="contributions", exclusive=True)
    async def _ask(self) -> None:
        rows, columns = self._room
        request = ContributionsRequest(
            self._network, self._image, self._stage, self._output, rows=max(2, rows), columns=max(1, columns)
        )
        self.query_one(Panel).busy(waiting(self._services.worker, "computing …"))
        try:
            answer = await asyncio.to_thread(self._services.worker.ask, request)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            self.dismiss()
            return
        finally:
            if self.is_mounted:
                self.query_one(Panel).busy("")
        if self.query(Rows):
            self._answer, self._output = answer, answer.output
            self._show(answer)

    def _show(self, answer: Contributions) -> None:
        picture = self.query_one(HeatMap)
        wide = self.size.width >= WIDE
        picture.styles.height = "1fr" if wide else (len(answer.products) + 1) // 2
        picture.styles.width = answer.products.shape[1] if wide else "1fr"
        picture.show(answer.products, gaps=True)
        place = ", ".join(map(str, answer.place))
        sign = "+" if answer.bias >= 0 else "−"
        outputs = f"output {fmt.count(answer.output)} of {fmt.count(answer.outputs)}"
        self.query_one(Panel).describe(
            title=f"{answer.name} {answer.type}, output [{place}]",
            right=outputs,
            below=f"{fmt.counted(answer.count, 'product')} input × weight",
            below_right=picture.legend,
        )
        text = (
            f"{significant(answer.value)} = {significant(answer.positive)} (products above 0) − "
            f"{significant(-answer.negative)} (below) {sign} {significant(abs(answer.bias))} (bias)"
        )
        update_text(self, "#about", text)
        self.query_one(Rows).show(_rows(answer))

    def action_output(self, by: int) -> None:
        if self._answer is not None:
            self._output = (self._answer.output + by) % self._answer.outputs
            self._ask()

    def action_largest(self) -> None:
        self._output = None
        self._ask()

    def action_move(self, by: int) -> None:
        self.query_one(Rows).move(by)

    def action_page(self, by: int) -> None:
        self.query_one(Rows).move(by * self.query_one(Rows).room)

    def action_end(self, which: int) -> None:
        self.query_one(Rows).move(which * len(self.query_one(Rows).rows))

    @work(group="prompt")
    async def action_find(self) -> None:
        if self._answer is None:
            return
        shape, place = self._answer.shape, self._answer.place
        if (text := await self.app.push_screen_wait(prompts.output(shape, place))) is not None:
            self._output = prompts.output_number(text, shape)
            self._ask()


def _rows(answer: Contributions) -> list[Row]:
    """The bias, the largest products, and the rest together."""
    total = answer.bias
    rows = [Row("bias", ("bias", significant(total, 6), "", "", significant(total, 6)), "dim")]
    for one in answer.largest:
        total += one.product
        cells = (
            one.input,
            significant(one.product, 6),
            significant(one.value, 6),
            significant(one.weight, 6),
            significant(total, 6),
        )
        rows.append(Row(one.input, cells))
    if left := answer.count - len(answer.largest):
        cells = (f"{fmt.count(left)} more", significant(answer.sum - total, 6), "", "", significant(answer.sum, 6))
        rows.append(Row("rest", cells, "dim"))
    return rows
