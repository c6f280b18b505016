"""Saves a document by itself, a second after the last change, and asks where somebody else wrote its file."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.screen import Screen
from textual.timer import Timer

from engine.errors import LabError
from engine.home import Home
from engine.lab.notebook import Notebook
from engine.terminal_text import path_text
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.lab.words import ENGLISH
from tui.services import Services

SAVE_S = 1.0  # from the last change to the file
LOOK_S = 2.0  # between two looks whether somebody else wrote it


class Saver:
    """For one screen. `reopen` is called with a notebook in place of the one that is shown."""

    def __init__(
        self,
        screen: Screen[Any],
        services: Services,
        reopen: Callable[[Notebook], Awaitable[None]],
        describe: Callable[[], None],
    ) -> None:
        self._screen, self._services, self._reopen, self._describe = screen, services, reopen, describe
        self._rescue = Home(services.home).documents  # for a document that can't be saved where it is
        self.notebook: Notebook | None = None
        self.trouble = ""  # why it can't be saved
        self.words = ENGLISH
        self._later: Timer | None = None
        self._asking = self._looking = False
        self._disk = asyncio.Lock()  # a look between a save and what is noted of it would see somebody else's writing

    def start(self, notebook: Notebook) -> None:
        """Another notebook is shown."""
        first = self.notebook is None
        self.notebook, self.trouble = notebook, ""
        if first:
            self._screen.set_interval(LOOK_S, self._look)

    def changed(self) -> None:
        """Save it soon."""
        if self._later is not None:
            self._later.stop()
        self._later = self._screen.set_timer(SAVE_S, self.save_now)
        self._describe()

    def save_now(self) -> None:
        self._screen.run_worker(self.save(), group="save", name="save")

    async def save(self) -> None:
        """Write what is not written yet. Nothing is overwritten that somebody else wrote."""
        notebook = self.notebook
        if notebook is None or not notebook.edited or self._asking:
            return
        async with self._disk:
            changed = await asyncio.to_thread(notebook.changed_on_disk)
            if not changed:
                await self._write(notebook)
        if changed:
            await self._ask()

    async def _write(self, notebook: Notebook) -> None:
        draft = notebook.draft()
        try:
            await asyncio.to_thread(draft.save)
        except LabError as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                self._screen.notify(self.trouble, severity="error", timeout=12, markup=False)
            self._later = self._screen.set_timer(5 * SAVE_S, self.save_now)
        else:
            self.trouble = ""
            notebook.saved(draft)
        self._describe()

    def save_at_once(self) -> Path | None:
        """Write what is not written yet, in this thread, where the screen goes: beside the file where somebody else
        wrote that, among the program's own documents where its folder can't be written. Returns where, if elsewhere."""
        notebook = self.notebook
        if notebook is None or not notebook.edited:
            return None
        path = notebook.document.path
        places = [free_name(path) if notebook.changed_on_disk() else path, free_name(self._rescue / path.name)]
        for place in places:
            notebook.document.path = place
            draft = notebook.draft()
            with contextlib.suppress(LabError, OSError):
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                draft.save()
                notebook.saved(draft)
                return None if place == path else place
        notebook.document.path = path
        return None

    def _look(self) -> None:
        if self._screen.is_current and not self._asking and not self._looking:
            self._looking = True
            # The function: nobody would await its coroutine where the screen ends just now.
            self._screen.run_worker(self._look_once, group="look")  # type: ignore[arg-type]

    async def _look_once(self) -> None:
        notebook = self.notebook
        assert notebook is not None
        try:
            async with self._disk:
                changed = await asyncio.to_thread(notebook.changed_on_disk, glance=True)
        finally:
            self._looking = False
        if changed and not self._asking and notebook is self.notebook:
            await self._ask()

    async def _ask(self) -> None:
        """Somebody else wrote the file. What nobody changed here is read again without a question."""
        notebook = self.notebook
        assert notebook is not None
        self._asking = True
        try:
            path = path_text(notebook.document.path.name)
            answer: str | None = "r"
            if notebook.edited:
                words, title = self.words, self.words.disk_changed.format(path)
                choices = [Choice(key, *said) for key, said in words.disk_choices.items()]
                await self._services.typing_stopped()
                answer = await self._screen.app.push_screen_wait(
                    ChoiceScreen(title, words.disk_about, choices, by_itself=True)
                )
            if answer == "r":
                await self._reopen(await asyncio.to_thread(notebook.reopened))
                self._screen.notify(self.words.disk_read.format(path), timeout=6, markup=False)
            elif answer == "b":
                await self._keep_both(notebook)
            else:
                await asyncio.to_thread(notebook.keep_mine)
                self.changed()
        except LabError as error:
            await asyncio.to_thread(notebook.keep_mine)
            self._screen.notify(str(error), severity="error", timeout=12, markup=False)
        finally:
            self._asking = False

    def told_elsewhere(self, path: Path) -> str:
        """That the changes are in another file."""
        return self.words.saved_elsewhere.format(path_text(path))

    async def _keep_both(self, notebook: Notebook) -> None:
        """This one goes on beside the file, under a name that is free."""
        path = free_name(notebook.document.path)
        notebook.document.path = path
        await asyncio.to_thread(notebook.draft().save)
        await asyncio.to_thread(notebook.keep_mine)
        self.changed()
        self._screen.notify(self.words.goes_on_as.format(path_text(path.name)), timeout=8, markup=False)


def free_name(path: Path) -> Path:
    """`chapter-2.py` beside `chapter.py`, or the next number that is free."""
    number = 2
    while (found := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    return found
