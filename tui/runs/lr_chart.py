"""What a learning-rate range test has shown, as a chart: the loss over the learning rate."""

from functools import partial

from engine.inspection.lr_find_requests import LrFinding
from engine.training.lr_sweep import SMOOTHING
from tui import format as fmt
from tui.widgets.chart.series import Chart, Place, Places, Series
from tui.widgets.chart.view import View

VIEW = View(smoothing=SMOOTHING, log="x")
TITLE = "Loss over the learning rate"
ROOM = 0.5  # above the losses before the lowest, of how far they fall
STYLES = {"valley": "test", "steepest": "edit"}


def lr_chart(found: LrFinding) -> Chart:
    """The smoothed losses over the raw ones, with a dot where each suggestion is; x is the learning rate. What is far
    above the losses before the lowest, as where it diverges, is left out: the rest would be flat beside it."""
    import numpy as np

    curve = found.curve
    lrs, losses, smoothed = (np.array(values, dtype=np.float64) for values in (curve.lrs, curve.losses, curve.smoothed))
    series = list[Series]()
    if len(lrs):
        lowest = int(np.argmin(smoothed))
        before = float(smoothed[: lowest + 1].max())
        limit = before + ROOM * max(before - float(smoothed[lowest]), abs(before) / 4)
        beyond = np.flatnonzero(smoothed > limit)
        drawn = slice(0, int(beyond[0]) if len(beyond) else len(lrs))
        raw = np.minimum(losses[drawn], limit)
        places = Places(*(lrs[drawn],) * 3)
        series.append(Series("loss", places, raw, raw, raw, {SMOOTHING: smoothed[drawn]}, text=fmt.loss))
    for one in found.suggestions.found:
        at, value = lrs[one.at : one.at + 1], smoothed[one.at : one.at + 1]
        words = partial(_words, fmt.rate(one.lr))
        series.append(
            Series(one.name, Places(at, at, at), value, value, value, style=STYLES[one.name], dots=True, text=words)
        )
    end = float(lrs[-1]) if len(lrs) else found.sweep.high
    return Chart(
        TITLE, tuple(series), end=Place(end, end, end), nothing="no loss was finite", file_name="lr-find", x_name="lr"
    )


def _words(lr: str, loss: float) -> str:
    """What stands beside a suggestion's dot: its learning rate."""
    return lr


def facts(found: LrFinding) -> str:
    """What was done, in a line."""
    done = len(found.curve.lrs)
    steps = fmt.counted(found.sweep.steps, "step")
    if done < found.sweep.steps:
        steps = f"{fmt.count(done)} of {steps}"
    ends = f"learning rate {fmt.rate(found.sweep.low)} to {fmt.rate(found.sweep.high)}"
    return "; ".join(filter(None, (f"{found.of}, on {found.data}: {steps}, {ends}", found.curve.stopped)))
