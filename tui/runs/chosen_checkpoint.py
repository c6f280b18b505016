"""Which checkpoint the charts' cursor means: the nearest one at or before it."""

from collections.abc import Sequence

from engine.checkpoints.manifest import Entry
from engine.runs.state import place

CLOSE = 1e-6  # epochs


def epochs_of(entry: Entry, steps: int) -> float:
    """Where it was saved, in epochs done; `steps`: of an epoch."""
    return place(entry.epoch, entry.step, steps)


def at_or_before(entries: Sequence[Entry], epochs: float, steps: int) -> Entry | None:
    """`entries` are in the order of the training. None: all are after the place."""
    before = [entry for entry in entries if epochs_of(entry, steps) <= epochs + CLOSE]
    return before[-1] if before else None


def next_to(entries: Sequence[Entry], epochs: float | None, steps: int, by: int) -> Entry | None:
    """The next one after the place, or with -1 before it; without a place, the newest or the first."""
    if epochs is None:
        return entries[-1 if by < 0 else 0] if entries else None
    if by > 0:
        return next((entry for entry in entries if epochs_of(entry, steps) > epochs + CLOSE), None)
    return next((entry for entry in reversed(entries) if epochs_of(entry, steps) < epochs - CLOSE), None)
