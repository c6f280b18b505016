"""Requests to the worker process that take a while: the screen's first panel says how far it is, and escape cancels."""

import asyncio
from typing import Any, TypeVar

from textual.screen import Screen

from engine.errors import EngineError, InspectionCancelledError
from engine.weights.misfit import MisfitError
from engine.worker.request import Request
from tui.dialogs.text import TextScreen
from tui.format import count, size
from tui.services import Services
from tui.widgets.panel import Panel

A = TypeVar("A")


class LongRequests:
    """One at a time, for a screen, which holds this, with a panel."""

    def __init__(self, screen: Screen[Any], services: Services, *, panel: str = "Panel") -> None:
        """`panel`: the selector of the one that says it, the first that there is."""
        self._screen, self._services, self._panel = screen, services, panel
        self.doing = ""  # what is being computed, in words; empty: nothing
        self.refused = ""  # why the last request was refused

    async def ask(self, request: Request[A], doing: str, unit: str = "") -> A | None:
        """The answer. None where the request was cancelled, or refused: then a notification says why.

        `doing`: in words; `unit`: what its progress counts, such as "images", or "bytes". Raises MisfitError where the
        error proposes a mapping and the person still looks at this screen, who can be asked then.
        """
        self.doing, self.refused = doing, ""
        self._report(0, 0, unit)

        def progress(done: int, total: int) -> None:
            self._screen.app.call_from_thread(self._report, done, total, unit)

        try:
            return await asyncio.to_thread(self._services.worker.ask, request, progress)
        except InspectionCancelledError:
            return None
        except EngineError as error:
            self.refused = str(error)
            if isinstance(error, MisfitError) and error.proposal is not None and self.in_view:
                raise
            self._screen.notify(self.refused, severity="error", timeout=20, markup=False)
            return None
        finally:
            self.doing = ""
            self._show("")

    def cancel(self) -> bool:
        """Cancel the request under way. Returns whether there was one."""
        if self.doing:
            self._services.worker.cancel()
        return bool(self.doing)

    @property
    def in_view(self) -> bool:
        """Whether the person has not gone to another of the app's screens."""
        return self._screen in self._screen.app.screen_stack

    def show_answer(self, title: str, text: str, summary: str) -> None:
        """Show the answer as text; where the person went to another screen meanwhile, only `summary`, there."""
        if self.in_view:
            self._screen.app.push_screen(TextScreen(title, text))
        else:
            self._screen.notify(summary, timeout=10, markup=False)

    def _report(self, done: int, total: int, unit: str) -> None:
        if not self.doing:
            return
        number = size if unit == "bytes" else count
        of_what = "" if unit in ("", "bytes") else f" {unit}"
        progress = f": {number(done)} of {number(total)}{of_what}" if total else " …"
        self._show(f"{self.doing}{progress} · Esc cancels")

    def _show(self, text: str) -> None:
        if panels := list(self._screen.query(self._panel).results(Panel)):  # none in a screen that was closed
            panels[0].busy(text)
