"""One image before and after the pipeline of transforms that the next run trains with."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.data import transforms
from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.batch_requests import PipelineRequest, PipelineTrace, StepResult
from engine.training.config import is_file_reference
from tui.dialogs.prompt import PromptScreen
from tui.services import Services
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.lines import Line, Lines, fit
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from tui.data.browse import Browse


class TransformsScreen(Screen[None]):
    """Shows what training does to an image: each step, and the output for several seeds. Asks the worker process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,T", "dismiss", "Back", key_display="esc", id="transforms.back"),
        Binding("e,enter", "edit", "Pipeline", id="transforms.edit", tooltip="edit it; the next run trains with it"),
        Binding("r", "redraw", "Draw again", id="transforms.redraw", tooltip="random steps, with other seeds"),
        Binding("right,l,n", "move(1)", "Next image", show=False, id="transforms.next"),
        Binding("left,h,p", "move(-1)", "Previous image", show=False, id="transforms.previous"),
        Binding("x", "none", "None", id="transforms.none", tooltip="no pipeline: ToTensor alone"),
    ]

    def __init__(self, services: Services, browse: "Browse") -> None:
        super().__init__()
        self._services, self._browse = services, browse
        self._seed = 0
        self._worked: str | None = None  # the last pipeline that did

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="about", markup=False)
        yield ImagePage(self._services.picture_style, id="draws")
        yield StepTable(id="steps")
        yield Static(id="target", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(None)

    def on_image_page_resized(self) -> None:
        self._ask()

    @property
    def _pipeline(self) -> str:
        return str(self._services.settings["transform"])

    def action_move(self, by: int) -> None:
        if self._browse.go_to(self._browse.position + by):
            self._ask()

    def action_redraw(self) -> None:
        self._seed += max(1, self.query_one(ImagePage).capacity - 1)
        self._ask()

    def action_none(self) -> None:
        self._take("")

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
            self._take(text.strip())

    def _take(self, pipeline: str) -> None:
        """Show this pipeline; where it can be used, the next run has it."""
        self._services.settings["transform"] = pipeline
        self._ask()

    @work(group="transforms", exclusive=True)
    async def _ask(self) -> None:
        """Where the pipeline fails, the last one that worked takes its place."""
        browse, services, page = self._browse, self._services, self.query_one(ImagePage)
        if browse.dataset is None or browse.index is None:
            return
        request = PipelineRequest(
            browse.dataset.name, services.data_dir, browse.split, browse.index, self._pipeline, self._seed,
            draws=min(12, max(1, page.capacity - 1)),
        )  # fmt: skip
        if not services.worker.ready:
            update_text(self, "#about", "starting PyTorch …")
        try:
            answer = await asyncio.to_thread(services.worker.ask, request)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            if self._worked is not None and self._worked != request.transform:
                services.settings["transform"] = self._worked
                self._ask()
            else:
                update_text(self, "#about", Content.styled(str(error), "$text-error"))
            return
        self._worked = request.transform
        self._show(answer)

    def _show(self, trace: PipelineTrace) -> None:
        browse = self._browse
        sample = browse.sample(browse.index)
        if sample is None or not self.query(ImagePage):
            return
        random = any(step.random for step in trace.steps)
        tiles = [Tile(sample[0], "original")]
        for draw, image in enumerate(trace.draws if random else trace.draws[:1]):
            tiles.append(Tile(image, f"seed {self._seed + draw}" if random else "after"))
        self.query_one(ImagePage).show(tiles, 0)
        stretched = "; drawn with its minimum as black and its maximum as white" if trace.stretched else ""
        update_text(
            self,
            "#about",
            Content.assemble(
                (self._pipeline or "ToTensor()", "bold"),
                f"\n{browse.split} image {browse.index} {browse.classes[sample[1]]}. {trace.loader}{stretched}.",
            ),
        )
        self.query_one(StepTable).show(trace.steps)
        hot = ", ".join(f"{value:.0f}." for value in trace.one_hot)
        target = f"label {trace.label} as one-hot: tensor([{hot}])\n"
        spelled = f"Lambda(lambda y: torch.zeros({len(trace.one_hot)}).scatter_(0, torch.tensor(y), value=1))"
        update_text(
            self, "#target", Content.assemble(("target ", "dim"), target, (f"{spelled}: for the mse loss", "dim"))
        )


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
    return str(int(value)) if value == int(value) and abs(value) > 1 else f"{value:.4g}"
