"""The sum behind one output of a layer, term by term."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError, InspectionError
from engine.inspection.untyped import ask_untyped
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen
from tui.services import Services
from tui.widgets.heatmap import HeatMap
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    pass

COLUMNS = (
    Column("input", -16),
    Column("input × weight", 14, right=True),
    Column("input", 12, right=True),
    Column("weight", 12, right=True),
    Column("sum so far", 12, right=True),
)


class ContributionsScreen(Screen[None]):
    """The largest products first."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,equals_sign", "dismiss", "Back", key_display="esc", id="terms.back"),
        Binding("right,l,n", "output(1)", "Next output", id="terms.next"),
        Binding("left,h,p", "output(-1)", "Output before", show=False, id="terms.previous"),
        Binding("down,j", "move(1)", "Down", show=False, id="terms.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="terms.up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="terms.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="terms.page_up"),
        Binding("slash,i", "find", "Output", key_display="/", id="terms.find", tooltip="by its number"),
        Binding("m", "largest", "Largest", id="terms.largest", tooltip="the largest output"),
    ]

    def __init__(self, services: Services, values: dict[str, Any], stage: int) -> None:
        """`values`: of the requests about the network and the image."""
        super().__init__()
        self._services = services
        self._values, self._stage = values, stage
        self._output: int | None = None  # None: the largest
        self._answer: dict[str, Any] | None = None

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        yield HeatMap(self._services.picture_style, id="products")
        yield Rows(COLUMNS, id="terms")
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    @work(group="terms", exclusive=True)
    async def _ask(self) -> None:
        asked = {
            **self._values, "stage": self._stage, "output": self._output,
            "rows": min(28, self.size.height), "columns": max(1, self.size.width - 2),
        }  # fmt: skip
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "terms", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            self.dismiss()
            return
        if not self.query(Rows):
            return
        told = self._answer = answer.values
        self._output = told["output"]
        place = ", ".join(map(str, told["place"]))
        self.query_one("#about", Static).update(
            Content.assemble(
                (f"{told['name']} {told['type']}, output [{place}]", "bold"),
                f" ({fmt.count(told['output'])} of {fmt.count(told['outputs'])})\n",
                f"{told['value']:.6g} = {told['positive']:.6g} (products above 0) − {-told['negative']:.6g} (below) "
                f"{'+' if told['bias'] >= 0 else '−'} {abs(told['bias']):.6g} (bias); "
                f"{fmt.count(told['count'])} products input × weight: {self.query_one(HeatMap).legend}",
            )
        )
        so_far, rows = (
            told["bias"],
            [Row("bias", ("bias", f"{told['bias']:.6g}", "", "", f"{told['bias']:.6g}"), "dim")],
        )
        for name, given, weight, product in told["terms"]:
            so_far += product
            rows.append(Row(name, (name, f"{product:.6g}", f"{given:.6g}", f"{weight:.6g}", f"{so_far:.6g}")))
        left = told["count"] - len(told["terms"])
        if left:
            rows.append(
                Row(
                    "rest",
                    (f"{fmt.count(left)} more", f"{told['sum'] - so_far:.6g}", "", "", f"{told['sum']:.6g}"),
                    "dim",
                )
            )
        self.query_one(Rows).show(rows)
        products = answer.arrays["products"]
        picture = self.query_one(HeatMap)
        picture.styles.height = (len(products) + 1) // 2
        picture.show(products, gaps=True)

    def action_output(self, by: int) -> None:
        if self._answer is not None:
            self._output = (self._answer["output"] + by) % self._answer["outputs"]
            self._ask()

    def action_largest(self) -> None:
        self._output = None
        self._ask()

    def action_move(self, by: int) -> None:
        self.query_one(Rows).move(by)

    def action_page(self, by: int) -> None:
        self.query_one(Rows).move(by * self.query_one(Rows).room)

    def action_find(self) -> None:
        outputs = self._answer["outputs"] if self._answer is not None else 0

        def check(text: str) -> str:
            if not text.strip().isdecimal() or int(text) >= outputs:
                raise InspectionError(f"give a number from 0 to {outputs - 1}")
            return f"output {int(text)} of {fmt.count(outputs)}"

        def asked(text: str | None) -> None:
            if text is not None:
                self._output = int(text)
                self._ask()

        about = "Its number in the layer's output, of one channel after another."
        self.app.push_screen(PromptScreen("Which output?", about, check, value=str(self._output or 0)), asked)
