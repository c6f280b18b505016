"""The charts of runs: what of a run's state, or of several runs laid over each other, a `Chart` shows."""

import math
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.runs.curve import SMOOTHING, Point
from engine.runs.state import RunState, place
from engine.terminal_text import shown
from engine.training.events import Evaluated
from tui.runs.metrics import ACCURACY, LOSS, METRICS, RATE, Metric
from tui.widgets.chart.band import mean_with_band
from tui.widgets.chart.series import X_AXES, Chart, Counted, Mark, Place, Places, Series
from tui.widgets.palette import RUN_COLORS

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats

TEST_SIGN = "×"  # of the test results, beside those of the validation images
SIGNS = "●■▲◆○□△◇+×*#"  # of runs that lie over each other
MOST_RUNS = len(RUN_COLORS)


@dataclass(frozen=True)
class ShownRun:
    """A run on a chart of several."""

    id: str
    name: str
    state: RunState
    others: tuple[RunState, ...] = ()  # of a group, the other runs: what is drawn is their mean, with a band


def same_runs(runs: Sequence[ShownRun], others: Sequence[ShownRun]) -> bool:
    """Whether they are the same, with the same states: nothing need be drawn again."""
    return len(runs) == len(others) and all(
        (one.id, one.name, len(one.others)) == (other.id, other.name, len(other.others))
        and all(a is b for a, b in zip((one.state, *one.others), (other.state, *other.others), strict=True))
        for one, other in zip(runs, others, strict=True)
    )


def run_chart(
    metric: Metric,
    state: RunState,
    *,
    parent: RunState | None = None,
    detail: tuple[Point, ...] = (),
    also: bool = True,
) -> Chart:
    """One run. `parent`: the run that it branched off from, drawn up to there and beyond. `detail`: points of the
    training loss in place of the state's, close together where they are looked at. `also`: with the series of the other
    metrics, to be read out; of a long run they take 10 ms."""
    series = [one for one in (_parents(metric, parent) if parent else ()) if len(one)]
    series += [one for one in _series(metric, state, detail) if len(one)]
    others = [
        replace(one, name=_read_out_as(one, other))
        for other in METRICS if also and other is not metric
        for one in _series(other, state) if len(one)
    ]  # fmt: skip
    return Chart(
        title=title_of(metric, state),
        series=tuple(series),
        marks=marks(state),
        end=_end(state),
        ceiling=metric.ceiling,
        log=metric.log,
        nothing=metric.missing,
        also=tuple(others),
        file_name=metric.name,
        unit=metric.unit,
    )


def overlay(metric: Metric, runs: Sequence[ShownRun]) -> Chart:
    """Several runs, MOST_RUNS at most, each in the colour, and beside others with the sign, of its id."""
    runs = runs[:MOST_RUNS]
    slots = run_slots([run.id for run in runs])
    found, plain = list[Series](), list[Series]()
    for run in runs:
        slot = slots[run.id]
        for one in _of_all(metric, run):
            if len(one):
                name = f"{run.name}, {mean_words(one.counted)}" if one.counted else run.name
                found.append(_of_run(one, name, slot, named=metric is LOSS or run.state.validates))
                plain.append(one)
    if len({one.sign for one in found}) < 2:  # no run is to be told from another
        found = [replace(one, sign=alone.sign) for one, alone in zip(found, plain, strict=True)]
    return Chart(
        title=_title(metric, {run.state.validates for run in runs}),
        series=tuple(found),
        end=max(
            (_end(state) for run in runs for state in (run.state, *run.others)),
            key=lambda end: end.epoch,
            default=Place(1.0, 1.0, 1.0),
        ),
        ceiling=metric.ceiling,
        log=metric.log,
        nothing=metric.missing,
        file_name=f"{metric.name}-of-{len(runs)}-runs",
        unit=metric.unit,
    )


def mean_words(counted: Sequence[Counted]) -> str:
    """`mean of 5`, or, where some of its runs end before the others, `mean of 5, from epoch 4 on of 3`."""
    first, *later = counted
    words = f"mean of {first.runs}"
    if len(later) > 1:
        return f"{words}, from epoch {_short(later[0].after)} on of fewer, down to {later[-1].runs}"
    return f"{words}, from epoch {_short(later[0].after)} on of {later[0].runs}" if later else words


def _short(epochs: float) -> str:
    return f"{round(epochs, 2):g}"


