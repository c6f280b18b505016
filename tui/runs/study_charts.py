"""A study's trials as charts: the values in the order of the trials, and over one parameter."""

import math
from collections.abc import Sequence
from dataclasses import replace

from engine.studies.space import Choices, Parameter, Range
from engine.studies.trials import Snapshot, Trial
from tui.study_text import metric_text
from tui.widgets.chart.series import Chart, Place, Places, Series
from tui.widgets.chart.view import View

PRUNED, BEST = "×", "★"
LOG_FROM = 20  # times that the largest loss is of the smallest from which the axis is logarithmic


def history(seen: Snapshot) -> tuple[Chart, View]:
    """The value of each trial by its number, and the best so far as a line."""
    complete = [one for one in seen.trials if one.state == "complete" and one.value is not None]
    pruned = [one for one in seen.trials if one.state == "pruned" and one.value is not None]
    best, so_far = list[float](), math.nan
    better = max if seen.definition.maximizes else min
    for one in complete:
        assert one.value is not None
        so_far = one.value if math.isnan(so_far) else better(so_far, one.value)
        best.append(so_far)
    series = [
        _dots(seen, "pruned", [(float(one.number), one.value or 0.0) for one in pruned], "parent", sign=PRUNED),
        _line(seen, "best so far", [(float(one.number), value) for one, value in zip(complete, best, strict=True)]),
        _dots(seen, "complete", [(float(one.number), one.value or 0.0) for one in complete], "train"),
    ]
    end = float(max((one.number for one in seen.trials), default=1) or 1)
    return _chart(seen, f"{seen.definition.metric} by trial", series, end, "trial")


def over_parameter(seen: Snapshot, one: Range) -> tuple[Chart, View]:
    """The value of each complete trial over a parameter that is a number."""
    points = sorted(
        (number, trial.value)
        for trial in seen.trials
        if trial.state == "complete" and trial.value is not None and (number := number_of(one, trial)) is not None
    )
    best = seen.best
    number = None if best is None else number_of(one, best)
    series = [_dots(seen, "complete", points, "train")]
    if best is not None and number is not None:
        series.append(_dots(seen, "best", [(number, best.value or 0.0)], "test", sign=BEST))
    chart, view = _chart(seen, f"{seen.definition.metric} over {one.name}", series, one.high, one.name)
    return chart, View(log=("x" if one.log else "") + ("y" if view.log_y else ""))


def number_of(one: Parameter, trial: Trial) -> float | None:
    """A trial's value of a parameter: of a list its place; None where the trial has none."""
    text = trial.params.get(one.name)
    if text is None:
        return None
    if isinstance(one, Choices):
        return float(one.texts.index(text)) if text in one.texts else None
    try:
        return float(text)
    except ValueError:
        return None


def _chart(seen: Snapshot, title: str, series: Sequence[Series], end: float, x_name: str) -> tuple[Chart, View]:
    there = tuple(one for one in series if len(one))
    values = [float(value) for one in there for value in one.mean]
    log = bool(values) and min(values) > 0 and max(values) > LOG_FROM * min(values)
    chart = Chart(
        title, there, end=Place(end, end, end), ceiling=100.0 if seen.definition.maximizes else math.inf,
        nothing="no trial is complete yet", file_name="study", x_name=x_name,
        unit="%" if seen.definition.maximizes else "",
    )  # fmt: skip
    return chart, View(log="y" if log else "")


def _dots(seen: Snapshot, name: str, points: Sequence[tuple[float, float]], style: str, *, sign: str = "") -> Series:
    return replace(_series(seen, name, points, style, dots=True), sign=sign)


def _line(seen: Snapshot, name: str, points: Sequence[tuple[float, float]]) -> Series:
    return _series(seen, name, points, "test", dots=False)


def _series(seen: Snapshot, name: str, points: Sequence[tuple[float, float]], style: str, *, dots: bool) -> Series:
    import numpy as np

    percent = 100.0 if seen.definition.maximizes else 1.0
    x = np.array([at for at, _ in points], dtype=np.float64)
    y = percent * np.array([value for _, value in points], dtype=np.float64)
    return Series(
        name, Places(x, x, x), y, y, y, style=style, dots=dots,
        text=lambda value: metric_text(seen.definition, value / percent),
    )  # fmt: skip
