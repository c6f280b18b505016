"""What can be done with a run that waits in the queue: hold, release, move, cancel."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import EngineError
from engine.queue import client
from engine.runs.listing import RunSummary
from tui.dialogs.prompt import PromptScreen

WAITING = ("queued", "held")  # the states of such a run


class QueueActions:
    """Does it for `screen`, which has the keys; `done` is called when the queue has changed."""

    def __init__(self, screen: Screen[Any], home: Path, done: Callable[[], object]) -> None:
        self._screen = screen
        self._home = home
        self._done = done

    def hold_or_release(self, run: RunSummary) -> None:
        """Hold a run that waits, release one that is held."""
        self._do(lambda: client.hold(self._home, run.id, held=run.state != "held"))

    def move(self, run: RunSummary, by: int) -> None:
        """Let it be started earlier (-1) or later (1)."""
        self._do(lambda: client.move(self._home, run.id, lambda place, _: place + by))

    def cancel(self, run: RunSummary) -> None:
        """Ask, then take it out of the queue."""
        self._screen.run_worker(self._cancel(run), group="queue questions", exclusive=True)

    async def _cancel(self, run: RunSummary) -> None:
        about = "It has not begun: its folder is deleted."
        prompt = PromptScreen(f"Take {run.title} out of the queue?", about, lambda _: "", value="yes")
        if await self._screen.app.push_screen_wait(prompt) is not None:
            self._do(lambda: client.cancel(self._home, run.id))

    def _do(self, what: Callable[[], object]) -> None:
        self._screen.run_worker(self._changed(what), group="queue", exclusive=False)

    async def _changed(self, what: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(what)
        except EngineError as error:
            self._screen.notify(str(error), severity="warning", markup=False)
        self._done()
