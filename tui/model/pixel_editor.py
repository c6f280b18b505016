"""Edits one image by keys, while the network's answer for it is shown."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.forward_requests import ForwardPass
from engine.inspection.image_requests import Edit, ImageRef, Invert, PixelEdit, Shift
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind
from tui.model.answer_pane import AnswerPane, answer_words, image_words
from tui.model.forward_questions import ForwardQuestions
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.topbar import TopBar

PAUSE_S = 0.15  # seconds without a key before the saliency is computed


class PixelEditorScreen(KeyScreen[tuple[Edit, ...]]):
    """Gives the edits, one after another, those that it began with included."""

    AUTO_FOCUS = "#editor"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("editor", "back", "Done"),
        bind("editor", "down", "Down", action="move(1, 0)", show=False),
        bind("editor", "up", "Up", action="move(-1, 0)", show=False),
        bind("editor", "right", "Right", action="move(0, 1)", show=False),
        bind("editor", "left", "Left", action="move(0, -1)", show=False),
        bind("editor", "go", "Paint", "the pixel black or white", action="paint"),
        bind("editor", "more", "Brighter", "the pixel, by 32", action="brighter(32)"),
        bind("editor", "less", "Darker", "the pixel, by 32", action="brighter(-32)"),
        bind("editor", "shift_right", "Shift", action="shift(0, 1)", display="HJKL"),
        bind("editor", "shift_left", "Shift left", action="shift(0, -1)", show=False),
        bind("editor", "shift_down", "Shift down", action="shift(1, 0)", show=False),
        bind("editor", "shift_up", "Shift up", action="shift(-1, 0)", show=False),
        bind("editor", "invert", "Invert", "each level becomes 255 minus itself"),
        bind("editor", "undo", "Undo", "the last edit"),
        bind("editor", "reset", "Revert", "undo all edits", action="revert"),
        bind("editor", "appearance", "Picture", "image, gradient, occlusion", action="picture", show=False),
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
        with Panel(id="editor"):
            yield AnswerPane(self._services.pictures, numbers=True)
        yield KeyLine()

    def on_mount(self) -> None:
        self._show(self._passed, self._other)
        self._ask()

    @property
    def _panel(self) -> Panel:
        return self.query_one("#editor", Panel)

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
            self._panel.describe(below=str(error), below_right="")
            return
        if saliency is not None and self.query(AnswerPane):
            self._pane.take_saliency(saliency)
            self._draw()

    def _show(self, passed: ForwardPass, other: ForwardPass | None) -> None:
        self._passed, self._other = passed, other
        edits = len(self._ref.edits)
        self._panel.describe(title=image_words(passed, edits), right=answer_words(passed), below=passed.title)
        self._pane.show(passed, other, edits=edits)
        self._draw()
        self.refresh_bindings()

    def _draw(self) -> None:
        self._pane.draw(self._pixel)
        row, column = self._pixel
        level = self._passed.image[row, column]
        other = f"\ncompared with {self._other.title}: {answer_words(self._other)}" if self._other is not None else ""
        self._pane.note(f"pixel [{row}, {column}] = {level}{other}")

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        return "the image is not edited" if action in ("undo", "revert") and not self._ref.edits else ""

    def action_back(self) -> None:
        self.dismiss(self._ref.edits)

    def action_move(self, rows: int, columns: int) -> None:
        height, width = self._passed.image.shape[:2]
        row, column = self._pixel
        self._pixel = min(max(row + rows, 0), height - 1), min(max(column + columns, 0), width - 1)
        self._draw()

    def on_pixel_table_pointed(self) -> None:
        self._pixel = self._pane.pointed
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
