"""The prompt for a line that a cell waits for in input()."""

import asyncio
from typing import Any

from textual.screen import Screen

from engine.errors import EngineError
from engine.terminal_text import path_text
from tui.lab import prompts
from tui.lab.document_pane import DocumentPane
from tui.lab.running import Runner
from tui.lab.words import ENGLISH
from tui.services import Services


class Asking:
    """For the screen of one document."""

    def __init__(self, screen: Screen[Any], services: Services, runner: Runner) -> None:
        self._screen, self._services, self._runner = screen, services, runner
        self.words = ENGLISH

    async def offer(self) -> None:
        """Open the prompt by itself, once nobody types: it would take what was meant for the document. Where somebody
        is at work in a cell, or on another screen, only say so."""
        await self._services.typing_stopped()
        pane = next(iter(self._screen.query(DocumentPane)), None)
        if self._runner.asked is None or pane is None or pane.notebook is None:
            return
        field, here = pane.cells.editing, self._screen.is_current
        if here and (field is None or not field.text.strip()):
            await self.answer(pane, by_itself=True)
            return
        how = self.words.input_how if here else ""
        name = path_text(pane.notebook.document.path.name)
        self._screen.notify(f"{self.words.input_waits.format(name)}{how}", timeout=10, markup=False)

    async def answer(self, pane: DocumentPane, *, by_itself: bool = False) -> None:
        """Open the prompt, and give the line to the cell. `by_itself`: no key opens it."""
        asked = self._runner.asked
        if asked is None:
            return
        text = await prompts.line_for_cell(self._screen.app, asked, self.words, by_itself=by_itself)
        if text is None:
            if self._runner.asked == asked:
                pane.go_to_asking()
            return
        try:
            await asyncio.to_thread(self._runner.session.answer_input, text)
        except EngineError as error:
            self._screen.notify(str(error), severity="error", timeout=12, markup=False)
