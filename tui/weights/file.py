"""One file of weights: what is in it, found without executing it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from engine.errors import BugError, EngineError, InspectionCancelledError
from engine.inspection.detail_requests import TensorDetailRequest
from engine.inspection.file_requests import FileStatsRequest
from engine.inspection.tensor_refs import FileTensor
from engine.inspection.tensor_stats import TensorStats
from engine.terminal_text import printable
from engine.weights.requests import FileListing, FileRequest
from tui import cells
from tui import format as fmt
from tui.detail.latest import LatestQuestion
from tui.detail.pane import DetailPane
from tui.dialogs.busy import LongRequests
from tui.dialogs.table_screen import TableScreen, filter_key, panel_keys, table_keys
from tui.keys import bind
from tui.services import Services
from tui.weights import file_rows, file_subject
from tui.weights.file_actions import FILE_ACTION_KEYS, FILE_ACTIONS, FileActions
from tui.weights.file_detail import FileDetail
from tui.weights.file_report import FileReport
from tui.weights.file_rows import SORTS, VIEWS
from tui.weights.file_title import file_title
from tui.widgets.heatmap import bars
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Row, Rows, chosen_columns, snug
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_PROBLEMS = 3  # above the table
NEED_VALUES = ("difference", "evaluate", "branch", "model", "data", "convert")
WIDE = 110  # columns from which the chosen tensor has a panel
STACKED = 0.6  # of the lines that a table may take which has a panel below it


class FileScreen(TableScreen):
    """Asks the worker process: what is in the file at once, the tensors' statistics as they come."""

    AUTO_FOCUS = "#parts-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("file"),
        bind("file", "back"),
        bind("file", "open", "Values", "the tensor's values"),
        bind("file", "view", "Next list", "tensors, values, imports, modules, problems"),
        bind("file", "sort", "Sort", "by name or a statistic, or in the file's order"),
        *FILE_ACTION_KEYS,
        filter_key("file", "by name"),
        *panel_keys("file"),
    ]

    FILTER_ABOUT = "Part of a name."

    def __init__(self, services: Services, path: Path) -> None:
        super().__init__()
        self._services, self.path = services, path
        self._requests = LongRequests(self, services)
        self._actions = FileActions(self, services, self._requests, path, self._continue_stats)
        self._listing: FileListing | None = None
        self._valueless = False  # whether its tensors have shapes alone
        self._complete = False  # whether all that is in the file is in the listing
        self._listed = ""  # the filter that the listing was made with
        self._stats: dict[str, TensorStats | None] = {}
        self._histograms: dict[str, npt.NDArray[np.int64]] = {}
        self._drawn: dict[str, str] = {}  # the histograms as text: drawing thousands takes long
        self._share = 0.0  # of the statistics
        self._view = VIEWS[0]
        self._sort = ""  # the title of a column, one of SORTS
        self._title = ""  # which run's checkpoint it is, once that is known

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        with Container(id="panels"):
            with Panel(title=printable(self.path.name), id="parts-panel"):
                yield Static(id="about", markup=False)
                yield Rows(file_rows.TENSOR_COLUMNS, gap=1, id="parts")
                yield Static(id="chosen", markup=False)
            yield DetailPane(self._services.pictures.cells, LatestQuestion(self._services.worker))
            yield FileDetail(id="facts")
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self.call_after_refresh(self._show_chosen)

    @property
    def panel(self) -> Panel:
        return self.query_one("#parts-panel", Panel)

    # Asking

    @work(group="file", exclusive=True)
    async def _ask(self) -> None:
        doing = f"reading {printable(str(self.path))}"
        self.panel.busy(f"{doing} …")

        part = "" if self._complete else self.filter_text
        try:
            self._title = await asyncio.to_thread(file_title, self.path)
            listing = await asyncio.to_thread(
                self._services.worker.ask,
                FileRequest(self.path, part),
                FileReport(self.app, self.panel, doing, self._show_so_far),
            )
        except InspectionCancelledError:
            return
        except EngineError as error:
            if isinstance(error, BugError):
                raise
            if self.query(Rows):
                self._listing = None  # what was met before that
                self.panel.describe(title=self._title, below_right="", right="")
                self.query_one(DetailPane).display = self.query_one(FileDetail).display = False
                self.panel.say(Content.styled(str(error), "$text-error"))
            return
        finally:
            if self.query(Rows):
                self.panel.busy("")
        if not self.query(Rows):
            return
        self.panel.say("")
        self._listing, self._share, self._listed = listing, 0.0, part
        self._valueless = bool(listing.tensors) and all(map(file_subject.valueless, listing.tensors))
        if not part:
            self._complete = all(self._has_all(view) for view in VIEWS)
        self._show()
        self._ask_stats()

    def _show_so_far(self, listing: FileListing) -> None:
        """What was met of a file that is still read, where nothing else of it is on the screen."""
        if self.query(Rows) and (self._listing is None or not self._listing.complete):
            self._listing = listing
            self._show()

    def _has_all(self, view: str) -> bool:
        return self._listing is not None and len(getattr(self._listing, view)) == self._listing.counts[view]

    def _continue_stats(self) -> None:
        if self._share < 1 and self._listing is not None and self._listing.complete:
            self._ask_stats(restart=False)

    @work(group="figures", exclusive=True)
    async def _ask_stats(self, *, restart: bool = True) -> None:
        """As they come: a few milliseconds of work per request, so that keys are answered in between."""
        done = False
        while not done:
            request = FileStatsRequest(self.path, self._listed, restart)
            try:
                found = await asyncio.to_thread(self._services.worker.ask, request)
            except InspectionCancelledError:
                return
            except BugError:
                raise
            except EngineError as error:  # the file has gone, or changed
                if self.query(Rows):
                    self.notify(str(error), severity="error", timeout=20, markup=False)
                return
            if not self.query(Rows):
                return
            restart, done = False, found.done
            self._stats.update(found.stats)
            self._histograms.update(zip(found.stats, found.histograms, strict=True))
            self._drawn.update({name: bars(one) for name, one in zip(found.stats, found.histograms, strict=True)})
            if done or found.share - self._share >= 0.05:
                self._share = found.share
                self._show()

    # Showing

    def _show(self) -> None:
        listing = self._listing
        if listing is None:
            return
        update_text(self, "#about", self._about(listing))
        sort = self._sort if self._view == "tensors" else ""
        rows = self._rows(self.filter_text)
        columns = file_rows.COLUMNS[self._view]
        if self._view == "tensors":
            titles = file_rows.tensor_titles(listing, self._stats, sort)
            columns, rows = chosen_columns(columns, rows, titles, columns[0].title)
            columns = snug(columns, rows)
        self.table.show(rows, columns, sorted_by=sort, falling=sort not in ("", "tensor"))
        self.panel.describe(title=self._title, right=self._state(listing))
        self._arrange()
        self._show_chosen()
        self.refresh_bindings()

    def _arrange(self) -> None:
        """The panel about the chosen tensor, or value, stands below a table with many columns or few rows, beside a
        long one; in a narrow terminal there is none."""
        if self._listing is None or not self.query(Rows):
            return
        wide, tensors = self.size.width >= WIDE, self._view == "tensors"
        room = self.size.height - 2  # the lines at the top and the bottom
        needed = len(self.table.rows) + 3 + self._about(self._listing).plain.count("\n") + 1
        most = int(STACKED * room)
        stacked = wide and (tensors or needed <= most)
        detail, facts = self.query_one(DetailPane), self.query_one(FileDetail)
        detail.display, facts.display = wide and tensors, wide and not tensors
        self.query_one("#chosen").display = not wide
        self.query_one("#panels").set_class(stacked, "-stacked")
        self.panel.styles.height = min(needed, most) if stacked else "1fr"
        detail.put_picture(wide=stacked)

    def _rows(self, part: str) -> list[Row]:
        """Those of the view that is shown, with `part` in their names, or in what they say."""
        listing = self._listing
        assert listing is not None
        if self._view == "tensors":
            rows = file_rows.tensors(listing, self._stats, self._drawn, self._sort)
        else:
            rows = file_rows.LISTED[self._view](listing)
        return [row for row in rows if part in (row.cells[0] if self._view == "problems" else row.key)]

    def _about(self, listing: FileListing) -> Content:
        if not listing.complete:
            path = Content.assemble((f"{printable(str(self.path))}\n", "$text-muted"))
            return path + Content(
                "These are its first tensors. What it would import is known once it is read to its end."
            )
        untrusted = any(not one.allowed for one in listing.imports)
        lines = [
            Content.assemble((f"{printable(str(self.path))}\n", "$text-muted")),
            Content.styled(f"{listing.safety}\n", "$text-warning" if untrusted else ""),
            *(Content(f"{note}\n") for note in listing.notes),
            *(Content.styled(f"{problem}\n", "$text-error") for problem in listing.problems[:MOST_PROBLEMS]),
        ]
        if (more := listing.counts["problems"] - MOST_PROBLEMS) > 0:
            lines.append(Content.styled(f"… and {fmt.counted(more, 'more problem')} (v)\n", "$text-error"))
        counts = listing.counts
        text = f"{listing.format}, {fmt.size(listing.bytes)}: {fmt.counted(counts['tensors'], 'tensor')}"
        text += f" with {fmt.counted(listing.elements, 'number')}"
        if shared := counts["shared"]:
            text += f" ({fmt.counted(shared, 'shared storage')})"
        for view in VIEWS[1:]:
            text += f", {fmt.counted(counts[view], view[:-1])}" if counts[view] else ""
        return Content("").join([*lines, Content(text)])

    def _state(self, listing: FileListing) -> str:
        """What stands at the right of the upper border."""
        shown, of = len(self.table.rows), listing.counts[self._view]
        if not listing.complete:
            return f"the first {fmt.counted(shown, 'tensor')}"
        word = self._view[:-1]
        parts = [fmt.counted(of, word) if shown == of else f"{fmt.count(shown)} of {fmt.counted(of, word)}"]
        if not self._complete and not self._listed and not self._has_all(self._view):
            parts = [
                f"the first {fmt.count(len(getattr(listing, self._view)))} of {fmt.counted(of, word)} (/ finds others)"
            ]
        parts += [f"statistics {100 * self._share:.0f}%"] if self._share < 1 and self._view == "tensors" else []
        parts += [f"by {SORTS[self._sort]}"] if self._sort and self._view == "tensors" else []
        parts += [self.describe_filter()] if self.filter_text else []
        return " · ".join(parts)

    def as_cell(self) -> str:
        """The tensor under the cursor, or the file, for the lab."""
        of_tensor = self._view == "tensors" and self.table.key is not None
        return cells.tensor(self.path, self.table.key or "") if of_tensor else cells.weights(self.path)

    def _show_chosen(self) -> None:
        key, listing = self.table.key, self._listing
        if listing is None:
            return
        self.panel.describe(below_right=self.table.place)
        update_text(self, "#chosen", Content(self._chosen_line(listing, key)))
        if key is None:
            return
        if self._view == "tensors" and self.query_one(DetailPane).display:
            one = next(one for one in listing.tensors if one.name == key)
            subject = file_subject.of_tensor(listing, one, self._stats, self._histograms)
            # While the file is read its values can't be: the worker process answers one question at a time.
            ask = listing.complete and not subject.beside
            request = TensorDetailRequest(FileTensor(self.path, key)) if ask else None
            self.query_one(DetailPane).follow(subject, request)
            if subject.beside:
                self.query_one(DetailPane).describe(below="the area of each tensor: its share of the numbers")
        elif self._view != "tensors" and self.query_one(FileDetail).display:
            first = file_subject.of_part(listing, self._view, key)
            self.query_one(FileDetail).show("The file", first, listing)

    def _chosen_line(self, listing: FileListing, key: str | None) -> str:
        """What is said below the table where there is no panel for it."""
        if key is None:
            return ""
        match self._view:
            case "tensors":
                return file_rows.describe_tensor(listing, key, self._stats)
            case "modules":
                return file_rows.describe_module(listing, key)
            case "values":
                return f"{key} = {listing.values[key]}"
            case "problems":
                return listing.problems[int(key)]  # the whole of it
        return ""

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        read = self._listing is not None and self._listing.complete
        if not read and action in ("open", "sort", "view", "filter", *FILE_ACTIONS):
            return (
                "the file is still read: wait, or esc goes back"
                if self._listing is not None
                else "the file is not read"
            )
        if action == "open" and (self._view != "tensors" or self.table.key is None):
            return (
                "only a tensor has values to show: v goes to them" if self._view != "tensors" else "there is no tensor"
            )
        if (action == "open" and self._chosen_is_valueless()) or (action in NEED_VALUES and self._valueless):
            return "shapes but no values (PyTorch's meta device): o on Checkpoints opens another file"
        if action == "sort" and self._view != "tensors":
            return "only tensors are sorted: v goes to them"
        return self.why_not_panel() if action == "panel" else ""

    def _chosen_is_valueless(self) -> bool:
        ones = self._listing.tensors if self._listing is not None else ()
        return any(one.name == self.table.key and file_subject.valueless(one) for one in ones)

    def action_back(self) -> None:
        if self._requests.cancel():
            return
        if not self.clear_filter():
            self.dismiss()

    def count_matching(self, text: str) -> str:
        if not self._complete:
            return ""  # the worker looks through all of the file
        found = len(self._rows(text))
        return f"{fmt.count(found)} of {fmt.counted(len(self._rows('')), self._view[:-1])}"

    def filter_changed(self) -> None:
        if self._complete:
            self._show()
        else:
            self._ask()

    def moved(self) -> None:
        self._show_chosen()

    def action_view(self) -> None:
        assert self._listing is not None
        views = [view for view in VIEWS if view == "tensors" or self._listing.counts[view]]
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._show()

    def action_sort(self) -> None:
        sorts = tuple(SORTS)
        self._sort = sorts[(sorts.index(self._sort) + 1) % len(sorts)]
        self._show()
        self.table.reveal(self._sort)

    def action_open(self) -> None:
        if self.table.key is not None:
            self._services.open_tensor(FileTensor(self.path, self.table.key))

    def action_difference(self) -> None:
        self._actions.compare()

    def action_evaluate(self) -> None:
        assert self._listing is not None
        self._actions.evaluate(self._listing)

    def action_branch(self) -> None:
        self._actions.branch()

    def action_model(self) -> None:
        assert self._listing is not None
        self._actions.show_on_model(self._listing)

    def action_data(self) -> None:
        assert self._listing is not None
        self._actions.show_on_data(self._listing)

    def action_convert(self) -> None:
        self._actions.convert()

    def action_check(self) -> None:
        self._actions.check()
