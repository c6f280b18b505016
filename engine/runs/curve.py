"""A curve of a run as it grows: of any number of values a bounded number of points, each with the lowest, the mean and
the highest of its stretch, and what smoothing makes of all values so far. Imports no numpy."""

import math
from typing import NamedTuple

CURVE_POINTS = 4096  # a curve past twice this many points is thinned to this many
SMOOTHING = (0.6, 0.9, 0.99)  # the weights of an exponential mean, debiased as TensorBoard's
SAME_PLACE = 1e-9  # epochs


class Point(NamedTuple):
    """A stretch of a curve, up to and with the value at `x`."""

    x: float  # epochs done
    low: float
    mean: float
    high: float
    step: int = 0  # steps done since the first epoch's beginning
    seconds: float = 0.0  # of training, pauses left out
    seq: int = 0  # of the event that the last value is from
    values: int = 0  # since the curve's beginning
    smoothed: tuple[float, ...] = ()  # after the last value, for each of SMOOTHING


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
        self._place: tuple[float, int, float, int] = (0.0, 0, 0.0, 0)  # x, step, seconds, seq of its last value
        self._values = 0  # since the beginning
        self._sums = [0.0] * len(SMOOTHING)  # the exponential means, from 0 on: not debiased
        self._left = [1.0] * len(SMOOTHING)  # of that 0 in each of them

    def add(self, x: float, value: float, *, step: int = 0, seconds: float = 0.0, seq: int = 0) -> None:
        """Take the next value. One that is not finite is left out."""
        if not math.isfinite(value):
            return
        sums, left = self._sums, self._left
        for at, weight in enumerate(SMOOTHING):
            sums[at] = weight * sums[at] + (1 - weight) * value
            left[at] *= weight
        self._values += 1
        self._place = (x, step, seconds, seq)
        if self._filled:
            self._filled += 1
            self._total += value
            if value < self._low:
                self._low = value
            elif value > self._high:
                self._high = value
        else:
            self._filled = 1
            self._low = self._total = self._high = value
        if self._filled == self._width:
            self._points.append(self._newest())
            self._filled = 0
            if len(self._points) == 2 * self._most:
                points = self._points
                self._points = [_merged(a, b) for a, b in zip(points[::2], points[1::2], strict=True)]
                self._width *= 2

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


def begun_after(last: Point | None, most: int = CURVE_POINTS) -> GrowingCurve:
    """A curve that goes on after `last` of another one, which is not in it, smoothed as if it were."""
    curve = GrowingCurve(most)
    curve._begin_with(last)
    return curve


def _merged(a: Point, b: Point) -> Point:
    return b._replace(low=min(a.low, b.low), mean=(a.mean + b.mean) / 2, high=max(a.high, b.high))
