"""When Python looks for garbage."""

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from tui import gc_tuning
from tui.gc_tuning import GcTuning


class Timers:
    """An app as far as timers go: they are fired by hand."""

    def __init__(self) -> None:
        self.once: list[Callable[[], object]] = []

    def set_timer(self, delay: float, callback: Callable[[], object]) -> object:
        self.once.append(callback)
        return None

    def set_interval(self, interval: float, callback: Callable[[], object]) -> object:
        return None


class Circle:
    """It is in itself, so that only a collection finds it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Python looks for garbage as it did."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)


def test_no_garbage_is_let_stand_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc_tuning, "STANDING_S", (1.0,))
    timers, standing = Timers(), gc.get_freeze_count()
    GcTuning(timers)
    circle = Circle()
    there = weakref.ref(circle)
    del circle
    timers.once[0]()
    assert there() is None
    assert gc.get_freeze_count() > standing
