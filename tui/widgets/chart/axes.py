"""The axes of a chart: ticks at round values, a whole number of cells apart, and where any value stands among them."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.digits import significant

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats

MOST_TICKS = 9
ONE_VALUE = 1e-4  # of the highest: values that are less apart are as good as one
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds
DECADES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 400)  # between the ticks of a logarithmic axis
DOUBLED = (-2, 4)  # the powers of 2 that are round numbers: from 0.25 to 16
DIGITS = ((1, 2, 5), (1, 3), (1, 2, 3, 5, 7))  # that the ticks of a logarithmic axis begin with
ENOUGH = 0.6  # of the cells: ticks that are exact are taken where the values have so many of them
LONGEST_NAME = 7  # cells of a tick's name beside the axis

Unit = Literal["epoch", "step", "time"]


@dataclass(frozen=True)
class Axis:
    """A scale of `cells` cells. The first tick stands in the middle of cell `lead`; on a logarithmic axis its value,
    and what is between two ticks, are base-10 logarithms. Ticks that are not evenly apart are in `ticks`, and each
    stands in the cell that its value is in; `first` and `step` are the scale's then."""

    first: float
    step: float  # between two ticks
    apart: int  # cells between two ticks
    count: int  # ticks
    cells: int
    names: tuple[str, ...]  # of the ticks
    log: bool = False
    lead: int = 0  # cells before the first tick's
    ticks: tuple[float, ...] = ()  # values, where they are not evenly apart

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
    def tick_values(self) -> list[float]:
        if self.ticks:
            return list(self.ticks)
        values = [self.first + number * self.step for number in range(self.count)]
        return [float(10.0 ** min(307.0, max(-307.0, value))) for value in values] if self.log else values

    @property
    def tick_cells(self) -> list[int]:
        if self.ticks:
            return [self.cell(value) for value in self.ticks]
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
    """The same for values above 0: ticks at powers of 10 or 2, a whole number of cells apart, where the values have
    most of the cells with them; else at round numbers as they come. `across`: the names stand beside each other and
    need room, and an axis with ticks as they come begins and ends with the values."""
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    span = math.log10(high) - math.log10(low)
    best: tuple[float, int, Axis] | None = None
    for axis in (*_evenly(low, high, cells, across=across), *_as_they_come(low, high, cells, across=across)):
        used = span / axis.step * axis.apart / max(1, cells - 1)
        if not axis.ticks:
            used = used if used < ENOUGH else 1.0
        elif best is not None and best[0] >= ENOUGH and not best[2].ticks:
            break
        if best is None or (round(used, 1), axis.count) > (round(best[0], 1), best[1]):
            best = (used, axis.count, axis)
    if best is None:  # too few cells for names beside each other
        return (
            logarithmic(values, cells)
            if across
            else Axis(math.log10(low), 1.0, 1, 1, cells, (significant(low, 3),), log=True)
        )
    return best[2]


def _evenly(low: float, high: float, cells: int, *, across: bool) -> Iterator[Axis]:
    """Logarithmic axes with ticks at equal factors."""
    for step in (math.log10(2), *DECADES):
        first = math.floor(math.log10(low) / step + 1e-9)
        last = max(math.ceil(math.log10(high) / step - 1e-9), first + 2)
        if not last - first < MOST_TICKS or (step < 1 and (first < DOUBLED[0] or last > DOUBLED[1])):
            continue
        apart = (cells - 1) // (last - first)
        names = _powers([number * step for number in range(first, last + 1)])
        if apart >= 1 and not (across and apart <= max(map(len, names))):
            yield Axis(first * step, step, apart, last - first + 1, cells, names, log=True)


def _as_they_come(low: float, high: float, cells: int, *, across: bool) -> Iterator[Axis]:
    """Logarithmic axes with ticks at round numbers: those within the values where the axis is `across`, else from one
    at or below all of them to one at or above."""
    for ticks, names in _round_series(low, high, within=across):
        ends = (low, high) if across else (ticks[0], ticks[-1])
        step = math.log10(ends[1]) - math.log10(ends[0])
        if not (2 if across else 3) <= len(ticks) <= MOST_TICKS or step <= 0:
            continue
        axis = Axis(math.log10(ends[0]), step, max(1, cells - 1), len(ticks), cells, names, log=True, ticks=ticks)
        gaps = [after - before for before, after in itertools.pairwise(axis.tick_cells)]
        if across:
            pairs = zip(gaps, itertools.pairwise(map(len, names)), strict=True)
            fits = all(gap > max(lengths) for gap, lengths in pairs)
        else:
            fits = min(gaps) >= (2 if cells >= 5 and len(ticks) > 3 else 1) and max(map(len, names)) <= LONGEST_NAME
        if fits:
            yield axis


