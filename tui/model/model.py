"""*Model*: a network's modules, and its parameters in figures."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine import sources
from engine.errors import EngineError, InspectionCancelledError, InspectionError
from engine.home import RunFolder
from engine.inspection.untyped import ask_untyped
from engine.runs import checkpoint_refs, client, store
from engine.training import freezing
from engine.training.config import parse
from tui import format as fmt
from tui import tensor_table
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.services import Services
from tui.widgets.heatmap import bars
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.worker.request import Answer

FOLLOW_S = 2.0  # between two looks for a newer checkpoint
MODULE_COLUMNS = (
    Column("module", -36),
    Column("out", 18),
    Column("parameters", 12, right=True),
    Column("share", 6, right=True),
    Column("trains", 6),
    Column("multiply-adds", 13, right=True),
    Column("in", 18),
    Column("mode", 5),
    Column("dtype", 8),
    Column("device", 7),
)
TENSOR_COLUMNS = (
    Column("name", -28, ends=True),
    Column("shape", 13),
    Column("grad", 4),
    Column("mean", 10, right=True),
    Column("std", 10, right=True),
    Column("histogram", 12, style="train"),
    Column("min", 10, right=True),
    Column("max", 10, right=True),
    Column("norm", 9, right=True),
    Column("change", 9, right=True, style="test"),
    Column("zeros", 6, right=True),
    Column("not finite", 10, right=True, style="bad"),
    Column("count", 11, right=True),
    Column("dtype", 8),
    Column("device", 6),
)
SORTS = ("order", "count", "norm", "std", "change")


class ModelScreen(TableScreen):
    """Looks into the form's model, a run's checkpoint (following one that trains), or any other that is named."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("model"),
        Binding("enter", "open", "Open", id="model.open", tooltip="a parameter's values; a module: fold it"),
        Binding("v", "view", "Modules/parameters", id="model.view", tooltip="the other table"),
        Binding("o", "other", "Other network", id="model.other", tooltip="a model by name, a run, or a checkpoint"),
        Binding("slash", "filter", "Filter", key_display="/", id="model.filter", tooltip="by name or pattern"),
        Binding("f", "freeze", "Freeze", id="model.freeze", tooltip="or thaw, in the next run or branch"),
        Binding("F", "freeze_some", "Freeze some", show=False, id="model.freeze_some", tooltip="by name or pattern"),
        Binding("A", "autograd", "Autograd", id="model.autograd", tooltip="forward, loss, backward, step by step"),
        Binding("N", "through", "An image", id="model.through", tooltip="one image through the network"),
        Binding("s", "sort", "Sort", id="model.sort", tooltip="by order, count, norm, std, change"),
        Binding(
            "p", "printed", "As printed", show=False, id="model.printed", tooltip="the module as PyTorch prints it"
        ),
        Binding(
            "e", "export", "Export", show=False, id="model.export", tooltip="the table of parameters, as CSV or text"
        ),
        Binding("r", "again", "Read again", show=False, id="model.again", tooltip="of a run that trains: as of now"),
        Binding("escape", "back", "All", show=False, id="model.back", tooltip="no filter"),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._asked: dict[str, Any] = {}  # what the answers are about
        self._summary: dict[str, Any] | None = None
        self._tensors: list[dict[str, Any]] = []
        self._histograms: Any = None
        self._parameters = False  # which table is shown
        self._pattern = ""
        self._sort = SORTS[0]
        self._folded: set[str] = set()
        self._asking = False
        self._entry = ""  # the file of the checkpoint that is shown
        self._before = ""  # the source of the one that was shown before it

    def compose(self) -> ComposeResult:
        yield TopBar("model")
        yield Static(id="about", markup=False)
        yield Rows(MODULE_COLUMNS, id="table")
        yield Static(id="chosen", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_interval(FOLLOW_S, self._follow)
        self._ask()

    def on_screen_resume(self) -> None:
        network = self._services.network
        if self._asked and self._asked["source"] != network.source:
            self._begin()
        elif self._asked and self._asked != network.values():
            self._ask()

    # What is asked

    def look_at(self, source: str) -> None:
        """Another network."""
        self._services.network.choose(source)
        self._begin()

    def _begin(self) -> None:
        self._before, self._entry, self._pattern = "", "", ""
        self._folded.clear()
        self._summary = None
        self._ask()

    @work(group="model", exclusive=True)
    async def _ask(self) -> None:
        worker, values = self._services.worker, self._services.network.values()
        self._asked, self._asking = values, True
        self._say("#about", Content("reading the model …" if worker.started else "importing PyTorch …"))
        try:
            summary = await asyncio.to_thread(ask_untyped, worker, "summary", values)
            tensors = await asyncio.to_thread(ask_untyped, worker, "parameters", {**values, "before": self._before})
        except InspectionCancelledError:
            return
        except EngineError as error:
            run = self._run
            living = run is not None and store.alive(run)
            what = "Press r to have it save its weights as of now, or o for another one." if living else ""
            hint = Content(what or "Press o for another one.")
            self._say("#about", Content.styled(f"{error}\n", "$text-error") + hint)
            return
        finally:
            self._asking = False
        self._entry = self._newest()
        self._take(summary, tensors)

    def _take(self, summary: "Answer", tensors: "Answer") -> None:
        if not self.query(Rows):
            return  # the app ended meanwhile
        self._summary, self._tensors = summary.values, tensors.values["tensors"]
        self._services.network.folder = Path(summary.values["folder"]) if summary.values["folder"] else None
        self._histograms = tensors.arrays["histograms"]
        self._show()

    @property
    def _run(self) -> Path | None:
        """The folder of the run whose `last` checkpoint is shown, whichever that becomes; None: another source."""
        name, at, place = self._services.network.source.partition("@")
        if not at or place != "last":
            return None
        try:
            return store.find(self._services.home, name)
        except EngineError:
            return None

    def _newest(self) -> str:
        """The newest checkpoint's file, of a run's `last`; empty for what does not change."""
        folder = self._run
        try:
            return checkpoint_refs.find(folder, "last").file if folder is not None else ""
        except EngineError:
            return ""

    def _follow(self) -> None:
        """Read a newer checkpoint of the run, where there is one."""
        if self.is_active and (newest := self._newest()) and newest != self._entry and not self._asking:
            folder = self._run
            self._before = str(RunFolder(folder).checkpoint(self._entry)) if folder is not None and self._entry else ""
            self._entry = newest
            self._ask()

    # Showing

    def _show(self) -> None:
        if self._summary is None:
            return
        summary, totals = self._summary, self._summary["totals"]
        share = "" if totals["trainable"] == totals["parameters"] else f", {fmt.count(totals['trainable'])} trainable"
        shape = " × ".join(map(str, summary["shape"]))
        told = (
            f"{fmt.count(totals['parameters'])} parameters{share}, {fmt.size(totals['bytes'])}; "
            f"{fmt.count(totals['multiply_adds'])} multiply-adds for an image of {shape}"
        )
        problem = f"\nAn image does not go through it: {summary['problem']}" if summary["problem"] else ""
        filtered = f"\nonly names with {self._pattern} (esc: all)" if self._pattern else ""
        frozen = f"\nfrozen: {summary['freeze']}" if summary["freeze"] else ""
        sort = f"\nsorted by {self._sort}" if self._parameters and self._sort != SORTS[0] else ""
        self._say(
            "#about",
            Content.assemble(
                (summary["title"], "bold"),
                f"\n{told}",
                (problem, "$text-error"),
                (frozen + filtered + sort, "$text-accent"),
            ),
        )
        if self._parameters:
            self.table.show(self._tensor_rows(), TENSOR_COLUMNS)
        else:
            self.table.show(self._module_rows(), MODULE_COLUMNS)
        self._tell_chosen()
        self.refresh_bindings()

    def _module_rows(self) -> list[Row]:
        assert self._summary is not None
        total = max(1, self._summary["totals"]["parameters"])
        rows = []
        for module in self._summary["modules"]:
            name = module["name"]
            if not self._wanted(name or module["type"]) or any(name.startswith(f"{one}.") for one in self._folded):
                continue
            fold = " +" if name in self._folded else ""
            label = f"{'  ' * module['depth']}{name.rpartition('.')[2] or ''} {module['type']}({module['extra']}){fold}"
            own = module["parameters"]
            rows.append(
                Row(
                    name,
                    (
                        label.strip() if not module["depth"] else label, _short(module["outputs"]),
                        fmt.count(own) if own else "", f"{100 * own / total:.1f}%" if own else "",
                        _trains(module["trainable"], own),
                        fmt.count(module["multiply_adds"]) if module["multiply_adds"] else "",
                        _short(module["inputs"]), "train" if module["training"] else "eval", module["dtype"],
                        module["device"],
                    ),
                    "" if module["leaf"] else "strong",
                )
            )  # fmt: skip
        return rows

    def _tensor_rows(self) -> list[Row]:
        chosen = [at for at, tensor in enumerate(self._tensors) if self._wanted(tensor["name"])]
        if self._sort != SORTS[0]:
            chosen.sort(key=lambda at: -(self._tensors[at].get(self._sort) or 0))
        return [self._tensor_row(at) for at in chosen]

    def _tensor_row(self, at: int) -> Row:
        tensor = self._tensors[at]
        if tensor["shape"] is None:
            empty = ("",) * (len(TENSOR_COLUMNS) - 2)
            return Row(tensor["name"], (tensor["name"], "not made yet", *empty), "dim")
        wrong = (tensor["nan"] or 0) + (tensor["inf"] or 0)
        zeros = "" if tensor["zeros"] is None else f"{100 * tensor['zeros']:.1f}%"
        return Row(
            tensor["name"],
            (
                tensor["name"], "×".join(map(str, tensor["shape"])) or "one number",
                "yes" if tensor["requires_grad"] else "no",
                _number(tensor["mean"]),
                _number(tensor["std"]), bars(self._histograms[at]), _number(tensor["min"]), _number(tensor["max"]),
                _number(tensor["norm"]), _number(tensor.get("change")), zeros, fmt.count(wrong) if wrong else "",
                fmt.count(tensor["count"]), tensor["dtype"], tensor["device"],
            ),
            "dim" if tensor["kind"] == "buffer" else "",
        )  # fmt: skip

    def _wanted(self, name: str) -> bool:
        return not self._pattern or matches(self._pattern, name)

    def _tell_chosen(self) -> None:
        key, told = self.table.key, ""
        if key is not None and self._parameters:
            tensor = next(one for one in self._tensors if one["name"] == key)
            told = f"{tensor['kind']} {key}"
            if tensor["same_as"]:
                told += f", the same tensor as {tensor['same_as']}"
            if tensor["shape"] is not None:
                told += f"  {fmt.count(tensor['count'])} numbers, {fmt.size(tensor['bytes'])}"
        elif key is not None and self._summary is not None:
            module = next(one for one in self._summary["modules"] if one["name"] == key)
            told = f"{key or 'the whole network'}: {module['inputs'] or '?'} → {module['outputs'] or '?'}"
            if module["calls"] > 1:
                told += f", called {module['calls']} times"
            told += f", {fmt.count(module['trainable'])} of {fmt.count(module['parameters'])} parameters trainable"
        self._say("#chosen", Content(told))

    def _say(self, selector: str, content: Content) -> None:
        for line in self.query(selector).results(Static):
            if str(line.content) != str(content):
                line.update(content)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("other", "again"):
            return True
        if action in ("freeze", "freeze_some"):
            return True if self._summary is not None and self._freezable else None
        if action in ("sort", "export"):
            return True if self._summary is not None and self._parameters else None
        if action == "back":
            return bool(self._pattern)
        return True if self._summary is not None else None

    def moved(self) -> None:
        self._tell_chosen()

    def action_view(self) -> None:
        key = self.table.key
        self._parameters = not self._parameters
        self._show()
        if key is not None:  # from a module to its first parameter, and from a parameter to its module
            self.table.find(lambda row: bool(row.key) and (row.key.startswith(f"{key}.") or row.key == key))
            if not self._parameters:
                self.table.find(lambda row: row.key == key.rpartition(".")[0])
        self._tell_chosen()

    @property
    def _freezable(self) -> bool:
        return self._services.network.folder is not None or self._services.network.of_form

    def action_freeze(self) -> None:
        if (key := self.table.key) is None or self._summary is None:
            return
        chosen = key or "*"
        if self._parameters and chosen not in self._names:
            self.notify(f"{key} is a buffer: it has no gradient", severity="warning", timeout=4, markup=False)
            return
        self._freeze(freezing.toggled(self._summary["freeze"], chosen, self._names))

    def action_freeze_some(self) -> None:
        assert self._summary is not None
        names = self._names

        def check(text: str) -> str:
            parse("freeze", text)
            if lost := freezing.unmatched(text, names):
                raise InspectionError(f"no parameter fits {lost[0]}")
            return f"{len(freezing.frozen(text, names))} of {len(names)} parameters frozen"

        def asked(text: str | None) -> None:
            if text is not None:
                self._freeze(text.strip())

        about = (
            "Names of parameters or modules, or patterns with *, apart by commas; the last that fits decides, and ! "
            "thaws. All but the last layer: *, !linear_relu_stack.4. Empty: nothing is frozen."
        )
        self.app.push_screen(PromptScreen("Freeze which?", about, check, value=self._summary["freeze"]), asked)

    @property
    def _names(self) -> list[str]:
        return [tensor["name"] for tensor in self._tensors if tensor["kind"] == "parameter" and not tensor["same_as"]]

    def _freeze(self, text: str) -> None:
        if self._names and len(freezing.frozen(text, self._names)) == len(self._names):
            self.notify("nothing would be left to train", severity="warning", timeout=4)
            return
        if (folder := self._services.network.folder) is not None:
            self._services.branch_freeze[folder] = text
            self.notify("for the next branch off this run (b on Train)", timeout=3)
        else:
            self._services.settings["freeze"] = text
            self.notify("for the next run", timeout=3)
        self._ask()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()
        self.table.reveal(self._sort)

    def action_back(self) -> None:
        self._pattern = ""
        self._show()

    def action_again(self) -> None:
        """Of a run that trains: have it save its weights, which are then read."""
        folder = self._run
        if folder is not None and store.alive(folder):
            self._save(folder)
        else:
            self._ask()

    @work(group="save", exclusive=True)
    async def _save(self, folder: Path) -> None:
        try:
            await asyncio.to_thread(client.command, folder, "checkpoint")
        except EngineError as error:
            self.notify(str(error), severity="warning", timeout=6, markup=False)
        else:
            self.notify("saving its weights as of now …", timeout=2)

    def action_filter(self) -> None:
        names = [tensor["name"] for tensor in self._tensors]

        def check(text: str) -> str:
            found = sum(matches(text.strip(), name) for name in names) if text.strip() else len(names)
            return f"{fmt.count(found)} of {fmt.count(len(names))} parameters and buffers"

        def asked(text: str | None) -> None:
            if text is not None:
                self._pattern = text.strip()
                self._show()

        about = "A part of the name, such as weight, or a pattern (a regular expression), such as stack.[02].weight$"
        self.app.push_screen(PromptScreen("Show only some", about, check, value=self._pattern), asked)

    def action_other(self) -> None:
        home, source = self._services.home, self._services.network.source

        def check(text: str) -> str:
            return sources.describe(home, sources.parse(text))

        def asked(text: str | None) -> None:
            if text is not None:
                self.look_at(text.strip())

        about = (
            "A model: mlp, cnn, torchvision:resnet18, path/to/file.py:ClassName. Or a run's checkpoint: RUN@last "
            "(followed while it trains), RUN@best, RUN@3, or the path of its file. Or anybody's weights: mlp=FILE."
        )
        self.app.push_screen(
            PromptScreen(
                "Look into which network?", about, check, value=source, suggester=PathSuggester(among_others=True)
            ),
            asked,
        )

    def action_open(self) -> None:
        key = self.table.key
        if key is None or self._summary is None:
            return
        if self._parameters:
            from tui.model.tensor import TensorScreen

            self.app.push_screen(TensorScreen(self._services, self._services.network.values(), key))
            return
        module = next(one for one in self._summary["modules"] if one["name"] == key)
        if module["leaf"]:
            self.action_view()
        elif key:
            self._folded ^= {key}
            self._show()

    def action_through(self) -> None:
        from tui.model.forward import ForwardScreen

        self.app.push_screen(ForwardScreen(self._services, *self._services.image))

    def action_autograd(self) -> None:
        from tui.model.autograd import AutogradScreen

        self.app.push_screen(AutogradScreen(self._services, "train", 0))

    def action_printed(self) -> None:
        from tui.dialogs.text import TextScreen

        if self._summary is not None:
            self.app.push_screen(TextScreen(self._summary["title"], self._summary["printed"]))

    def action_export(self) -> None:
        def check(text: str) -> str:
            path = Path(text.strip()).expanduser().absolute()
            if not text.strip() or path.exists():
                raise InspectionError("name a file that is not there yet")
            return f"{len(self._tensors)} rows in {path}"

        def asked(text: str | None) -> None:
            if text is None:
                return
            path = Path(text.strip()).expanduser()
            try:
                with open(path, "x", encoding="utf-8", newline="") as file:
                    file.write((tensor_table.as_text if path.suffix == ".txt" else tensor_table.as_csv)(self._tensors))
            except OSError as error:
                self.notify(f"{path} can't be written: {error.strerror}", severity="error", markup=False)
            else:
                self.notify(f"{len(self._tensors)} rows: {path}", markup=False)

        about = "Write the table of all parameters and buffers as CSV, with a line of column names; or .txt: as text."
        self.app.push_screen(PromptScreen("Export", about, check, value="~/parameters.csv"), asked)


def matches(pattern: str, name: str) -> bool:
    """Whether a name holds the text, or what the regular expression describes."""
    if pattern in name:
        return True
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def _trains(trainable: int, parameters: int) -> str:
    if not parameters:
        return ""
    return "all" if trainable == parameters else "part" if trainable else "none"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _short(shape: str | None) -> str:
    return (shape or "").replace(", ", "×") if shape and shape.count("[") == 1 else shape or ""
