"""One image before and after the pipeline of transforms that the next run trains with."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine.data import augmentations, transforms
from engine.digits import significant
from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.batch_requests import PipelineRequest, PipelineTrace, StepResult
from engine.training.config import is_file_reference
from tui.code_trust import name_if_new
from tui.columns import fit
from tui.data import prompts
from tui.detail.waiting import waiting
from tui.dialogs.key_screen import KeyScreen
from tui.dialogs.prompt import PromptScreen
from tui.format import count
from tui.keys import bind
from tui.services import Services
from tui.widgets import tiling
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.lines import Line, Lines
from tui.widgets.panel import Panel
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from tui.data.browse import Browse

MOST_DRAWS = 23  # images after the original, at most
FRAME = 5  # lines of the panel of steps besides them: borders, heads, the target


class TransformsScreen(KeyScreen[None]):
    """Shows what training does to an image: each step, and the output for several seeds. Asks the worker process."""

    AUTO_FOCUS = "#images"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("transforms", "back", "Back", action="dismiss"),
        bind("transforms", "change", "Pipeline", "edit it; the next run trains with it", action="edit"),
        bind("transforms", "augment", "Augmentation", "random changes to whole batches; the next run has them"),
        bind("transforms", "again", "Draw again", "random steps, with other seeds", action="redraw"),
        bind("transforms", "next", "Next image", action="move(1)"),
        bind("transforms", "previous", "Previous", "the image before", action="move(-1)"),
        bind("transforms", "right", "Next image", action="move(1)", show=False),
        bind("transforms", "left", "Previous image", action="move(-1)", show=False),
        bind("transforms", "reset", "None", "no pipeline and no augmentation: ToTensor alone", action="none"),
    ]

    def __init__(self, services: Services, browse: "Browse") -> None:
        super().__init__()
        self._services, self._browse = services, browse
        self._seed = 0
        self._worked: str | None = None  # the last pipeline that did
        self._random = False  # whether one of its steps is

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        with Panel(title="Transforms", id="images"):
            yield ImagePage(self._services.pictures, id="draws")
        with Panel(title="Pipeline", id="pipeline", focusable=False):
            yield StepTable(id="steps")
            yield Static(id="target", markup=False)
        yield KeyLine()

    def on_image_page_resized(self) -> None:
        self._ask()

    def on_image_page_turned(self, event: ImagePage.Turned) -> None:
        self.action_move(event.by)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action == "redraw" and not self._random:
            return "no step is random"
        nothing = not self._pipeline and not self._augment
        return "there is neither a pipeline nor an augmentation" if action == "none" and nothing else ""

    @property
    def _pipeline(self) -> str:
        return str(self._services.settings["transform"])

    @property
    def _augment(self) -> str:
        return str(self._services.settings["augment"])

    def action_move(self, by: int) -> None:
        if self._browse.go_to(self._browse.position + by):
            self._ask()

    def action_redraw(self) -> None:
        self._seed += self._draws
        self._ask()

    @property
    def _draws(self) -> int:
        """Images that a random pipeline is drawn for."""
        return min(MOST_DRAWS, max(1, tiling.filling(self.query_one(ImagePage).size).capacity - 1))

    def action_none(self) -> None:
        self._services.settings["augment"] = ""
        self._take("")

    @work(group="prompt")
    async def action_augment(self) -> None:
        if (text := await self.app.push_screen_wait(prompts.augmentation(self._augment))) is not None:
            self._services.settings["augment"] = augmentations.spelled(text)
            self._ask()

    @work(group="prompt")
    async def action_edit(self) -> None:
        def check(text: str) -> str:
            if is_file_reference(text.strip()):
                return f"the callable {text.strip()}, called with each image"
            steps = transforms.parse(text)
            return transforms.spelled(steps) if steps else "no pipeline: ToTensor alone"

        about = (
            "Transforms of torchvision.transforms.v2, separated by semicolons, or path/to/file.py:NAME. Random ones "
            f"are left out for the test set. The next run trains with this pipeline. For example: {transforms.EXAMPLE}"
        )
        prompt = PromptScreen("The pipeline", about, check, value=self._pipeline)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            await name_if_new(text.strip(), before=self._pipeline)
            self._take(text.strip())

    def _take(self, pipeline: str) -> None:
        """Show this pipeline; where it can be used, the next run has it."""
        self._services.settings["transform"] = pipeline
        self._ask()

    @work(group="transforms", exclusive=True)
    async def _ask(self) -> None:
        """Where the pipeline fails, the last one that worked takes its place."""
        browse, services, panel = self._browse, self._services, self.query_one("#images", Panel)
        if browse.dataset is None or browse.index is None:
            return
        request = PipelineRequest(
            browse.dataset.name, services.data_dir, browse.split, browse.index, self._pipeline, self._seed,
            draws=self._draws, augment=self._augment,
        )  # fmt: skip
        panel.busy(waiting(services.worker, "applying the pipeline"))
        if self._worked is None:
            applied = "; ".join(part for part in (self._pipeline or "ToTensor()", self._augment) if part)
            doing = f"applying {applied} to {browse.split} image {count(browse.index)} …"
            panel.say(f"A{doing[1:]}" if services.worker.ready else f"Starting PyTorch, then {doing}")
        try:
            answer = await asyncio.to_thread(services.worker.ask, request)
        except InspectionCancelledError:
            return
        except EngineError as error:
            panel.busy("")
            self.notify(str(error), severity="error", timeout=15, markup=False)
            if self._worked is not None and self._worked != request.transform:
                services.settings["transform"] = self._worked
                self._ask()
            else:
                panel.say(Content.styled(str(error), "$text-error"))
            return
        self._worked = request.transform
        self._show(answer)

    def _show(self, trace: PipelineTrace) -> None:
        browse = self._browse
        sample = browse.sample(browse.index)
        if sample is None or not self.query(ImagePage) or not self.query(StepTable):
            return
        self._random = any(step.random for step in trace.steps)
        tiles = [Tile(sample[0], "original")]
        for draw, image in enumerate(trace.draws if self._random else trace.draws[:1]):
            tiles.append(Tile(image, f"seed {self._seed + draw}" if self._random else "after"))
        page, images = self.query_one(ImagePage), self.query_one("#images", Panel)
        page.figure(*(() if self._random else (2, 1)))
        page.show(tiles, 0)
        images.busy("")
        images.say("")
        images.describe(
            title=f"{browse.split} image {browse.index} {browse.classes[sample[1]]}",
            right=trace.loader,
            below="drawn with its minimum as black and its maximum as white" if trace.stretched else "",
        )
        pipeline = self.query_one("#pipeline", Panel)
        pipeline.describe(title=self._pipeline or "ToTensor()")
        pipeline.styles.height = len(trace.steps) + FRAME
        self.query_one(StepTable).show(trace.steps)
        hot = ", ".join(f"{value:.0f}." for value in trace.one_hot)
        room = self.size.width - 4  # of a line of the panel
        target = fit(f"target for mse, label {trace.label}: tensor([{hot}])", room)
        spelled = f"Lambda(lambda y: torch.zeros({len(trace.one_hot)}).scatter_(0, torch.tensor(y), value=1))"
        update_text(self, "#target", Content.assemble(f"{target}\n", (fit(spelled, room), "$text-muted")))
        self.refresh_bindings()


class StepTable(Lines):
    """A line for each step: its output."""

    DEFAULT_CSS = "StepTable { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._steps: tuple[StepResult, ...] = ()

    def show(self, steps: tuple[StepResult, ...]) -> None:
        self._steps = steps
        self.styles.height = len(steps) + 1
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        if not self._steps:
            return []
        narrow = width < 100
        room = width - (38 if narrow else 61)
        heads = f"{'dtype':<8} {'shape':<9} range" if narrow else (
            f"{'dtype':<15} {'shape':<14} {'range':<18} {'mean':>8}"
        )  # fmt: skip
        lines: list[Line] = [[(f"{'step':<{room}} {heads}", "dim")]]
        for number, step in enumerate(self._steps):
            name = ("  " if not number else f"{number} ") + step.name + ("  random" if step.random else "")
            extent = f"{_number(step.low)} to {_number(step.high)}"
            shape, dtype = "×".join(map(str, step.shape)), step.dtype
            if narrow:
                numbers = f"{dtype.removeprefix('torch.').partition(',')[0]:<8} {shape:<9} {extent}"
            else:
                numbers = f"{dtype:<15} {shape:<14} {extent:<18} {_number(step.mean):>8}"
            lines.append([(f"{fit(name, room):<{room}} ", "test" if step.random else ""), (numbers, "")])
        return lines


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) > 1 else significant(value, 4)
