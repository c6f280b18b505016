"""One image's forward pass: each stage, what the network says, and which pixels make it say so."""

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import BugError, EngineError, InspectionCancelledError
from engine.inspection.forward_requests import ActivationRequest, ForwardPass, Side, StageRow
from engine.inspection.image_requests import Edit, ImageRef
from engine.inspection.tensor_refs import Activation
from tui import format as fmt
from tui.model import prompts
from tui.model.answer_pane import AnswerPane, describe
from tui.model.forward_questions import ForwardQuestions
from tui.services import Services
from tui.widgets.heatmap import HeatMap
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

WIDE = 116  # columns from which on both halves are shown
PAUSE_S = 0.15  # seconds without a key before the saliency is computed
COLUMNS = (
    Column("stage", -22),
    Column("output", 9),
    Column("mean", 7, right=True),
    Column("min", 7, right=True),
    Column("max", 7, right=True),
    Column("zeros", 5, right=True),
    Column("std", 7, right=True),
)


class ForwardScreen(Screen[None]):
    """Asks the worker process anew for each image, and after each edit of it."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", key_display="esc", id="forward.back"),
        Binding("down,j", "move(1)", "Next stage", show=False, id="forward.down"),
        Binding("up,k", "move(-1)", "Previous stage", show=False, id="forward.up"),
        Binding("right,l,n,pagedown", "image(1)", "Next image", show=False, id="forward.next"),
        Binding("left,h,p,pageup", "image(-1)", "Previous image", show=False, id="forward.previous"),
        Binding("v", "view", "Stages/answer", id="forward.view", tooltip="the other half, in narrow terminals"),
        Binding("enter", "open", "Values", id="forward.open", tooltip="of the stage's output, or its input"),
        Binding("b", "side", "Input/output", id="forward.side", tooltip="of the stage"),
        Binding("equals_sign", "sum", "Sum", key_display="=", id="forward.sum", tooltip="behind an output"),
        Binding("e", "edit", "Edit", id="forward.edit", tooltip="the image, by keys"),
        Binding("u", "undo", "Undo", id="forward.undo", tooltip="the last edit"),
        Binding("0", "revert", "Revert", show=False, id="forward.revert", tooltip="undo all edits"),
        Binding("s", "picture", "Picture", show=False, id="forward.picture", tooltip="image, gradient, occlusion"),
        Binding("c", "target", "Class", show=False, id="forward.target", tooltip="which class to explain"),
        Binding("w", "compare", "Compare", id="forward.compare", tooltip="with another network, on the same image"),
        Binding("A", "autograd", "Autograd", show=False, id="forward.autograd", tooltip="of this image"),
        Binding("t", "split", "Train/test", show=False, id="forward.split"),
        Binding("i", "find", "Go to", show=False, id="forward.find", tooltip="an image by its index"),
    ]

    def __init__(self, services: Services, split: str, index: int) -> None:
        super().__init__()
        self._services = services
        self._questions = ForwardQuestions(services)
        self._ref = ImageRef(split, index)
        self._shown: ImageRef | None = None  # that `_passed` is of
        self._passed: ForwardPass | None = None
        self._other: ForwardPass | None = None  # the compared network's
        self._side: Side = "output"
        self._half = "stages"

    def compose(self) -> ComposeResult:
        style = self._services.picture_style
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        with Horizontal():
            with Vertical(id="stages-half"):
                yield Rows(COLUMNS, id="stages")
                yield Static(id="stage", markup=False)
                yield HeatMap(style, id="activation")
            yield AnswerPane(style)
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        if self._passed is not None:
            self._show(self._passed)
            self.call_after_refresh(self._ask_picture)

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _stages(self) -> Rows:
        return self.query_one(Rows)

    @property
    def _pane(self) -> AnswerPane:
        return self.query_one(AnswerPane)

    # Asking

    @work(group="forward", exclusive=True)
    async def _ask(self) -> None:
        """Where there is no image of the index, the one that is shown takes its place."""
        ref = self._ref
        if self._passed is None:
            started = self._services.worker.started
            update_text(self, "#about", "forward pass …" if started else "importing PyTorch …")
        try:
            passed, other = await self._questions.passes(ref)
        except InspectionCancelledError:
            return
        except EngineError as error:
            if self._shown is not None and self._shown != ref:
                self._ref = self._shown
                self.notify(str(error), severity="warning", timeout=6, markup=False)
            else:
                update_text(self, "#about", Content.styled(str(error), "$text-error"))
            return
        if not self.query(Rows):
            return  # closed meanwhile
        self._shown, self._passed, self._other = ref, passed, other
        self._arrange()
        self._show(passed)
        self._ask_picture()
        if passed.logits is not None:
            self._ask_saliency()

    @work(group="activation", exclusive=True)
    async def _ask_picture(self) -> None:
        picture = self.query_one(HeatMap)
        network = self._questions.network
        if network is None or self._passed is None or not picture.size.height or not self._passed.stages:
            return
        try:
            request = ActivationRequest(
                network,
                self._ref,
                self._stages.cursor,
                self._side,
                rows=2 * picture.size.height,
                columns=picture.size.width,
            )
            answer = await asyncio.to_thread(self._services.worker.ask, request)
        except BugError:
            raise
        except EngineError:
            return  # the forward pass has said what is wrong
        if self.query(HeatMap):
            picture.show(answer.values, gaps=True)
            self._show_stage(answer.description)

    @work(group="saliency", exclusive=True)
    async def _ask_saliency(self) -> None:
        await asyncio.sleep(PAUSE_S)  # not while somebody leafs through images
        try:
            saliency = await self._questions.saliency(self._ref)
        except BugError:
            raise
        except EngineError:
            return
        if self.query(AnswerPane):
            self._pane.take_saliency(saliency)
            self._draw()

    # Showing

    def _arrange(self) -> None:
        self.query_one("#stages-half").display = self._wide or self._half == "stages"
        self._pane.display = self._wide or self._half == "answer"
        stages = len(self._passed.stages) if self._passed is not None else 1
        self._stages.styles.height = min(stages + 1, max(4, (self.size.height - 8) // 2))
        self._pane.fit_to(self.size.height)
        self.refresh_bindings()

    def _show(self, passed: ForwardPass) -> None:
        edits = len(self._ref.edits)
        about = describe(passed, edits)
        if self._other is not None:
            about += describe(self._other, edits, "\ncompared with: ")
        update_text(self, "#about", about)
        self._stages.show([_row(at, stage) for at, stage in enumerate(passed.stages)])
        self._show_stage("")
        self._pane.show(passed, self._other, edits=edits)
        self._draw()

    def _draw(self) -> None:
        self._pane.draw()
        self._pane.note(self._pane.explanation)

    def _show_stage(self, picture: str) -> None:
        at = self._stages.cursor
        if self._passed is None or at >= len(self._passed.stages):
            return
        stage = self._passed.stages[at]
        head = f"{stage.name or 'the network'} {stage.type}({stage.extra}): {stage.before} → {stage.after}"
        shown = f"{self._side}: {picture}" if picture else self._side
        update_text(self, "#stage", "\n".join([head, "; ".join(_notes(stage)), shown]))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("undo", "revert"):
            return bool(self._ref.edits)
        if action == "view":
            return not self._wide
        if action in ("open", "side", "sum"):
            return self._passed is not None and bool(self._passed.stages)
        return True

    def action_move(self, by: int) -> None:
        self._stages.move(by)
        self._show_stage("")
        self._ask_picture()

    def action_image(self, by: int) -> None:
        self._go_to(self._ref.split, self._ref.index + by)

    def _go_to(self, split: str, index: int) -> None:
        if (split, max(0, index)) != (self._ref.split, self._ref.index):
            self._ref = ImageRef(split, max(0, index))
            self._ask()

    def action_split(self) -> None:
        self._go_to("train" if self._ref.split == "test" else "test", self._ref.index)

    @work(group="prompt")
    async def action_find(self) -> None:
        prompt = prompts.image_index(self._ref.split, self._ref.index)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            self._go_to(self._ref.split, int(text))

    def action_view(self) -> None:
        self._half = "answer" if self._half == "stages" else "stages"
        self._arrange()
        self.call_after_refresh(self._ask_picture)

    def action_side(self) -> None:
        self._side = "input" if self._side == "output" else "output"
        self._ask_picture()

    def action_open(self) -> None:
        if (network := self._questions.network) is not None:
            self._services.open_tensor(Activation(network, self._ref, self._stages.cursor, self._side))

    def action_sum(self) -> None:
        from tui.model.contributions import ContributionsScreen

        if (network := self._questions.network) is not None:
            self.app.push_screen(ContributionsScreen(self._services, network, self._ref, self._stages.cursor))

    def action_picture(self) -> None:
        self._pane.next_picture()
        self._draw()

    def action_target(self) -> None:
        if self._passed is not None and self._passed.logits is not None:
            choices = [None, *range(len(self._passed.classes))]
            self._questions.target = choices[(choices.index(self._questions.target) + 1) % len(choices)]
            self._ask_saliency()

    @work(group="prompt")
    async def action_compare(self) -> None:
        prompt = prompts.compared_network(self._services.home, self._questions.compared)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            self._questions.compared = text.strip()
            self._ask()

    def action_autograd(self) -> None:
        from tui.model.autograd import AutogradScreen

        self.app.push_screen(AutogradScreen(self._services, self._ref.split, self._ref.index, 1))

    @work(group="prompt")
    async def action_edit(self) -> None:
        from tui.model.pixel_editor import PixelEditorScreen

        if self._passed is None:
            return
        editor = PixelEditorScreen(self._services, self._questions, self._ref, self._passed, self._other)
        edits = await self.app.push_screen_wait(editor)
        if edits != self._ref.edits:
            self._change(edits)

    def action_undo(self) -> None:
        self._change(self._ref.edits[:-1])

    def action_revert(self) -> None:
        self._change(())

    def _change(self, edits: tuple[Edit, ...]) -> None:
        self._ref = replace(self._ref, edits=edits)
        self._ask()


def _notes(stage: StageRow) -> list[str]:
    """What is odd or large in the stage's output."""
    notes = []
    if stage.silent is not None:
        notes.append(f"{fmt.percent(stage.silent)} of the units are 0 for this image")
    if stage.dead is not None:
        notes.append(f"{fmt.percent(stage.dead)} for all of 256 test images")
    if stage.largest:
        notes.append("largest " + ", ".join(f"{list(place)} {value:.3g}" for place, value in stage.largest[:4]))
    return notes


def _row(at: int, stage: StageRow) -> Row:
    shape = stage.after.removeprefix("[1, ").removesuffix("]").replace(", ", "×")
    name, stats = f"{stage.name} {stage.type}", stage.stats
    if stats is None:
        return Row(str(at), (name, shape, "", "", "", "", ""))
    zeros = "" if stats.zeros is None else f"{100 * stats.zeros:.0f}%"
    cells = (
        name,
        shape,
        fmt.short(stats.mean),
        fmt.short(stats.min),
        fmt.short(stats.max),
        zeros,
        fmt.short(stats.std),
    )
    return Row(str(at), cells, "bad" if stats.not_finite else "")
