"""Two files of weights, tensor by tensor."""

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.errors import BugError, EngineError
from engine.evaluation.requests import CompareEvaluationsRequest, EvaluationComparison, EvaluationSettings
from engine.inspection.detail_requests import DifferenceDetailRequest
from engine.inspection.tensor_refs import FileDifference, FileTensor
from engine.terminal_text import printable
from engine.weights.comparison import Comparison, Difference
from engine.weights.misfit import MisfitError
from engine.weights.requests import CompareRequest, FileListing, FileRequest
from tui import format as fmt
from tui.compared_images import compared_images
from tui.detail.latest import LatestQuestion
from tui.detail.pane import DetailPane
from tui.dialogs.busy import LongRequests
from tui.dialogs.table_screen import TableScreen, filter_key, panel_keys, table_keys
from tui.evaluation_text import comparison_lines
from tui.keys import bind
from tui.services import Services
from tui.weights import difference_rows, prompts
from tui.weights.difference_rows import COLUMNS, SORTED, SORTS, TITLES, WORDS
from tui.weights.file_detail import FileDetail
from tui.weights.file_facts import Fact
from tui.weights.file_title import file_title, pair_title
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Row, Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

WIDE = 110  # columns from which the chosen tensor has a panel
STACKED = 0.6  # of the lines that the table may take which has the panel below it
LISTED = 300  # tensors, and other values, of a file in the panel about it


