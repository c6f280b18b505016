"""The results of a run's epochs, as many as are kept. Imports no torch."""

from dataclasses import replace

from engine.training.events import Evaluated

RESULTS = 5_000  # of one set; past twice as many, every other of the older ones goes, but for the best
MOST_CELLS = 500_000  # of all confusion matrices; past that the older ones go


def take(vals: list[Evaluated], tests: list[Evaluated], event: Evaluated, cells: int) -> int:
    """Put a result among those of its set, in the order of the epochs: at a run's end the test set is evaluated with
    the weights of an earlier epoch too, and all of that once more where it was interrupted.

    `cells`: of the confusion matrices there are. Returns how many there are now: the oldest go where they are too many.
    """
    results = vals if event.split == "val" else tests
    at = len(results)
    while at and results[at - 1].epoch > event.epoch:
        at -= 1
    again = bool(at) and results[at - 1].epoch == event.epoch
    cells += len(event.confusion) ** 2 - (len(results[at - 1].confusion) ** 2 if again else 0)
    results[at - again : at] = [event]
    if cells > MOST_CELLS:
        for one in sorted((one for one in (*vals, *tests) if one.confusion and one is not event), key=_seq):
            of = vals if one.split == "val" else tests
            of[of.index(one)] = replace(one, confusion=[], per_class=[])
            cells -= len(one.confusion) ** 2
            if cells <= MOST_CELLS // 2:  # so that this is seldom done
                break
    if len(results) > 2 * RESULTS:
        best = max(results, key=lambda one: one.accuracy)
        results[:-RESULTS] = [one for at, one in enumerate(results[:-RESULTS]) if at % 2 == 0 or one is best]
        cells = cells_of(vals, tests)
    return cells


def cells_of(vals: list[Evaluated], tests: list[Evaluated]) -> int:
    """The cells of all their confusion matrices."""
    return sum(len(one.confusion) ** 2 for one in (*vals, *tests))


def _seq(result: Evaluated) -> int:
    return result.seq