def title_of(metric: Metric, state: RunState) -> str:
    """What a chart of one run is called: which set its accuracy is of."""
    return _title(metric, {state.validates})


def _title(metric: Metric, validate: Set[bool]) -> str:
    """`validate`: whether the runs decide by validation images; where some do and some don't, no set is named."""
    if metric is not ACCURACY or validate <= {False}:
        return metric.title
    return metric.title.replace("test ", "" if False in validate else "validation ")


def prepare(runs: Sequence[ShownRun]) -> None:
    """Take the means that charts of these runs show, for a thread: of large groups they take longer than a key may."""
    for run in runs[:MOST_RUNS]:
        for metric in METRICS:
            _of_all(metric, run)


def _of_all(metric: Metric, run: ShownRun) -> Sequence[Series]:
    """The series of a run; of a group the mean of each with the standard deviation as a band."""
    return _means(metric, _States((run.state, *run.others))) if run.others else _series(metric, run.state)


@lru_cache(maxsize=2 * MOST_RUNS * len(METRICS))
def _means(metric: Metric, states: "_States") -> Sequence[Series]:
    every = [_series(metric, state) for state in states.states]
    together = list[Series]()
    for name in dict.fromkeys(one.name for series in every for one in series if len(one)):
        found = [one for series in every for one in series if one.name == name and len(one)]
        mean = mean_with_band(found, name, style=found[0].style, band="deviation")
        together.append(replace(mean, dots=found[0].dots, joined=found[0].joined, sign=found[0].sign))
    return together


class _States:
    """States by their identities."""

    def __init__(self, states: tuple[RunState, ...]) -> None:
        self.states = states
        self._ids = tuple(map(id, states))

    def __hash__(self) -> int:
        return hash(self._ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _States) and other._ids == self._ids


def layer_chart(title: str, name: str, history: Sequence[tuple[float, float]], state: RunState, *, log: bool) -> Chart:
    """A number of one layer over time. `history`: epochs, and the value; `log`: whether y may be logarithmic."""
    series = _of_pairs(name, history, state.curve)
    return Chart(
        title, (series,) if len(series) else (), marks(state), _end(state), log=log and all(y > 0 for _, y in history),
        nothing="no sample of the layers yet", file_name="layer",
    )  # fmt: skip


def run_slots(ids: Sequence[str]) -> dict[str, int]:
    """Which colour and sign each run has: by its id, so that it is the same on every screen; where two would have the
    same, the later one has the next that is free."""
    slots: dict[str, int] = {}
    for run_id in ids:
        slot = zlib.crc32(run_id.encode()) % MOST_RUNS
        while slot in slots.values() and len(slots) < MOST_RUNS:
            slot = (slot + 1) % MOST_RUNS
        slots[run_id] = slot
    return slots


def marks(state: RunState) -> tuple[Mark, ...]:
    """The edits, the checkpoints and the steps whose loss was not finite."""
    curve = state.curve
    found = []
    for saved in state.checkpoints:
        words = f"checkpoint epoch {saved.epoch}" + ("" if saved.step == state.steps else f" step {saved.step}")
        found.append(Mark(_at(curve, place(saved.epoch, saved.step, state.steps)), words, "checkpoint"))
    for mark in state.marks:
        words = mark.label if mark.kind == "edit" else "loss not finite"
        found.append(Mark(_at(curve, mark.x), words, "edit" if mark.kind == "edit" else "not finite"))
    return tuple(found)


def round_limit(epochs: int, x: float) -> float:
    """The right end of an axis: all `epochs` where they are few; else a round number that holds `x`, at most half as
    much again, so that it seldom changes and most of the chart is used."""
    if epochs <= 10:
        return max(1, epochs)
    return float(min(epochs, _round_above(x, 5)))


def _end(state: RunState) -> Place:
    """The right end of a run's axes: in epochs and steps as far as it is to go, in time as far as it has come."""
    epochs = round_limit(state.epochs, state.x)
    return Place(epochs, epochs * max(1, state.steps), max(1.0, state.training_s))


def _series(metric: Metric, state: RunState, detail: tuple[Point, ...] = ()) -> tuple[Series, ...]:
    """The series of one run."""
    if metric is LOSS:
        return _line("train", metric, detail or state.curve), *_results(metric, state)
    if metric is ACCURACY:
        return _results(metric, state)
    return (_line(metric.title.split(",")[0], metric, state.curves.get(metric.name, ())),)


