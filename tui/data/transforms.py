"""One image before and after the pipeline of transforms that the next run trains with."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.data import transforms
from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.untyped import ask_untyped
from engine.training.config import is_file_reference
from tui.dialogs.prompt import PromptScreen
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.lines import Line, Lines, fit
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from pathlib import Path

    from engine.worker.client import WorkerClient
    from engine.worker.request import Answer
    from tui.data.browse import Browse
    from tui.widgets.image import PictureStyle


class Host(Protocol):
    """What this screen needs of the app."""

    data_dir: "Path | None"
    picture_style: "PictureStyle"
    settings: dict[str, Any]
    worker: "WorkerClient"


class TransformsScreen(Screen[None]):
    """Shows what training does to an image: the steps, and what comes out for several seeds. Asks the worker."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,T", "dismiss", "Back", key_display="esc", id="transforms.back"),
        Binding("e,enter", "edit", "Pipeline", id="transforms.edit", tooltip="type it; the next run trains with it"),
        Binding("r", "redraw", "Draw again", id="transforms.redraw", tooltip="what is random, with other seeds"),
        Binding("right,l,n", "move(1)", "Next image", show=False, id="transforms.next"),
        Binding("left,h,p", "move(-1)", "Previous image", show=False, id="transforms.previous"),
        Binding("x", "none", "None", id="transforms.none", tooltip="no pipeline: ToTensor alone"),
    ]

    def __init__(self, browse: "Browse") -> None:
        super().__init__()
        self._browse = browse
        self._seed = 0

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="about", markup=False)
        yield ImagePage(self._host.picture_style, id="draws")
        yield StepTable(id="steps")
        yield Static(id="target", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(None)

    def on_image_page_resized(self) -> None:
        self._ask()

    @property
    def _host(self) -> Host:
        return cast(Host, self.app)

    @property
    def _pipeline(self) -> str:
        return str(self._host.settings["transform"])

    def action_move(self, by: int) -> None:
        if self._browse.go_to(self._browse.position + by):
            self._ask()

    def action_redraw(self) -> None:
        self._seed += max(1, self.query_one(ImagePage).capacity - 1)
        self._ask()

    def action_none(self) -> None:
        self._take("")

    def action_edit(self) -> None:
        def check(text: str) -> str:
            if is_file_reference(text.strip()):
                return f"the callable {text.strip()}, called with each image"
            steps = transforms.parse(text)
            return transforms.spelled(steps) if steps else "no pipeline: ToTensor alone"

        def asked(text: str | None) -> None:
            if text is not None:
                self._take(text.strip())

        about = (
            "Transforms of torchvision.transforms.v2, apart by semicolons, or path/to/file.py:NAME. Those that "
            "draw are left out for the test set. The next run trains with it. For example: "
            f"{transforms.EXAMPLE}"
        )
        self.app.push_screen(PromptScreen("The pipeline", about, check, value=self._pipeline), asked)

    def _take(self, pipeline: str) -> None:
        """Show this pipeline; where it can be used, the next run has it."""
        before, self._host.settings["transform"] = self._pipeline, pipeline
        self._ask(before)

    @work(group="transforms", exclusive=True)
    async def _ask(self, before: str | None = None) -> None:
        """`before`: the pipeline to go back to where this one fails."""
        browse, host, page = self._browse, self._host, self.query_one(ImagePage)
        if browse.dataset is None or browse.index is None:
            return
        worker = host.worker
        values = {
            "dataset": browse.dataset.name, "data_dir": str(host.data_dir) if host.data_dir else None,
            "split": browse.split, "index": browse.index, "transform": self._pipeline, "seed": self._seed,
            "draws": min(12, max(1, page.capacity - 1)),
        }  # fmt: skip
        if not worker.started:
            self._say("#about", Content("importing PyTorch and torchvision …"))
        try:
            answer = await asyncio.to_thread(ask_untyped, worker, "pipeline", values)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            if before is not None:
                host.settings["transform"] = before
                self._ask()
            else:
                self._say("#about", Content.styled(str(error), "$text-error"))
            return
        self._show(answer)

    def _show(self, answer: "Answer") -> None:
        browse, told = self._browse, answer.values
        sample = browse.sample(browse.index)
        if sample is None or not self.query(ImagePage):
            return
        steps = told["steps"]
        random = any(step["random"] for step in steps)
        tiles = [Tile(sample[0], "as it is")]
        for draw in range(len(answer.arrays) if random else 1):
            tiles.append(Tile(answer.arrays[f"draw{draw}"], f"seed {self._seed + draw}" if random else "after"))
        self.query_one(ImagePage).show(tiles, 0)
        spelled = self._pipeline or "ToTensor()"
        stretched = "; drawn from its lowest value, black, to its highest, white" if told["stretched"] else ""
        self._say(
            "#about",
            Content.assemble(
                (spelled, "bold"),
                f"\n{browse.split} image {browse.index} {browse.classes[sample[1]]}. {told['way']}{stretched}.",
            ),
        )
        self.query_one(StepTable).show(steps)
        hot = ", ".join(f"{value:.0f}." for value in told["one_hot"])
        classes = len(told["one_hot"])
        spelled = f"Lambda(lambda y: torch.zeros({classes}).scatter_(0, torch.tensor(y), value=1))"
        target = f"label {told['label']} as one-hot: tensor([{hot}])\n"
        self._say("#target", Content.assemble(("target ", "dim"), target, (f"{spelled}: for the loss mse", "dim")))

    def _say(self, selector: str, content: Content) -> None:
        for line in self.query(selector).results(Static):  # none where the screen was closed meanwhile
            if str(line.content) != str(content):
                line.update(content)


class StepTable(Lines):
    """A line for each step: what it made of the image."""

    DEFAULT_CSS = "StepTable { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._steps: list[dict[str, Any]] = []

    def show(self, steps: list[dict[str, Any]]) -> None:
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
            name = ("  " if not number else f"{number} ") + step["name"] + ("  random" if step["random"] else "")
            extent = f"{_number(step['low'])} to {_number(step['high'])}"
            shape, dtype = "×".join(map(str, step["shape"])), step["dtype"]
            if narrow:
                numbers = f"{dtype.removeprefix('torch.').partition(',')[0]:<8} {shape:<9} {extent}"
            else:
                numbers = f"{dtype:<15} {shape:<14} {extent:<18} {_number(step['mean']):>8}"
            lines.append([(f"{fit(name, room):<{room}} ", "test" if step["random"] else ""), (numbers, "")])
        return lines


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) > 1 else f"{value:.4g}"
