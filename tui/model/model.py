"""*Model*: a network's modules, its parameters with statistics, and the one under the cursor in detail."""

import asyncio
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from engine import sources
from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.model_requests import ModelSummary, ParametersRequest, ParameterTable, SummaryRequest
from engine.sources import NetworkRef, NewModel, Source, WeightsFile
from tui import cells
from tui import format as fmt
from tui.code_trust import name_if_new
from tui.detail.latest import LatestQuestion
from tui.detail.waiting import waiting
from tui.dialogs.columns import ColumnChoice
from tui.dialogs.table_screen import TableScreen, columns_key, panel_keys
from tui.keys import bind, move_keys
from tui.model import model_text, module_table, parameter_table, prompts, table_export
from tui.model.arrangement import Arrangement, arranged
from tui.model.followed_run import FollowedRun
from tui.model.freezer import Freezer
from tui.model.model_detail import ModelDetail
from tui.model.module_table import ModuleTable
from tui.model.parameter_table import SORTS, ParametersTable
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

FOLLOW_S = 2.0  # between two looks for a newer checkpoint


class ModelScreen(TableScreen):
    """Shows the form's model, a run's checkpoint (following one that trains), or any other network."""

    AUTO_FOCUS = "#tables"
    BINDINGS: ClassVar[list[BindingType]] = [
        *move_keys("model", sideways=("Columns before", "More columns")),
        *panel_keys("model"),
        bind("model", "open", "Open", "a parameter's values; a module: fold it; the network: as PyTorch prints it"),
        bind("model", "view", "Modules/parameters", "the other table"),
        bind("model", "other", "Other network", "a model by name, a run, a checkpoint, or weights from a file"),
        bind("model", "filter", "Filter", "by name or pattern"),
        bind("model", "forward", "Forward pass", "of one image, by stages"),
        bind("model", "autograd", "Autograd", "forward, loss, backward, step by step"),
        bind("model", "freeze", "Freeze", "or unfreeze, in the next run or branch"),
        bind("model", "freeze_some", "Freeze some", "by name or pattern", show=False),
        bind("model", "sort", "Sort", "by order, count, norm, std, change"),
        bind("model", "reverse", "Reverse", "the order", show=False),
        columns_key("model"),
        bind("model", "export", "Export", "the parameters, as CSV or text", show=False),
        bind("model", "again", "Reload", "a run that trains: as of now", action="reload", show=False),
        bind("model", "back", "All", "remove the filter"),
    ]

    FILTER_ABOUT = "Part of a name, such as weight, or a regular expression, such as stack.[02].weight$"

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._source = ""  # that was asked about last, as it is typed
        self._asked: NetworkRef | None = None
        self._summary: ModelSummary | None = None
        self._shows_parameters = False
        self._has_detail = False  # whether the detail panel is shown
        self._asking = False
        self._entry = ""  # the file of the checkpoint that is shown
        self._before: Source | None = None  # the checkpoint that was shown before it
        self._details = LatestQuestion(services.worker)
        self._followed = FollowedRun(services)
        self._freezer = Freezer(self, services, self._ask)

    def compose(self) -> ComposeResult:
        yield TopBar("model")
        parameters = ParametersTable()
        parameters.display = False
        with Container(id="panels"):
            with Panel(id="tables"):
                yield Static(id="problem", markup=False)
                yield ModuleTable()
                yield parameters
            yield ModelDetail(self._services.pictures.cells, self._details)
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_interval(FOLLOW_S, self._follow)
        self._ask()

    def on_screen_resume(self) -> None:
        if not self._source:
            return
        if self._source != self._services.network.source:
            self._begin()
        elif self._asked != self._ref():
            self._ask()
        else:
            self._show_chosen()  # another image may have been chosen

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self.call_after_refresh(self._show_chosen)

    @property
    def modules(self) -> ModuleTable:
        return self.query_one(ModuleTable)

    @property
    def parameters(self) -> ParametersTable:
        return self.query_one(ParametersTable)

    @property
    def panel(self) -> Panel:
        return self.query_one("#tables", Panel)

    @property
    def detail(self) -> ModelDetail:
        return self.query_one(ModelDetail)

    @property
    def table(self) -> Rows:
        return self.parameters if self._shows_parameters else self.modules

    # Asking

    def show_network(self, source: str) -> None:
        """Another network."""
        self._services.network.choose(source)
        self._begin()

    def _ref(self) -> NetworkRef | None:
        try:
            return self._services.network.ref()
        except EngineError:
            return None  # asking for it says why

    def _begin(self) -> None:
        self._before, self._entry, self.filter_text, self._summary = None, "", "", None
        self.modules.reset()
        self._ask()

    @work(group="model", exclusive=True)
    async def _ask(self) -> None:
        worker, network = self._services.worker, self._services.network
        self._source, self._asked, self._asking = network.source, self._ref(), True
        self.panel.busy(waiting(worker, "reading the model …"), empty=self._summary is None)
        try:
            ref = network.ref()
            summary = await asyncio.to_thread(worker.ask, SummaryRequest(ref))
            table = await asyncio.to_thread(worker.ask, ParametersRequest(ref, self._before))
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._refuse(error)
            return
        finally:
            self._asking = False
            if self.is_mounted:
                self.panel.busy("")
        self._entry = self._followed.newest()
        self._take(summary, table)

    def _refuse(self, error: EngineError) -> None:
        hint = "Press r to save its weights as of now, or o" if self._followed.lives else "Press o"
        self._summary = None
        self.panel.describe(title=self._source, right="", below="")
        self.panel.say(Content.styled(f"{error}\n\n", "$text-error") + Content(f"{hint} for another network."))
        self._arrange()

    def _take(self, summary: ModelSummary, table: ParameterTable) -> None:
        if not self.query(Rows):
            return  # the app ended meanwhile
        self._summary = summary
        self._services.network.folder = summary.folder
        self._details.forget()
        self.parameters.take(table)
        self.panel.say("")
        self._show()

    def _follow(self) -> None:
        """Read a newer checkpoint of the run, where there is one."""
        if self.is_active and (newest := self._followed.newest()) and newest != self._entry and not self._asking:
            folder = self._followed.folder
            if folder is not None and self._entry:
                self._before = WeightsFile(folder.checkpoint(self._entry))
            self._entry = newest
            self._ask()

    # Showing

    def _show(self) -> None:
        summary = self._summary
        if summary is None:
            return
        titles = self.column_choice().chosen
        if self._shows_parameters:
            self.parameters.show_tensors(self.filter_text, titles)
        else:
            self.modules.show_modules(summary, self.filter_text, titles)
        self.modules.display, self.parameters.display = not self._shows_parameters, self._shows_parameters
        problem = f"An image does not pass through it: {summary.problem}" if summary.problem else ""
        update_text(self, "#problem", Content.styled(problem, "$text-error"))
        self.query_one("#problem").display = bool(problem)
        self._arrange()
        self.panel.describe(title=summary.title, right=self._state(summary))
        self._show_chosen()
        self.refresh_bindings()

    def column_choice(self) -> ColumnChoice:
        preferences = self._services.preferences
        if self._shows_parameters:
            return self.parameters.column_choice(preferences)
        return self.modules.column_choice(preferences)

    def columns_changed(self) -> None:
        self._show()

    def _state(self, summary: ModelSummary) -> str:
        rows, order = len(self.table.rows), ""
        if not self._shows_parameters:
            return model_text.state(rows, len(summary.modules), "module", self.filter_text, order, summary.freeze)
        if (sort := self.parameters.sort) != SORTS[0]:
            order = f"by {sort}"
        order = f"{order} reversed".strip() if self.parameters.reversed else order
        return model_text.state(rows, len(self.parameters.tensors), "tensor", self.filter_text, order, summary.freeze)

    def _arrange(self) -> None:
        summary, lines = self._summary, self.size.height - 2  # without those at the top and the bottom
        rows = len(self.table.rows) + self.query_one("#problem").display
        found = Arrangement(detail=False)
        if summary is not None:
            many = self._shows_parameters
            found = arranged(self.size.width, lines, rows, many_columns=many, valueless=summary.valueless)
        self._has_detail = self.detail.display = found.detail
        self.query_one("#panels").set_class(found.stacked, "-stacked")
        self.panel.styles.height = "1fr" if found.height is None else found.height
        self.detail.put_picture(wide=found.stacked)

    def _show_chosen(self) -> None:
        """The line below the table, and the detail panel: what is known at once, the rest when it has been asked."""
        summary = self._summary
        if summary is None:
            return
        if self._has_detail:
            self.panel.describe(below=model_text.totals(summary))
            self._show_detail(summary)
        else:
            valueless = model_text.VALUELESS_SHORT if summary.valueless else ""
            below = " · ".join(filter(None, (valueless, self._chosen_line(summary))))
            self.panel.describe(below=below)

    def _chosen_line(self, summary: ModelSummary) -> str:
        if self._shows_parameters:
            return parameter_table.describe(tensor) if (tensor := self.parameters.chosen) is not None else ""
        module = self.modules.chosen
        return "" if module is None else module_table.describe(module) if module.name else model_text.totals(summary)

    def _show_detail(self, summary: ModelSummary) -> None:
        if (network := self._asked) is None:
            return
        if self._shows_parameters:
            if (tensor := self.parameters.chosen) is not None:
                self.detail.follow_tensor(network, summary, tensor, self.parameters.histogram(tensor))
        elif (module := self.modules.chosen) is not None:
            self.detail.follow_module(network, summary, module, self.parameters.tensors, self._services.image)

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("other", "reload", "panel") or action.startswith("focus_"):
            return self.why_not_panel() if action == "panel" else ""
        if self._summary is None:
            return "no network is shown yet"
        if action in ("freeze", "freeze_some") and not self._freezer.possible:
            return "only what the next run, or a branch of this run, will train can be frozen"
        if action in ("sort", "reverse", "export") and not self._shows_parameters:
            return "it is about the parameters: v shows them"
        if action in ("forward", "autograd") and self._summary.valueless:
            return "the network has shapes but no values: o opens its weights"
        return "no filter is set" if action == "back" and not self.filter_text else ""

    def moved(self) -> None:
        self._show_chosen()

    def action_view(self) -> None:
        key = self.table.key
        self._shows_parameters = not self._shows_parameters
        self._show()
        if key is not None:  # from a module to its first parameter, and from a parameter to its module
            self.table.find(lambda row: bool(row.key) and (row.key.startswith(f"{key}.") or row.key == key))
            if not self._shows_parameters:
                self.table.find(lambda row: row.key == key.rpartition(".")[0])
            self._show_chosen()

    def action_freeze(self) -> None:
        if (key := self.table.key) is not None and self._summary is not None:
            names = self.parameters.trainable_names
            self._freezer.toggle(self._summary, key, names, tensor=self._shows_parameters)

    @work(group="prompt")
    async def action_freeze_some(self) -> None:
        if self._summary is not None:
            await self._freezer.ask(self._summary, self.parameters.trainable_names)

    def action_sort(self) -> None:
        self.parameters.sort_next()
        self._show()
        self.parameters.reveal(self.parameters.sort)

    def action_reverse(self) -> None:
        self.parameters.reversed = not self.parameters.reversed
        self._show()

    def action_back(self) -> None:
        self.clear_filter()

    def count_matching(self, text: str) -> str:
        tensors = self.parameters.tensors
        found = sum(module_table.matches(text, tensor.name) for tensor in tensors)
        return f"{fmt.count(found)} of {fmt.count(len(tensors))} parameters and buffers"

    def filter_changed(self) -> None:
        self._show()

    def action_reload(self) -> None:
        """Of a run that trains: have it save its weights, which are then read."""
        if self._followed.lives:
            self._save()
        else:
            self._ask()

    @work(group="save", exclusive=True)
    async def _save(self) -> None:
        if problem := await asyncio.to_thread(self._followed.save):
            self.notify(problem, severity="warning", timeout=6, markup=False)
        else:
            self.notify("saving its weights as of now …", timeout=2)

    @work(group="prompt")
    async def action_other(self) -> None:
        source = self._services.network.source
        if self._summary is not None and self._summary.valueless and self._asked is not None:
            source = f"{source}=" if isinstance(self._asked.source, NewModel) else source  # the file is to be typed
        prompt = prompts.network(self._services.home, source)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            await name_if_new(sources.model_of(sources.parse(text)), before=source)
            self.show_network(text.strip())

    def action_open(self) -> None:
        if self._shows_parameters:
            if (tensor := self.parameters.chosen) is not None and self._asked is not None:
                self._services.open_tensor(tensor.ref(self._asked))
        elif (module := self.modules.chosen) is not None:
            if not module.name:
                self._print()
            elif module.leaf:
                self.action_view()
            else:
                self.modules.fold(module)
                self._show()

    def as_cell(self) -> str:
        """The network, and the module or parameter under the cursor, for the lab."""
        parameters = self._shows_parameters
        chosen = self.parameters.chosen if parameters else self.modules.chosen
        name = "" if chosen is None or getattr(chosen, "kind", "parameter") != "parameter" else chosen.name
        return cells.network(self._services.network.source, name, parameter=parameters)

    def action_forward(self) -> None:
        self._services.open_forward(*self._services.image)

    def action_autograd(self) -> None:
        from tui.model.autograd import AutogradScreen

        self.app.push_screen(AutogradScreen(self._services, "train", 0))

    def _print(self) -> None:
        from tui.dialogs.text import TextScreen

        if self._summary is not None:
            self.app.push_screen(TextScreen(self._summary.title, self._summary.printed))

    @work(group="prompt")
    async def action_export(self) -> None:
        await table_export.ask(self, self.parameters.tensors)
