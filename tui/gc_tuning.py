"""When Python looks for garbage: not in the middle of a key press.

Dialogs that close and pages that are turned leave objects in circles, some thousand each, and a full collection walks
everything that lives: 80 to 250 ms, at a moment that Python chooses by counting. Here it is done when the keyboard is
quiet, and what stands since the start is not walked again: some 30 ms.
"""

import gc
from collections.abc import Callable
from time import monotonic
from typing import Protocol

YOUNG = 20_000  # new objects before Python itself looks among the young ones: a few ms
SELDOM = 20  # collections of the middle-aged, each after ten of the young, before Python begins a full one
STANDING_S = (1.0, 5.0, 20.0, 60.0)  # after the start: what stands by then is not looked at again
MIDDLE_AGED = 1  # the generation below which all is looked at before that
QUIET_S = 1.0  # without a key
KEYS = 5  # pressed since the last time, so that it is worth it


class Host(Protocol):
    """What this needs of the app."""

    def set_timer(self, delay: float, callback: Callable[[], object]) -> object: ...

    def set_interval(self, interval: float, callback: Callable[[], object]) -> object: ...


class GcTuning:
    """Collects at times when it is not felt."""

    def __init__(self, app: Host) -> None:
        """From now on, let Python collect only the young by itself."""
        self._keys, self._pressed_at = 0, monotonic()
        gc.set_threshold(YOUNG, 10, SELDOM)
        for seconds in STANDING_S:
            app.set_timer(seconds, self._let_stand)
        app.set_interval(QUIET_S, self._collect_if_quiet)

    def key_pressed(self) -> None:
        """Not now."""
        self._keys += 1
        self._pressed_at = monotonic()

    def _let_stand(self) -> None:
        """What is garbage by now would stand for ever."""
        gc.collect(MIDDLE_AGED)
        gc.freeze()

    def _collect_if_quiet(self) -> None:
        if self._keys >= KEYS and monotonic() - self._pressed_at >= QUIET_S:
            self._keys = 0
            gc.collect()
