"""One tensor: its values, a map of them, its figures, and pictures of its parts."""

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
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap, colours, spark
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.worker.request import Answer

MODES = ("values", "map", "pictures")
SHOWN = dict(zip(MODES, ("#cells", "#map", "#pictures"), strict=True))  # the widget of each


class TensorScreen(Screen[None]):
    """Asks the worker process for what is in view, never for the whole tensor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", key_display="esc", id="tensor.back"),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="tensor.right"),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="tensor.left"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="tensor.down"),
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="tensor.up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="tensor.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="tensor.page_up"),
        Binding("home,g", "corner(-1)", "First", show=False, id="tensor.first"),
        Binding("end,G", "corner(1)", "Last", show=False, id="tensor.last"),
        Binding("slash,colon", "slice", "Slice", key_display="/", id="tensor.slice", tooltip="[0, :, 3:9], .T, …"),
        Binding("v", "mode", "Values/map/pictures", id="tensor.mode", tooltip="the next way to look at it"),
        Binding("n", "matrix(1)", "Next matrix", id="tensor.next", tooltip="of more than two dimensions"),
        Binding("p", "matrix(-1)", "Previous matrix", show=False, id="tensor.previous"),
        Binding("t", "transpose", "Transpose", show=False, id="tensor.transpose"),
        Binding("y", "copy", "Copy value", show=False, id="tensor.copy", tooltip="to your clipboard (OSC 52)"),
        Binding("Y", "copy_code", "Copy code", show=False, id="tensor.copy_code", tooltip="the Python expression"),
    ]

    def __init__(self, services: Services, about: dict[str, Any], name: str) -> None:
        """`about`: of the requests about the network; `name`: of the tensor."""
        super().__init__()
        self._services = services
        self._values, self._tensor = about, name
        self._view, self._matrix, self._mode = "", 0, MODES[0]
        self._answer: dict[str, Any] | None = None
        self._figures: dict[str, Any] | None = None
        self._share = 0.0  # of the work for the figures of a large tensor
        self._histogram: Any = None
        self._first = 0  # of the pictures
        self._total = 0

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        yield Cells(id="cells")
        yield HeatMap(self._services.picture_style, id="map")
        yield ImagePage(self._services.picture_style, id="pictures")
        yield Static(id="value", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(None)
        self._arrange()
        self.call_after_refresh(self._ask, whole=True)

    def on_resize(self) -> None:
        if self._answer is not None:
            self._ask()

    @property
    def _cells(self) -> Cells:
        return self.query_one(Cells)

    # Asking

    @work(group="tensor", exclusive=True)
    async def _ask(self, *, whole: bool = False, before: str | None = None) -> None:
        """`whole`: it is another view. `before`: the view to go back to where this one can't be made."""
        cells = self._cells
        area = next(self.query_one(one).size for one in SHOWN.values() if self.query_one(one).display)
        top, left, rows, columns = cells.window
        asked = {
            **self._values, "name": self._tensor, "view": self._view, "page": self._matrix, "row": top,
            "column": left, "rows": rows, "columns": columns, "whole": whole,
        }  # fmt: skip
        if self._mode == "map":
            asked |= {"map_rows": 2 * max(1, area.height), "map_columns": max(1, area.width)}
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "tensor", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            if before is not None:
                self._view = before
                self.notify(str(error), severity="error", timeout=12, markup=False)
            else:
                self._say("#about", Content.styled(str(error), "$text-error"))
            return
        self._take(answer, top, left, whole)

    def _take(self, answer: "Answer", top: int, left: int, whole: bool) -> None:
        if not self.query(Cells):
            return  # closed meanwhile
        self._answer = answer.values
        if whole:
            self._figures, self._histogram = answer.values["figures"], answer.arrays["histogram"]
            self._share = 0.0
            if self._figures is None:
                self._ask_figures()
        with self.app.batch_update():  # drawn once
            self._cells.take(answer.values["height"], answer.values["width"], top, left, answer.values["cells"])
            if "map" in answer.arrays:
                self.query_one(HeatMap).show(answer.arrays["map"])
            self._arrange()
            self._tell()

    @work(group="figures", exclusive=True)
    async def _ask_figures(self) -> None:
        """Of a large tensor: bit by bit, so that keys are answered in between."""
        view = self._view
        asked = {**self._values, "name": self._tensor, "view": view}
        done = False
        while not done and self._view == view:
            try:
                answer = await asyncio.to_thread(ask_untyped, self._services.worker, "figures", asked)
            except EngineError:
                return  # cancelled; or said already
            if not self.query(Cells):
                return
            done, share = answer.values["done"], answer.values["share"]
            if done:
                self._figures, self._histogram = answer.values["figures"], answer.arrays["histogram"]
            if done or share - self._share >= 0.1:
                self._share = share
                self._tell()

    @work(group="pictures", exclusive=True)
    async def _ask_pictures(self) -> None:
        page = self.query_one(ImagePage)
        asked = {**self._values, "name": self._tensor, "first": self._first, "count": page.capacity}
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "pictures", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            self._switch("values")
            return
        if not self.query(ImagePage):
            return
        limit = answer.values["limit"]
        parts = answer.arrays["pictures"]
        captions = answer.values["captions"]
        page.show([Tile(colours(part, limit), words) for part, words in zip(parts, captions, strict=True)], 0)
        self._total = answer.values["total"]
        self._tell()

    def on_image_page_resized(self) -> None:
        if self._mode == "pictures":
            self._ask_pictures()

    # Showing

    def _tell(self) -> None:
        answer = self._answer
        if answer is None:
            return
        about, figures = answer["about"], self._figures
        shape = ", ".join(map(str, answer["shape"]))
        stride = "" if about["stride"] is None else f", stride {tuple(about['stride'])}, offset {about['offset']}"
        storage = "" if about["storage_bytes"] is None else f", storage {fmt.size(about['storage_bytes'])}"
        shares = ", a view of it" if self._view and about["shares"] else ", a copy" if self._view else ""
        gradient = f", grad_fn {about['grad_fn']}" if about["grad_fn"] else ""
        lines = [
            (f"{answer['expression']}  [{shape}]\n", "bold"),
            (
                f"{about['dtype']}, {about['device']}{stride}, {'' if about['contiguous'] else 'not '}contiguous"
                f"{storage}{shares}, requires_grad {about['requires_grad']}{gradient}\n",
                "",
            ),
            (self._figure_words(figures), ""),
        ]
        self._say("#about", Content.assemble(*lines))
        self._say("#value", Content(self._value_words(answer)))
        self.refresh_bindings()

    def _figure_words(self, figures: dict[str, Any] | None) -> str:
        if figures is None:
            return f"the figures are being computed: {100 * self._share:.0f}%"
        if figures["mean"] is None:
            return "no values (meta device)" if figures["device"] == "meta" else "no finite values"
        told = ", ".join(f"{name} {figures[name]:.4g}" for name in ("mean", "std", "min", "max", "norm"))
        odd = "".join(f", {figures[name]} {name}" for name in ("nan", "inf") if figures[name])
        return f"{told}, zeros {100 * figures['zeros']:.1f}%{odd}  {spark(self._histogram)}"

    def _value_words(self, answer: dict[str, Any]) -> str:
        if self._mode == "pictures":
            page = self.query_one(ImagePage)
            last = min(self._total, self._first + page.capacity)
            shown = f"parts {self._first}–{last - 1} of {fmt.count(self._total)}"
            return f"{shown}: blue below 0, red above, one scale for all"
        matrices = f", matrix {self._matrix + 1} of {fmt.count(answer['pages'])}" if answer["pages"] > 1 else ""
        size = f"{fmt.count(answer['height'])} × {fmt.count(answer['width'])}"
        if self._mode == "map":
            legend = self.query_one(HeatMap).legend
            return f"map of {size}{matrices}: {legend}; each cell the mean of what it covers"
        cells = self._cells
        return f"[{cells.row}, {cells.column}] = {cells.value}   of {size}{matrices}"

    def _say(self, selector: str, content: Content) -> None:
        for line in self.query(selector).results(Static):
            if str(line.content) != str(content):
                line.update(content)

    def _arrange(self) -> None:
        for mode, selector in SHOWN.items():
            if self.query_one(selector).display != (mode == self._mode):
                self.query_one(selector).display = mode == self._mode

    def _switch(self, mode: str) -> None:
        self._mode = mode
        if mode == "pictures":  # how many depends on its size, which it has once it is shown
            self._arrange()
            self.call_after_refresh(self._ask_pictures)
        else:
            self._ask()  # shown when it is there: once

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "matrix":
            return True if self._answer is not None and self._answer["pages"] > 1 else None
        return True

    def action_close(self) -> None:
        self.dismiss()

    def action_move(self, rows: int, columns: int) -> None:
        if self._mode == "pictures":
            self._turn(rows + columns)
        elif self._mode == "values":
            self._ask() if self._cells.move(rows, columns) else self._tell()

    def action_page(self, by: int) -> None:
        if self._mode == "pictures":
            self._turn(by)
        else:
            self.action_move(by * self._cells.window[2], 0)

    def action_corner(self, which: int) -> None:
        if self._mode == "pictures":
            self._first = 0 if which < 0 else max(0, self._total - 1)
            self._turn(0)
            return
        cells = self._cells
        self.action_move(which * cells.height, which * cells.width)

    def _turn(self, by: int) -> None:
        capacity = self.query_one(ImagePage).capacity
        first = self._first // capacity * capacity + by * capacity
        if 0 <= first < max(1, self._total):
            self._first = first
            self._ask_pictures()

    def action_mode(self) -> None:
        self._switch(MODES[(MODES.index(self._mode) + 1) % len(MODES)])

    def action_matrix(self, by: int) -> None:
        if self._answer is not None:
            self._matrix = (self._matrix + by) % self._answer["pages"]
            self._ask()

    def action_transpose(self) -> None:
        self._look(self._view.removesuffix(".mT") if self._view.endswith(".mT") else f"{self._view}.mT")

    def action_slice(self) -> None:
        def check(text: str) -> str:
            if text.count("[") != text.count("]") or text.count("(") != text.count(")"):
                raise InspectionError("a bracket is missing")
            return f"{self._tensor}{text.strip()}"

        def asked(text: str | None) -> None:
            if text is not None:
                self._look(text.strip())

        about = (
            "As in Python: [0, :, 3:9, ::2], [..., -1], [:, None]; .T .mT .transpose(0, 1) .reshape(28, 28) .flatten() "
            ".abs() .mean(dim=0), one after another; or, with t for the tensor: t @ t.T, t * 2, t[t > 0], "
            "torch.cat([t, t], dim=1). Empty: the whole tensor."
        )
        self.app.push_screen(PromptScreen("Which part of it?", about, check, value=self._view), asked)

    def _look(self, view: str) -> None:
        before, self._view, self._matrix = self._view, view, 0
        self._cells.begin()
        self._ask(whole=True, before=before)

    def action_copy(self) -> None:
        if self._cells.value:
            self.app.copy_to_clipboard(self._cells.value)
            self.notify(f"copied: {self._cells.value}", timeout=2, markup=False)

    def action_copy_code(self) -> None:
        if self._answer is not None:
            self.app.copy_to_clipboard(self._answer["expression"])
            self.notify(f"copied: {self._answer['expression']}", timeout=2, markup=False)
