"""What a screen is told of a file while the worker process reads it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.weights.requests import FileListing
from tui import format as fmt
from tui.widgets.panel import Panel

if TYPE_CHECKING:
    from textual.app import App


class FileReport:
    """A `Report` (engine.progress) that takes what it is told to the app's own thread."""

    def __init__(self, app: "App[Any]", panel: Panel, doing: str, show: Callable[[FileListing], None]) -> None:
        """`panel`: says how far `doing` is. `show`: takes what was met of the file by then."""
        self._app, self._panel, self._doing, self._show = app, panel, doing, show

    def __call__(self, done: int, total: int, /) -> None:
        text = f"{self._doing}: {fmt.size(done)} of {fmt.size(total)}"
        self._app.call_from_thread(self._panel.busy, text)

    def so_far(self, answer: object) -> None:
        assert isinstance(answer, FileListing)
        self._app.call_from_thread(self._show, answer)
