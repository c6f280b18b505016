"""A curve of a run as it grows: of any number of values a bounded number of points, each with the lowest, the mean and
the highest of its stretch, and what smoothing makes of all values so far. Imports no numpy."""

from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

CURVE_POINTS = 4096  # a curve past twice this many points is thinned to this many
SMOOTHING = (0.6, 0.9, 0.99)  # the weights of an exponential mean, debiased as TensorBoard's
SAME_PLACE = 1e-9  # epochs
MOST = 1e150  # a larger value is left out as one that is not finite is: sums and squares of such have no number

Value = Annotated[float, Meta(ge=-MOST, le=MOST)]
Count = Annotated[int, Meta(ge=0, le=2**62)]
Place = tuple[float, int, float, int]  # x, step, seconds, seq


class Point(NamedTuple):
    """A stretch of a curve, up to and with the value at `x`."""

    x: Value  # epochs done
    low: Value
    mean: Value
    high: Value
    step: int = 0  # steps done since the first epoch's beginning
    seconds: float = 0.0  # of training, pauses left out
    seq: int = 0  # of the event that the last value is from
    values: int = 0  # since the curve's beginning
    smoothed: tuple[float, ...] = ()  # after the last value, for each of SMOOTHING


class SavedCurve(msgspec.Struct, frozen=True, array_like=True):
    """All that a curve is, as JSON can hold it."""

    points: list[Point]
    width: Annotated[int, Meta(ge=1, le=2**62)]
    filled: Count
    low: Value
    total: float
    high: Value
    place: Place
    values: Count
    sums: list[float]
    left: list[float]

    @property
    def fits(self) -> bool:
        """Whether the parts go together: it may come from anybody."""
        rising = all(one.x <= other.x for one, other in zip(self.points, self.points[1:], strict=False))
        smoothed = all(len(one.smoothed) == len(SMOOTHING) for one in self.points)
        return rising and smoothed and len(self.sums) == len(self.left) == len(SMOOTHING) and self.filled < self.width


