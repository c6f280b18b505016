"""*Checkpoints*: the files of all runs, those that were opened recently, and any other by its path."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine.terminal_text import printable
from engine.typed_path import typed_path
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from engine.weights.requests import ConvertRequest
from tui import format as fmt
from tui.config.declared import SORT_CHECKPOINTS
from tui.dialogs.busy import LongRequests
from tui.dialogs.table_screen import TableScreen, filter_key, table_keys
from tui.keys import bind
from tui.services import Services
from tui.weights import prompts
from tui.weights.file_list import ListedFile, in_order, list_files, matches
from tui.weights.recent_files import remember
from tui.widgets.keyline import KeyLine
from tui.widgets.order import Order
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

COLUMNS = (
    Column("file", -26, ends=True),
    Column("contents", 20),
    Column("size", 9, right=True),
    Column("age", 7, right=True),
    Column("accuracy", 8, right=True, style="test"),
)
# What `s` goes through: as the runs are listed, the newest, the largest, the best first.
ORDERS = (Order(), Order("age"), Order("size", falling=True), Order("accuracy", falling=True))


class CheckpointsScreen(TableScreen):
    """Lists them in a thread when it is shown; opens one, compares two, averages several."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("checkpoints"),
        bind("checkpoints", "open", "Open", "show what is in it, without executing it"),
        bind("checkpoints", "other", "Open a path", "any file of weights, by its path", action="path"),
        filter_key("checkpoints", "by name, size or age"),
        bind("checkpoints", "sort", "Sort", "by run, age, size or accuracy"),
        bind("checkpoints", "reverse", "Reverse", "the order", show=False),
        bind("checkpoints", "mark", "Mark", "to compare two, or average several"),
        bind("checkpoints", "compare", "Compare", "the two marked files", action="difference"),
        bind("checkpoints", "compute", "Average", "the weights of the marked files", action="average"),
        bind("checkpoints", "again", "Reload", "read the list again", show=False),
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

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        yield Static(id="about", markup=False)
        yield Rows(COLUMNS, id="files")
        yield Static(id="progress", markup=False)
        yield KeyLine()

    def on_screen_resume(self) -> None:
        self._read()

    @work(group="files", exclusive=True)
    async def _read(self) -> None:
        found = await asyncio.to_thread(list_files, self._services.home)
        self._files, self._left_out = found.files, found.left_out
        if self.query(Rows):
            there = {one.path for one in self._files}
            self._marked = [path for path in self._marked if path in there]
            self._show()

    def _show(self) -> None:
        shown = [one for one in self._files if matches(one, self.filter_text)]
        now = time.time()
        self.table.show([self._row(one, now) for one in in_order(shown, self._order, now)])
        text = fmt.counted(len(shown), "file")
        if not self._files and not self._left_out:
            text = "No checkpoints yet: train a model (2), or press o to open any file of weights."
        text += f"; {self.describe_filter()}" if self.filter_text else ""
        text += f"; {len(self._marked)} marked" if self._marked else ""
        text += f"; sorted {words}" if (words := self._order.words) else ""
        if self._left_out:
            text += f"; {len(self._left_out)} left out: {printable(self._left_out[0])}"
        update_text(self, "#about", Content(text))
        self.refresh_bindings()

    def _row(self, one: ListedFile, now: float) -> Row:
        accuracy = "" if one.accuracy is None else fmt.percent(one.accuracy)
        name = f"✓ {one.name}" if one.path in self._marked else one.name
        return Row(str(one.path), (name, one.what, fmt.size(one.bytes), fmt.age(now - one.changed), accuracy))

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("open", "mark") and self.table.key is None:
            return "there is no file"
        if action == "difference" and len(self._marked) != 2:
            return "mark two files first, with m"
        if action == "average" and len(self._marked) < 2:
            return "mark two files or more first, with m"
        if action == "all" and not (self.filter_text or self._marked or self._requests.doing):
            return "all files are shown, and none is marked"
        return ""

    def action_again(self) -> None:
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

    def count_matching(self, text: str) -> str:
        return f"{sum(matches(one, text) for one in self._files)} of {fmt.counted(len(self._files), 'file')}"

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
            remember(self._services.home, target)
            self._read()

    def action_open(self) -> None:
        if self.table.key is not None:
            self._open(Path(self.table.key))

    @work(group="prompt", exclusive=True)
    async def action_path(self) -> None:
        text = await self.app.push_screen_wait(prompts.open_path())
        if text is not None:
            path = typed_path(text).absolute()
            remember(self._services.home, path)
            self._open(path)

    def _open(self, path: Path) -> None:
        from tui.weights.file import FileScreen

        self.app.push_screen(FileScreen(self._services, path))
