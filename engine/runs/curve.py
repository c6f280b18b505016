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
        self._points: list[Point] = []
        self._width = 1  # values in a point
        self._filled = 0  # values in the newest point
        self._count = 0
        self._sums = [0.0] * len(SMOOTHING)  # of the exponential means, from 0 on: not debiased

    def add(self, x: float, value: float, *, step: int = 0, seconds: float = 0.0, seq: int = 0) -> None:
        """Take the next value. One that is not finite is left out."""
        if not math.isfinite(value):
            return
        self._count += 1
        count, smoothed = self._count, []
        for at, weight in enumerate(SMOOTHING):
            self._sums[at] = sum_ = weight * self._sums[at] + (1 - weight) * value
            smoothed.append(sum_ / (1 - weight**count))
        low = mean = high = value
        if 0 < self._filled < self._width:
            last = self._points.pop()
            low, high = min(last.low, low), max(last.high, high)
            mean = (last.mean * self._filled + value) / (self._filled + 1)
            self._filled += 1
        else:
            self._filled = 1
        self._points.append(Point(x, low, mean, high, step, seconds, seq, count, tuple(smoothed)))
        if len(self._points) == 2 * self._most and self._filled == self._width:
            self._points = [_merged(a, b) for a, b in zip(self._points[::2], self._points[1::2], strict=True)]
            self._width *= 2
            self._filled = self._width

    def rewind(self, x: float) -> None:
        """Forget what lies after `x`: it is done again."""
        points = self._points
        while points and points[-1].x > x + SAME_PLACE:
            points.pop()
        self._filled = self._width
        self._begin_with(points[-1] if points else None)

    def points(self) -> tuple[Point, ...]:
        return tuple(self._points)

    def _begin_with(self, last: Point | None) -> None:
        """Smooth on from a point."""
        self._count = last.values if last else 0
        self._sums = [
            last.smoothed[at] * (1 - weight**last.values) if last else 0.0 for at, weight in enumerate(SMOOTHING)
        ]


def begun_after(last: Point | None, most: int = CURVE_POINTS) -> GrowingCurve:
    """A curve that goes on after `last` of another one, which is not in it, smoothed as if it were."""
    curve = GrowingCurve(most)
    curve._begin_with(last)
    return curve


def _merged(a: Point, b: Point) -> Point:
    return b._replace(low=min(a.low, b.low), mean=(a.mean + b.mean) / 2, high=max(a.high, b.high))
