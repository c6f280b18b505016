"""One tensor: its values, a map of them, its statistics, and pictures of its parts."""

import asyncio
from typing import TYPE_CHECKING, ClassVar, get_args

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine.errors import BugError, EngineError, InspectionCancelledError
from engine.inspection.expressions import transposed
from engine.inspection.tensor_refs import TensorRef
from engine.inspection.tensor_requests import PicturesRequest, StatsRequest, TensorRequest, TensorWindow
from engine.inspection.tensor_stats import TensorStats
from tui import format as fmt
from tui.detail.waiting import waiting
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind
from tui.model import prompts, tensor_text
from tui.model.tensor_charts import bars_in
from tui.model.tensor_parts import TensorParts
from tui.model.tensor_plan import MATRICES, NONE, Mode, Plan, of_a_vector, of_few, of_matrices, whole
from tui.services import Asks, Services
from tui.widgets.cells import Cells, Window
from tui.widgets.heatmap import HeatMap, colours, legend
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MODES: tuple[Mode, ...] = get_args(Mode)


class TensorScreen(KeyScreen[None]):
    """Asks the worker process for what is in view, never for the whole tensor."""

    AUTO_FOCUS = "#tensor"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("tensor", "back", "Back", action="close"),
        bind("tensor", "right", "Right", action="move(0, 1)", show=False),
        bind("tensor", "left", "Left", action="move(0, -1)", show=False),
        bind("tensor", "down", "Down", action="move(1, 0)", show=False),
        bind("tensor", "up", "Up", action="move(-1, 0)", show=False),
        bind("tensor", "page_down", "Page down", action="page(1)", show=False),
        bind("tensor", "page_up", "Page up", action="page(-1)", show=False),
        bind("tensor", "first", "First", action="corner(-1)", show=False),
        bind("tensor", "last", "Last", action="corner(1)", show=False),
        bind("tensor", "filter", "Slice", "[0, :, 3:9], .T, …", action="slice"),
        bind("tensor", "view", "Values/map/pictures", "the next way to look at it", action="mode"),
        bind("tensor", "next", "Next matrix", "of more than two dimensions", action="matrix(1)"),
        bind("tensor", "previous", "Previous matrix", action="matrix(-1)", show=False),
        bind("tensor", "axes", "Transpose", action="transpose", show=False),
        bind("tensor", "copy", "Copy value", "to your clipboard (OSC 52)", show=False),
        bind("tensor", "export", "Copy code", "the Python expression", action="copy_code", show=False),
    ]

    def __init__(
        self, services: Services, tensor: TensorRef, *, asks: Asks | None = None, pictures: bool = False
    ) -> None:
        """`asks`: who knows the tensor; None: the worker process. `pictures`: begin with those of its parts."""
        super().__init__()
        self._services, self._tensor = services, tensor
        self._asks: Asks = services.worker if asks is None else asks
        self._pictures_first = pictures
        self._view, self._matrix = "", 0
        self._mode: Mode = "values"
        self._plan = Plan()  # of what is shown
        self._map_width = 0  # cells that a map takes which has all the room; 0: not known
        self._bars = tuple[float, ...]()  # the values of a vector, or the means of its parts
        self._window: TensorWindow | None = None
        self._shown: str | None = None  # the view that `_window` is of
        self._stats: TensorStats | None = None
        self._histogram: npt.NDArray[np.int64] | None = None
        self._share = 0.0  # of the work for the statistics of a large tensor
        self._first = 0  # of the pictures
        self._total = 0
        self._pictures_legend = ""

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        with Panel(id="tensor", title=str(self._tensor)):
            yield Static(id="about", markup=False)
            yield TensorParts(self._services.pictures)
            yield Static(id="value", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.call_after_refresh(self._ask)
        if self._pictures_first:
            self.call_after_refresh(self._switch, "pictures")

    def on_tensor_parts_resized(self) -> None:
        if self._window is not None:
            self._ask()

    @property
    def _cells(self) -> Cells:
        return self.query_one(Cells)

    @property
    def _parts(self) -> TensorParts:
        return self.query_one(TensorParts)

    # Asking

    @work(group="tensor", exclusive=True)
    async def _ask(self) -> None:
        """The window, and of another view also its statistics. Where a view can't be made, the one that is shown takes
        its place."""
        view = self._view
        whole = view != self._shown
        request = self._request(view, whole=whole)
        panel = self.query_one(Panel)
        if self._window is None:
            panel.busy(waiting(self._asks, "reading its values …"), empty=True)
        try:
            window = await asyncio.to_thread(self._asks.ask, request)
        except InspectionCancelledError:
            return
        except EngineError as error:
            if self._shown is not None and view != self._shown:
                self._view = self._shown
                self.notify(str(error), severity="error", timeout=12, markup=False)
            else:
                panel.say(Content.styled(str(error), "$text-error"))
            return
        finally:
            if self.is_mounted:
                panel.busy("")
        if self.query(Cells):
            self._shown = view
            self._take(window, request)
            if whole and self._mode == "pictures":
                self._ask_pictures()
            self.call_after_refresh(self._ask_for_more, request)

    def _request(self, view: str, *, whole: bool) -> TensorRequest:
        """For what is in view now, and the map or the bars of the room they have."""
        top, left, rows, columns = self._cells.window
        shares = self._planned()
        across, lines = self._parts.room if self._mode == "map" else shares.map.size
        if self._vector and self._window is not None:
            across, lines = min(self._window.width, bars_in(shares.charts.width)), min(1, shares.charts.height)
        return TensorRequest(
            self._tensor,
            view,
            page=self._matrix,
            row=top,
            column=left,
            rows=rows,
            columns=columns,
            map_rows=lines if self._vector else 2 * lines,
            map_columns=across if lines else 0,
            whole=whole,
        )

    def _ask_for_more(self, asked: TensorRequest) -> None:
        """Where other values are in view since the room has been shared, or another map fits."""
        if self._view != self._shown or not self.query(Cells):
            return
        more = self._request(self._view, whole=False)
        had: Window = asked.row, asked.column, asked.rows, asked.columns
        numbers = self._plan.numbers != NONE
        if (numbers and (self._cells.move(0, 0) or not self._cells.holds(had))) or (
            more.map_rows,
            more.map_columns,
        ) != (asked.map_rows, asked.map_columns):
            self._ask()
        elif self._pictures_below:
            self._show_matrix()

    @property
    def _vector(self) -> bool:
        return self._window is not None and len(self._window.shape) == 1 < self._window.width

    @property
    def _pictures_below(self) -> bool:
        return self._mode == "values" and self._plan.pictures != NONE

    def _planned(self) -> Plan:  # of the room there is
        window, room, mode = self._window, self._parts.room, self._mode
        if window is not None and window.numbers and mode == "values":
            return of_few(room, self._cells.needs(*room), window.height * window.width * window.pages)
        if window is None or not window.cells or window.height * window.width < 2:  # one number, or none
            return whole("pictures" if mode == "pictures" else "values", room)
        numbers = self._cells.needs(*room)
        if mode != "pictures" and self._vector:
            return of_a_vector(mode, room, numbers)
        pictured = window.pages > 1 and len(window.shape) in MATRICES
        shape = window.width, window.height
        return of_matrices(mode, room, numbers, shape, pictured=pictured, map_width=self._map_width)

    def _show_matrix(self) -> None:
        """Mark the matrix whose numbers are shown."""
        page = self.query_one(ImagePage)
        first = self._matrix // page.capacity * page.capacity
        if first != self._first or not self._total:
            self._first = first
            self._ask_pictures()
        else:
            page.move(self._matrix - first)

    def _take(self, window: TensorWindow, request: TensorRequest) -> None:
        self._window = window
        if request.whole:
            self._stats, self._histogram, self._share = window.stats, window.histogram, 0.0
            if self._stats is None:
                self._ask_stats()
        with self.app.batch_update():  # drawn once
            self._cells.take(
                window.height, window.width, request.row, request.column, window.cells, vector=self._vector
            )
            self._bars = ()
            if window.map is not None and self._vector:
                self._bars = tuple(window.map[0].tolist())
            elif window.map is not None:
                self._map_width = window.map.shape[1] if self._mode == "map" else 0
                self.query_one(HeatMap).show(window.map)
            self._arrange(self._planned())
            self._describe()

    @work(group="stats", exclusive=True)
    async def _ask_stats(self) -> None:
        """Of a large tensor: bit by bit, so that keys are answered in between."""
        view = self._view
        done = False
        while not done and self._view == view:
            try:
                answer = await asyncio.to_thread(self._asks.ask, StatsRequest(self._tensor, view))
            except BugError:
                raise
            except EngineError:
                return  # cancelled; or said already
            if not self.query(Cells):
                return
            done = answer.done
            if done:
                self._stats, self._histogram = answer.stats, answer.histogram
            if done or answer.share - self._share >= 0.1:
                self._share = answer.share
                self._describe()

    @work(group="pictures", exclusive=True)
    async def _ask_pictures(self) -> None:
        page = self.query_one(ImagePage)
        request = PicturesRequest(self._tensor, self._first, page.capacity, self._view)
        try:
            answer = await asyncio.to_thread(self._asks.ask, request)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=8, markup=False)
            self._switch("values")
            return
        if not self.query(ImagePage):
            return
        parts = zip(answer.pictures, answer.captions, strict=True)
        drawn = [Tile(colours(part, answer.limit, signed=answer.signed), caption) for part, caption in parts]
        page.show(drawn, self._matrix - self._first if self._pictures_below else 0)
        style = self._services.pictures.cells
        self._pictures_legend = legend(style, signed=answer.signed, limit=answer.limit, odd=answer.odd, letters=False)
        self._total = answer.total
        self._describe()

    def on_image_page_resized(self) -> None:
        if self._pictures_below:
            self._total = 0  # of a page of another size
            self._show_matrix()
        elif self._mode == "pictures":
            self._ask_pictures()

    def on_image_page_pointed(self, event: ImagePage.Pointed) -> None:
        if self._pictures_below:
            self._matrix = self._first + event.tile
            self._ask()

    # Showing

    def _describe(self) -> None:
        window = self._window
        if window is None:
            return
        shape = ", ".join(map(str, window.shape))
        self.query_one(Panel).describe(title=window.expression, right=f"[{shape}] · {self._mode}")
        statistics = tensor_text.statistics(self._stats, self._share, self._histogram)
        update_text(self, "#about", tensor_text.about(window, self._view, statistics))
        update_text(self, "#value", self._value_text(window))
        self._parts.tell(window, self._stats, self._histogram, self._bars)
        self.refresh_bindings()

    def _value_text(self, window: TensorWindow) -> str:
        if self._mode == "pictures":
            page = self.query_one(ImagePage)
            last = min(self._total, self._first + page.capacity)
            shown = f"parts {fmt.count(self._first)}–{fmt.count(last - 1)} of {fmt.count(self._total)}"
            return f"{shown}: {self._pictures_legend}, one scale for all"
        if self._vector and self._mode == "map":
            return f"{fmt.count(window.width)} values as bars"
        matrices = f", matrix {fmt.position(self._matrix + 1, window.pages)}" if window.pages > 1 else ""
        size = f"{fmt.count(window.height)} × {fmt.count(window.width)}"
        if self._mode == "map":
            return f"map of {size}{matrices}: {self.query_one(HeatMap).legend}; each cell is the mean of its part"
        cells = self._cells
        if window.about.number or not window.shape:
            return cells.value if window.about.number else f"{cells.value}   one number, without dimensions"
        if not window.cells:  # no values, or no elements
            return f"{size}{matrices}"
        if self._vector:
            return f"[{cells.column}] = {cells.value}   of {fmt.count(window.width)} values"
        return f"[{cells.row}, {cells.column}] = {cells.value}   of {size}{matrices}"

    def _arrange(self, shares: Plan) -> None:
        self._plan = shares
        self._parts.share(shares)

    def _switch(self, mode: Mode) -> None:
        self._mode, self._map_width = mode, 0
        if mode == "pictures":  # how many depends on its size, which it has once it is shown
            self._arrange(self._planned())
            self.call_after_refresh(self._ask_pictures)
        else:
            self._ask()  # shown when it is there: once

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if self._window is None and action != "close" and not action.startswith("focus_"):
            return "its values are not there yet"
        if action == "matrix" and self._window is not None and self._window.pages < 2:
            return "it has one matrix"
        return ""

    def action_close(self) -> None:
        self.dismiss()

    def action_move(self, rows: int, columns: int) -> None:
        if self._mode == "pictures":
            self._turn(rows + columns)
        elif self._mode == "values":
            self._ask() if self._cells.move(rows, columns) else self._describe()

    def action_page(self, by: int) -> None:
        if self._mode == "pictures":
            self._turn(by)
        else:
            self.action_move(by * self._cells.page, 0)

    def action_corner(self, which: int) -> None:
        if self._mode == "pictures":
            self._first = 0 if which < 0 else max(0, self._total - 1)
            self._turn(0)
            return
        cells = self._cells
        self.action_move(which * cells.height * cells.width, which * cells.width)

    def _turn(self, by: int) -> None:
        capacity = self.query_one(ImagePage).capacity
        first = self._first // capacity * capacity + by * capacity
        if 0 <= first < max(1, self._total):
            self._first = first
            self._ask_pictures()

    def action_mode(self) -> None:
        self._switch(MODES[(MODES.index(self._mode) + 1) % len(MODES)])

    def action_matrix(self, by: int) -> None:
        if self._window is not None:
            self._matrix = (self._matrix + by) % self._window.pages
            self._ask()

    def action_transpose(self) -> None:
        self._show_view(transposed(self._view))

    @work(group="prompt")
    async def action_slice(self) -> None:
        prompt = prompts.view(str(self._tensor), self._view)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            self._show_view(text.strip())

    def _show_view(self, view: str) -> None:
        self._view, self._matrix, self._first, self._total, self._map_width = view, 0, 0, 0, 0
        self._cells.begin()
        self._ask()

    def action_copy(self) -> None:
        if self._cells.value:
            self.app.copy_to_clipboard(self._cells.value)
            self.notify(f"copied: {self._cells.value}", timeout=2, markup=False)

    def action_copy_code(self) -> None:
        if self._window is not None:
            self.app.copy_to_clipboard(self._window.expression)
            self.notify(f"copied: {self._window.expression}", timeout=2, markup=False)
