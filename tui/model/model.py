"""*Model*: a network's modules, and its parameters with statistics."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine import sources
from engine.errors import EngineError, InspectionCancelledError
from engine.home import RunFolder, expanded
from engine.inspection.model_requests import ModelSummary, ParametersRequest, ParameterTable, SummaryRequest
from engine.runs import checkpoint_refs, client, store
from engine.sources import NetworkRef, RunCheckpoint, Source, WeightsFile
from engine.training import freezing
from tui import format as fmt
from tui import tensor_table
from tui.dialogs.table_screen import TableScreen, filter_key, table_keys
from tui.model import module_table, parameter_table, prompts
from tui.model.module_table import ModuleTable
from tui.model.parameter_table import SORTS, ParametersTable
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

FOLLOW_S = 2.0  # between two looks for a newer checkpoint


class ModelScreen(TableScreen):
    """Shows the form's model, a run's checkpoint (following one that trains), or any other network."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("model"),
        Binding("enter", "open", "Open", id="model.open", tooltip="a parameter's values; a module: fold it"),
        Binding("v", "view", "Modules/parameters", id="model.view", tooltip="the other table"),
        Binding("o", "other", "Other network", id="model.other", tooltip="a model by name, a run, or a checkpoint"),
        filter_key("model", "by name or pattern"),
        Binding("f", "freeze", "Freeze", id="model.freeze", tooltip="or unfreeze, in the next run or branch"),
        Binding("F", "freeze_some", "Freeze some", show=False, id="model.freeze_some", tooltip="by name or pattern"),
        Binding("A", "autograd", "Autograd", id="model.autograd", tooltip="forward, loss, backward, step by step"),
        Binding("N", "forward", "Forward pass", id="model.forward", tooltip="of one image, by stages"),
        Binding("s", "sort", "Sort", id="model.sort", tooltip="by order, count, norm, std, change"),
        Binding("p", "printed", "Print", show=False, id="model.printed", tooltip="the module, as PyTorch prints it"),
        Binding("e", "export", "Export", show=False, id="model.export", tooltip="the parameters, as CSV or text"),
        Binding("r", "reload", "Reload", show=False, id="model.reload", tooltip="a run that trains: as of now"),
        Binding("escape", "back", "All", show=False, id="model.back", tooltip="remove the filter"),
    ]

    FILTER_ABOUT = "Part of a name, such as weight, or a regular expression, such as stack.[02].weight$"

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._source = ""  # that was asked about last, as it is typed
        self._asked: NetworkRef | None = None
        self._summary: ModelSummary | None = None
        self._shows_parameters = False
        self.filter_text = ""
        self._asking = False
        self._entry = ""  # the file of the checkpoint that is shown
        self._before: Source | None = None  # the checkpoint that was shown before it

    def compose(self) -> ComposeResult:
        yield TopBar("model")
        yield Static(id="about", markup=False)
        yield ModuleTable()
        parameters = ParametersTable()
        parameters.display = False
        yield parameters
        yield Static(id="chosen", markup=False)
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

    @property
    def modules(self) -> ModuleTable:
        return self.query_one(ModuleTable)

    @property
    def parameters(self) -> ParametersTable:
        return self.query_one(ParametersTable)

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
        update_text(self, "#about", "reading the model …" if worker.started else "importing PyTorch …")
        try:
            ref = network.ref()
            summary = await asyncio.to_thread(worker.ask, SummaryRequest(ref))
            table = await asyncio.to_thread(worker.ask, ParametersRequest(ref, self._before))
        except InspectionCancelledError:
            return
        except EngineError as error:
            run = self._run
            living = run is not None and store.alive(run)
            hint = "Press r to save its weights as of now, or o for another network." if living else ""
            refused = Content.styled(f"{error}\n", "$text-error")
            update_text(self, "#about", refused + Content(hint or "Press o for another network."))
            return
        finally:
            self._asking = False
        self._entry = self._newest()
        self._take(summary, table)

    def _take(self, summary: ModelSummary, table: ParameterTable) -> None:
        if not self.query(Rows):
            return  # the app ended meanwhile
        self._summary = summary
        self._services.network.folder = summary.folder
        self.parameters.take(table)
        self._show()

    @property
    def _run(self) -> RunFolder | None:
        """The folder of the run whose last checkpoint is shown, whichever that becomes; None: another source."""
        try:
            source = sources.parse(self._services.network.source)
            if isinstance(source, RunCheckpoint) and source.at == sources.LAST:
                return store.find(self._services.home, source.run)
        except EngineError:
            pass
        return None

    def _newest(self) -> str:
        """The newest checkpoint's file, of a run's `last`; empty for what does not change."""
        folder = self._run
        try:
            return checkpoint_refs.find(folder, sources.LAST).file if folder is not None else ""
        except EngineError:
            return ""

    def _follow(self) -> None:
        """Read a newer checkpoint of the run, where there is one."""
        if self.is_active and (newest := self._newest()) and newest != self._entry and not self._asking:
            folder = self._run
            if folder is not None and self._entry:
                self._before = WeightsFile(folder.checkpoint(self._entry))
            self._entry = newest
            self._ask()

    # Showing

    def _show(self) -> None:
        summary = self._summary
        if summary is None:
            return
        if self._shows_parameters:
            self.parameters.show_tensors(self.filter_text)
        else:
            self.modules.show_modules(summary, self.filter_text)
        self.modules.display, self.parameters.display = not self._shows_parameters, self._shows_parameters
        update_text(self, "#about", self._about(summary))
        self._show_chosen()
        self.refresh_bindings()

    def _about(self, summary: ModelSummary) -> Content:
        totals = summary.totals
        trainable = "" if totals.trainable == totals.parameters else f", {fmt.count(totals.trainable)} trainable"
        image = " × ".join(map(str, summary.shape))
        sort = self.parameters.sort
        notes = f"\nfrozen: {summary.freeze}" if summary.freeze else ""
        notes += f"\n{self.describe_filter()}" if self.filter_text else ""
        notes += f"\nsorted by {sort}" if self._shows_parameters and sort != SORTS[0] else ""
        return Content.assemble(
            (summary.title, "bold"),
            f"\n{fmt.count(totals.parameters)} parameters{trainable}, {fmt.size(totals.bytes)}; "
            f"{fmt.count(totals.multiply_adds)} multiply-adds for an image of {image}",
            (f"\nAn image does not pass through it: {summary.problem}" if summary.problem else "", "$text-error"),
            (notes, "$text-accent"),
        )

    def _show_chosen(self) -> None:
        text = ""
        if self._shows_parameters:
            text = parameter_table.describe(tensor) if (tensor := self.parameters.chosen) is not None else ""
        elif (module := self.modules.chosen) is not None:
            text = module_table.describe(module)
        update_text(self, "#chosen", text)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("other", "reload"):
            return True
        if self._summary is None:
            return False if action == "back" else None
        if action in ("freeze", "freeze_some"):
            return True if self._freezable else None
        if action in ("sort", "export"):
            return True if self._shows_parameters else None
        return bool(self.filter_text) if action == "back" else True

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

    @property
    def _freezable(self) -> bool:
        return self._services.network.folder is not None or self._services.network.of_form

    def action_freeze(self) -> None:
        if (key := self.table.key) is None or self._summary is None:
            return
        chosen, names = key or "*", self.parameters.trainable_names
        if self._shows_parameters and chosen not in names:
            self.notify(f"{key} is not a parameter: it has no gradient", severity="warning", timeout=4, markup=False)
            return
        self._freeze(freezing.toggled(self._summary.freeze, chosen, names))

    @work(group="prompt")
    async def action_freeze_some(self) -> None:
        assert self._summary is not None
        prompt = prompts.freeze(self.parameters.trainable_names, self._summary.freeze)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            self._freeze(text.strip())

    def _freeze(self, text: str) -> None:
        names = self.parameters.trainable_names
        if names and len(freezing.frozen(text, names)) == len(names):
            self.notify("nothing would be left to train", severity="warning", timeout=4)
            return
        if (folder := self._services.network.folder) is not None:
            self._services.branch_freeze[folder] = text
            self.notify("for the next branch of this run (b on Train)", timeout=3)
        else:
            self._services.settings["freeze"] = text
            self.notify("for the next run", timeout=3)
        self._ask()

    def action_sort(self) -> None:
        self.parameters.sort_next()
        self._show()
        self.parameters.reveal(self.parameters.sort)

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
        folder = self._run
        if folder is not None and store.alive(folder):
            self._save(folder)
        else:
            self._ask()

    @work(group="save", exclusive=True)
    async def _save(self, folder: RunFolder) -> None:
        try:
            await asyncio.to_thread(client.command, folder, "checkpoint")
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=6, markup=False)
        else:
            self.notify("saving its weights as of now …", timeout=2)

    @work(group="prompt")
    async def action_other(self) -> None:
        prompt = prompts.network(self._services.home, self._services.network.source)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            self.show_network(text.strip())

    def action_open(self) -> None:
        if self._shows_parameters:
            if (tensor := self.parameters.chosen) is not None and self._asked is not None:
                self._services.open_tensor(tensor.ref(self._asked))
        elif (module := self.modules.chosen) is not None:
            if module.leaf:
                self.action_view()
            elif module.name:
                self.modules.fold(module, self.filter_text)

    def action_forward(self) -> None:
        self._services.open_forward(*self._services.image)

    def action_autograd(self) -> None:
        from tui.model.autograd import AutogradScreen

        self.app.push_screen(AutogradScreen(self._services, "train", 0))

    def action_printed(self) -> None:
        from tui.dialogs.text import TextScreen

        if self._summary is not None:
            self.app.push_screen(TextScreen(self._summary.title, self._summary.printed))

    @work(group="prompt")
    async def action_export(self) -> None:
        tensors = self.parameters.tensors
        if (text := await self.app.push_screen_wait(prompts.export(len(tensors)))) is None:
            return
        path = expanded(text.strip())
        try:
            with open(path, "x", encoding="utf-8", newline="") as file:
                file.write((tensor_table.as_text if path.suffix == ".txt" else tensor_table.as_csv)(tensors))
        except OSError as error:
            self.notify(f"{path} can't be written: {error.strerror}", severity="error", markup=False)
        else:
            self.notify(f"{fmt.counted(len(tensors), 'row')} written to {path}", markup=False)
