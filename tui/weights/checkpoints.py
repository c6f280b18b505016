"""*Checkpoints*: the files of all runs, those that were opened lately, and any other by its path."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine.checkpoints import manifest
from engine.errors import EngineError, InspectionError
from engine.home import RunFolder
from engine.runs import store
from engine.terminal_text import printable
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from tui import format as fmt
from tui.dialogs import paths
from tui.dialogs.busy import NAMES, BusyScreen, checked_target
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

COLUMNS = (
    Column("file", -26, ends=True),
    Column("what", 20),
    Column("size", 9, right=True),
    Column("age", 7, right=True),
    Column("accuracy", 8, right=True, style="test"),
)
SORTS = ("place", "age", "size", "accuracy")


@dataclass(frozen=True)
class Found:
    """A file in the list."""

    path: Path
    name: str
    what: str
    bytes: int
    changed: float  # Unix seconds
    accuracy: float | None = None


class CheckpointsScreen(BusyScreen, TableScreen):
    """Lists them in a thread when it is shown; opens one to look into, compares two, averages several."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("checkpoints"),
        Binding("enter", "open", "Open", id="checkpoints.open", tooltip="what is in it, without executing it"),
        Binding("o", "path", "Open a path", id="checkpoints.path", tooltip="any file of weights, by its path"),
        Binding("slash", "filter", "Filter", key_display="/", id="checkpoints.filter", tooltip="by name, size or age"),
        Binding("s", "sort", "Sort", id="checkpoints.sort", tooltip="by place, age, size, accuracy"),
        Binding("m", "mark", "Mark", id="checkpoints.mark", tooltip="to compare two, or average several"),
        Binding("d", "difference", "Compare", id="checkpoints.difference", tooltip="the two that are marked"),
        Binding("a", "average", "Average", id="checkpoints.average", tooltip="the weights of those that are marked"),
        Binding("r", "again", "Read again", show=False, id="checkpoints.again"),
        Binding("escape", "all", "All", show=False, id="checkpoints.all", tooltip="no filter, no marks"),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._found: list[Found] = []
        self._marked: list[Path] = []  # in the order in which they were marked
        self._filter = ""
        self._sort = SORTS[0]

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        yield Static(id="about", markup=False)
        yield Rows(COLUMNS, id="files")
        yield Static(id="progress", markup=False)
        yield KeyLine()

    def on_screen_resume(self) -> None:
        self._look()

    @property
    def _home(self) -> Path:
        return self.services.home

    @work(group="files", exclusive=True)
    async def _look(self) -> None:
        self._found = await asyncio.to_thread(listed, self._home)
        if self.query(Rows):
            there = {one.path for one in self._found}
            self._marked = [path for path in self._marked if path in there]
            self._show()

    def _show(self) -> None:
        shown = [one for one in self._found if matches(one, self._filter)]
        if self._sort == "age":
            shown.sort(key=lambda one: -one.changed)
        elif self._sort == "size":
            shown.sort(key=lambda one: -one.bytes)
        elif self._sort == "accuracy":
            shown.sort(key=lambda one: -(one.accuracy or 0))
        now = time.time()
        self.table.show([self._row(one, now) for one in shown])
        told = fmt.counted(len(shown), "file")
        if not self._found:
            told = "No checkpoints yet: train something (2), or press o to open any file of weights."
        told += f"; only {self._filter} (esc: all)" if self._filter else ""
        told += f"; {len(self._marked)} marked" if self._marked else ""
        told += f"; sorted by {self._sort}" if self._sort != SORTS[0] else ""
        about = self.query_one("#about", Static)
        if str(about.content) != told:
            about.update(Content(told))
        self.refresh_bindings()

    def _row(self, one: Found, now: float) -> Row:
        accuracy = "" if one.accuracy is None else fmt.percent(one.accuracy)
        name = f"✓ {one.name}" if one.path in self._marked else one.name
        return Row(str(one.path), (name, one.what, fmt.size(one.bytes), fmt.age(now - one.changed), accuracy))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open":
            return True if self.table.key is not None else None
        if action == "mark":
            return True if self.table.key is not None else None
        if action == "difference":
            return len(self._marked) == 2
        if action == "average":
            return len(self._marked) > 1
        return bool(self._filter or self._marked or self.doing) if action == "all" else True

    def action_again(self) -> None:
        self._look()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()
        self.table.reveal(self._sort)

    def action_all(self) -> None:
        if self.stop_asking():
            return
        if self._filter:
            self._filter = ""
        else:
            self._marked = []
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

        self.app.push_screen(DifferenceScreen(self.services, *self._marked))

    def action_average(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                target, way = file_and_mapping(text)
                self._average(target.absolute(), way)

        some = ", ".join(path.name for path in self._marked)
        about = f"The mean of the weights of {some}: a file of its own, .safetensors, or as torch.save writes; {NAMES}."
        value = str(self._home / "average.pth")
        title = f"Average {len(self._marked)} files"
        self.app.push_screen(
            PromptScreen(title, about, checked_target, value=value, suggester=paths.PathSuggester()), asked
        )

    @work(group="long", exclusive=True)
    async def _average(self, target: Path, way: KeyMapping) -> None:
        asked = {"files": [str(path) for path in self._marked], "target": str(target), "how": str(way)}
        answer = await self.ask_long("file conversion", asked, f"averaging {len(self._marked)} files", "")
        if answer is not None:
            self.notify(f"{fmt.counted(answer.values['tensors'], 'tensor')}: {target}", timeout=8, markup=False)
            paths.remember(self._home, target)
            self._look()

    def action_filter(self) -> None:
        def check(text: str) -> str:
            return f"{sum(matches(one, text) for one in self._found)} of {fmt.counted(len(self._found), 'file')}"

        def asked(text: str | None) -> None:
            if text is not None:
                self._filter = text.strip()
                self._show()

        about = "Parts of the name or the run, apart by spaces; or >10MB, <1GB; or <2d, >3h for the age: base <2d"
        self.app.push_screen(PromptScreen("Show only some", about, check, value=self._filter), asked)

    def action_open(self) -> None:
        if self.table.key is not None:
            self._open(Path(self.table.key))

    def action_path(self) -> None:
        def check(text: str) -> str:
            path = Path(text.strip()).expanduser()
            if not text.strip() or not path.exists():
                raise InspectionError(f"no such file: {path}")
            if path.is_dir():
                return f"the folder {path.name}"
            return f"{path.name}, {fmt.size(path.stat().st_size)}"

        def asked(text: str | None) -> None:
            if text is not None:
                path = Path(text.strip()).expanduser().absolute()
                paths.remember(self._home, path)
                self._open(path)

        about = "A file of weights: .pt, .pth, .safetensors, an index of shards, or a folder of them."
        prompt = PromptScreen("Open which file?", about, check, suggester=paths.PathSuggester())
        self.app.push_screen(prompt, asked)

    def _open(self, path: Path) -> None:
        from tui.weights.file import FileScreen

        self.app.push_screen(FileScreen(self.services, path))


def listed(home: Path) -> list[Found]:
    """The runs' checkpoints, of the newest run first and in each the newest first; then the recent files."""
    found: list[Found] = []
    for folder in store.run_folders(home):
        try:
            entries = manifest.read(folder)
            name = store.title(folder)
        except EngineError:
            continue
        for entry in sorted(entries, key=lambda one: one.place, reverse=True):
            path = RunFolder(folder).checkpoint(entry.file)
            words = fmt.checkpoint_words(entry).partition(" (")[0]
            found.append(Found(path, f"{name} · {entry.file}", words, entry.bytes, entry.t, entry.accuracy))
        weights = RunFolder(folder).weights
        if weights.is_file():
            about = weights.stat()
            alone = f"{name} · {weights.name}"
            found.append(Found(weights, alone, "the newest weights", about.st_size, about.st_mtime))
    mine = {one.path for one in found}
    for path in paths.recent(home):
        if path not in mine:
            about = path.stat()
            found.append(Found(path, printable(str(path)), "opened lately", about.st_size, about.st_mtime))
    return found


UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
SPANS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def matches(one: Found, text: str) -> bool:
    """Whether a file fits every part of a filter: a part of its name, a size such as >10MB, an age such as <2d."""
    return all(_fits(one, part) for part in text.lower().split())


def _fits(one: Found, part: str) -> bool:
    if part[0] in "<>" and len(part) > 1:
        number = part[1:].rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = part[1 + len(number) :]
        try:
            limit = float(number)
        except ValueError:
            return False
        if unit in UNITS:
            value, limit = float(one.bytes), limit * UNITS[unit]
        elif unit in SPANS:
            value, limit = time.time() - one.changed, limit * SPANS[unit]
        else:
            return False
        return value < limit if part[0] == "<" else value > limit
    return part in f"{one.name} {one.what} {one.path}".lower()
