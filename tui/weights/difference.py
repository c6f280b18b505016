"""Two files of weights, tensor by tensor."""

from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine.inspection.tensor_refs import FileDifference, FileTensor
from engine.terminal_text import printable
from engine.weights.key_mapping import text_and_mapping
from tui import format as fmt
from tui.dialogs.busy import NAMES, BusyScreen, checked_network
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.evaluation_text import comparison_lines
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

COLUMNS = (
    Column("tensor", -28, ends=True),
    Column("", 8),
    Column("|Δ|÷|a|", 9, right=True, style="test"),
    Column("max |Δ|", 9, right=True),
    Column("|Δ|", 9, right=True),
    Column("cosine", 9, right=True),
    Column("changed", 8, right=True),
    Column("first", 18),
    Column("second", 18),
)
VALUE_COLUMNS = (Column("value", -30, ends=True), Column("first", 26), Column("second", 26))
SORTS = ("relative", "max_abs", "l2", "cosine", "changed", "order")
TITLES = {"relative": "|Δ|÷|a|", "max_abs": "max |Δ|", "l2": "|Δ|", "cosine": "cosine", "changed": "changed"}
SORTED = TITLES | {"changed": "the share changed", "order": "the files' order"}


class DifferenceScreen(BusyScreen, TableScreen):
    """The most changed first."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("difference"),
        Binding("escape,q", "back", "Back", key_display="esc", id="difference.back"),
        Binding("enter", "open", "Difference", id="difference.open", tooltip="its numbers, map and histogram"),
        Binding("s", "sort", "Sort", id="difference.sort", tooltip="by any of the figures, or in the files' order"),
        Binding("slash", "filter", "Filter", key_display="/", id="difference.filter", tooltip="by name, or by kind"),
        Binding("v", "view", "Values", id="difference.view", tooltip="the tensors, or what differs of the rest"),
        Binding("E", "evaluate", "Evaluate", id="difference.evaluate", tooltip="which images it fixes and breaks"),
        Binding("r", "again", "Compare again", show=False, id="difference.again"),
        Binding("f", "on_data('fixed')", "Fixed", id="difference.fixed", tooltip="those images, on Data"),
        Binding("w", "on_data('broken')", "Broken", id="difference.broken", tooltip="those images, on Data"),
    ]

    def __init__(self, services: Services, first: Path, second: Path) -> None:
        super().__init__(services)
        self._first, self._second = first, second
        self._found: dict[str, Any] | None = None
        self._images: dict[str, Any] | None = None  # of `evaluating.Versus`, once they were evaluated
        self._asked = ""  # as which network
        self._sort = SORTS[0]
        self._filter = ""
        self._values = False  # what is shown

    def compose(self) -> ComposeResult:
        yield TopBar("checkpoints")
        yield Static(id="about", markup=False)
        yield Rows(COLUMNS, id="differences")
        yield Static(id="progress", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    @work(group="long", exclusive=True)
    async def _ask(self) -> None:
        self.say("#about", Content.styled(printable(f"{self._first.name} → {self._second.name}"), "bold"))
        asked = {"file": str(self._first), "other": str(self._second)}
        answer = await self.ask_long("file difference", asked, "comparing", "tensors")
        if not self.query(Rows):
            return
        if answer is None:
            self.say("#about", Content.styled(self.refused or "not compared: r tries again", "$text-error"))
            return
        self._found = answer.values
        self._show()

    def _show(self) -> None:
        found = self._found
        assert found is not None
        kinds: dict[str, int] = {}
        for one in found["tensors"]:
            kinds[one["kind"]] = kinds.get(one["kind"], 0) + 1
        words = ", ".join(f"{fmt.count(number)} {WORDS[kind]}" for kind, number in kinds.items())
        number = len(found["metadata"])
        others = f"{fmt.counted(number, 'other value')} differ{'s' if number == 1 else ''}"
        sorted_by = f"; sorted by {SORTED[self._sort]}" if not self._values else ""
        self.say(
            "#about",
            Content.assemble(
                (printable(f"{self._first.name} → {self._second.name}"), "bold"),
                f"  ({found['how']})\n{words}; {others}{sorted_by}",
                (f"; only with {self._filter} (esc: all)" if self._filter else "", "$text-accent"),
            ),
        )
        if self._values:
            pairs = found["metadata"].items()
            rows = [Row(name, (name, _there(a), _there(b))) for name, (a, b) in pairs if self._filter in name]
            self.table.show(rows, VALUE_COLUMNS)
        else:
            self.table.show([_row(one) for one in self._chosen_ones(found["tensors"])], COLUMNS)
        self.refresh_bindings()

    def _chosen_ones(self, tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is not filtered away, in its order: the unchanged ones last, and the parts of the files, the weights and
        the optimizer's state, one after another."""
        ones = [one for one in tensors if self._filter in one["name"] or self._filter == one["kind"]]
        if self._sort == "order":
            return ones
        down = -1.0 if self._sort != "cosine" else 1.0  # the smallest cosine is the largest change
        parts = list(dict.fromkeys(one["section"] for one in tensors))
        return sorted(
            ones,
            key=lambda one: (one["kind"] == "same", parts.index(one["section"]), down * (one[self._sort] or 0.0)),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sort", "view", "evaluate", "filter"):
            return self._found is not None
        if action == "open":
            one = self._chosen
            return one is not None and one["max_abs"] is not None
        if action == "on_data":
            return self._images is not None
        return True

    @property
    def _chosen(self) -> dict[str, Any] | None:
        if self._found is None or self._values:
            return None
        return next((one for one in self._found["tensors"] if one["name"] == self.table.key), None)

    def action_back(self) -> None:
        if self.stop_asking():
            return
        if self._filter:
            self._filter = ""
            self._show()
        else:
            self.dismiss()

    def action_again(self) -> None:
        self._ask()

    def moved(self) -> None:
        self.refresh_bindings()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()
        self.table.reveal(TITLES.get(self._sort, ""))

    def action_view(self) -> None:
        self._values = not self._values
        self._show()

    def action_filter(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                self._filter = text.strip()
                self._show()

        about = f"A part of the name; or a kind: {', '.join(WORDS)}."
        self.app.push_screen(PromptScreen("Show only some", about, lambda text: "", value=self._filter), asked)

    def action_evaluate(self) -> None:
        own = self._found["model"] if self._found is not None else ""
        self._ask_evaluate(own or str(self.services.settings["model"]), "")

    def _ask_evaluate(self, value: str, refusal: str) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                self._evaluate(text.strip())

        about = (f"{refusal}\n\n" if refusal else "") + f"The network that both are of; {NAMES}."
        check = lambda text: checked_network(text, "both in a {}{}, on the test set")  # noqa: E731
        title = "Which images does the second fix, and break?"
        self.app.push_screen(PromptScreen(title, about, check, value=value), asked)

    @work(group="long", exclusive=True)
    async def _evaluate(self, text: str) -> None:
        host, (model, way) = self.services, text_and_mapping(text)
        asked = {
            "file": str(self._first), "other": str(self._second), "model": model, "how": str(way),
            "dataset": host.settings["dataset"], "data_dir": str(host.data_dir) if host.data_dir else None,
        }  # fmt: skip
        if self._images is None or self._asked != text:
            answer = await self.ask_long("file versus", asked, "evaluating both", "test images")
            if answer is None:
                if self.proposal is not None and self.in_view:
                    self._ask_evaluate(f"{model} {self.proposal}", self.refused)
                return
            self._images, self._asked = answer.values, text
        self.refresh_bindings()
        lines = [*comparison_lines(self._images), "", "f and w, after escape: the fixed and the broken ones on Data"]
        both = f"{self._first.name} → {self._second.name}"
        numbers = ", ".join(f"{fmt.count(len(self._images[which]))} {which}" for which in ("fixed", "broken"))
        self.show_answer("On the test set", "\n".join(lines), f"{both}: {numbers}; E there tells more")

    def action_on_data(self, which: str) -> None:
        """The images that changed sides, on *Data*."""
        if self._images is None:
            return
        import numpy as np

        from engine.evaluation.requests import Suspects

        fixed, broken, predicted_as = (self._images[name] for name in ("fixed", "broken", "predicted_as"))
        chosen, others = (fixed, predicted_as) if which == "fixed" else (broken, predicted_as[len(fixed) :])
        indices = np.asarray(chosen, np.int64)
        if not len(indices):
            self.notify("there are none", timeout=3)
            return
        nothing = np.zeros(len(indices), np.float32)
        found = Suspects(
            which, "test", indices, nothing, np.asarray(others[: len(indices)], np.int64), nothing.astype(bool)
        )
        self.services.show_suspects(found, self._images["checksum"])

    def action_open(self) -> None:
        if (one := self._chosen) is not None:
            mine, theirs = one["names"] or (one["name"], one["name"])
            first, second = FileTensor(self._first, mine), FileTensor(self._second, theirs)
            self.services.open_tensor(FileDifference(first, second))


WORDS = {
    "same": "the same", "changed": "changed", "added": "only in the second", "removed": "only in the first",
    "shape": "of another shape", "dtype": "of another dtype", "unread": "not read",
}  # fmt: skip


def _there(value: Any) -> str:
    return "not there" if value is None else str(value)


def _row(one: dict[str, Any]) -> Row:
    def number(name: str, form: str = ".3g") -> str:
        return "" if one[name] is None else format(one[name], form)

    changed = "" if one["changed"] is None else f"{100 * one['changed']:.1f}%"
    cells = (
        one["name"], one["kind"], number("relative"), number("max_abs"), number("l2"), number("cosine", ".6f"), changed,
        one["a"], one["b"],
    )  # fmt: skip
    return Row(one["name"], cells, {"same": "dim", "changed": ""}.get(one["kind"], "warning"))
