"""One file of weights, anybody's: what is in it, found without executing it."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.tensor_refs import FileTensor
from engine.inspection.untyped import ask_untyped
from engine.terminal_text import printable
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.services import Services
from tui.weights import file_rows
from tui.weights.file_actions import FILE_ACTION_KEYS, FILE_ACTIONS, FileActionsScreen
from tui.weights.file_rows import SORTS
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Rows
from tui.widgets.topbar import TopBar

LISTS = {
    "tensors": "tensors", "values": "metadata", "imports": "globals", "modules": "modules", "problems": "problems",
}  # fmt: skip
VIEWS = tuple(LISTS)


class FileScreen(FileActionsScreen, TableScreen):
    """Asks the worker process: what is in it at once, the tensors' figures as they come."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("file"),
        Binding("escape,q", "back", "Back", key_display="esc", id="file.back"),
        Binding("enter", "open", "Values", id="file.open", tooltip="the tensor's numbers"),
        Binding("v", "view", "Next list", id="file.view", tooltip="tensors, values, imports, modules, problems"),
        Binding("s", "sort", "Sort", id="file.sort", tooltip="by name or a figure, or as in the file"),
        *FILE_ACTION_KEYS,
        Binding("slash", "filter", "Filter", key_display="/", id="file.filter", tooltip="by name"),
    ]

    def __init__(self, services: Services, path: Path) -> None:
        super().__init__(services, path)
        self._told = ""
        self._counts: dict[str, int] = {}  # how many there are of what is in `contents`, of which not all may be here
        self._numbers = 0
        self._whole = False  # whether all of them are here
        self._part = ""  # what those that are here have in their names
        self._figures: dict[str, dict[str, Any] | None] = {}
        self._histograms: dict[str, Any] = {}
        self._share = 0.0
        self._view = VIEWS[0]
        self._filter = ""
        self._sort = ""  # the title of a column, one of SORTS

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        yield Static(id="about", markup=False)
        yield Rows(file_rows.TENSOR_COLUMNS, id="parts")
        yield Static(id="chosen", markup=False)
        yield Static(id="progress", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    # Asking

    @work(group="file", exclusive=True)
    async def _ask(self) -> None:
        self.say("#about", Content(f"reading {printable(str(self.path))} …"))
        try:
            part = "" if self._whole else self._filter
            asked = {"file": str(self.path), "filter": part}
            answer = await asyncio.to_thread(ask_untyped, self.services.worker, "file", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.say("#about", Content.styled(str(error), "$text-error"))
            return
        if not self.query(Rows):
            return
        self.contents, self._told = answer.values["contents"], answer.values["told"]
        self._counts, self._numbers = answer.values["counts"], answer.values["numbers"]
        self.trusted, self._share, self._part = answer.values["trusted"], 0.0, part
        if not part:
            self._whole = all(len(self.contents[key]) == self._counts[key] for key in LISTS.values())
        self._show()
        self._ask_figures()

    def asked_long(self) -> None:
        if self._share < 1:
            self._ask_figures(again=False)

    @work(group="figures", exclusive=True)
    async def _ask_figures(self, *, again: bool = True) -> None:
        """As they come: a few milliseconds of work for each asking, so that keys are answered in between."""
        done = False
        while not done:
            asked = {"file": str(self.path), "filter": self._part, "again": again}
            try:
                answer = await asyncio.to_thread(ask_untyped, self.services.worker, "file figures", asked)
            except EngineError:
                return  # cancelled, or the file has gone
            if not self.query(Rows):
                return
            again = False
            done, found = answer.values["done"], answer.values["found"]
            self._figures.update(found)
            self._histograms.update(zip(found, answer.arrays["histograms"], strict=False))
            share = answer.values["share"]
            if done or share - self._share >= 0.05:
                self._share = share
                self._show()

    # Showing

    def _show(self) -> None:
        contents = self.contents
        if contents is None:
            return
        unknown = any(not one["known"] for one in contents["globals"])
        lines = [
            Content.assemble(
                (printable(str(self.path)), "bold"), f": {contents['format']}, {fmt.size(contents['bytes'])}\n"
            ),
            Content.styled(f"{self._told}\n", "$text-warning" if unknown else ""),
        ]
        lines += [Content(f"{note}\n") for note in contents["notes"]]
        lines += [Content.styled(f"{problem}\n", "$text-error") for problem in contents["problems"][:3]]
        if len(contents["problems"]) > 3:
            lines.append(
                Content.styled(
                    f"… and {fmt.counted(len(contents['problems']) - 3, 'problem')} more (v)\n", "$text-error"
                )
            )
        shown = f"{fmt.counted(self._counts['tensors'], 'tensor')} with {fmt.counted(self._numbers, 'number')}"
        if shared := self._counts["shared"]:
            shown += f" ({fmt.count(shared)} storage{'s are' if shared > 1 else ' is'} shared)"
        shown += f" (figures: {100 * self._share:.0f}%)" if self._share < 1 else ""
        others = {name: key for name, key in LISTS.items() if name != "tensors"}
        counts = "".join(
            f", {fmt.counted(self._counts[key], name[:-1])}" for name, key in others.items() if self._counts[key]
        )
        more = not self._whole and len(contents[LISTS[self._view]]) < self._counts[LISTS[self._view]]
        here = f"; here its {self._view}" + (", the first of them: / finds others" if more and not self._part else "")
        here += f"; sorted by {SORTS[self._sort]}" if self._sort and self._view == "tensors" else ""
        lines.append(Content(f"{shown}{counts}{here}"))
        lines.append(Content.styled(f", only with {self._filter} (esc: all)" if self._filter else "", "$text-accent"))
        self.say("#about", Content("").join(lines))
        if self._view == "tensors":
            rows = file_rows.tensors(contents, self._figures, self._histograms, self._sort)
        else:
            rows = file_rows.LISTED[self._view](contents)
        searched = [row.cells[0] if self._view == "problems" else row.key for row in rows]
        rows = [row for row, text in zip(rows, searched, strict=True) if self._filter in text]
        self.table.show(rows, file_rows.COLUMNS[self._view])
        self._tell_chosen()
        self.refresh_bindings()

    def _tell_chosen(self) -> None:
        told, key = "", self.table.key
        if self.contents is not None and key is not None and self._view == "tensors":
            one = next(one for one in self.contents["tensors"] if one["name"] == key)
            told = f"{key}: stride {tuple(one['stride'])}, offset {one['offset']}, storage {one['storage']}"
            shared = next((names for names in self.contents["shared"] if key in names), None)
            told += f"; shares its numbers with {', '.join(name for name in shared if name != key)}" if shared else ""
            figures = self._figures.get(key)
            told += "; every number is 0" if figures and figures["zeros"] == 1 else ""
            if key in self._figures and figures is None:
                told += "; its numbers can't be read"
        elif self.contents is not None and key is not None and self._view == "problems":
            told = self.contents["problems"][int(key)]  # the whole of it
        elif self.contents is not None and key is not None and self._view == "values":
            told = f"{key} = {self.contents['metadata'][key]}"
        elif self.contents is not None and key is not None and self._view == "modules":
            one = next(one for one in self.contents["modules"] if one["name"] == key)
            made = ", ".join(f"{name}={value}" for name, value in one["attributes"].items())
            told = f"{key or '(whole)'}: {one['type']}({made})"
        self.say("#chosen", Content(told))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open":
            return self._view == "tensors" and self.table.key is not None
        if action == "sort":
            return self.contents is not None and self._view == "tensors"
        if action in ("view", "filter", *FILE_ACTIONS):
            return self.contents is not None
        return True

    def action_back(self) -> None:
        if self.stop_asking():
            return
        if self._filter:
            self._refilter("")
        else:
            self.dismiss()

    def _refilter(self, text: str) -> None:
        self._filter = text
        if self._whole:
            self._show()
        else:
            self._ask()

    def moved(self) -> None:
        self._tell_chosen()

    def action_view(self) -> None:
        assert self.contents is not None
        others = [view for view in VIEWS if view == "tensors" or self._counts[LISTS[view]]]
        self._view = others[(others.index(self._view) + 1) % len(others)]
        self._show()

    def action_sort(self) -> None:
        ways = tuple(SORTS)
        self._sort = ways[(ways.index(self._sort) + 1) % len(ways)]
        self._show()
        self.table.reveal(self._sort)

    def action_open(self) -> None:
        if self.table.key is not None:
            self.services.open_tensor(FileTensor(self.path, self.table.key))

    def action_filter(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                self._refilter(text.strip())

        prompt = PromptScreen("Show only some", "A part of the name.", lambda text: "", value=self._filter)
        self.app.push_screen(prompt, asked)
