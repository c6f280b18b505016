"""Fetches Fashion-MNIST, with progress, until it is there, fails or is cancelled."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.errors import DataError, DownloadCancelledError
from tui import crash
from tui.format import size
from tui.widgets.text import set_text

if TYPE_CHECKING:
    from engine.data.fashion_mnist.download import Progress

BAR = 40  # cells
REPORT_S = 0.5  # seconds between two changes of the bar


class DownloadScreen(ModalScreen[bool]):
    """Gives True once the data set is there, False where it is not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="download.cancel"),
        Binding("r", "start", "Try again", id="download.retry"),
    ]

    def __init__(self, root: Path, *, shared: bool) -> None:
        """`shared`: others may read what is downloaded, as the umask says."""
        super().__init__()
        self._root, self._shared = root, shared
        self._cancelled = threading.Event()
        self._fetching = False
        self._reported = 0.0

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield Static(f"Fashion-MNIST, 30 MB, into {self._root}", id="title", markup=False)
            yield Static("connecting …", id="state", markup=False)
            yield Static("Esc cancels; the next try continues with what was downloaded", id="hint")

    def on_mount(self) -> None:
        self.action_start()

    def on_unmount(self) -> None:
        self._cancelled.set()

    def action_start(self) -> None:
        if not self._fetching:
            self._fetching = True
            self._cancelled.clear()
            self._fetch()

    def action_cancel(self) -> None:
        if self._fetching:
            self._cancelled.set()
            self._say("cancelling …")
        else:
            self.dismiss(False)

    @work(thread=True, group="download")
    def _fetch(self) -> None:
        from engine.data.fashion_mnist.download import download

        try:
            download(self._root, progress=self._progress, cancelled=self._cancelled, shared=self._shared)
        except DownloadCancelledError:
            self.app.call_from_thread(self._end, None)
        except DataError as error:
            self.app.call_from_thread(self._end, str(error))
        except Exception as error:
            self.app.call_from_thread(self._end, crash.words(error))
            raise  # to the app, which logs it
        else:
            self.app.call_from_thread(self._end, "")

    def _progress(self, at: "Progress") -> None:
        """In the thread: report to the screen, not more often than a person can read."""
        now = time.monotonic()
        if now - self._reported < REPORT_S and at.done < at.total:
            return
        self._reported = now
        filled = BAR * at.done // at.total
        bar = "━" * filled + "─" * (BAR - filled)
        self.app.call_from_thread(self._say, f"{bar} {size(at.done)} of {size(at.total)}\n{at.file}")

    def _say(self, text: str) -> None:
        if self.is_mounted:
            set_text(self.query_one("#state", Static), text)

    def _end(self, problem: str | None) -> None:
        self._fetching = False
        if not self.is_mounted:
            return
        if problem:
            self._say(f"{problem}\n\nr: try again · Esc: back")
        else:
            self.dismiss(problem is not None)
