"""The axes of a chart: ticks at round values, a whole number of cells apart, and where any value stands among them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats

MOST_TICKS = 9
ONE_VALUE = 1e-4  # of the highest: values that are less apart are as good as one
FACTORS = (1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0)  # between the ticks of a logarithmic axis, or so many …
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds
DECADES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 400)

Unit = Literal["epoch", "step", "time"]


@dataclass(frozen=True)
class Axis:
    """A scale of `cells` cells. The first tick stands in the middle of cell `lead`; on a logarithmic axis its value,
    and what is between two ticks, are base-10 logarithms."""

    first: float
    step: float  # between two ticks
    apart: int  # cells between two ticks
    count: int  # ticks
    cells: int
    names: tuple[str, ...]  # of the ticks
    log: bool = False
    lead: int = 0  # cells before the first tick's

    def place(self, value: float) -> float:
        """Cells from the edge where the axis begins: the middle of cell 0 is 0.5. On a logarithmic axis `value` has to
        be above 0."""
        return self.lead + 0.5 + ((math.log10(value) if self.log else value) - self.first) / self.step * self.apart

    def places(self, values: "Floats") -> "Floats":
        """`place` of each."""
        import numpy as np

        found: Floats = np.log10(values) if self.log else values
        return self.lead + 0.5 + (found - self.first) / self.step * self.apart

    def value(self, place: float) -> float:
        """What stands so many cells from the edge."""
        found = self.first + (place - self.lead - 0.5) / self.apart * self.step
        return float(10.0 ** min(307.0, max(-307.0, found))) if self.log else found

    @property
    def ends(self) -> tuple[float, float]:
        """The values at both edges."""
        return self.value(0.0), self.value(self.cells)

    def dot(self, value: float, per_cell: int) -> int:
        """Which of the `per_cell` dots that each cell has, all counted from the edge; the nearest one there is."""
        return min(self.cells * per_cell - 1, max(0, math.floor(self.place(value) * per_cell)))

    def cell(self, value: float) -> int:
        """The cell that the value is in; the nearest one there is."""
        return self.dot(value, 1)

    @property
    def tick_cells(self) -> list[int]:
        return [self.lead + number * self.apart for number in range(self.count)]


def linear(values: Sequence[float], cells: int, ceiling: float = math.inf) -> Axis:
    """From a tick at or below all values to one at or above them: of the round steps the one with which the values take
    the most room. `ceiling`: no tick is above it."""
    low, high = (min(values), max(values)) if values else (0.0, ceiling if math.isfinite(ceiling) else 1.0)
    positive = low >= 0
    if high - low < 1e-9 + abs(high) * ONE_VALUE:  # room around it
        low, high = low - max(abs(low) * 0.05, 1e-3), min(ceiling, high + max(abs(high) * 0.05, 1e-3))
        low = max(0.0, low) if positive else low
    best: tuple[float, int, Axis] | None = None
    for step in _steps(high - low):
        highest = math.floor(ceiling / step + 1e-9) if math.isfinite(ceiling) else math.inf
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        while last - first < 2 and last < highest:
            last += 1
        while last - first < 2 and not (positive and first <= 0):
            first -= 1
        axis = _axis(first, last, step, cells) if last <= highest else None
        if axis is not None:
            use = (high - low) / step * axis.apart / max(1, cells - 1)
            if best is None or (use, axis.count) > best[:2]:
                best = (use, axis.count, axis)
    if best is not None:
        return best[2]
    step = 10.0 ** math.ceil(math.log10(high - low))  # too few cells for three ticks
    first, last = math.floor(low / step), max(math.floor(low / step) + 1, math.ceil(high / step))
    return Axis(first * step, step * (last - first), max(1, cells - 1), 2, cells, _names((first, last), step))


def logarithmic(values: Sequence[float], cells: int, *, across: bool = False) -> Axis:
    """The same for values above 0, the ticks at equal factors: powers of 2 or 10, or smaller factors where the values
    are close together. `across`: the names stand beside each other and need room."""
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    best: tuple[float, int, Axis] | None = None
    for step in (*map(math.log10, FACTORS), *DECADES):
        base = 0.0 if step >= math.log10(2) else _log_rounded_down(low)  # small factors begin at a round number
        first = math.floor((math.log10(low) - base) / step + 1e-9)
        last = max(math.ceil((math.log10(high) - base) / step - 1e-9), first + 1)
        last = max(last, first + 2)
        if not 2 <= last - first < MOST_TICKS:
            continue
        apart = (cells - 1) // (last - first)
        if apart < 1:
            continue
        names = tuple(_power(base + number * step) for number in range(first, last + 1))
        if across and apart <= max(map(len, names)):
            continue
        axis = Axis(base + first * step, step, apart, last - first + 1, cells, names, log=True)
        use = (math.log10(high) - math.log10(low)) / step * apart
        if best is None or (use, axis.count) > best[:2]:
            best = (use, axis.count, axis)
    if best is None:  # too few cells for names beside each other
        return (
            logarithmic(values, cells) if across else Axis(math.log10(low), 1.0, 1, 1, cells, (f"{low:.3g}",), log=True)
        )
    return best[2]


def across(start: float, end: float, cells: int, unit: Unit = "epoch") -> Axis:
    """The x axis from `start`, in its first or second cell, to `end`, near its last: the finest round step that leaves
    less than a tenth of the cells, else the one that leaves the least."""
    span = end - start
    found: list[tuple[float, Axis]] = []
    for step in _x_steps(start, end, unit):
        first = math.ceil(start / step - 1e-9) * step
        even = abs(first - start) < 1e-9 * step
        apart = math.floor((cells - (1 if even else 2)) * step / span + 1e-9)
        count = math.floor((end - first) / step + 1e-9) + 1
        if apart < 1 or count < 1:
            continue
        values = [first + number * step for number in range(min(count, cells))]
        names = tuple(_x_name(value, step, end, unit) for value in values)
        if apart <= max(map(len, names)) + 1:
            continue
        lead = math.ceil((first - start) / step * apart - 1e-9)
        axis = Axis(first, step, apart, len(names), cells, names, lead=lead)
        found.append((1 - apart * span / step / max(1, cells - 1), axis))
    good = [axis for left, axis in found if left < 0.1 and 1 < axis.count <= 11]
    if good:
        return good[0]
    several = [one for one in found if one[1].count > 1] or found
    if several:
        return min(several, key=lambda one: one[0])[1]
    names = _x_name(start, span, end, unit), _x_name(end, span, end, unit)
    return Axis(start, span, max(1, cells - 1), 2, cells, names)


def time_unit(end: float) -> str:
    """In what an axis of seconds up to `end` is written."""
    return "s" if end <= 120 else "min:s" if end <= 7200 else "h:min"


def _x_steps(start: float, end: float, unit: Unit) -> Iterator[float]:
    span = end - start
    if unit == "time":
        yield from (time for time in (*_decimals(span, 1.0), *map(float, TIMES)) if time <= span)
        day = 86400.0
        while day * 2 <= span:
            day *= 2
            yield day
    elif unit == "step":
        yield from map(float, _round_numbers(span))
    elif start == 0 and end >= 1:  # whole epochs, or quarters of the first one
        yield from (
            step for step in (0.25, *map(float, _round_numbers(end))) if not (end <= 1 < step or step < 1 < end)
        )
    else:
        yield from (step for step in _decimals(span, math.inf) if step <= span)


def _decimals(span: float, below: float) -> Iterator[float]:
    """1, 2 and 5 times the powers of ten that cut `span` into up to a hundred pieces."""
    decade = 10.0 ** (math.floor(math.log10(span)) - 2)
    while decade <= span and decade < below:
        yield from (digit * decade for digit in (1, 2, 5) if digit * decade < below)
        decade *= 10


def _x_name(value: float, step: float, end: float, unit: Unit) -> str:
    value = 0.0 if abs(value) < step * 1e-6 else value
    if unit == "step":
        for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if step >= size:
                return f"{value / size:g}{sign}" if value else "0"
        return f"{round(value):,}"
    if unit == "time" and (form := time_unit(end)) != "s" and step >= 1:
        small, large = (1, 60) if form == "min:s" else (60, 3600)
        whole = round(value / small)
        return f"{whole // (large // small)}:{whole % (large // small):02d}"
    places = max(0, -math.floor(math.log10(step) + 1e-9) + f"{step:e}".startswith("2.5"))
    return f"{value:g}" if places == 0 or step >= 0.25 else f"{value:.{places}f}"


def _axis(first: int, last: int, step: float, cells: int) -> Axis | None:
    """Ticks at the whole multiples of `step`; None where too many or too few fit."""
    pieces = last - first
    apart = (cells - 1) // pieces
    if not 2 <= pieces < MOST_TICKS or apart < 1 or (apart < 2 and cells >= 5 and pieces > 2):
        return None
    return Axis(first * step, step, apart, pieces + 1, cells, _names(range(first, last + 1), step))


def _names(numbers: Sequence[int], step: float) -> tuple[str, ...]:
    places = max(0, -math.floor(math.log10(step) + 1e-9) + f"{step:e}".startswith("2.5"))
    if step > 5 or places > 6:
        return tuple(f"{number * step:g}" for number in numbers)
    return tuple(f"{number * step:.{places}f}" for number in numbers)


def _power(exponent: float) -> str:
    """10 to that power, which may be more or less than any float64."""
    if abs(exponent) >= 300:
        return f"1e{round(exponent):+d}"
    value = 10.0**exponent
    return f"{value:,.0f}" if 999.5 <= value < 999_999.5 else f"{value:.3g}"


def _steps(span: float) -> Iterator[float]:
    """Round steps of which one to about ten cut `span` into pieces."""
    decade = 10.0 ** (math.floor(math.log10(span)) - 1)
    for scale in (1, 10, 100):
        yield from (digit * decade * scale for digit in (1, 2, 2.5, 4, 5))


def _round_numbers(limit: float) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, … up to `limit`."""
    decade = 1
    while decade <= max(1, limit):
        yield from (digit * decade for digit in (1, 2, 5) if digit * decade <= max(1, limit))
        decade *= 10


def _log_rounded_down(value: float) -> float:
    """The base-10 logarithm of the number with two significant digits at or below a value above 0."""
    log = math.log10(value)
    decade = math.floor(log) - 1
    return decade + math.log10(math.floor(10.0 ** (log - decade) + 1e-9))