class DifferenceScreen(TableScreen):
    """The most changed first."""

    AUTO_FOCUS = "#differences-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("difference"),
        bind("difference", "back"),
        bind("difference", "open", "Difference", "its values, map and histogram"),
        bind("difference", "sort", "Sort", "by a statistic, or in the files' order"),
        filter_key("difference", "by name, or by kind"),
        bind("difference", "view", "Values", "the tensors, or the other values that differ"),
        bind("difference", "evaluate", "Evaluate", "which images it fixes and breaks"),
        bind("difference", "again", "Compare again", show=False),
        bind("difference", "go_to", "Fixed", "show those images on Data", action="on_data('fixed')"),
        bind("difference", "wrong", "Broken", "show those images on Data", action="on_data('broken')"),
        *panel_keys("difference"),
    ]

    FILTER_ABOUT = f"Part of a name; or a kind: {', '.join(WORDS)}."

    def __init__(self, services: Services, first: Path, second: Path) -> None:
        super().__init__()
        self._services, self._first, self._second = services, first, second
        self._requests = LongRequests(self, services)
        self._comparison: Comparison | None = None
        self._evaluated: EvaluationComparison | None = None
        self._evaluated_as = ""  # which network, as it was typed
        self._sort = SORTS[0]
        self._files: tuple[FileListing | None, FileListing | None] | None = None  # what is in them, once it is asked
        self._shows_values = False  # instead of the tensors
        self._titles: tuple[str, ...] = (printable(first.name), printable(second.name))
        self._title = " → ".join(self._titles)  # until it is known which runs they are of

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        with Container(id="panels"):
            with Panel(title=self._title, id="differences-panel"):
                yield Static(id="about", markup=False)
                yield Rows(COLUMNS, id="differences")
            yield DetailPane(self._services.pictures.cells, LatestQuestion(self._services.worker))
            with Horizontal(id="files"):
                yield FileDetail(id="first")
                yield FileDetail(id="second")
        yield KeyLine()

    @property
    def panel(self) -> Panel:
        return self.query_one("#differences-panel", Panel)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show)

    def on_mount(self) -> None:
        self._ask()

    @work(group="long", exclusive=True)
    async def _ask(self) -> None:
        self._title = await asyncio.to_thread(pair_title, self._first, self._second)
        self._titles = tuple([await asyncio.to_thread(file_title, path) for path in self._paths])
        if not self.query(Rows):
            return
        self.panel.describe(title=self._title)
        found = await self._requests.ask(CompareRequest(self._first, self._second), "comparing", "tensors")
        if not self.query(Rows):
            return
        if found is None:
            text = self._requests.refused or "Cancelled. Press r to compare again."
            self.panel.say(Content.styled(text, "$text-error" if self._requests.refused else ""))
            return
        self._comparison = found
        self.panel.say("")
        self._show()

    def _show(self) -> None:
        found = self._comparison
        if found is None or not self.query(Rows):
            return
        update_text(self, "#about", Content(f"{difference_rows.count_kinds(found)}\n{found.alignment}"))
        rows = self._rows(self.filter_text)
        columns = difference_rows.value_columns(self.size.width - 2) if self._shows_values else COLUMNS
        sorted_by = "" if self._shows_values else TITLES.get(self._sort, "")
        self.table.show(rows, columns, sorted_by=sorted_by, falling=self._sort != "cosine")
        every = len(found.metadata) if self._shows_values else len(found.tensors)
        number = fmt.counted(every, "other value" if self._shows_values else "tensor")
        parts = [number if len(rows) == every else f"{fmt.count(len(rows))} of {number}"]
        parts += [] if self._shows_values else [f"by {SORTED[self._sort]}"]
        parts += [self.describe_filter()] if self.filter_text else []
        self.panel.describe(right=" · ".join(parts))
        self._arrange()
        self._show_chosen()
        self.refresh_bindings()

    def _arrange(self) -> None:
        """The panel about the chosen tensor, or those about both files where other values are listed, stand below the
        table; in a narrow terminal there are none."""
        detail, wide = self.query_one(DetailPane), self.size.width >= WIDE
        detail.display = wide and not self._shows_values
        self.query_one("#files").display = wide and self._shows_values
        room = self.size.height - 2  # the lines at the top and the bottom
        needed = len(self.table.rows) + 5
        self.panel.styles.height = min(needed, int(STACKED * room)) if wide else "1fr"
        detail.put_picture(wide=True)

    def _show_chosen(self) -> None:
        key, found = self.table.key, self._comparison
        if found is None:
            return
        place = self.table.place
        detail, one, below = self.query_one(DetailPane), self._chosen, ""
        if key is not None and self._shows_values:
            below = " → ".join(map(difference_rows.value_text, found.metadata[key]))
            self._show_files(key, found)
        elif one is not None:
            below = f"{one.name}: {WORDS[one.kind]}, {one.a or '–'} → {one.b or '–'}"
            if detail.display:
                first, second = (FileTensor(path, name) for path, name in zip(self._paths, one.names, strict=True))
                detail.follow(difference_rows.subject_of(one), DifferenceDetailRequest(first, second))
        self.panel.describe(below="" if detail.display else below, below_right=place)

    def _show_files(self, key: str, found: Comparison) -> None:
        """Both files beside each other, with the value that is chosen, whole."""
        if not self.query_one("#files").display:
            return
        if self._files is None:
            self._files = (None, None)
            self._ask_files()
        panels = self.query(FileDetail).results(FileDetail)
        for panel, path, title, listing, value in zip(
            panels, self._paths, self._titles, self._files, found.metadata[key], strict=True
        ):
            first = [Fact("value", key, "strong"), Fact("is", difference_rows.value_text(value)), Fact("", "")]
            panel.show(title, [*first, Fact("file", str(path))], listing, right=f"the {panel.id}")

    @work(group="files", exclusive=True)
    async def _ask_files(self) -> None:
        """What is in each of them, for the panels about them."""
        listings = list[FileListing | None]()
        for path in self._paths:
            try:
                listings.append(await asyncio.to_thread(self._services.worker.ask, FileRequest(path, most=LISTED)))
            except BugError:
                raise
            except EngineError:
                listings.append(None)  # comparing them says why
        self._files = (listings[0], listings[1])
        if self.query(Rows):
            self._show_chosen()

    @property
    def _paths(self) -> tuple[Path, Path]:
        return self._first, self._second

    def _rows(self, part: str) -> list[Row]:
        found = self._comparison
        assert found is not None
        if self._shows_values:
            return difference_rows.values(found, part)
        return difference_rows.tensors(found, part, self._sort)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if self._comparison is None and action in ("open", "sort", "view", "evaluate", "filter"):
            return "the files are not compared"
        if action == "sort" and self._shows_values:
            return "only tensors are sorted: v goes to them"
        if action == "open" and ((one := self._chosen) is None or one.max_abs is None):
            return "it is not in both files with one shape"
        if action == "on_data" and self._evaluated is None:
            return "evaluate both files first, with E"
        return self.why_not_panel() if action == "panel" else ""

    @property
    def _chosen(self) -> Difference | None:
        if self._comparison is None or self._shows_values:
            return None
        return next((one for one in self._comparison.tensors if one.name == self.table.key), None)

    def action_back(self) -> None:
        if self._requests.cancel():
            return
        if not self.clear_filter():
            self.dismiss()

    def count_matching(self, text: str) -> str:
        every, passing = self._rows(""), self._rows(text)
        return f"{fmt.count(len(passing))} of {fmt.counted(len(every), 'value' if self._shows_values else 'tensor')}"

    def filter_changed(self) -> None:
        self._show()

    def action_again(self) -> None:
        self._ask()

    def moved(self) -> None:
        self._show_chosen()
        self.refresh_bindings()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()
        self.table.reveal(TITLES.get(self._sort, ""))

    def action_view(self) -> None:
        self._shows_values = not self._shows_values
        self._show()

    @work(group="prompt", exclusive=True)
    async def action_evaluate(self) -> None:
        model = self._comparison.model if self._comparison is not None else ""
        value = self._evaluated_as or model or str(self._services.settings["model"])
        text = await self.app.push_screen_wait(prompts.network_of_both(value, ""))
        if text is not None:
            self._evaluate(text.strip())

    @work(group="long", exclusive=True)
    async def _evaluate(self, text: str) -> None:
        while self._evaluated is None or self._evaluated_as != text:
            first, second = (prompts.weights_source(text, file) for file in (self._first, self._second))
            settings = EvaluationSettings(dataset=self._services.settings["dataset"])
            request = CompareEvaluationsRequest(first, second, settings, self._services.data_dir)
            try:
                found = await self._requests.ask(request, "evaluating both", "test images")
            except MisfitError as error:  # no name is changed before the person confirms it
                prompt = prompts.network_of_both(f"{first.model} {error.proposal}", str(error))
                answer = await self.app.push_screen_wait(prompt)
                if answer is None:
                    return
                text = answer.strip()
                continue
            if found is None:
                return
            self._evaluated, self._evaluated_as = found, text
        found = self._evaluated
        self.refresh_bindings()
        lines = [*comparison_lines(found), "", "After Esc, press i or W to show the fixed or broken images on Data."]
        numbers = f"{fmt.count(len(found.fixed))} fixed, {fmt.count(len(found.broken))} broken"
        self._requests.show_answer(
            "On the test set", "\n".join(lines), f"{self._title}: {numbers}; press E there for details"
        )

    def action_on_data(self, which: str) -> None:
        """The images that changed sides, on *Data*."""
        if (found := self._evaluated) is None:
            return
        fixed = which == "fixed"
        if not (found.fixed if fixed else found.broken):
            self.notify("there are none", timeout=3)
            return
        who = "the first file" if fixed else "the second file"
        suspects, listed = compared_images(found, f"{which} by the second file", who, fixed=fixed)
        self._services.show_suspects(suspects, found.checksum, listed)

    def action_open(self) -> None:
        if (one := self._chosen) is not None:
            a, b = one.names
            self._services.open_tensor(FileDifference(FileTensor(self._first, a), FileTensor(self._second, b)))