class GrowingCurve:
    """Takes values one after another. Two neighbouring points become one where there are too many: the extremes and the
    smoothed values stay exact, whatever the number of values."""

    def __init__(self, most: int = CURVE_POINTS) -> None:
        """`most`: points that are left where twice as many were reached."""
        self._most = most
        self._points: list[Point] = []  # those that are full
        self._width = 1  # values in a point
        self._filled = 0  # values in the one that is being filled
        self._low = self._total = self._high = 0.0  # of it
        self._place: Place = (0.0, 0, 0.0, 0)  # of its last value
        self._values = 0  # since the beginning
        self._sums = [0.0] * len(SMOOTHING)  # the exponential means, from 0 on: not debiased
        self._left = [1.0] * len(SMOOTHING)  # of that 0 in each of them

    def add(self, x: float, value: float, *, step: int = 0, seconds: float = 0.0, seq: int = 0) -> None:
        """Take the next value. One that is not finite, or beyond MOST, is left out."""
        self.extend([(x, step, seconds, seq)], [value])

    def extend(self, places: Sequence[Place], values: Sequence[float]) -> None:
        """Take the next values, each with its place. A log has millions: this is the loop that they go through."""
        (a, b, c), (d, e, f) = SMOOTHING, (1 - weight for weight in SMOOTHING)
        r, s, t = self._sums
        u, v, w = self._left
        low, total, high, filled, width, count = (
            self._low, self._total, self._high, self._filled, self._width, self._values,
        )  # fmt: skip
        for place, value in zip(places, values, strict=True):
            if not -MOST <= value <= MOST:
                continue
            r, s, t = a * r + d * value, b * s + e * value, c * t + f * value
            u, v, w = u * a, v * b, w * c
            count += 1
            if filled:
                filled += 1
                total += value
                if value < low:
                    low = value
                elif value > high:
                    high = value
            else:
                filled = 1
                low = total = high = value
            self._place = place
            if filled == width:
                smoothed = (r / (1 - u), s / (1 - v), t / (1 - w))
                x, step, seconds, seq = place
                self._points.append(Point(x, low, total / filled, high, step, seconds, seq, count, smoothed))
                filled = 0
                if len(self._points) >= 2 * self._most:
                    self._filled = 0
                    self._thin()
                    width = self._width
        self._sums, self._left = [r, s, t], [u, v, w]
        self._low, self._total, self._high, self._filled, self._values = low, total, high, filled, count

    def saved(self) -> SavedCurve:
        return SavedCurve(
            list(self._points), self._width, self._filled, self._low, self._total, self._high, self._place,
            self._values, list(self._sums), list(self._left),
        )  # fmt: skip

    @classmethod
    def of(cls, saved: SavedCurve, most: int = CURVE_POINTS) -> "GrowingCurve":
        """The curve that goes on where that one was, with no more than `most` points or twice as many."""
        made = cls(most)
        made._points, made._width, made._filled = list(saved.points), saved.width, saved.filled
        made._low, made._total, made._high, made._place = saved.low, saved.total, saved.high, saved.place
        made._values, made._sums, made._left = saved.values, list(saved.sums), list(saved.left)
        while len(made._points) >= 2 * most:
            made._thin()
        return made

    def rewind(self, x: float) -> None:
        """Forget what lies after `x`: it is done again."""
        self._points = list(self.points())
        while self._points and self._points[-1].x > x + SAME_PLACE:
            self._points.pop()
        self._filled = 0
        self._begin_with(self._points[-1] if self._points else None)

    def points(self) -> tuple[Point, ...]:
        """All of them; the last one may still be filled."""
        return (*self._points, self._newest()) if self._filled else tuple(self._points)

    def _thin(self) -> None:
        """Make one point of each two. Of an odd number the last is taken back: it is filled on."""
        points = self._points
        if len(points) % 2:
            last = points.pop()
            total = self._total if self._filled else 0.0
            low, high = (self._low, self._high) if self._filled else (last.low, last.high)
            if not self._filled:
                self._place = (last.x, last.step, last.seconds, last.seq)
            self._low, self._high = min(low, last.low), max(high, last.high)
            self._total, self._filled = total + last.mean * self._width, self._filled + self._width
        self._points = [_merged(a, b) for a, b in zip(points[::2], points[1::2], strict=True)]
        self._width *= 2

    def _newest(self) -> Point:
        x, step, seconds, seq = self._place
        smoothed = tuple([sum_ / (1 - left) for sum_, left in zip(self._sums, self._left, strict=True)])
        mean = self._total / self._filled
        return Point(x, self._low, mean, self._high, step, seconds, seq, self._values, smoothed)

    def _begin_with(self, last: Point | None) -> None:
        """Smooth on from a point."""
        self._values = last.values if last else 0
        self._left = [weight**self._values for weight in SMOOTHING]
        known = last.smoothed if last else (0.0,) * len(SMOOTHING)
        self._sums = [value * (1 - left) for value, left in zip(known, self._left, strict=True)]


def even(points: Iterable[tuple[float, float]], most: int) -> tuple[float, ...]:
    """The mean of the values in each of `most` even stretches of x; stretches without one are left out. `points`: x and
    value, by rising x."""
    there = list(points)
    if len(there) <= most:
        return tuple(value for _, value in there)
    start, span = there[0][0], there[-1][0] - there[0][0] or 1.0
    stretches: dict[int, list[float]] = {}
    for x, value in there:
        stretches.setdefault(min(most - 1, int(most * (x - start) / span)), []).append(value)
    return tuple(sum(values) / len(values) for values in stretches.values())


def begun_after(last: Point | None, most: int = CURVE_POINTS) -> GrowingCurve:
    """A curve that goes on after `last` of another one, which is not in it, smoothed as if it were."""
    curve = GrowingCurve(most)
    curve._begin_with(last)
    return curve


def _merged(a: Point, b: Point) -> Point:
    return b._replace(low=min(a.low, b.low), mean=(a.mean + b.mean) / 2, high=max(a.high, b.high))