def _line(name: str, metric: Metric, points: tuple[Point, ...]) -> Series:
    arrays = _arrays(points)
    scale = metric.scale
    return Series(
        name, arrays.places, arrays.mean * scale, arrays.low * scale, arrays.high * scale,
        {weight: values * scale for weight, values in arrays.smoothed.items()}, text=metric.text,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Arrays:
    places: Places
    low: "Floats"
    mean: "Floats"
    high: "Floats"
    smoothed: Mapping[float, "Floats"]


@lru_cache(maxsize=64)
def _arrays_of(points: "_ById") -> _Arrays:
    import numpy as np

    columns = list(zip(*points.points, strict=True)) or [()] * len(Point._fields)
    x, low, mean, high, step, seconds = (np.array(column, dtype=np.float64) for column in columns[:6])
    smoothed = np.array(columns[8], dtype=np.float64)
    known = smoothed.ndim == 2 and smoothed.shape[1] == len(SMOOTHING)
    forward = Places(x, np.maximum.accumulate(step), np.maximum.accumulate(seconds))
    return _Arrays(
        forward, low, mean, high, {weight: smoothed[:, at] for at, weight in enumerate(SMOOTHING)} if known else {}
    )


class _ById:
    """Points by their identity, so that they need not be compared one by one."""

    def __init__(self, points: tuple[Point, ...]) -> None:
        self.points = points

    def __hash__(self) -> int:
        return id(self.points)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.points is self.points


def _arrays(points: tuple[Point, ...]) -> _Arrays:
    return _arrays_of(_ById(points))


def _results(metric: Metric, state: RunState) -> tuple[Series, ...]:
    """What is decided by, at the ends of the epochs; where that is the validation images, the test results too."""
    decided = _of_results("val" if state.validates else "test", metric, state.results, state)
    decided = replace(decided, style="test", joined=metric is ACCURACY)
    if not state.validates or not state.tests:
        return (decided,)
    return decided, replace(_of_results("test", metric, state.tests, state), style="edit", sign=TEST_SIGN)


def _of_results(name: str, metric: Metric, results: Sequence[Evaluated], state: RunState) -> Series:
    pairs = [(one.x, one.loss if metric is LOSS else 100 * one.accuracy) for one in results]
    series = _of_pairs(name, [(x, value) for x, value in pairs if math.isfinite(value)], state.curve)
    return replace(series, dots=True, text=metric.text)


def _of_pairs(name: str, pairs: Sequence[tuple[float, float]], curve: tuple[Point, ...]) -> Series:
    """A series of epochs and values; its steps and seconds are the curve's there."""
    import numpy as np

    places = [_at(curve, x) for x, _ in pairs]
    values = np.array([value for _, value in pairs], dtype=np.float64)
    along = Places(*(np.array([place.along(axis) for place in places], dtype=np.float64) for axis in X_AXES))
    return Series(name, along, values, values, values)


def _read_out_as(series: Series, metric: Metric) -> str:
    """What a series is called beside those of other metrics."""
    if metric is LOSS:
        return f"{series.name} loss"
    return f"{series.name} accuracy" if metric is ACCURACY else "lr" if metric is RATE else series.name


def _parents(metric: Metric, parent: RunState) -> tuple[Series, ...]:
    return tuple(replace(one, parent=True, style="parent") for one in _series(metric, parent))


def _of_run(series: Series, name: str, slot: int, *, named: bool) -> Series:
    """`named`: with the name of its set, as there are others of the run."""
    label = f"{name} {series.name}" if named and series.dots else name
    return replace(series, name=shown(label), style=f"run{slot}", sign=SIGNS[slot])


def _at(curve: tuple[Point, ...], epochs: float) -> Place:
    """A place on all x axes, by the steps and the seconds of the curve there."""
    import numpy as np

    if not curve:
        return Place(epochs, epochs, epochs)
    places = _arrays(curve).places
    if epochs <= places.epoch[0]:
        part = epochs / places.epoch[0] if places.epoch[0] else 1.0
        return Place(epochs, float(places.step[0]) * part, float(places.time[0]) * part)
    step, time = (float(np.interp(epochs, places.epoch, along)) for along in (places.step, places.time))
    return Place(epochs, step, time)


def _round_above(x: float, start: int) -> int:
    """The first of 5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 80, … from `start` on that is not below x."""
    decade = 1
    while True:
        for tenths in (10, 15, 20, 30, 40, 50, 60, 80):
            if tenths * decade >= 10 * max(start, x):
                return tenths * decade // 10
        decade *= 10
