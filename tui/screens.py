"""The first screen of each mode, by the mode's name; each is read when it is first opened, or while nobody waits."""

import time
from collections.abc import Callable

from textual.screen import Screen

from tui.services import Services

PAUSE_S = 0.05  # between one screen's code and the next, for what the person does meanwhile

Make = Callable[[Services], Screen[None]]


def _data() -> Make:
    from tui.data.data import DataScreen

    return DataScreen


def _train() -> Make:
    from tui.runs.new_run import NewRunScreen

    return NewRunScreen


def _runs() -> Make:
    from tui.runs.runs import RunsScreen

    return RunsScreen


def _model() -> Make:
    from tui.model.model import ModelScreen

    return ModelScreen


def _checkpoints() -> Make:
    from tui.weights.checkpoints import CheckpointsScreen

    return CheckpointsScreen


def _lab() -> Make:
    from tui.lab.documents import DocumentsScreen

    return DocumentsScreen


SCREENS: dict[str, Callable[[], Make]] = {
    "data": _data,
    "train": _train,
    "runs": _runs,
    "model": _model,
    "checkpoints": _checkpoints,
    "lab": _lab,
}


def first_screen(mode: str, services: Services) -> Screen[None]:
    """The screen that a mode begins with."""
    return SCREENS[mode]()(services)


def _from_there() -> object:
    """What people open next."""
    from textual.widgets import Input, OptionList

    from tui.data import enlarged
    from tui.lab import going
    from tui.runs import watch

    return enlarged, going, watch, Input, OptionList


def read_all() -> None:
    """Read the code of them all, for a thread: 40 to 100 ms each that the first visit need not wait for."""
    for read in (*SCREENS.values(), _from_there):
        read()
        time.sleep(PAUSE_S)
