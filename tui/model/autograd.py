"""Forward, loss, backward, optimizer step, each when its key is pressed, and what it leaves behind."""

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.digits import significant
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
from tui.detail.waiting import waiting
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind, move_keys
from tui.model import autograd_text, prompts
from tui.model.autograd_menu import AutogradMenu, Switches
from tui.model.gradient_histogram import GradientHistogram
from tui.model.graph_to_come import GraphToCome
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows, snug
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

WIDE = 110  # columns from which on the graph and the gradients are both shown
PANELS = ("graph", "gradients")
TALL = 30  # lines from which on the last three steps are shown, not two


class AutogradScreen(KeyScreen[None]):
    """Keeps the list of steps; the worker process does them again from the start for each new one."""

    AUTO_FOCUS = "#graph-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("autograd", "back", "Back", action="dismiss"),
        bind("autograd", "go", "Do the step", "the one in brackets", action="do"),
        bind("autograd", "one_step", "Do the step", "the one in brackets", action="do", show=False),
        bind("autograd", "left", "Another step", "the one before it in the loop", action="choose(-1)", display="←→"),
        bind("autograd", "right", "Another step", "the one after it", action="choose(1)", show=False),
        bind("autograd", "undo", "Undo", "the last step"),
        bind("autograd", "reset", "Restart", "undo all steps", action="restart"),
        bind("autograd", "change", "Batch, switches", "other images, retain_graph, no_grad, detach, pred.backward(v)"),
        bind("autograd", "next_panel", "Other panel", "the graph or the gradients", action="panel"),
        bind("autograd", "previous_panel", "Other panel", action="panel", show=False),
        bind("autograd", "view", "Other panel", "the graph or the gradients", action="panel", show=False),
        *move_keys("autograd"),
        bind("autograd", "open", "Gradient", "or the weight, without one"),
        bind("autograd", "other", "Weight", "its values now", action="weight"),
        bind("autograd", "previous", "Weight before", "the last optimizer step", action="weight_before", show=False),
        bind("autograd", "go_to", "Watch", "one value of the parameter, by its index", action="watch", show=False),
        bind("autograd", "verify", "Check", "a gradient, by central differences", action="check", show=False),
    ]

    def __init__(self, services: Services, split: str, index: int, count: int = 64) -> None:
        """The batch: `count` images of a split from an index on."""
        super().__init__()
        self._services = services
        self._images = ImagesRef(split, index, count)
        self._steps: tuple[Step, ...] = ()
        self._chosen = ""  # the kind of step that space does; "": the one that is due
        self._switches = Switches()
        self._watch: Element | None = None
        self._bench: Workbench | None = None  # that is shown
        self._shown_watch: Element | None = None
        self._answer: AutogradState | None = None
        self._check_text = ""
        self._list = PANELS[0]

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        with Panel(id="loop", title="Autograd", focusable=False):
            yield Static(id="strip", markup=False)
            yield Static(id="steps", markup=False)
        with Horizontal(id="lists"):
            with Panel(id="graph-panel", title="Graph, from the loss back"):
                yield Rows(autograd_text.GRAPH_COLUMNS, id="graph")
                yield GraphToCome(id="to-come")
            with Panel(id="gradients-panel", title="Gradients"):
                yield Rows(autograd_text.PARAMETER_COLUMNS, gap=1, id="gradients")
                yield GradientHistogram(id="histogram")
                yield Static(id="chosen", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._arrange()
        self._show_strip()
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        if self._answer is not None:
            self._show_steps(self._answer)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        name = (event.widget.id or "").removesuffix("-panel")
        if name in PANELS and name != self._list:
            self._list = name
            self._show_chosen()
            self.refresh_bindings()

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _loop(self) -> Panel:
        return self.query_one("#loop", Panel)

    @property
    def _here(self) -> Rows:
        return self.query_one(f"#{self._list}", Rows)

    # Asking

    @work(group="autograd", exclusive=True)
    async def _ask(self) -> None:
        """Where other images or another value are refused, those that are shown take their place."""
        worker, images, watch = self._services.worker, self._images, self._watch
        doing, graph = waiting(worker, "computing …"), self.query_one("#graph-panel", Panel)
        self._loop.busy(doing)
        graph.busy(doing if self._bench is None else "", empty=True)
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
                hint = "\n\nOn Model, o opens another network, or weights from a file." if self._bench is None else ""
                self.query_one("#graph-panel", Panel).say(Content.styled(f"{error}{hint}", "$text-error"))
            return
        finally:
            if self.is_mounted:
                self._loop.busy("")
                graph.busy("")
        if self.query(Rows):
            self._bench, self._shown_watch = bench, watch
            self._show(answer)

    @work(group="check", exclusive=True)
    async def _check(self, element: Element) -> None:
        self._check_text = "computing central differences …"
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
        for name in PANELS:
            self.query_one(f"#{name}-panel").display = self._wide or self._list == name
        self.refresh_bindings()

    def _show(self, answer: AutogradState) -> None:
        before, self._answer = self._answer, answer
        self._show_steps(answer)
        self._show_strip()
        graph, gradients = self.query_one("#graph", Rows), self.query_one("#gradients", Rows)
        graph.show(autograd_text.graph_rows(answer, before))
        rows = autograd_text.gradient_rows(answer, gradients.rows)
        gradients.show(rows, snug(autograd_text.PARAMETER_COLUMNS, rows))
        nodes = fmt.counted(len(answer.graph), "node") if answer.graph else ""
        self.query_one("#graph-panel", Panel).describe(right=nodes)
        to_come = self.query_one(GraphToCome)
        graph.display, to_come.display = bool(answer.steps), not answer.steps
        to_come.show(answer)
        self.query_one("#graph-panel", Panel).say(autograd_text.no_graph(answer))
        gradients.styles.height = min(len(gradients.rows) + 1, max(4, self.size.height // 2 - 4))
        known = sum(row.gradient is not None for row in answer.parameters)
        right = f"{fmt.count(known)} of {fmt.counted(len(answer.parameters), 'parameter')} with a gradient"
        self.query_one("#gradients-panel", Panel).describe(right=right)
        self._show_chosen()
        self.refresh_bindings()

    def _show_steps(self, answer: AutogradState) -> None:
        update_text(self, "#steps", autograd_text.steps_text(answer, 3 if self.size.height >= TALL else 2))

    def _show_strip(self) -> None:
        answer = self._answer
        chosen = self._chosen or autograd_text.due(answer)
        update_text(self, "#strip", autograd_text.strip(answer, chosen, self._switches))
        if answer is None:
            return
        shape = " × ".join(map(str, answer.shape))
        below = f"X [{shape}]: {autograd_text.images_words(self._images, answer)}"
        below_right = self._switches.words() or answer.optimizer
        right = fmt.counted(len(answer.steps), "step")
        self._loop.describe(title=answer.title, right=right, below=below, below_right=below_right)

    def _show_chosen(self) -> None:
        """The parameter under the gradients' cursor, which goes to the leaf that is chosen in the graph."""
        gradients, lines = self.query_one("#gradients", Rows), list[str]()
        if self._list == "graph" and (leaf := self._parameter) is not None:
            gradients.find(lambda one: one.key == leaf.name)
        row = self._parameter_of(gradients.key)
        if row is not None:
            lines.append(autograd_text.describe_gradient(row))
            if row.moved is not None:
                moved = row.moved
                lines.append(
                    f"changed most: {list(moved.index)}  {significant(moved.before, 7)} → {significant(moved.after, 7)}"
                )
        if self._answer is not None and self._answer.watched is not None:
            lines.append(autograd_text.watched_line(self._answer.watched))
        if self._check_text:
            lines.append(self._check_text)
        update_text(self, "#chosen", "\n".join(lines))
        self.query_one("#chosen").display = bool(lines)
        gradient = row.gradient if row is not None else None
        counts: list[int] = []
        if row is not None and self._answer is not None and gradient is not None:
            counts = [int(count) for count in self._answer.histograms[self._answer.parameters.index(row)]]
        ends = (0.0, 0.0) if gradient is None else (gradient.min or 0.0, gradient.max or 0.0)
        self.query_one(GradientHistogram).show(f"{row.name}.grad" if row is not None else "", counts, ends)

    @property
    def _parameter(self) -> GradientRow | None:
        """The one under the cursor; in the graph, that of the leaf under it."""
        if self._answer is None:
            return None
        key = self._here.key
        if self._list == "graph":
            found = int(key) if key is not None and key.isdecimal() else len(self._answer.graph)
            key = self._answer.graph[found].leaf if found < len(self._answer.graph) else None
        return self._parameter_of(key)

    def _parameter_of(self, name: str | None) -> GradientRow | None:
        parameters = self._answer.parameters if self._answer is not None else ()
        return next((row for row in parameters if row.name == name), None)

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("undo", "restart") and not self._steps:
            return "no step has been done"
        if action in ("do", "change", "choose") and self._answer is None:
            return "the network is not ready"
        if action in ("open", "weight", "weight_before", "watch", "check"):
            row = self._parameter
            if row is None:
                return "the cursor is on no parameter: tab goes to the gradients"
            if action == "weight_before" and row.moved is None:
                return "no optimizer step has changed it"
        return ""

    def action_choose(self, by: int) -> None:
        order = autograd_text.ORDER
        chosen = order.index(self._chosen or autograd_text.due(self._answer))
        self._chosen = order[(chosen + by) % len(order)]
        self._show_strip()

    def action_do(self) -> None:
        kind, switches = self._chosen or autograd_text.due(self._answer), self._switches
        step = Step(kind)
        if kind == "forward":
            step = Step(kind, no_grad=switches.no_grad, detach=switches.detach)
        elif kind == "backward":
            step = Step(kind, retain_graph=switches.retain_graph)
        self._do(step)

    def _do(self, step: Step) -> None:
        """The switches are for one step: this one, if it is of their kind, turns them off again."""
        if step.kind == "forward":
            self._switches = replace(self._switches, no_grad=False, detach="")
        elif step.kind in ("backward", "vjp"):
            self._switches = replace(self._switches, retain_graph=False)
        self._steps, self._chosen = (*self._steps, step), ""
        self._ask()

    def action_undo(self) -> None:
        self._steps, self._chosen = self._steps[:-1], ""
        self._ask()

    def action_restart(self) -> None:
        self._steps, self._chosen, self._switches = (), "", Switches()
        self._ask()

    @work(group="prompt")
    async def action_change(self) -> None:
        if (answer := self._answer) is None:
            return
        images = autograd_text.images_words(self._images, answer)
        menu = AutogradMenu(self._switches, answer.modules, images)
        self._switches, then = await self.app.push_screen_wait(menu)
        self._show_strip()
        if then == "vector":
            classes = answer.classes
            if (text := await self.app.push_screen_wait(prompts.vector(classes))) is not None:
                vector = prompts.vector_of(text, classes)
                self._do(Step("vjp", vector=vector, retain_graph=self._switches.retain_graph))
        elif then == "batch" and (text := await self.app.push_screen_wait(prompts.images(self._images))) is not None:
            self._images = prompts.images_of(text)
            self._ask()

    def action_panel(self) -> None:
        self._list = PANELS[1 - PANELS.index(self._list)]
        self._arrange()
        self.query_one(f"#{self._list}-panel").focus()
        self._show_chosen()

    def on_rows_pointed(self, event: Rows.Pointed) -> None:
        self._show_chosen()
        self.refresh_bindings()

    def action_move(self, by: int) -> None:
        self._here.move(by)
        self._show_chosen()
        self.refresh_bindings()

    def action_page(self, by: int) -> None:
        self.action_move(by * self._here.room)

    def action_end(self, which: int) -> None:
        self.action_move(which * len(self._here.rows))

    def _open(self, which: str) -> None:
        if (row := self._parameter) is not None and self._bench is not None:
            self._services.open_tensor(StepTensor(self._bench, which, row.name))

    def action_open(self) -> None:
        if (row := self._parameter) is not None:
            self._open("now" if row.gradient is None else "grad")

    def action_weight(self) -> None:
        self._open("now")

    def action_weight_before(self) -> None:
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
