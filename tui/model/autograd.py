"""Forward, loss, backward, optimizer step, each when its key is pressed, and what it leaves behind."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.autograd_requests import (
    AutogradRequest,
    AutogradState,
    Element,
    GradientCheckRequest,
    GradientRow,
    Step,
    Workbench,
)
from engine.inspection.image_requests import ImagesRef
from engine.inspection.tensor_refs import StepTensor
from tui import format as fmt
from tui.model import autograd_text, prompts
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Row, Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    pass

WIDE = 116  # columns from which on the graph and the parameters are both shown


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
        Binding("0", "restart", "Restart", show=False, id="autograd.restart", tooltip="undo all steps"),
        Binding("r", "retain_graph", "retain_graph", show=False, id="autograd.retain", tooltip="in the next backward"),
        Binding("n", "no_grad", "no_grad", show=False, id="autograd.no_grad", tooltip="in the next forward"),
        Binding("d", "detach", "detach", show=False, id="autograd.detach", tooltip="a module, in the next forward"),
        Binding("J", "vjp", "Vector–Jacobian", show=False, id="autograd.vjp", tooltip="pred.backward(v)"),
        Binding("v", "view", "Graph/parameters", id="autograd.view", tooltip="the other list, in narrow terminals"),
        Binding("tab", "focus_other", "Other list", show=False, id="autograd.other"),
        Binding("down,j", "move(1)", "Down", show=False, id="autograd.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="autograd.up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="autograd.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="autograd.page_up"),
        Binding("enter", "open", "Gradient", show=False, id="autograd.open", tooltip="or the weight, without one"),
        Binding("w", "weights", "Weight", show=False, id="autograd.weights", tooltip="its values now"),
        Binding("W", "weights_before", "Weight before", show=False, id="autograd.weights_before", tooltip="the step"),
        Binding(
            "slash",
            "watch",
            "Watch",
            key_display="/",
            show=False,
            id="autograd.watch",
            tooltip="one value of the parameter",
        ),
        Binding("c", "check", "Check", show=False, id="autograd.check", tooltip="a gradient, by central differences"),
        Binding("i", "batch", "Batch", show=False, id="autograd.batch", tooltip="other images"),
    ]

    def __init__(self, services: Services, split: str, index: int, count: int = 64) -> None:
        """The batch: `count` images of a split from an index on."""
        super().__init__()
        self._services = services
        self._images = ImagesRef(split, index, count)
        self._steps: tuple[Step, ...] = ()
        self._retain_graph = self._no_grad = False  # of the next step of that kind alone
        self._detach_after = ""  # after which module, in the next forward
        self._watch: Element | None = None
        self._bench: Workbench | None = None  # that is shown
        self._shown_watch: Element | None = None
        self._answer: AutogradState | None = None
        self._check_text = ""
        self._list = "graph"

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        yield Static(id="steps", markup=False)
        with Horizontal(id="lists"):
            yield Rows(autograd_text.GRAPH_COLUMNS, id="graph")
            yield Rows(autograd_text.PARAMETER_COLUMNS, id="parameters")
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

    # Asking

    @work(group="autograd", exclusive=True)
    async def _ask(self) -> None:
        """Where other images or another value are refused, those that are shown take their place."""
        worker, images, watch = self._services.worker, self._images, self._watch
        if self._answer is None:
            update_text(self, "#about", "…" if worker.started else "importing PyTorch …")
        try:
            bench = Workbench(self._services.network.ref(), images, self._steps)
            answer = await asyncio.to_thread(worker.ask, AutogradRequest(bench, watch))
        except InspectionCancelledError:
            return
        except EngineError as error:
            if self._bench is not None and (self._bench.images, self._shown_watch) != (images, watch):
                self._images, self._watch = self._bench.images, self._shown_watch
                self.notify(str(error), severity="warning", timeout=8, markup=False)
            else:
                update_text(self, "#about", Content.styled(str(error), "$text-error"))
            return
        if self.query(Rows):
            self._bench, self._shown_watch, self._answer = bench, watch, answer
            self._show(answer)

    @work(group="check", exclusive=True)
    async def _check(self, element: Element) -> None:
        self._check_text = "…"
        self._show_chosen()
        try:
            request = GradientCheckRequest(self._services.network.ref(), self._images, element)
            self._check_text = autograd_text.describe_check(
                element, await asyncio.to_thread(self._services.worker.ask, request)
            )
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._check_text = str(error)
        if self.query(Rows):
            self._show_chosen()

    # Showing

    def _arrange(self) -> None:
        for name in ("graph", "parameters"):
            self.query_one(f"#{name}").display = self._wide or self._list == name
        self.refresh_bindings()

    def _show(self, answer: AutogradState) -> None:
        update_text(self, "#about", self._about(answer))
        update_text(self, "#steps", autograd_text.steps_text(answer))
        graph = [autograd_text.graph_row(at, node) for at, node in enumerate(answer.graph)]
        if answer.freed and graph:
            graph.insert(0, Row("freed", ("freed by backward(); only names remain", ""), "warning"))
        if not graph:
            empty = "no graph: no_grad, or everything is detached" if self._steps else "no graph yet: run forward"
            graph = [Row("none", (empty, ""), "dim")]
        self.query_one("#graph", Rows).show(graph)
        rows = [
            autograd_text.parameter_row(row, counts)
            for row, counts in zip(answer.parameters, answer.histograms, strict=True)
        ]
        self.query_one("#parameters", Rows).show(rows)
        self._show_chosen()
        self.refresh_bindings()

    def _about(self, answer: AutogradState) -> Content:
        shape = " × ".join(map(str, answer.shape))
        split, first = self._images.split, self._images.index
        images = f"{split} images {fmt.count(first)}–{fmt.count(first + answer.shape[0] - 1)}"
        if answer.shape[0] == 1:
            images = f"{split} image {fmt.count(first)}"
        forward = ["no_grad"] if self._no_grad else []
        forward += [f"detach after {self._detach_after}"] if self._detach_after else []
        switches = [f"next forward: {', '.join(forward)}"] if forward else []
        switches += ["next backward: retain_graph"] if self._retain_graph else []
        about = Content.assemble((answer.title, "bold"), f"; X [{shape}]: {images}; {answer.optimizer}")
        if switches:
            about += Content.styled(f"\n{'; '.join(switches)}", "$text-accent")
        return about

    def _show_chosen(self) -> None:
        row, lines = self._parameter, []
        if row is not None:
            lines.append(autograd_text.describe_gradient(row))
            if row.moved is not None:
                moved = row.moved
                lines.append(f"changed most: {list(moved.index)}  {moved.before:.7g} → {moved.after:.7g}")
        watched = self._answer.watched if self._answer is not None else None
        if watched is not None:
            before = "" if watched.before is None else f"{watched.before:.7g} → "
            gradient = "None" if watched.gradient is None else f"{watched.gradient:.7g}"
            place = f"{watched.element.parameter}{list(watched.element.index)}"
            lines.append(f"{place} = {before}{watched.now:.7g}, its gradient {gradient}")
        if self._check_text:
            lines.append(self._check_text)
        update_text(self, "#chosen", "\n".join(lines))

    @property
    def _parameter(self) -> GradientRow | None:
        """The one under the cursor; in the graph, that of the leaf under it."""
        if self._answer is None:
            return None
        key = self._here.key
        if self._list == "graph":
            key = self._answer.graph[int(key)].leaf if key is not None and key.isdecimal() else None
        return next((row for row in self._answer.parameters if row.name == key), None)

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
        step = Step(kind)
        if kind == "forward":
            step = Step(kind, no_grad=self._no_grad, detach=self._detach_after)
        elif kind == "backward":
            step = Step(kind, retain_graph=self._retain_graph)
        self._do(step)

    def _do(self, step: Step) -> None:
        """The switches are for one step: this one, if it is of their kind, turns them off again."""
        if step.kind == "forward":
            self._no_grad, self._detach_after = False, ""
        elif step.kind in ("backward", "vjp"):
            self._retain_graph = False
        self._steps = (*self._steps, step)
        self._ask()

    def action_next(self) -> None:
        self.action_do(autograd_text.NEXT[self._steps[-1].kind if self._steps else ""])

    @work(group="prompt")
    async def action_vjp(self) -> None:
        classes = self._answer.classes if self._answer is not None else 10
        if (text := await self.app.push_screen_wait(prompts.vector(classes))) is not None:
            self._do(Step("vjp", vector=prompts.vector_of(text, classes), retain_graph=self._retain_graph))

    def action_undo(self) -> None:
        self._steps = self._steps[:-1]
        self._ask()

    def action_restart(self) -> None:
        self._steps = ()
        self._retain_graph = self._no_grad = False
        self._detach_after = ""
        self._ask()

    def action_retain_graph(self) -> None:
        self._retain_graph = not self._retain_graph
        self._show_switches()

    def action_no_grad(self) -> None:
        self._no_grad = not self._no_grad
        self._show_switches()

    def action_detach(self) -> None:
        if self._answer is not None:
            choices = ["", *self._answer.modules]
            self._detach_after = choices[(choices.index(self._detach_after) + 1) % len(choices)]
            self._show_switches()

    def _show_switches(self) -> None:
        if self._answer is not None:
            update_text(self, "#about", self._about(self._answer))

    def action_view(self) -> None:
        self._list = "parameters" if self._list == "graph" else "graph"
        self._arrange()
        self._show_chosen()

    def action_focus_other(self) -> None:
        self.action_view()

    def action_move(self, by: int) -> None:
        self._here.move(by)
        self._show_chosen()
        self.refresh_bindings()

    def action_page(self, by: int) -> None:
        self.action_move(by * self._here.room)

    def _open(self, which: str) -> None:
        if (row := self._parameter) is not None and self._bench is not None:
            self._services.open_tensor(StepTensor(self._bench, which, row.name))

    def action_open(self) -> None:
        if (row := self._parameter) is not None:
            self._open("now" if row.gradient is None else "grad")

    def action_weights(self) -> None:
        self._open("now")

    def action_weights_before(self) -> None:
        if (row := self._parameter) is not None and row.moved is not None:
            self._open("before")

    def _watched_index(self, row: GradientRow) -> tuple[int, ...]:
        """Of the parameter: the value that is watched, else that with the largest gradient, else the first."""
        if self._watch is not None and self._watch.parameter == row.name:
            return self._watch.index
        return row.largest or (0,) * len(row.shape)

    @work(group="prompt")
    async def action_watch(self) -> None:
        if (row := self._parameter) is None:
            return
        prompt = prompts.element(row.name, row.shape, self._watched_index(row))
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            self._watch = Element(row.name, prompts.element_index(text, row.shape))
            self._ask()

    def action_check(self) -> None:
        if (row := self._parameter) is not None:
            self._check(Element(row.name, self._watched_index(row)))

    @work(group="prompt")
    async def action_batch(self) -> None:
        if (text := await self.app.push_screen_wait(prompts.images(self._images))) is not None:
            self._images = prompts.images_of(text)
            self._ask()
