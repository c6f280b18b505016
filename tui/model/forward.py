"""One image's forward pass: each stage, what the network says, and which pixels make it say so."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.digits import significant
from engine.errors import BugError, EngineError, InspectionCancelledError
from engine.inspection.forward_requests import ActivationRequest, ForwardPass, Side, StageRow
from engine.inspection.image_requests import Edit, ImageRef
from engine.inspection.tensor_refs import Activation
from tui import format as fmt
from tui.detail.waiting import waiting
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind, move_keys
from tui.model import prompts
from tui.model.answer_pane import AnswerPane, answer_words, image_words
from tui.model.forward_questions import ForwardQuestions
from tui.services import Services
from tui.widgets.heatmap import HeatMap
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows, whole_numbers
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

WIDE = 110  # columns from which on both halves are shown
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


class ForwardScreen(KeyScreen[None]):
    """Asks the worker process anew for each image, and after each edit of it."""

    AUTO_FOCUS = "#stages-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("forward", "back", "Back", action="dismiss"),
        bind("forward", "open", "Values", "of the stage's output, or its input"),
        bind("forward", "next", "Next image", action="image(1)"),
        bind("forward", "previous", "Previous image", action="image(-1)", show=False),
        bind("forward", "right", "Next image", action="image(1)", show=False),
        bind("forward", "left", "Previous image", action="image(-1)", show=False),
        *move_keys("forward", down="Next stage", up="Previous stage"),
        bind("forward", "view", "Input/output", "of the stage", action="side"),
        bind("forward", "compute", "Sum", "behind an output", action="sum"),
        bind("forward", "change", "Edit", "the image, by keys", action="edit"),
        bind("forward", "compare", "Compare", "with another network, on the same image"),
        bind("forward", "mark", "Class", "which class to explain", action="target"),
        bind("forward", "next_panel", "Other panel", "the stages or the answer", action="panel", show=False),
        bind("forward", "previous_panel", "Other panel", action="panel", show=False),
        bind("forward", "undo", "Undo", "the last edit"),
        bind("forward", "reset", "Revert", "undo all edits", action="revert", show=False),
        bind("forward", "appearance", "Picture", "image, gradient, occlusion", action="picture", show=False),
        bind("forward", "autograd", "Autograd", "of this image", show=False),
        bind("forward", "split", "Train/test", show=False),
        bind("forward", "go_to", "Go to", "an image by its index", action="find", show=False),
    ]

    def __init__(self, services: Services, split: str, index: int) -> None:
        super().__init__()
        self._services = services
        self._questions = ForwardQuestions(services)
        self._ref = ImageRef(split, index)
        self._shown: ImageRef | None = None  # that `_passed` is of
        self._passed: ForwardPass | None = None
        self._other: ForwardPass | None = None  # the compared network's
        self._pictured: ActivationRequest | None = None  # what the picture of the stage answers
        self._side: Side = "output"
        self._half = "stages"  # the panel that is shown where both do not fit

    def compose(self) -> ComposeResult:
        pictures = self._services.pictures
        yield TopBar(self.app.current_mode)
        with Horizontal():
            with Panel(id="stages-panel"):
                yield Rows(COLUMNS, id="stages")
                yield Static(id="stage", markup=False)
                yield HeatMap(pictures.cells, id="activation")
            with Panel(id="answer-panel"):
                yield AnswerPane(pictures)
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        if self._passed is not None:
            self._show(self._passed)

    def on_heat_map_resized(self) -> None:
        self._ask_picture()

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _stages(self) -> Rows:
        return self.query_one(Rows)

    @property
    def _stages_panel(self) -> Panel:
        return self.query_one("#stages-panel", Panel)

    @property
    def _pane(self) -> AnswerPane:
        return self.query_one(AnswerPane)

    # Asking

    @work(group="forward", exclusive=True)
    async def _ask(self) -> None:
        """Where there is no image of the index, the one that is shown takes its place."""
        ref = self._ref
        doing = waiting(self._services.worker, "forward pass …")
        self._stages_panel.busy(doing, empty=self._passed is None)
        try:
            passed, other = await self._questions.passes(ref)
        except InspectionCancelledError:
            return
        except EngineError as error:
            if self._shown is not None and self._shown != ref:
                self._ref = self._shown
                self.notify(str(error), severity="warning", timeout=6, markup=False)
            else:
                hint = "\n\nOn Model, o opens another network, or weights from a file."
                self._stages_panel.say(Content.styled(f"{error}{hint}", "$text-error"))
            return
        finally:
            if self.is_mounted:
                self._stages_panel.busy("")
        if not self.query(Rows):
            return  # closed meanwhile
        self._shown, self._passed, self._other = ref, passed, other
        self._pictured = None
        self._arrange()
        self._show(passed)
        self.call_after_refresh(self._ask_picture)  # the stages and their notes leave the picture another height
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
            if request == self._pictured:
                return
            answer = await asyncio.to_thread(self._services.worker.ask, request)
        except BugError:
            raise
        except EngineError:
            return  # the forward pass has said what is wrong
        if self.query(HeatMap):
            self._pictured = request
            picture.show(answer.values, gaps=True)
            self._show_stage()
            self._stages_panel.describe(below=f"{self._side}: {answer.description}", below_right=picture.legend)

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
        self._stages_panel.display = self._wide or self._half == "stages"
        self.query_one("#answer-panel").display = self._wide or self._half == "answer"
        stages = len(self._passed.stages) if self._passed is not None else 1
        self._stages.styles.height = min(stages + 1, max(4, (self.size.height - 8) // 2))
        self.refresh_bindings()

    def _show(self, passed: ForwardPass) -> None:
        edits = len(self._ref.edits)
        answer, image = answer_words(passed), image_words(passed, edits)
        self._stages_panel.say("")
        self._stages_panel.describe(title=image, right=answer)
        title = passed.title if self._wide else image
        self.query_one("#answer-panel", Panel).describe(title=title, right=answer)
        rows = _rows(passed.stages)
        self._stages.show(rows, whole_numbers(COLUMNS, rows))
        self._show_stage()
        self._pane.show(passed, self._other, edits=edits)
        self._draw()

    def _draw(self) -> None:
        self._pane.draw()
        other = f"compared with {self._other.title}: {answer_words(self._other)}" if self._other is not None else ""
        self._pane.note(other)
        self.query_one("#answer-panel", Panel).describe(below=self._pane.explanation)

    def _show_stage(self) -> None:
        at = self._stages.cursor
        if self._passed is None or at >= len(self._passed.stages):
            return
        stage = self._passed.stages[at]
        head = f"{stage.name or 'the network'} {stage.type}({stage.extra}): {stage.before} → {stage.after}"
        update_text(self, "#stage", "\n".join([head, "; ".join(_notes(stage))]))

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("undo", "revert") and not self._ref.edits:
            return "the image is not edited"
        if action in ("open", "side", "sum", "edit", "target", "picture") and self._passed is None:
            return "no image has gone through the network"
        if action in ("open", "side", "sum") and self._passed is not None and not self._passed.stages:
            return "the network has no stages"
        return ""

    def action_move(self, by: int) -> None:
        self._stages.move(by)
        self._show_stage()
        self._ask_picture()

    def action_page(self, by: int) -> None:
        self.action_move(by * self._stages.room)

    def action_end(self, which: int) -> None:
        self.action_move(which * len(self._stages.rows))

    def on_rows_pointed(self, event: Rows.Pointed) -> None:
        self.action_move(0)

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

    def action_panel(self) -> None:
        self._half = "answer" if self._half == "stages" else "stages"
        self._arrange()
        if self._passed is not None:
            self._show(self._passed)
        self.query_one(f"#{self._half}-panel").focus()
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
        notes.append(
            "largest " + ", ".join(f"{list(place)} {significant(value, 3)}" for place, value in stage.largest[:4])
        )
    return notes


def _rows(stages: Sequence[StageRow]) -> list[Row]:
    """The numbers of a column have one format."""
    known = [stage.stats for stage in stages]
    figures = [
        fmt.alike([None if stats is None else getattr(stats, name) for stats in known])
        for name in ("mean", "min", "max", "std")
    ]
    return [_row(at, stage, *texts) for at, (stage, *texts) in enumerate(zip(stages, *figures, strict=True))]


def _row(at: int, stage: StageRow, mean: str, low: str, high: str, std: str) -> Row:
    shape = stage.after.removeprefix("[1, ").removesuffix("]").replace(", ", "×")
    name, stats = f"{stage.name} {stage.type}", stage.stats
    if stats is None:
        return Row(str(at), (name, shape, "", "", "", "", ""))
    zeros = "" if stats.zeros is None else f"{100 * stats.zeros:.0f}%"
    cells = (name, shape, mean, low, high, zeros, std)
    return Row(str(at), cells, "bad" if stats.not_finite else "")
