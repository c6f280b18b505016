"""What the app does for runs whatever screen is shown: it tells of those that ask for it, and keeps the way back to
those that are deleted in it, until it ends."""

import asyncio
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, on, work
from textual.notifications import SeverityLevel

from engine.home import RunFolder
from engine.runs.notify_ways import sequences
from tui.settings_app import SettingsApp
from tui.textual_private import send

if TYPE_CHECKING:
    from engine.runs.trash import Trash
    from tui.notices import Notices

NOTICES_S = 3.0  # between two looks for runs that ended
NOTICE_SHOWN_S = 15
SWEEP_S = 3.0  # from the app's start until what others have left in the trash is looked for


class OrderApp(SettingsApp):
    """An app whose end empties the trash of what was deleted in it."""

    home: Path
    watched: RunFolder | None

    @cached_property
    def notices(self) -> "Notices":
        """What there is to be told of runs."""
        from tui.notices import Notices

        return Notices(self.home)

    @cached_property
    def _looking_for_notices(self) -> asyncio.Lock:
        return asyncio.Lock()

    @cached_property
    def trash(self) -> "Trash":
        """The runs that were deleted here."""
        from engine.runs.trash import Trash

        return Trash(self.home)

    @on(events.Mount)
    def _begin(self) -> None:
        self.set_timer(SWEEP_S, self.sweep)
        self.set_interval(NOTICES_S, self.look_for_notices)

    @work(group="notices")
    async def look_for_notices(self) -> None:
        """Tell of runs that ask for it. A look that takes long is the only one."""
        if self._looking_for_notices.locked():
            return
        async with self._looking_for_notices:
            for ways, told in await asyncio.to_thread(lambda: self.notices.look()):
                severity: SeverityLevel = "information" if told.state in ("finished", "stopped") else "warning"
                self.notify(told.words, severity=severity, timeout=NOTICE_SHOWN_S)
                send(self, sequences(ways, told.words))

    @on(events.Unmount)
    async def _empty_trash(self) -> None:
        if "trash" in vars(self):  # something was deleted
            await asyncio.to_thread(self.trash.empty)

    @work(thread=True, group="sweep")
    def sweep(self) -> None:
        """Delete for good what an app that did not come to its end has left in the trash a day ago."""
        from engine.runs import trash

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
