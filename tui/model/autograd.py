"""Forward, loss, backward, optimizer step, each when its key is pressed, and what it leaves behind."""

import ast
import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError, InspectionError
from engine.inspection.untyped import ask_untyped
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen
from tui.services import Services
from tui.widgets.heatmap import bars
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.worker.request import Answer

WIDE = 116  # columns from which on the graph and the parameters are both shown
GRAPH_COLUMNS = (Column("the graph, from the end backwards", -34), Column("shape", 12))
PARAMETER_COLUMNS = (
    Column("parameter", -24),
    Column("|gradient|", 10, right=True),
    Column("before", 9, right=True),
    Column("|Δw|/|w|", 8, right=True, style="test"),
    Column("zeros", 5, right=True),
    Column("histogram", 12, style="train"),
    Column("|w|", 8, right=True),
)
ORDER = ("forward", "loss", "backward", "step", "zero_grad")  # of a training step
NEXT = {"": "forward", "vjp": "zero_grad", **dict(zip(ORDER, (*ORDER[1:], ORDER[0]), strict=True))}


class AutogradScreen(Screen[None]):
    """Keeps the list of steps; the worker process does them again from the start for each new one."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", key_display="esc", id="autograd.back"),
        Binding("space", "next", "Next step", id="autograd.next", tooltip="forward, loss, backward, step, zero_grad"),
        Binding("f", "do('forward')", "Forward", id="autograd.forward", tooltip="pred = model(X)"),
        Binding("o", "do('loss')", "Loss", id="autograd.loss", tooltip="loss = loss_fn(pred, y)"),
        Binding("b", "do('backward')", "Backward", id="autograd.backward", tooltip="loss.backward()"),
        Binding("s", "do('step')", "Step", id="autograd.step", tooltip="optimizer.step()"),
        Binding("z", "do('zero_grad')", "Zero", id="autograd.zero", tooltip="optimizer.zero_grad()"),
        Binding("u", "undo", "Undo", id="autograd.undo", tooltip="the last step"),
        Binding("0", "restart", "From the start", show=False, id="autograd.restart"),
        Binding("r", "switch('retain_graph')", "retain_graph", show=False, id="autograd.retain"),
        Binding("n", "switch('no_grad')", "no_grad", show=False, id="autograd.no_grad", tooltip="the next forward"),
        Binding("d", "detach", "detach", show=False, id="autograd.detach", tooltip="after which module, next forward"),
        Binding("J", "vjp", "Vector–Jacobian", show=False, id="autograd.vjp", tooltip="pred.backward(v)"),
        Binding("v", "view", "Graph/parameters", id="autograd.view", tooltip="the other list, in narrow terminals"),
        Binding("tab", "focus_other", "Other list", show=False, id="autograd.other"),
        Binding("down,j", "move(1)", "Down", show=False, id="autograd.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="autograd.up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="autograd.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="autograd.page_up"),
        Binding("enter", "open", "Gradient", show=False, id="autograd.open", tooltip="its values; of a weight without"),
        Binding("w", "weights", "Weight", show=False, id="autograd.weights", tooltip="its values, as they are now"),
        Binding("W", "weights_before", "Weight before", show=False, id="autograd.weights_before"),
        Binding("slash", "watch", "One number", key_display="/", show=False, id="autograd.watch"),
        Binding("c", "check", "Check", show=False, id="autograd.check", tooltip="a gradient, by finite differences"),
        Binding("i", "batch", "Batch", show=False, id="autograd.batch", tooltip="other images"),
    ]

    def __init__(self, services: Services, split: str, index: int, count: int = 64) -> None:
        """The batch: `count` images of a split from an index on."""
        super().__init__()
        self._services = services
        self._split, self._index, self._count = split, index, count
        self._steps: list[list[Any]] = []
        self._switches: dict[str, Any] = {"retain_graph": False, "no_grad": False, "detach": ""}
        self._watch: list[Any] | None = None
        self._answer: dict[str, Any] | None = None
        self._histograms: Any = None
        self._checked = ""
        self._list = "graph"

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        yield Static(id="steps", markup=False)
        with Horizontal(id="lists"):
            yield Rows(GRAPH_COLUMNS, id="graph")
            yield Rows(PARAMETER_COLUMNS, id="parameters")
        yield Static(id="chosen", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._arrange()
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _here(self) -> Rows:
        return self.query_one(f"#{self._list}", Rows)

    @property
    def _values(self) -> dict[str, Any]:
        return {
            **self._services.network.values(), "split": self._split, "index": self._index, "count": self._count,
            "steps": self._steps, "watch": self._watch,
        }  # fmt: skip

    # Asking

    @work(group="autograd", exclusive=True)
    async def _ask(self, before: Any = None) -> None:
        """`before`: what to go back to where the request is refused."""
        if self._answer is None:
            self._say("#about", Content("…" if self._services.worker.started else "importing PyTorch …"))
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "autograd", self._values)
        except InspectionCancelledError:
            return
        except EngineError as error:
            if before is not None:
                self._split, self._index, self._count, self._watch = before
                self.notify(str(error), severity="warning", timeout=8, markup=False)
            else:
                self._say("#about", Content.styled(str(error), "$text-error"))
            return
        if self.query(Rows):
            self._answer, self._histograms = answer.values, answer.arrays["histograms"]
            self._show()

    @work(group="check", exclusive=True)
    async def _check(self, name: str, index: list[int]) -> None:
        self._checked = "…"
        self._tell_chosen()
        asked = {**self._values, "watch": [name, index]}
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "difference", asked)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._checked = str(error)
        else:
            self._checked = _check_words(name, index, answer)
        if self.query(Rows):
            self._tell_chosen()

    # Showing

    def _arrange(self) -> None:
        for name in ("graph", "parameters"):
            self.query_one(f"#{name}").display = self._wide or self._list == name
        self.refresh_bindings()

    def _show(self) -> None:
        answer = self._answer
        assert answer is not None
        shape = " × ".join(map(str, answer["shape"]))
        images = f"{self._split} images {fmt.count(self._index)}–{fmt.count(self._index + answer['shape'][0] - 1)}"
        if answer["shape"][0] == 1:
            images = f"{self._split} image {fmt.count(self._index)}"
        switches = [name for name in ("retain_graph", "no_grad") if self._switches[name]]
        switches += [f"detach after {self._switches['detach']}"] if self._switches["detach"] else []
        about = Content.assemble((answer["title"], "bold"), f"; X [{shape}]: {images}; {answer['optimizer']}")
        if switches:
            about += Content.styled(f"\nswitched on for the next step: {', '.join(switches)}", "$text-accent")
        self._say("#about", about)
        self._say("#steps", self._steps_words(answer))
        graph = [_graph_row(at, node) for at, node in enumerate(answer["graph"])]
        if answer["freed"] and graph:
            graph.insert(0, Row("freed", ("freed by the last backward; the names are left", ""), "warning"))
        if not graph:
            empty = "no graph: no_grad, or all is detached" if self._steps else "no graph yet: forward makes it"
            graph = [Row("none", (empty, ""), "dim")]
        self.query_one("#graph", Rows).show(graph)
        rows = [self._parameter_row(at, one) for at, one in enumerate(answer["parameters"])]
        self.query_one("#parameters", Rows).show(rows)
        self._tell_chosen()
        self.refresh_bindings()

    def _steps_words(self, answer: dict[str, Any]) -> Content:
        lines = Content("")
        for number, step in enumerate(answer["steps"][-3:], max(0, len(answer["steps"]) - 3) + 1):
            lines += Content.assemble(
                (f"{number} {SPELLED[step['kind']]}  ", "bold"),
                (step["error"], "$text-error") if step["error"] else (step["told"], ""), "\n",
            )  # fmt: skip
        if answer["loss_now"] is not None and answer["loss"] is not None:
            change = answer["loss_now"] - answer["loss"]
            lines += Content(f"the same batch: loss {answer['loss']:.6f} → {answer['loss_now']:.6f} ({change:+.2e})\n")
        following = NEXT[answer["steps"][-1]["kind"] if answer["steps"] else ""]
        return lines + Content.styled(f"space: {SPELLED[following]}", "dim")

    def _parameter_row(self, at: int, one: dict[str, Any]) -> Row:
        gradient = one["gradient"]
        now = None if gradient is None else gradient["norm"]
        frozen = "" if one["requires_grad"] else " (frozen)"
        return Row(
            one["name"],
            (
                one["name"] + frozen, "None" if gradient is None else _number(now), _number(one["before"]),
                _number(one["ratio"]), "" if gradient is None else f"{100 * (gradient['zeros'] or 0):.0f}%",
                bars(self._histograms[at]), _number(one["weight"]),
            ),
            "dim" if gradient is None else "",
        )  # fmt: skip

    def _tell_chosen(self) -> None:
        one, lines = self._parameter, []
        if one is not None:
            gradient = one["gradient"]
            words = f"{one['name']} {one['shape']}: "
            if gradient is None:
                words += ".grad is None"
            else:
                words += f"gradient mean {_number(gradient['mean'])}, std {_number(gradient['std'])}, largest at "
                words += f"{one['largest']}"
                if one["before"] and abs(gradient["norm"] / one["before"] - 1) > 1e-3:
                    words += f"; its norm is {gradient['norm'] / one['before']:.3g} times that before"
            lines.append(words)
            if one["moved"] is not None:
                place, old, new = one["moved"]
                lines.append(f"moved most: {place}  {old:.7g} → {new:.7g}")
        watched = self._answer["watched"] if self._answer is not None else None
        if watched is not None:
            old = "" if watched["before"] is None else f"{watched['before']:.7g} → "
            slope = "None" if watched["gradient"] is None else f"{watched['gradient']:.7g}"
            lines.append(f"{watched['name']}{watched['index']} = {old}{watched['now']:.7g}, its gradient {slope}")
        if self._checked:
            lines.append(self._checked)
        self._say("#chosen", Content("\n".join(lines)))

    @property
    def _parameter(self) -> dict[str, Any] | None:
        """The one under the cursor; in the graph, that of the leaf under it."""
        if self._answer is None:
            return None
        key = self._here.key
        if self._list == "graph":
            nodes = self._answer["graph"]
            key = nodes[int(key)]["leaf"] if key is not None and key.isdecimal() else None
        return next((one for one in self._answer["parameters"] if one["name"] == key), None)

    def _say(self, selector: str, content: Content) -> None:
        for line in self.query(selector).results(Static):
            if str(line.content) != str(content):
                line.update(content)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("undo", "restart"):
            return bool(self._steps)
        if action == "view":
            return not self._wide
        if action in ("open", "weights", "weights_before", "watch", "check"):
            return self._parameter is not None
        return True

    def action_do(self, kind: str) -> None:
        options: dict[str, Any] = {}
        if kind == "forward":
            options = {name: self._switches[name] for name in ("no_grad", "detach")}
        elif kind == "backward":
            options = {"retain_graph": self._switches["retain_graph"]}
        self._steps = [*self._steps, [kind, options]]
        self._ask()

    def action_next(self) -> None:
        self.action_do(NEXT[self._steps[-1][0] if self._steps else ""])

    def action_vjp(self) -> None:
        classes = self._answer["classes"] if self._answer is not None else 10

        def check(text: str) -> str:
            return f"pred.backward(v), v = {vector_of(text, classes)} for each image"

        def asked(text: str | None) -> None:
            if text is not None:
                retain = self._switches["retain_graph"]
                self._steps = [*self._steps, ["vjp", {"vector": vector_of(text, classes), "retain_graph": retain}]]
                self._ask()

        about = (
            f"backward() of the logits instead of a loss: give {classes} numbers, one a class, or one class's number "
            "(1 there, 0 elsewhere). What arrives in .grad is v transposed times the Jacobian, summed over the images."
        )
        self.app.push_screen(PromptScreen("Which vector v?", about, check, value="0"), asked)

    def action_undo(self) -> None:
        self._steps = self._steps[:-1]
        self._ask()

    def action_restart(self) -> None:
        self._steps = []
        self._ask()

    def action_switch(self, name: str) -> None:
        self._switches[name] = not self._switches[name]
        if self._answer is not None:
            self._show()

    def action_detach(self) -> None:
        if self._answer is not None:
            choices = ["", *self._answer["modules"]]
            self._switches["detach"] = choices[(choices.index(self._switches["detach"]) + 1) % len(choices)]
            self._show()

    def action_view(self) -> None:
        self._list = "parameters" if self._list == "graph" else "graph"
        self._arrange()
        self._tell_chosen()

    def action_focus_other(self) -> None:
        self.action_view()

    def action_move(self, by: int) -> None:
        self._here.move(by)
        self._tell_chosen()
        self.refresh_bindings()

    def action_page(self, by: int) -> None:
        self.action_move(by * self._here.room)

    def _open(self, name: str) -> None:
        from tui.model.tensor import TensorScreen

        self.app.push_screen(TensorScreen(self._services, self._values, name))

    def action_open(self) -> None:
        one = self._parameter
        if one is not None:
            self._open(f"autograd.{'now' if one['gradient'] is None else 'grad'}[{one['name']}]")

    def action_weights(self) -> None:
        if (one := self._parameter) is not None:
            self._open(f"autograd.now[{one['name']}]")

    def action_weights_before(self) -> None:
        one = self._parameter
        if one is not None and one["moved"] is not None:
            self._open(f"autograd.before[{one['name']}]")

    def action_watch(self) -> None:
        one = self._parameter
        if one is None:
            return
        shape = one["shape"]

        def asked(text: str | None) -> None:
            if text is not None:
                before = self._split, self._index, self._count, self._watch
                self._watch = [one["name"], place(text, shape)]
                self._ask(before)

        def check(text: str) -> str:
            return f"{one['name']}{place(text, shape)}"

        about = f"Its index in {shape}: its value before and after each step, and its gradient, are shown from now on."
        value = str(
            self._watch[1] if self._watch and self._watch[0] == one["name"] else one["largest"] or [0] * len(shape)
        )
        self.app.push_screen(PromptScreen(f"Which number of {one['name']}?", about, check, value=value), asked)

    def action_check(self) -> None:
        one = self._parameter
        if one is None:
            return
        watched = self._watch is not None and self._watch[0] == one["name"]
        index = self._watch[1] if watched and self._watch else one["largest"] or [0] * len(one["shape"])
        self._check(one["name"], index)

    def action_batch(self) -> None:
        def check(text: str) -> str:
            split, index, count = batch_of(text)
            return f"{count} {split} images from {index} on"

        def asked(text: str | None) -> None:
            if text is not None:
                before = self._split, self._index, self._count, self._watch
                self._split, self._index, self._count = batch_of(text)
                self._ask(before)

        about = "train or test, the first image's index, and how many: train 0 64."
        value = f"{self._split} {self._index} {self._count}"
        self.app.push_screen(PromptScreen("Which images?", about, check, value=value), asked)


SPELLED = {
    "": "", "vjp": "pred.backward(v)",
    "forward": "pred = model(X)", "loss": "loss = loss_fn(pred, y)", "backward": "loss.backward()",
    "step": "optimizer.step()", "zero_grad": "optimizer.zero_grad()",
}  # fmt: skip


def place(text: str, shape: list[int]) -> list[int]:
    """An index as typed, `3, 17` or `[3, -1]`, of one number. Raises InspectionError."""
    try:
        found = ast.literal_eval(f"[{text.strip().removeprefix('[').removesuffix(']')}]")
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, list) or any(not isinstance(at, int) or isinstance(at, bool) for at in found):
        raise InspectionError("give whole numbers, such as [3, 17]")
    if len(found) != len(shape):
        raise InspectionError(f"give {len(shape)} numbers, one for each dimension of {shape}")
    for at, size in zip(found, shape, strict=True):
        if not -size <= at < size:
            raise InspectionError(f"{at} is out of range: the dimension has {size}")
    return [at % size for at, size in zip(found, shape, strict=True)]


def batch_of(text: str) -> tuple[str, int, int]:
    """`train 0 64` as typed. Raises InspectionError."""
    parts = text.split()
    if len(parts) != 3 or parts[0] not in ("train", "test") or not all(part.isdecimal() for part in parts[1:]):
        raise InspectionError("give train or test, an index, and a number of images, such as train 0 64")
    if not 1 <= int(parts[2]) <= 1024:
        raise InspectionError("give from 1 to 1024 images")
    return parts[0], int(parts[1]), int(parts[2])


def vector_of(text: str, classes: int) -> list[float]:
    """A vector as typed: so many numbers, or the number of the one that is 1. Raises InspectionError."""
    try:
        numbers = [float(part) for part in text.replace(",", " ").strip("[] ").split()]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and classes > 1 and numbers[0].is_integer() and 0 <= numbers[0] < classes:
        return [float(at == numbers[0]) for at in range(classes)]
    if len(numbers) != classes:
        raise InspectionError(f"give {classes} numbers, or the number of one class, from 0 to {classes - 1}")
    return numbers


def _check_words(name: str, index: list[int], answer: "Answer") -> str:
    told = answer.values
    width, slope, wrong = min(told["differences"], key=lambda one: one[2])
    return (
        f"∂ loss / ∂ {name}{index}: {told['gradient']:.7g} by backward() (float32), {told['exact']:.9g} in float64; "
        f"(loss(w + h) − loss(w − h)) / 2h = {slope:.9g} with h = {width:g}: relative error {wrong:.1e}"
    )


def _graph_row(at: int, node: dict[str, Any]) -> Row:
    op = node["op"].removeprefix("torch::autograd::")
    leaf = f"  {node['leaf']}" if node["leaf"] else ""
    again = "  (again, see above)" if node["again"] else ""
    shape = "" if node["shape"] is None else "×".join(map(str, node["shape"])) or "one number"
    return Row(str(at), (f"{'  ' * node['indent']}{op}{leaf}{again}", shape), "test" if leaf else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
