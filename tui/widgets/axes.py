"""The axes of a chart: ticks at round values, a whole number of cells apart, and where any value stands among them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_TICKS = 9
ONE_VALUE = 1e-4  # of the highest: values that are less apart are as good as one
FACTORS = (1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0)  # between the ticks of a logarithmic axis, or so many …
DECADES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 400)


@dataclass(frozen=True)
class Axis:
    """A scale of `cells` cells. The first tick stands in the middle of cell 0; on a logarithmic axis its value, and
    what is between two ticks, are base-10 logarithms."""

    first: float
    step: float  # between two ticks
    apart: int  # cells between two ticks
    count: int  # ticks
    cells: int
    names: tuple[str, ...]  # of the ticks
    log: bool = False

    def place(self, value: float) -> float:
        """Cells from the edge where the axis begins: the middle of cell 0 is 0.5. On a logarithmic axis `value` has to
        be above 0."""
        return 0.5 + ((math.log10(value) if self.log else value) - self.first) / self.step * self.apart

    def dot(self, value: float, per_cell: int) -> int:
        """Which of the `per_cell` dots that each cell has, all counted from the edge; the nearest one there is."""
        return min(self.cells * per_cell - 1, max(0, math.floor(self.place(value) * per_cell)))

    def cell(self, value: float) -> int:
        """The cell that the value is in; the nearest one there is."""
        return self.dot(value, 1)

    @property
    def tick_cells(self) -> list[int]:
        return [number * self.apart for number in range(self.count)]


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


def logarithmic(values: Sequence[float], cells: int) -> Axis:
    """The same for values above 0, the ticks at equal factors: powers of 2 or 10, or smaller factors where the values
    are close together."""
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
        axis = Axis(base + first * step, step, apart, last - first + 1, cells, names, log=True)
        use = (math.log10(high) - math.log10(low)) / step * apart
        if best is None or (use, axis.count) > best[:2]:
            best = (use, axis.count, axis)
    assert best is not None  # three ticks that are 400 decades apart hold any values
    return best[2]


def along(limit: float, cells: int) -> Axis:
    """From 0 to `limit`, whose last cell is near the last of `cells`: the finest round step that leaves less than a
    tenth of the cells, else the one that leaves the least."""
    found: list[tuple[float, Axis]] = []
    for step in (0.25, *map(float, _round_numbers(limit))):
        pieces = math.ceil(limit / step - 1e-9)
        if (limit <= 1 < step) or (step < 1 < limit):
            continue
        apart = math.floor((cells - 1) * step / limit + 1e-9)
        width = max(len(f"{pieces * step:g}"), len(f"{step:g}")) + 1
        if apart <= width or pieces < 1:
            continue
        count = math.floor(limit / step + 1e-9) + 1
        axis = Axis(0.0, step, apart, count, cells, tuple(f"{number * step:g}" for number in range(count)))
        found.append((1 - apart * limit / step / max(1, cells - 1), axis))
    good = [axis for left, axis in found if left < 0.1 and axis.count <= 11 and axis.count > 1]
    if good:
        return good[0]
    several = [one for one in found if one[1].count > 1] or found
    if several:
        return min(several, key=lambda one: one[0])[1]
    return Axis(0.0, limit, max(1, cells - 1), 2, cells, ("0", f"{limit:g}"))


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
    return f"{10.0**exponent:.3g}" if abs(exponent) < 300 else f"1e{round(exponent):+d}"


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
