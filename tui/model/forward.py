"""One image through a network: each stage, what the network says, and what of the image makes it say so."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine import sources
from engine.errors import EngineError, InspectionCancelledError, InspectionError
from engine.inspection.untyped import ask_untyped
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen
from tui.services import Services
from tui.widgets.bars import Bars, Opinion
from tui.widgets.gallery import HEIGHT, Gallery
from tui.widgets.heatmap import HeatMap, colours, limit_of
from tui.widgets.image_page import Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.worker.request import Answer

WIDE = 116  # columns from which on both halves are shown
TALL = 34  # lines from which on the bars are below the pictures, not beside them
TALLER = 44  # lines from which on there are two lines of pictures
STAGE_COLUMNS = (
    Column("stage", -22),
    Column("gives", 9),
    Column("mean", 7, right=True),
    Column("least", 7, right=True),
    Column("most", 7, right=True),
    Column("zeros", 5, right=True),
    Column("std", 7, right=True),
)
EDITING = ("paint", "brighter", "shift", "invert")  # actions that only editing has


class ForwardScreen(Screen[None]):
    """Asks the worker process anew for each image, and after each edit of it."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Back", key_display="esc", id="through.back"),
        Binding("down,j", "move(1, 0)", "Next stage", show=False, id="through.down"),
        Binding("up,k", "move(-1, 0)", "Stage before", show=False, id="through.up"),
        Binding("right,l", "move(0, 1)", "Next image", show=False, id="through.right"),
        Binding("left,h", "move(0, -1)", "Image before", show=False, id="through.left"),
        Binding("n,pagedown", "image(1)", "Next image", show=False, id="through.next"),
        Binding("p,pageup", "image(-1)", "Image before", show=False, id="through.previous"),
        Binding("v", "view", "Stages/answer", id="through.view", tooltip="the other half, in narrow terminals"),
        Binding("enter", "open", "Values", id="through.open", tooltip="of what comes out of the stage, or goes in"),
        Binding("b", "side", "Before/after", id="through.side", tooltip="the stage's input, or its output"),
        Binding(
            "equals_sign", "sum", "Sum", key_display="=", id="through.sum", tooltip="behind an output of the stage"
        ),
        Binding("e", "edit", "Edit", id="through.edit", tooltip="the image, by keys"),
        Binding("space", "paint", "Paint", id="through.paint", tooltip="the pixel black or white"),
        Binding("plus", "brighter(32)", "Brighter", show=False, id="through.brighter", tooltip="the pixel, by 32"),
        Binding("minus", "brighter(-32)", "Darker", show=False, id="through.darker", tooltip="the pixel, by 32"),
        Binding("J,shift+down", "shift(1, 0)", "Shift down", show=False, id="through.shift_down"),
        Binding("K,shift+up", "shift(-1, 0)", "Shift up", show=False, id="through.shift_up"),
        Binding("L,shift+right", "shift(0, 1)", "Shift", key_display="HJKL", id="through.shift_right"),
        Binding("H,shift+left", "shift(0, -1)", "Shift left", show=False, id="through.shift_left"),
        Binding("I", "invert", "Invert", id="through.invert", tooltip="black for white"),
        Binding("u", "undo", "Undo", id="through.undo", tooltip="the last edit"),
        Binding("0", "undo_all", "As it was", show=False, id="through.undo_all", tooltip="no edits"),
        Binding("s", "picture", "Picture", show=False, id="through.picture", tooltip="image, gradient, covering"),
        Binding("c", "target", "Class", show=False, id="through.target", tooltip="which class to explain"),
        Binding("w", "beside", "Beside", id="through.beside", tooltip="another network, on the same image"),
        Binding("A", "autograd", "Autograd", show=False, id="through.autograd", tooltip="of this image"),
        Binding("t", "split", "Train/test", show=False, id="through.split"),
        Binding("i", "find", "Go to", show=False, id="through.find", tooltip="an image by its index"),
    ]

    def __init__(self, services: Services, split: str, index: int) -> None:
        super().__init__()
        self._services = services
        self._split, self._index = split, index
        self._edits: list[list[Any]] = []
        self._editing = False
        self._pixel = (0, 0)
        self._answer: dict[str, Any] | None = None
        self._other: dict[str, Any] | None = None  # the second network's answer
        self._other_source = ""
        self._image: Any = None
        self._saliency: Answer | None = None
        self._target: int | None = None  # None: what the network says
        self._side = "after"
        self._half = "stages"
        self._first = 0  # of the pictures: the image, its gradient, what covering does

    def compose(self) -> ComposeResult:
        style = self._services.picture_style
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        with Horizontal(id="halves"):
            with Vertical(id="stages-half"):
                yield Rows(STAGE_COLUMNS, id="stages")
                yield Static(id="stage", markup=False)
                yield HeatMap(style, id="activation")
            with Vertical(id="answer-half"):
                yield Gallery(style, id="gallery")
                with Vertical(id="said"):
                    yield Static(id="editing", markup=False)
                    yield Bars(id="bars")
        yield KeyLine()

    def on_mount(self) -> None:
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        if self._answer is not None:
            self._show()
            self.call_after_refresh(self._ask_picture)

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _stages(self) -> Rows:
        return self.query_one(Rows)

    @property
    def _image_values(self) -> dict[str, Any]:
        return {"split": self._split, "index": self._index, "edits": self._edits}

    @property
    def _values(self) -> dict[str, Any]:
        return {**self._services.network.values(), **self._image_values}

    # Asking

    @work(group="through", exclusive=True)
    async def _ask(self, before: tuple[str, int] | None = None) -> None:
        """`before`: the image to go back to, where there is none of the new index."""
        services = self._services
        if self._answer is None:
            self._say("#about", Content("forward pass …" if services.worker.started else "importing PyTorch …"))
        try:
            answer = await asyncio.to_thread(ask_untyped, services.worker, "image", self._values)
            other = None
            if self._other_source:
                values = {**services.network.values(self._other_source), **self._image_values}
                other = await asyncio.to_thread(ask_untyped, services.worker, "image", values)
        except InspectionCancelledError:
            return
        except EngineError as error:
            if before is not None:
                self._split, self._index = before
                self.notify(str(error), severity="warning", timeout=6, markup=False)
            else:
                self._say("#about", Content.styled(f"{error}", "$text-error"))
            return
        if not self.query(Rows):
            return  # closed meanwhile
        self._answer, self._image = answer.values, answer.arrays["image"]
        self._other = other.values if other is not None else None
        self._arrange()
        self._show()
        self._ask_picture()
        if answer.values["logits"] is not None:
            self._ask_saliency()

    @work(group="activation", exclusive=True)
    async def _ask_picture(self) -> None:
        picture = self.query_one(HeatMap)
        if self._answer is None or not picture.size.height or not self._answer["stages"]:
            return
        asked = {
            **self._values, "stage": self._stages.cursor, "side": self._side, "rows": 2 * picture.size.height,
            "columns": picture.size.width,
        }  # fmt: skip
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "activation", asked)
        except EngineError:
            return  # what is wrong has been said
        if self.query(HeatMap):
            picture.show(answer.arrays["map"], gaps=True)
            self._tell_stage(answer.values["told"])

    @work(group="saliency", exclusive=True)
    async def _ask_saliency(self) -> None:
        await asyncio.sleep(0.15)  # not while somebody leafs through images
        asked = {**self._values, "target": self._target}
        try:
            answer = await asyncio.to_thread(ask_untyped, self._services.worker, "saliency", asked)
        except EngineError:
            return
        if self.query(Gallery):
            self._saliency = answer
            self._show_gallery()

    # Showing

    def _arrange(self) -> None:
        for half in ("stages", "answer"):
            self.query_one(f"#{half}-half").display = self._wide or self._half == half
        stages = len(self._answer["stages"]) if self._answer is not None else 1
        self._stages.styles.height = min(stages + 1, max(4, (self.size.height - 8) // 2))
        tall = self.size.height >= TALL
        self.query_one("#answer-half").set_class(not tall, "-short")
        gallery = self.query_one(Gallery)
        gallery.styles.height = HEIGHT * (2 if self.size.height >= TALLER else 1)
        self.refresh_bindings()

    def _show(self) -> None:
        answer = self._answer
        if answer is None:
            return
        said = [self._said(answer, "")]
        if self._other is not None:
            said.append(self._said(self._other, "\nbeside: "))
        self._say("#about", Content.assemble(*said))
        self._stages.show([_stage_row(at, stage) for at, stage in enumerate(answer["stages"])])
        self._tell_stage("")
        opinions = [
            Opinion(tuple(one["logits"]), tuple(one["probabilities"]))
            for one in (answer, self._other)
            if one is not None and one["logits"] is not None and one["classes"] == answer["classes"]
        ]
        self.query_one(Bars).show(answer["classes"], opinions, answer["label"])
        self._saliency = None
        self._show_gallery()

    def _said(self, answer: dict[str, Any], before: str) -> Content:
        classes = answer["classes"]
        image = f"{answer['split']} image {fmt.count(answer['index'])}, {classes[answer['label']]}"
        edits = f", edited ({len(self._edits)})" if self._edits else ""
        title = Content.assemble(before, (f"{image}{edits}", "bold"), f" through {answer['title']}: ")
        if answer["problem"]:
            return title + Content.styled(answer["problem"], "$text-error")
        said = answer["prediction"]
        right = said == answer["label"]
        chance = 100 * answer["probabilities"][said]
        words = f"{classes[said]} {chance:.1f} %, {'right' if right else 'wrong'}"
        return title + Content.assemble(
            (words, "$text-success" if right else "$text-error"), f"; loss {answer['loss']:.4f}"
        )

    def _show_gallery(self) -> None:
        answer = self._answer
        if answer is None:
            return
        tiles = [Tile(self._image, "the image" if not self._edits else "the image, edited")]
        if self._saliency is not None:
            arrays, told = self._saliency.arrays, self._saliency.values
            name = answer["classes"][told["target"]]
            gradient, fall = arrays["gradient"], arrays["occlusion"]
            tiles.append(Tile(colours(gradient, limit_of(gradient)), f"gradient of {name}"[:28]))
            most = f"covered: {100 * float(fall.max()):+.1f} points at most" if fall.size else ""
            tiles.append(Tile(colours(-fall, limit_of(fall)), most.replace("+", "−", 1)[:28]))
        if not self._editing:
            first = self._first % len(tiles)
            tiles = tiles[first:] + tiles[:first]
        self.query_one(Gallery).show(tiles, self._pixel if self._editing else None)
        self._say("#editing", Content(self._editing_words(answer)))

    def _editing_words(self, answer: dict[str, Any]) -> str:
        if self._editing:
            row, column = self._pixel
            level = self._image[row, column]
            return f"pixel [{row}, {column}] = {level}   arrows move, space paints, HJKL shift, u undoes"
        if self._saliency is None:
            return ""
        name, patch = answer["classes"][self._saliency.values["target"]], self._saliency.values["patch"]
        return f"∂ logit / ∂ pixel of {name}; blue: less likely with {patch}×{patch} covered"

    def _tell_stage(self, picture: str) -> None:
        answer, at = self._answer, self._stages.cursor
        if answer is None or at >= len(answer["stages"]):
            return
        stage = answer["stages"][at]
        words = (
            f"{stage['name'] or 'the network'} {stage['type']}({stage['extra']}): {stage['before']} → {stage['after']}"
        )
        notes = []
        if stage["silent"] is not None:
            notes.append(f"{100 * stage['silent']:.1f}% of the units are 0 for this image")
        if stage["dead"] is not None:
            notes.append(f"{100 * stage['dead']:.1f}% for all of 256 test images")
        if stage["largest"]:
            notes.append("largest " + ", ".join(f"#{unit} {value:.3g}" for unit, value in stage["largest"][:4]))
        shown = f"{'what goes in' if self._side == 'before' else 'what comes out'}{': ' if picture else ''}{picture}"
        self._say("#stage", Content("\n".join([words, "; ".join(notes), shown])))

    def _say(self, selector: str, content: Content) -> None:
        for line in self.query(selector).results(Static):
            if str(line.content) != str(content):
                line.update(content)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in EDITING:
            return self._editing
        if action in ("undo", "undo_all"):
            return bool(self._edits)
        if action == "view":
            return not self._wide
        if action in ("open", "side", "sum"):
            return not self._editing and self._answer is not None and bool(self._answer["stages"])
        if action == "edit":
            return not self._editing
        return True

    def action_back(self) -> None:
        if self._editing:
            self._editing = False
            self._show_gallery()
            self.refresh_bindings()
        else:
            self.dismiss()

    def action_move(self, rows: int, columns: int) -> None:
        if self._editing and self._image is not None:
            height, width = self._image.shape[:2]
            row, column = self._pixel
            self._pixel = min(max(row + rows, 0), height - 1), min(max(column + columns, 0), width - 1)
            self._show_gallery()
        elif columns:
            self.action_image(columns)
        else:
            self._stages.move(rows)
            self._tell_stage("")
            self._ask_picture()

    def action_image(self, by: int) -> None:
        self._go_to(self._split, self._index + by)

    def _go_to(self, split: str, index: int) -> None:
        before = self._split, self._index
        self._split, self._index = split, max(0, index)
        if (self._split, self._index) != before:
            self._edits = []
            self._ask(before)

    def action_split(self) -> None:
        self._go_to("train" if self._split == "test" else "test", self._index)

    def action_find(self) -> None:
        def check(text: str) -> str:
            if not text.strip().isdecimal():
                raise InspectionError("give the index of an image, such as 412")
            return f"{self._split} image {fmt.count(int(text))}"

        def asked(text: str | None) -> None:
            if text is not None:
                self._go_to(self._split, int(text))

        self.app.push_screen(
            PromptScreen("Which image?", "Its index in the files.", check, value=str(self._index)), asked
        )

    def action_view(self) -> None:
        self._half = "answer" if self._half == "stages" else "stages"
        self._arrange()
        self.call_after_refresh(self._ask_picture)

    def action_side(self) -> None:
        self._side = "before" if self._side == "after" else "after"
        self._ask_picture()

    def action_open(self) -> None:
        from tui.model.tensor import TensorScreen

        self.app.push_screen(
            TensorScreen(self._services, self._values, f"activation[{self._stages.cursor}].{self._side}")
        )

    def action_sum(self) -> None:
        from tui.model.contributions import ContributionsScreen

        self.app.push_screen(ContributionsScreen(self._services, self._values, self._stages.cursor))

    def action_picture(self) -> None:
        self._first += 1
        self._show_gallery()

    def action_target(self) -> None:
        if self._answer is not None and self._answer["logits"] is not None:
            choices = [None, *range(len(self._answer["classes"]))]
            self._target = choices[(choices.index(self._target) + 1) % len(choices)]
            self._ask_saliency()

    def action_beside(self) -> None:
        home = self._services.home

        def check(text: str) -> str:
            return sources.describe(home, sources.parse(text)) if text.strip() else "no second one"

        def asked(text: str | None) -> None:
            if text is not None:
                self._other_source = text.strip()
                self._ask()

        about = "A checkpoint or model as on Model: RUN@best, RUN@3, its file, mlp. Nothing: only the first."
        self.app.push_screen(PromptScreen("Which network beside it?", about, check, value=self._other_source), asked)

    def action_autograd(self) -> None:
        from tui.model.autograd import AutogradScreen

        self.app.push_screen(AutogradScreen(self._services, self._split, self._index, 1))

    # Editing

    def action_edit(self) -> None:
        if self._image is None:
            return
        height, width = self._image.shape[:2]
        if not self._editing and self._pixel == (0, 0):
            self._pixel = height // 2, width // 2
        self._editing, self._half = True, "answer"
        self._arrange()
        self._show_gallery()

    def _edited(self, edit: list[Any]) -> None:
        last = self._edits[-1] if self._edits else None
        if edit[0] == "pixel" and last is not None and last[:3] == edit[:3]:
            self._edits = [*self._edits[:-1], edit]
        else:
            self._edits = [*self._edits, edit]
        self._ask()

    def action_paint(self) -> None:
        row, column = self._pixel
        bright = int(self._image[row, column].max()) > 127
        self._edited(["pixel", row, column, 0 if bright else 255])

    def action_brighter(self, by: int) -> None:
        row, column = self._pixel
        level = int(self._image[row, column].max())
        self._edited(["pixel", row, column, min(255, max(0, level + by))])

    def action_shift(self, down: int, right: int) -> None:
        self._edited(["shift", down, right])

    def action_invert(self) -> None:
        self._edited(["invert"])

    def action_undo(self) -> None:
        self._edits = self._edits[:-1]
        self._ask()

    def action_undo_all(self) -> None:
        self._edits = []
        self._ask()


def _stage_row(at: int, stage: dict[str, Any]) -> Row:
    figures = stage["figures"] or {}
    numbers = ["" if figures.get(name) is None else f"{figures[name]:.3g}" for name in ("mean", "min", "max")]
    zeros = "" if figures.get("zeros") is None else f"{100 * figures['zeros']:.0f}%"
    std = "" if figures.get("std") is None else f"{figures['std']:.3g}"
    shape = stage["after"].removeprefix("[1, ").removesuffix("]").replace(", ", "×")
    wrong = (figures.get("nan") or 0) + (figures.get("inf") or 0)
    return Row(str(at), (f"{stage['name']} {stage['type']}", shape, *numbers, zeros, std), "bad" if wrong else "")
