"""The sum behind one output of a layer: the product of each input and its weight."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.forward_requests import Contributions, ContributionsRequest
from engine.inspection.image_requests import ImageRef
from engine.sources import NetworkRef
from tui import format as fmt
from tui.model import prompts
from tui.services import Services
from tui.widgets.heatmap import HeatMap
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

COLUMNS = (
    Column("index", -16),
    Column("input × weight", 14, right=True),
    Column("input", 12, right=True),
    Column("weight", 12, right=True),
    Column("running sum", 12, right=True),
)
ROWS = 28  # of the picture of the products, at most


class ContributionsScreen(Screen[None]):
    """The largest products first."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,equals_sign", "dismiss", "Back", key_display="esc", id="contributions.back"),
        Binding("right,l,n", "output(1)", "Next output", id="contributions.next"),
        Binding("left,h,p", "output(-1)", "Previous output", show=False, id="contributions.previous"),
        Binding("down,j", "move(1)", "Down", show=False, id="contributions.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="contributions.up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="contributions.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="contributions.page_up"),
        Binding("slash,i", "find", "Output", key_display="/", id="contributions.find", tooltip="by its index"),
        Binding("m", "largest", "Largest", id="contributions.largest", tooltip="the largest output"),
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
        yield Static(id="about", markup=False)
        yield HeatMap(self._services.picture_style, id="products")
        yield Rows(COLUMNS, id="contributions")
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    @work(group="contributions", exclusive=True)
    async def _ask(self) -> None:
        request = ContributionsRequest(
            self._network,
            self._image,
            self._stage,
            self._output,
            rows=min(ROWS, self.size.height),
            columns=max(1, self.size.width - 2),
        )
        try:
            answer = await asyncio.to_thread(self._services.worker.ask, request)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            self.dismiss()
            return
        if self.query(Rows):
            self._answer, self._output = answer, answer.output
            self._show(answer)

    def _show(self, answer: Contributions) -> None:
        picture = self.query_one(HeatMap)
        picture.styles.height = (len(answer.products) + 1) // 2
        picture.show(answer.products, gaps=True)
        place = ", ".join(map(str, answer.place))
        sign = "+" if answer.bias >= 0 else "−"
        self.query_one("#about", Static).update(
            Content.assemble(
                (f"{answer.name} {answer.type}, output [{place}]", "bold"),
                f" ({fmt.count(answer.output)} of {fmt.count(answer.outputs)})\n",
                f"{answer.value:.6g} = {answer.positive:.6g} (products above 0) − {-answer.negative:.6g} (below) "
                f"{sign} {abs(answer.bias):.6g} (bias); "
                f"{fmt.count(answer.count)} products input × weight: {picture.legend}",
            )
        )
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
    rows = [Row("bias", ("bias", f"{total:.6g}", "", "", f"{total:.6g}"), "dim")]
    for one in answer.largest:
        total += one.product
        cells = (one.input, f"{one.product:.6g}", f"{one.value:.6g}", f"{one.weight:.6g}", f"{total:.6g}")
        rows.append(Row(one.input, cells))
    if left := answer.count - len(answer.largest):
        cells = (f"{fmt.count(left)} more", f"{answer.sum - total:.6g}", "", "", f"{answer.sum:.6g}")
        rows.append(Row("rest", cells, "dim"))
    return rows
