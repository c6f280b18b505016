"""What the app keeps of the runs that are deleted in it: the way back, until it ends."""

import asyncio
from functools import cached_property
from pathlib import Path

from textual import events, on, work

from engine.home import RunFolder
from engine.runs import trash
from engine.runs.trash import Trash
from tui.settings_app import SettingsApp

SWEEP_S = 3.0  # from the app's start until what others have left in the trash is looked for


class OrderApp(SettingsApp):
    """An app whose end empties the trash of what was deleted in it."""

    home: Path
    watched: RunFolder | None

    @cached_property
    def trash(self) -> Trash:
        """The runs that were deleted here."""
        return Trash(self.home)

    @on(events.Mount)
    def _sweep_later(self) -> None:
        self.set_timer(SWEEP_S, self.sweep)

    @on(events.Unmount)
    async def _empty_trash(self) -> None:
        if self.trash.holds:
            await asyncio.to_thread(self.trash.empty)

    @work(thread=True, group="sweep")
    def sweep(self) -> None:
        """Delete for good what an app that did not come to its end has left in the trash a day ago."""
        trash.sweep(self.home)

    def forget_run(self, folder: RunFolder) -> None:
        """A run is gone: where it is watched, it is no more."""
        from tui.runs.watch import WatchScreen

        if self.watched != folder:
            return
        self.watched = None
        if self.is_screen_installed("watch"):
            watcher = self.get_screen("watch")
            assert isinstance(watcher, WatchScreen)
            watcher.forget()
