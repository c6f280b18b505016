"""Opening the data set that *Data* shows: in a thread, with its first images as soon as they are there."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from engine.errors import DataError
from tui import crash
from tui.services import Services

if TYPE_CHECKING:
    from engine.data.open_dataset import Dataset, Preview

CANCELLED = "Reading the images was cancelled."


class _CancelledError(Exception):
    """The person wants no more of it."""


class Viewer(Protocol):
    """What shows the data set."""

    def show_opening(self, done: int, total: int) -> None: ...
    def take_preview(self, preview: "Preview") -> None: ...
    def take(self, dataset: "Dataset") -> None: ...
    def take_problem(self, problem: str) -> None: ...


class Opening:
    """One at a time. `under_way` from `begin` on until the viewer has the data set, or why there is none."""

    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services, self._viewer = services, viewer
        self._cancelled = threading.Event()
        self.under_way = False

    def begin(self) -> None:
        self._cancelled, self.under_way = threading.Event(), True

    def end(self) -> None:
        self.under_way = False

    def cancel(self) -> None:
        """Let the one under way end at the next image that it reads."""
        self._cancelled.set()

    def run(self, call: Callable[..., object], first: int) -> None:
        """Open it, in this thread. `call`: calls the viewer's methods in the app's thread; `first`: so many images are
        shown before all are read; 0: none. Raises what nobody expects, once the viewer has it in words."""
        from engine.data.open_dataset import open_dataset, peek

        services, viewer, cancelled = self._services, self._viewer, self._cancelled
        where = services.dataset, services.data_dir, services.home

        def progress(done: int, total: int) -> None:
            if cancelled.is_set():
                raise _CancelledError
            call(viewer.show_opening, done, total)

        try:
            if first:
                call(viewer.take_preview, peek(*where, count=first, progress=progress))
            call(viewer.take, open_dataset(*where, verify=True, progress=progress))
        except _CancelledError:
            call(viewer.take_problem, CANCELLED)
        except DataError as error:
            call(viewer.take_problem, str(error))
        except Exception as error:
            call(viewer.take_problem, crash.words(error))
            raise  # to the app, which logs it
