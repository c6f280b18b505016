"""An image among the outputs, as large as the screen."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from tui.dialogs.overlay import Overlay
from tui.graphics.pictures import Pictures
from tui.keys import bind
from tui.lab.output_images import read
from tui.lab.words import LabWords
from tui.textual_private import name_keys
from tui.widgets.large_picture import LargePicture
from tui.widgets.panel import Panel


class ImageScreen(Overlay[None]):
    """Closed by escape, or by enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("picture", "back", "Back", action="dismiss"),
        bind("picture", "open", "Back", action="dismiss", show=False),
    ]

    def __init__(self, pictures: Pictures, file: bytes, words: LabWords) -> None:
        """`file`: PNG, JPEG or GIF."""
        super().__init__()
        self._pictures, self._file, self._words = pictures, file, words
        name_keys(self, words.keys)

    def compose(self) -> ComposeResult:
        with Panel(title=self._words.image, id="image"):
            yield LargePicture(self._pictures, id="large")

    def on_mount(self) -> None:
        self._read()

    @work(group="image", exclusive=True)
    async def _read(self) -> None:
        image = await asyncio.to_thread(read, self._file)
        if not self.query(LargePicture):
            return
        panel = self.query_one(Panel)
        if image is None:
            panel.say(self._words.image_broken)
        else:
            self.query_one(LargePicture).show(image)
            panel.describe(right=f"{image.shape[1]} × {image.shape[0]}", below=self._words.image_back)
