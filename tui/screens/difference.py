"""Two files of weights, tensor by tensor."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError, InspectionError
from engine.visible import visible
from tui import format as fmt
from tui.evaluated import versus_lines
from tui.screens.prompt import PromptScreen
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.inspection.inspector import Inspector

COLUMNS = (
    Column("tensor", -28),
    Column("", 8),
    Column("|Δ|÷|a|", 9, right=True, style="test"),
    Column("max |Δ|", 9, right=True),
    Column("|Δ|", 9, right=True),
    Column("cosine", 9, right=True),
    Column("changed", 8, right=True),
    Column("first", 18),
    Column("second", 18),
)
VALUE_COLUMNS = (Column("value", -30), Column("first", 26), Column("second", 26))
SORTS = ("relative", "max_abs", "l2", "order")


class Host(Protocol):
    """What this screen needs of the app."""

    data_dir: Path | None
    settings: dict[str, Any]
    inspector: "Inspector"


class DifferenceScreen(Screen[None]):
    """The most changed first."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", key_display="esc", id="difference.back"),
        Binding("down,j", "move(1)", "Down", show=False, id="difference.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="difference.up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="difference.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="difference.page_up"),
        Binding("enter", "open", "Difference", id="difference.open", tooltip="its numbers, map and histogram"),
        Binding("s", "sort", "Sort", id="difference.sort", tooltip="by relative, largest, L2, or the files' order"),
        Binding("E", "evaluate", "Evaluate", id="difference.evaluate", tooltip="which images it fixes and breaks"),
        Binding("v", "view", "Values", id="difference.view", tooltip="the tensors, or what differs of the rest"),
    ]

    def __init__(self, first: Path, second: Path) -> None:
        super().__init__()
        self._first, self._second = first, second
        self._found: dict[str, Any] | None = None
        self._sort = SORTS[0]
        self._values = False  # what is shown

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        yield Static(id="about", markup=False)
        yield Rows(COLUMNS, id="differences")
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    @property
    def _host(self) -> Host:
        return cast(Host, self.app)

    @property
    def _table(self) -> Rows:
        return self.query_one(Rows)

    @work(group="difference", exclusive=True)
    async def _ask(self) -> None:
        about = self.query_one("#about", Static)
        about.update(Content("comparing …"))
        asked = {"file": str(self._first), "other": str(self._second)}
        try:
            answer = await asyncio.to_thread(self._host.inspector.ask, "file difference", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            about.update(Content.styled(str(error), "$text-error"))
            return
        if self.query(Rows):
            self._found = answer.values
            self._show()

    def _show(self) -> None:
        found = self._found
        assert found is not None
        kinds: dict[str, int] = {}
        for one in found["tensors"]:
            kinds[one["kind"]] = kinds.get(one["kind"], 0) + 1
        words = ", ".join(f"{fmt.count(number)} {WORDS[kind]}" for kind, number in kinds.items())
        self.query_one("#about", Static).update(
            Content.assemble(
                (visible(f"{self._first.name} → {self._second.name}"), "bold"),
                f"  ({found['how']})\n{words}; {len(found['metadata'])} other values differ"
                + (f"; sorted by {self._sort}" if not self._values else ""),
            )
        )
        if self._values:
            rows = [Row(name, (name, str(a), str(b))) for name, (a, b) in found["metadata"].items()]
            self._table.show(rows, VALUE_COLUMNS)
        else:
            ones = [one for one in found["tensors"] if one["kind"] != "same"]
            ones += [one for one in found["tensors"] if one["kind"] == "same"]
            if self._sort != "order":
                ones.sort(key=lambda one: (one["kind"] == "same", -(one[self._sort] or 0.0)))
            self._table.show([_row(one) for one in ones], COLUMNS)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sort", "view", "evaluate"):
            return self._found is not None
        if action == "open":
            one = self._chosen
            return one is not None and one["max_abs"] is not None
        return True

    @property
    def _chosen(self) -> dict[str, Any] | None:
        if self._found is None or self._values:
            return None
        return next((one for one in self._found["tensors"] if one["name"] == self._table.key), None)

    def action_move(self, by: int) -> None:
        self._table.move(by)
        self.refresh_bindings()

    def action_page(self, by: int) -> None:
        self.action_move(by * self._table.room)

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()

    def action_view(self) -> None:
        self._values = not self._values
        self._show()

    def action_evaluate(self) -> None:
        def check(text: str) -> str:
            if not text.split():
                raise InspectionError("name the network: mlp, cnn, torchvision:NAME, or path/to/file.py:ClassName")
            return f"both in a {text.split()[0]}, on the test set"

        def asked(text: str | None) -> None:
            if text is not None:
                model, *rest = text.split()
                self._evaluate(model, rest[0] if rest else "")

        about = "The network that both are of; after it, if need be, the prefix to take off their names: mlp module."
        value = str(self._host.settings["model"])
        self.app.push_screen(
            PromptScreen("Which images does the second fix, and break?", about, check, value=value), asked
        )

    @work(group="evaluate", exclusive=True)
    async def _evaluate(self, model: str, strip: str) -> None:
        host = self._host
        asked = {
            "file": str(self._first), "other": str(self._second), "model": model, "strip": strip,
            "dataset": host.settings["dataset"], "data_dir": str(host.data_dir) if host.data_dir else None,
        }  # fmt: skip
        self.notify("evaluating both …", timeout=3)
        try:
            answer = await asyncio.to_thread(host.inspector.ask, "file versus", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=20, markup=False)
            return
        from tui.screens.text import TextScreen

        self.app.push_screen(TextScreen("On the test set", "\n".join(versus_lines(answer.values))))

    def action_open(self) -> None:
        from tui.screens.tensor import TensorScreen

        if (one := self._chosen) is not None:
            asked = {"file": str(self._first), "other": str(self._second)}
            self.app.push_screen(TensorScreen(asked, f"difference[{one['name']}]"))


WORDS = {
    "same": "the same", "changed": "changed", "added": "only in the second", "removed": "only in the first",
    "shape": "of another shape", "dtype": "of another dtype", "unread": "not read",
}  # fmt: skip


def _row(one: dict[str, Any]) -> Row:
    def number(name: str, form: str = ".3g") -> str:
        return "" if one[name] is None else format(one[name], form)

    changed = "" if one["changed"] is None else f"{100 * one['changed']:.1f}%"
    cells = (
        one["name"], one["kind"], number("relative"), number("max_abs"), number("l2"), number("cosine", ".6f"), changed,
        one["a"], one["b"],
    )  # fmt: skip
    return Row(one["name"], cells, {"same": "dim", "changed": ""}.get(one["kind"], "warning"))
