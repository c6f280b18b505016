"""Writing images, or the page as text, from *Data*."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import DataError
from engine.home import expanded
from tui.data import prompts
from tui.data.browse import Browse
from tui.format import counted


class ExportAction:
    """Asks where to, and writes."""

    def __init__(self, screen: Screen[Any], browse: Browse, page_text: Callable[[], list[str]]) -> None:
        """`page_text`: the lines of the page as it is shown."""
        self._screen, self._browse, self._page_text = screen, browse, page_text

    async def ask(self) -> None:
        """Ask for the folder or the text file, and write it."""
        dataset, browse = self._browse.dataset, self._browse
        if dataset is None or not browse.total:
            return
        text = await self._screen.app.push_screen_wait(prompts.export(browse))
        if text is None:
            return
        path = Path(text.strip())
        if path.suffix == ".txt":
            self._write_page(expanded(path))
            return
        from engine.data.export import export

        indices, _ = prompts.to_export(browse)
        try:
            written = await asyncio.to_thread(export, path, dataset.splits[browse.split], indices)
        except DataError as error:
            self._screen.notify(str(error), severity="error", timeout=15, markup=False)
        else:
            self._screen.notify(f"{counted(len(indices), 'image')}: {written}", timeout=8, markup=False)

    def _write_page(self, path: Path) -> None:
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write("\n".join(line.rstrip() for line in self._page_text()) + "\n")
        except OSError as error:
            words = f"{path} can't be written: {error.strerror}"
            self._screen.notify(words, severity="error", timeout=15, markup=False)
        else:
            self._screen.notify(f"this page as text: {path}", timeout=8, markup=False)
