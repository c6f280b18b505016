"""*Checkpoints*: the files of all runs, those that were opened recently, and any other by its path."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from engine.errors import BugError, EngineError, InspectionCancelledError
from engine.home import Home
from engine.inspection.detail_requests import TensorDetailRequest
from engine.inspection.tensor_refs import FileTensor
from engine.terminal_text import printable
from engine.typed_path import typed_path
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from engine.weights.requests import ConvertRequest, FileListing, FileRequest
from tui import cells
from tui import format as fmt
from tui.config.declared import COLUMNS_CHECKPOINTS, SORT_CHECKPOINTS
from tui.detail.latest import LatestQuestion
from tui.detail.pane import STAYS_S, DetailPane
from tui.detail.subject import Subject
from tui.dialogs.busy import LongRequests
from tui.dialogs.columns import ColumnChoice
from tui.dialogs.table_screen import TableScreen, columns_key, filter_key, panel_keys, table_keys
from tui.keys import bind
from tui.recent_files import remember
from tui.services import Services
from tui.table_columns import CHECKPOINTS
from tui.weights import file_facts, prompts
from tui.weights.file_detail import FileDetail
from tui.weights.file_facts import Fact
from tui.weights.file_list import ListedFile, in_order, list_files, matches
from tui.widgets.keyline import KeyLine
from tui.widgets.order import Order
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows, chosen_columns, snug
from tui.widgets.text import height_in, set_text
from tui.widgets.topbar import TopBar

NAME = "file"  # the column that is always there
COLUMNS = (
    Column(NAME, -26, ends=True),
    Column("contents", 20),
    Column("size", 9, right=True),
    Column("age", 7, right=True),
    Column("accuracy", 8, right=True, style="test"),
)
TITLES = tuple(column.title for column in COLUMNS)
MARK = Column("", 1)  # where some are marked: a name is cut at its beginning
WIDE = 110  # columns from which the chosen file has a panel
LIST_EDGES, BELOW_HEIGHT = 3, 10  # rows: a list's borders and titles, and the least that a panel below it needs
LISTED = 300  # tensors, and other values, of the chosen file
LARGEST = 1 << 29  # bytes of a tensor that is drawn without being asked for
EMPTY = "No checkpoints yet. Press N to train a model, or o to open any file of weights."
# What `s` goes through: as the runs are listed, the newest, the largest, the best first.
ORDERS = (Order(), Order("age"), Order("size", falling=True), Order("accuracy", falling=True))


class CheckpointsScreen(TableScreen):
    """Lists them in a thread when it is shown; opens one, compares two, averages several."""

    AUTO_FOCUS = "#files-panel"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("checkpoints"),
        bind("checkpoints", "open", "Open", "show what is in it, without executing it"),
        bind("checkpoints", "other", "Open a path", "any file of weights, by its path", action="path"),
        filter_key("checkpoints", "by name, size or age"),
        bind("checkpoints", "sort", "Sort", "by run, age, size or accuracy"),
        bind("checkpoints", "reverse", "Reverse", "the order", show=False),
        columns_key("checkpoints"),
        bind("checkpoints", "mark", "Mark", "to compare two, or average several"),
        bind("checkpoints", "compare", "Compare", "the two marked files", action="difference"),
        bind("checkpoints", "compute", "Average", "the weights of the marked files", action="average"),
        bind("checkpoints", "again", "Reload", "read the list again", show=False),
        *panel_keys("checkpoints"),
        bind("checkpoints", "back", "Show all", "clear the filter or the marks", action="all", show=False),
    ]

    FILTER_ABOUT = (
        "Words from the name or the run, separated by spaces; a size such as >10MB or <1GB; an age such as <2d or >3h. "
        "Example: base <2d"
    )

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._requests = LongRequests(self, services)
        self._files: list[ListedFile] = []
        self._marked: list[Path] = []  # in the order in which they were marked
        self._left_out: list[str] = []  # what can't be read, a line each
        self._order = Order.parse(services.preferences.get(SORT_CHECKPOINTS))
        self._looked = False  # whether the list was read
        self._listings = LatestQuestion(services.worker)  # what is in the file under the cursor
        self._shown: Path | None = None  # the file that the panels beside the list are about

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        with Horizontal(id="panels"):
            with Vertical(id="left"):
                with Panel(title="Checkpoints", id="files-panel"):
                    yield Rows(COLUMNS, id="files")
                    yield Static("", id="left-out", markup=False)
                yield DetailPane(self._services.pictures.cells, LatestQuestion(self._services.worker), id="tensors")
            yield FileDetail(id="file")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#tensors", DetailPane).put_picture(wide=True)
        self._panel.busy("reading the list …", empty=True)

    def on_screen_resume(self) -> None:
        self._read()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show)  # when the panels have their new widths

    @property
    def _panel(self) -> Panel:
        return self.query_one("#files-panel", Panel)

    @property
    def chosen(self) -> ListedFile | None:
        """The file under the cursor."""
        return next((one for one in self._files if str(one.path) == self.table.key), None)

    def as_cell(self) -> str:
        """The file under the cursor, for the lab."""
        one = self.chosen
        if one is None:
            return ""
        of_run = one.path.is_relative_to(Home(self._services.home).runs) and one.path.suffix == ".pt"
        return cells.network(str(one.path)) if of_run else cells.weights(one.path)

    @work(group="files", exclusive=True)
    async def _read(self) -> None:
        found = await asyncio.to_thread(list_files, self._services.home)
        if found.files != self._files:
            self._forget()
        self._files, self._left_out = found.files, found.left_out
        if self.query(Rows):
            there = {one.path for one in self._files}
            self._marked = [path for path in self._marked if path in there]
            self._looked = True
            if not self._requests.doing:
                self._panel.busy("")
            self._show()

    def _forget(self) -> None:
        """What was found in the files may be something else by now."""
        self._shown = None
        self._listings.forget()

    # Showing

    def _show(self) -> None:
        if not self._looked or not self.query(Rows):
            return
        shown = [one for one in self._files if matches(one, self.filter_text)]
        now, order = time.time(), self._order
        rows = [self._row(one, now) for one in in_order(shown, order, now)]
        columns = snug(COLUMNS, rows, order.title)
        columns, rows = chosen_columns(columns, rows, self.column_choice().chosen or TITLES, NAME)
        if self._marked:
            marks = ["✓" if Path(row.key) in self._marked else "" for row in rows]
            columns = (MARK, *columns)
            rows = [replace(row, cells=(mark, *row.cells)) for mark, row in zip(marks, rows, strict=True)]
        self.table.fixed = 1 + bool(self._marked)
        self.table.show(rows, columns, sorted_by=order.title, falling=order.falling)
        left_out = self.query_one("#left-out", Static)
        number = f"{len(self._left_out)} left out: " if self._left_out else ""
        set_text(left_out, printable(f"{number}{self._left_out[0]}") if self._left_out else "")
        left_out.display = bool(self._left_out)
        nothing = f"No file matches the filter {self.filter_text!r}. Esc shows all." if self._files else EMPTY
        self._panel.say("" if shown or self._left_out else nothing)
        self._arrange()
        self._describe()
        self._show_chosen()
        self.refresh_bindings()

    def _arrange(self) -> None:
        """The chosen file's tensors stand below a short list, where there is room, else in the panel about the file,
        which in a narrow terminal is itself below the list."""
        wide = self.size.width >= WIDE
        left_out = height_in(self.query_one("#left-out", Static), self.table.size.width)
        needed = len(self.table.rows) + LIST_EDGES + left_out
        below = self.chosen is not None and self.size.height - 2 - needed >= BELOW_HEIGHT
        self.query_one("#tensors").display = wide and below
        self.query_one("#file").display = below if not wide else self.chosen is not None
        self._panel.styles.height = needed if below else "1fr"
        self.query_one("#left").styles.height = needed if below and not wide else "1fr"

    def _describe(self) -> None:
        """What stands in the borders of the list."""
        shown, of = len(self.table.rows), len(self._files)
        parts = [fmt.counted(of, "file") if shown == of else f"{fmt.count(shown)} of {fmt.counted(of, 'file')}"]
        marked = f"{fmt.count(len(self._marked))} marked" if self._marked else ""
        parts += [marked, self._order.words, self.describe_filter()]
        below, place = "", ""
        if (one := self.chosen) is not None:
            accuracy = "" if one.accuracy is None else f"accuracy {fmt.percent(one.accuracy)}"
            below = " · ".join(filter(None, [one.what, accuracy, f"written {_when(one.changed)}"]))
            place = self.table.place
        right = " · ".join(filter(None, parts)) if of else ""
        self._panel.describe(right=right, below=below, below_right=place)

    def _show_chosen(self) -> None:
        """The panels beside the list: what is known at once, the rest when the file was read."""
        one = self.chosen
        if one is None or not self.query_one("#file").display:
            self._shown = None
            self._listings.leave()
            return
        known = self._listings.known(_request(one.path))
        if one.path == self._shown and known is None:
            return  # it is being read, or could not be
        self._shown = one.path
        self._listings.leave()
        if known is not None:
            self._take(one, known)
            return
        self._put(one, None)
        self._ask_listing(one)

    @work(group="listing", exclusive=True)
    async def _ask_listing(self, one: ListedFile) -> None:
        detail = self.query_one(FileDetail)
        await asyncio.sleep(STAYS_S)
        if self._shown != one.path:
            return
        detail.busy("reading it …")
        try:
            found = await asyncio.to_thread(self._listings.ask, _request(one.path))
        except InspectionCancelledError:
            return
        except EngineError as error:
            if isinstance(error, BugError):
                raise
            if self._shown == one.path:
                self._put(one, None, str(error))
            return
        finally:
            if self._shown == one.path and self.query(FileDetail):
                detail.busy("")
        if self._shown == one.path and self.query(FileDetail):
            self._take(one, found)

    def _put(self, one: ListedFile, listing: FileListing | None, problem: str = "") -> None:
        first = [Fact("file", str(one.path)), *([Fact("problem", problem, "bad")] if problem else [])]
        if listing is None and not problem:
            first.append(Fact("size", fmt.size(one.bytes)))
        accuracy = "" if one.accuracy is None else fmt.percent(one.accuracy)
        below = self.query_one("#tensors").display
        self.query_one(FileDetail).show(one.name, first, listing, right=accuracy, with_tensors=not below)
        if listing is None:
            self.query_one("#tensors", DetailPane).follow(Subject("Tensors", "", (), missing=problem), None)

    def _take(self, one: ListedFile, listing: FileListing) -> None:
        self._put(one, listing)
        pane = self.query_one("#tensors", DetailPane)
        if not pane.display:
            return
        tensors = file_facts.in_order(listing)
        drawn = next((each for each in tensors if len(each.tensor.shape) > 1 and each.tensor.bytes < LARGEST), None)
        subject = Subject(
            "Tensors",
            fmt.counted(listing.counts["tensors"], "tensor"),
            (),
            lead=lambda width: file_facts.tensor_lines(tensors, width),
            picture_of="" if drawn is None else drawn.name,
        )
        pane.follow(subject, None if drawn is None else TensorDetailRequest(FileTensor(one.path, drawn.name)))

    def _row(self, one: ListedFile, now: float) -> Row:
        accuracy = "" if one.accuracy is None else fmt.percent(one.accuracy)
        cells = (one.name, one.what, fmt.size(one.bytes), fmt.age(now - one.changed), accuracy)
        return Row(str(one.path), cells)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("open", "mark") and self.table.key is None:
            return "there is no file"
        if action == "columns" and not self._files:
            return "there is no file"
        if action == "difference" and len(self._marked) != 2:
            return "mark two files first, with m"
        if action == "average" and len(self._marked) < 2:
            return "mark two files or more first, with m"
        if action == "all" and not (self.filter_text or self._marked or self._requests.doing):
            return "all files are shown, and none is marked"
        return self.why_not_panel() if action == "panel" else ""

    def moved(self) -> None:
        self._describe()
        self._show_chosen()

    def action_again(self) -> None:
        self._forget()
        self._read()

    def action_sort(self) -> None:
        titles = [order.title for order in ORDERS]
        here = titles.index(self._order.title) if self._order.title in titles else 0
        self._sort(ORDERS[(here + 1) % len(ORDERS)])

    def action_reverse(self) -> None:
        self._sort(replace(self._order, falling=not self._order.falling))

    def sort_by(self, title: str) -> None:
        """By the column of a title; the other way round where it is that already."""
        order = next((order for order in ORDERS if order.title == title), ORDERS[0])
        self._sort(replace(order, falling=not self._order.falling) if order.title == self._order.title else order)

    def _sort(self, order: Order) -> None:
        self._order = order
        self._services.preferences.keep(SORT_CHECKPOINTS, str(order))
        self._show()
        self.table.reveal(order.title)

    def action_all(self) -> None:
        if self._requests.cancel():
            return
        if not self.clear_filter():
            self._marked = []
            self._show()

    def column_choice(self) -> ColumnChoice:
        preferences = self._services.preferences
        return ColumnChoice("Checkpoints", preferences, COLUMNS_CHECKPOINTS, CHECKPOINTS, TITLES, NAME)

    def columns_changed(self) -> None:
        self._show()

    def count_matching(self, text: str) -> str:
        found = sum(matches(one, text) for one in self._files)
        return f"{fmt.count(found)} of {fmt.counted(len(self._files), 'file')}"

    def filter_changed(self) -> None:
        self._show()

    def action_mark(self) -> None:
        """Mark the file under the cursor, or take its mark away."""
        if self.table.key is None:
            return
        path = Path(self.table.key)
        self._marked = [one for one in self._marked if one != path] + ([path] if path not in self._marked else [])
        self._show()

    def action_difference(self) -> None:
        """From the file that was marked first to the other."""
        from tui.weights.difference import DifferenceScreen

        self.app.push_screen(DifferenceScreen(self._services, *self._marked))

    @work(group="prompt", exclusive=True)
    async def action_average(self) -> None:
        files = tuple(self._marked)
        text = await self.app.push_screen_wait(prompts.average(list(files), self._services.home))
        if text is not None:
            target, mapping = file_and_mapping(text)
            self._average(files, target.absolute(), mapping)

    @work(group="long", exclusive=True)
    async def _average(self, files: tuple[Path, ...], target: Path, mapping: KeyMapping) -> None:
        found = await self._requests.ask(ConvertRequest(files, target, mapping), f"averaging {len(files)} files")
        if found is not None:
            self.notify(f"wrote {fmt.counted(found.tensors, 'tensor')} to {target}", timeout=8, markup=False)
            remember(Home(self._services.home).recent_files, target)
            self._read()

    def action_open(self) -> None:
        if self.table.key is not None:
            self._open(Path(self.table.key))

    @work(group="prompt", exclusive=True)
    async def action_path(self) -> None:
        text = await self.app.push_screen_wait(prompts.open_path())
        if text is not None:
            path = typed_path(text).absolute()
            remember(Home(self._services.home).recent_files, path)
            self._open(path)

    def _open(self, path: Path) -> None:
        from tui.weights.file import FileScreen

        self.app.push_screen(FileScreen(self._services, path))


def _request(path: Path) -> FileRequest:
    return FileRequest(path, most=LISTED)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
