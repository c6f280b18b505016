"""Edits one image by keys, while the network's answer for it is shown."""

import asyncio
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.forward_requests import ForwardPass
from engine.inspection.image_requests import Edit, ImageRef, Invert, PixelEdit, Shift
from tui.model.answer_pane import AnswerPane, describe
from tui.model.forward_questions import ForwardQuestions
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

PAUSE_S = 0.15  # seconds without a key before the saliency is computed


class PixelEditorScreen(Screen[tuple[Edit, ...]]):
    """Gives the edits, one after another, those that it began with included."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,e", "back", "Done", key_display="esc", id="editor.back"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="editor.down"),
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="editor.up"),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="editor.right"),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="editor.left"),
        Binding("space", "paint", "Paint", id="editor.paint", tooltip="the pixel black or white"),
        Binding("plus", "brighter(32)", "Brighter", id="editor.brighter", key_display="+", tooltip="the pixel, by 32"),
        Binding("minus", "brighter(-32)", "Darker", id="editor.darker", key_display="-", tooltip="the pixel, by 32"),
        Binding("J,shift+down", "shift(1, 0)", "Shift down", show=False, id="editor.shift_down"),
        Binding("K,shift+up", "shift(-1, 0)", "Shift up", show=False, id="editor.shift_up"),
        Binding("L,shift+right", "shift(0, 1)", "Shift", key_display="HJKL", id="editor.shift_right"),
        Binding("H,shift+left", "shift(0, -1)", "Shift left", show=False, id="editor.shift_left"),
        Binding("I", "invert", "Invert", id="editor.invert", tooltip="each level becomes 255 minus itself"),
        Binding("u", "undo", "Undo", id="editor.undo", tooltip="the last edit"),
        Binding("0", "revert", "Revert", id="editor.revert", tooltip="undo all edits"),
        Binding("s", "picture", "Picture", show=False, id="editor.picture", tooltip="image, gradient, occlusion"),
    ]

    def __init__(
        self,
        services: Services,
        questions: ForwardQuestions,
        image: ImageRef,
        passed: ForwardPass,
        other: ForwardPass | None,
    ) -> None:
        """`passed`, `other`: the networks' answers for the image with the edits that it has already."""
        super().__init__()
        self._services, self._questions = services, questions
        self._ref, self._passed, self._other = image, passed, other
        self._pixel = passed.image.shape[0] // 2, passed.image.shape[1] // 2

    def compose(self) -> ComposeResult:
        yield TopBar(self.app.current_mode)
        yield Static(id="about", markup=False)
        yield AnswerPane(self._services.picture_style)
        yield KeyLine()

    def on_mount(self) -> None:
        self._pane.fit_to(self.size.height)
        self._show(self._passed, self._other)
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self._pane.fit_to(event.size.height)

    @property
    def _pane(self) -> AnswerPane:
        return self.query_one(AnswerPane)

    @work(group="forward", exclusive=True)
    async def _ask(self) -> None:
        try:
            passed, other = await self._questions.passes(self._ref)
            if self.query(AnswerPane):
                self._show(passed, other)
                await asyncio.sleep(PAUSE_S)
                saliency = await self._questions.saliency(self._ref) if passed.logits is not None else None
        except InspectionCancelledError:
            return
        except EngineError as error:
            update_text(self, "#about", Content.styled(str(error), "$text-error"))
            return
        if saliency is not None and self.query(AnswerPane):
            self._pane.take_saliency(saliency)
            self._draw()

    def _show(self, passed: ForwardPass, other: ForwardPass | None) -> None:
        self._passed, self._other = passed, other
        edits = len(self._ref.edits)
        about = describe(passed, edits)
        if other is not None:
            about += describe(other, edits, "\ncompared with: ")
        update_text(self, "#about", about)
        self._pane.show(passed, other, edits=edits)
        self._draw()
        self.refresh_bindings()

    def _draw(self) -> None:
        self._pane.draw(self._pixel)
        row, column = self._pixel
        level = self._passed.image[row, column]
        self._pane.note(f"pixel [{row}, {column}] = {level}   arrows: move · space: paint · HJKL: shift · u: undo")

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self._ref.edits) if action in ("undo", "revert") else True

    def action_back(self) -> None:
        self.dismiss(self._ref.edits)

    def action_move(self, rows: int, columns: int) -> None:
        height, width = self._passed.image.shape[:2]
        row, column = self._pixel
        self._pixel = min(max(row + rows, 0), height - 1), min(max(column + columns, 0), width - 1)
        self._draw()

    def action_picture(self) -> None:
        self._pane.next_picture()
        self._pane.draw()

    @property
    def _level(self) -> int:
        """Of the pixel under the cursor, after the edits that are shown; of colours, the brightest."""
        return int(self._passed.image[self._pixel].max())

    def action_paint(self) -> None:
        self._edit(PixelEdit(*self._pixel, 0 if self._level > 127 else 255))

    def action_brighter(self, by: int) -> None:
        self._edit(PixelEdit(*self._pixel, min(255, max(0, self._level + by))))

    def action_shift(self, down: int, right: int) -> None:
        self._edit(Shift(down, right))

    def action_invert(self) -> None:
        self._edit(Invert())

    def action_undo(self) -> None:
        self._change(self._ref.edits[:-1])

    def action_revert(self) -> None:
        self._change(())

    def _edit(self, edit: Edit) -> None:
        edits = self._ref.edits
        last = edits[-1] if edits else None
        if isinstance(edit, PixelEdit) and isinstance(last, PixelEdit) and last.place == edit.place:
            edits = edits[:-1]  # the same pixel again
        self._change((*edits, edit))

    def _change(self, edits: tuple[Edit, ...]) -> None:
        self._ref = ImageRef(self._ref.split, self._ref.index, edits)
        self._ask()
