"""One tensor: its values, a map of them, its statistics, and pictures of its parts."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

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
from tui.services import Asks, Services
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap, colours, legend
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MODES = ("values", "map", "pictures")
SHOWN = dict(zip(MODES, ("#cells", "#map", "#pictures"), strict=True))  # the widget of each
PICTURED = (3, 4)  # dimensions of a tensor whose matrices have pictures
BESIDE_CELLS = 9  # lines of the screen that the numbers can't have


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
        self._view, self._matrix, self._mode = "", 0, MODES[0]
        self._below = ""  # of MODES: what stands below numbers that leave most of the room
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
            yield Cells(id="cells")
            yield HeatMap(self._services.pictures.cells, id="map")
            yield ImagePage(self._services.pictures, id="pictures")
            yield Static(id="value", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._arrange()
        self.call_after_refresh(self._ask)
        if self._pictures_first:
            self.call_after_refresh(self._switch, "pictures")

    def on_resize(self) -> None:
        if self._window is not None:
            self._ask()

    @property
    def _cells(self) -> Cells:
        return self.query_one(Cells)

    # Asking

    @work(group="tensor", exclusive=True)
    async def _ask(self) -> None:
        """The window, and of another view also its statistics. Where a view can't be made, the one that is shown takes
        its place."""
        view = self._view
        whole = view != self._shown
        parts = [self.query_one(one) for one in SHOWN.values()]
        area = max((part.size for part in parts), key=lambda size: size.area)
        for part in parts:  # one that has just been shown has no size yet
            area = part.size if part.display and part.size.area else area
        top, left, rows, columns = self._cells.window
        mapped = "map" in (self._mode, self._below)
        area = self.query_one(HeatMap).size if self._below == "map" else area
        request = TensorRequest(
            self._tensor,
            view,
            page=self._matrix,
            row=top,
            column=left,
            rows=rows,
            columns=columns,
            map_rows=2 * max(1, area.height) if mapped else 0,
            map_columns=max(1, area.width) if mapped else 0,
            whole=whole,
        )
        panel = self.query_one(Panel)
        if self._window is None:
            panel.busy(waiting(self._asks, "reading its values …"))
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
            self._take(window, top, left, whole)
            if whole and self._mode == "pictures":
                self._ask_pictures()
            elif self._settle(window):
                self.call_after_refresh(self._ask)
            elif self._below == "pictures":
                self._show_matrix()
            elif self._mode == "values" and (
                self._cells.move(0, 0)  # the numbers are longer than those before: the cursor would be out of view
                or (self._cells.window[3] > columns and left + columns < window.width)  # shorter: more columns fit
            ):
                self._ask()

    def _settle(self, window: TensorWindow) -> bool:
        """What stands below the numbers: all matrices as pictures, or a map of the only one, where the numbers leave
        most of the room. Whether that changed, and with it the room of the numbers."""
        before, self._below = self._below, ""
        room = self.size.height - BESIDE_CELLS
        if self._mode == "values" and window.cells and not window.about.number and 2 * (window.height + 1) <= room:
            self._below = "pictures" if window.pages > 1 and len(window.shape) in PICTURED else "map"
        self._cells.styles.height = window.height + 2 if self._below else "1fr"
        self._arrange()
        return self._below != before

    def _show_matrix(self) -> None:
        """Mark the matrix whose numbers are shown among the pictures; turn to it."""
        page = self.query_one(ImagePage)
        first = self._matrix // page.capacity * page.capacity
        if first != self._first or not self._total:
            self._first = first
            self._ask_pictures()
        else:
            page.move(self._matrix - first)

    def _take(self, window: TensorWindow, top: int, left: int, whole: bool) -> None:
        self._window = window
        if whole:
            self._stats, self._histogram, self._share = window.stats, window.histogram, 0.0
            if self._stats is None:
                self._ask_stats()
        with self.app.batch_update():  # drawn once
            self._cells.take(window.height, window.width, top, left, window.cells)
            if window.map is not None:
                self.query_one(HeatMap).show(window.map)
            self._arrange()
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
        page.show(drawn, self._matrix - self._first if self._below else 0)
        style = self._services.pictures.cells
        self._pictures_legend = legend(style, signed=answer.signed, limit=answer.limit, odd=answer.odd, letters=False)
        self._total = answer.total
        self._describe()

    def on_image_page_resized(self) -> None:
        if self._below == "pictures":
            self._total = 0  # of a page of another size
            self._show_matrix()
        elif self._mode == "pictures":
            self._ask_pictures()

    def on_image_page_pointed(self, event: ImagePage.Pointed) -> None:
        if self._below:
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
        self.refresh_bindings()

    def _value_text(self, window: TensorWindow) -> str:
        if self._mode == "pictures":
            page = self.query_one(ImagePage)
            last = min(self._total, self._first + page.capacity)
            shown = f"parts {self._first}–{last - 1} of {fmt.count(self._total)}"
            return f"{shown}: {self._pictures_legend}, one scale for all"
        matrices = f", matrix {self._matrix + 1} of {fmt.count(window.pages)}" if window.pages > 1 else ""
        size = f"{fmt.count(window.height)} × {fmt.count(window.width)}"
        if self._mode == "map":
            return f"map of {size}{matrices}: {self.query_one(HeatMap).legend}; each cell is the mean of its part"
        cells = self._cells
        if window.about.number:
            return cells.value
        if not window.cells:  # no values, or no elements
            return f"{size}{matrices}"
        return f"[{cells.row}, {cells.column}] = {cells.value}   of {size}{matrices}"

    def _arrange(self) -> None:
        for mode, selector in SHOWN.items():
            shown = mode in (self._mode, self._below)
            if self.query_one(selector).display != shown:
                self.query_one(selector).display = shown

    def _switch(self, mode: str) -> None:
        self._mode, self._below = mode, ""
        if mode == "pictures":  # how many depends on its size, which it has once it is shown
            self._arrange()
            self.call_after_refresh(self._ask_pictures)
        elif not self.query_one(SHOWN[mode]).size:  # it was never shown
            self._arrange()
            self.call_after_refresh(self._ask)
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
        self._view, self._matrix, self._first, self._total = view, 0, 0, 0
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
