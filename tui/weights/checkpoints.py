"""*Checkpoints*: the files of all runs, those that were opened recently, and any other by its path."""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine.terminal_text import printable
from engine.typed_path import typed_path
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from engine.weights.requests import ConvertRequest
from tui import format as fmt
from tui.dialogs.busy import LongRequests
from tui.dialogs.table_screen import TableScreen, filter_key, table_keys
from tui.services import Services
from tui.weights import prompts
from tui.weights.file_list import ListedFile, list_files, matches
from tui.weights.recent_files import remember
from tui.widgets.keyline import KeyLine
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
SORTS = ("run", "age", "size", "accuracy")


class CheckpointsScreen(TableScreen):
    """Lists them in a thread when it is shown; opens one, compares two, averages several."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("checkpoints"),
        Binding("enter", "open", "Open", id="checkpoints.open", tooltip="show what is in it, without executing it"),
        Binding("o", "path", "Open a path", id="checkpoints.path", tooltip="any file of weights, by its path"),
        filter_key("checkpoints", "by name, size or age"),
        Binding("s", "sort", "Sort", id="checkpoints.sort", tooltip="by run, age, size or accuracy"),
        Binding("m", "mark", "Mark", id="checkpoints.mark", tooltip="to compare two, or average several"),
        Binding("d", "difference", "Compare", id="checkpoints.difference", tooltip="the two marked files"),
        Binding("a", "average", "Average", id="checkpoints.average", tooltip="the weights of the marked files"),
        Binding("r", "again", "Reload", show=False, id="checkpoints.again", tooltip="read the list again"),
        Binding("escape", "all", "Show all", show=False, id="checkpoints.all", tooltip="clear the filter or the marks"),
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
        self._sort = SORTS[0]

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
        if self._sort == "age":
            shown.sort(key=lambda one: -one.changed)
        elif self._sort == "size":
            shown.sort(key=lambda one: -one.bytes)
        elif self._sort == "accuracy":
            shown.sort(key=lambda one: -(one.accuracy or 0))
        now = time.time()
        self.table.show([self._row(one, now) for one in shown])
        text = fmt.counted(len(shown), "file")
        if not self._files and not self._left_out:
            text = "No checkpoints yet: train a model (2), or press o to open any file of weights."
        text += f"; {self.describe_filter()}" if self.filter_text else ""
        text += f"; {len(self._marked)} marked" if self._marked else ""
        text += f"; sorted by {self._sort}" if self._sort != SORTS[0] else ""
        if self._left_out:
            text += f"; {len(self._left_out)} left out: {printable(self._left_out[0])}"
        update_text(self, "#about", Content(text))
        self.refresh_bindings()

    def _row(self, one: ListedFile, now: float) -> Row:
        accuracy = "" if one.accuracy is None else fmt.percent(one.accuracy)
        name = f"✓ {one.name}" if one.path in self._marked else one.name
        return Row(str(one.path), (name, one.what, fmt.size(one.bytes), fmt.age(now - one.changed), accuracy))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open", "mark"):
            return True if self.table.key is not None else None
        if action == "difference":
            return len(self._marked) == 2
        if action == "average":
            return len(self._marked) > 1
        return bool(self.filter_text or self._marked or self._requests.doing) if action == "all" else True

    def action_again(self) -> None:
        self._read()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()
        self.table.reveal(self._sort)

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