def _round_series(low: float, high: float, *, within: bool) -> Iterator[tuple[tuple[float, ...], tuple[str, ...]]]:
    """Round numbers with their names: multiples of a round step, or numbers that begin with some of the digits."""
    up, down = (math.floor, math.ceil) if within else (math.ceil, math.floor)
    slack = 1e-9 if within else -1e-9
    for decade in range(max(-300, math.floor(math.log10(high)) - 5), min(300, math.floor(math.log10(high)) + 1)):
        for digit in (1.0, 2.0, 2.5, 5.0):
            step = float(f"{digit}e{decade}")
            first, last = down(low / step - slack), up(high / step + slack)
            last = last if within else max(last, first + 2)
            if first >= 1 and 1 <= last - first <= MOST_TICKS:
                values = [float(f"{number * step:.12g}") for number in range(first, last + 1)]
                yield tuple(values), tuple(_round_name(value, step) for value in values)
    begin, end = math.floor(math.log10(low)), math.floor(math.log10(high))
    if end - begin > MOST_TICKS or begin < -300 or end > 300:
        return
    for digits in DIGITS:
        values = [float(f"{digit}e{decade}") for decade in range(begin - 1, end + 2) for digit in digits]
        if within:
            values = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        else:
            first = max(at for at, value in enumerate(values) if value <= low * (1 + 1e-9))
            last = min(at for at, value in enumerate(values) if value >= high * (1 - 1e-9))
            values = values[first : max(last, first + 2) + 1]
        if values:
            yield tuple(values), tuple(_round_name(value, value) for value in values)


def _round_name(value: float, step: float) -> str:
    """With the digits that tell multiples of the step apart."""
    digits = max(0, math.floor(math.log10(value)) - math.floor(math.log10(step) + 1e-9)) + 1
    digits += f"{step:e}".startswith("2.5")
    places = max(0, digits - 1 - math.floor(math.log10(value)))
    return f"{value:,.{places}f}" if 1e-3 <= value < 999_999.5 else f"{value:.{digits}g}"


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
    if several := [one for one in found if one[1].count > 1]:
        return min(several, key=lambda one: one[0])[1]
    whole = start == 0 and float(end).is_integer()  # the last epoch is a round number too
    if not whole and (two := _two(start, end, cells, unit)):
        return two
    if found:
        return min(found, key=lambda one: one[0])[1]
    names = _x_name(start, span, end, unit), _x_name(end, span, end, unit)
    return Axis(start, span, max(1, cells - 1), 2, cells, names)


def _two(start: float, end: float, cells: int, unit: Unit) -> Axis | None:
    """With two ticks at the roundest numbers that are far enough apart for their names, where more have no room."""
    for step in sorted(_x_steps(start, end, unit), reverse=True):
        first, last = math.ceil(start / step - 1e-9) * step, math.floor(end / step + 1e-9) * step
        names = _x_name(first, step, end, unit), _x_name(last, step, end, unit)
        axis = Axis(start, end - start, max(1, cells - 1), 2, cells, names, ticks=(first, last))
        if last > first and axis.cell(last) - axis.cell(first) > max(map(len, names)) + 1:
            return axis
    return None


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
                return f"{significant(value / size)}{sign}" if value else "0"
        return f"{round(value):,}"
    if unit == "time" and (form := time_unit(end)) != "s" and step >= 1:
        small, large = (1, 60) if form == "min:s" else (60, 3600)
        whole = round(value / small)
        return f"{whole // (large // small)}:{whole % (large // small):02d}"
    places = max(0, -math.floor(math.log10(step) + 1e-9) + f"{step:e}".startswith("2.5"))
    return significant(value) if places == 0 or step >= 0.25 else f"{value:.{places}f}"


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
        largest = max(abs(number * step) for number in numbers)
        digits = max(6, math.floor(math.log10(largest or 1)) - math.floor(math.log10(step) + 1e-9) + 2)
        whole = step > 5 and largest < 10.0**LONGEST_NAME
        return tuple(f"{number * step:.0f}" if whole else f"{number * step:.{digits}g}" for number in numbers)
    return tuple(f"{number * step:.{places}f}" for number in numbers)


def _powers(exponents: Sequence[float]) -> tuple[str, ...]:
    """10 to those powers, which may be more or less than any float64: all with an exponent where one needs it."""
    names = [_power(exponent) for exponent in exponents]
    return tuple(f"1e{round(one)}" for one in exponents) if any("e" in name for name in names) else tuple(names)


def _power(exponent: float) -> str:
    if abs(exponent) >= 300:
        return f"1e{round(exponent)}"
    value = 10.0**exponent
    return f"{value:,.0f}" if 999.5 <= value < 999_999.5 else significant(value, 3)


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
