"""The learning-rate range test (Smith 2015, arXiv 1506.01186) but for the training in it: which rates are tried, what
they have shown, and which of them it suggests. Imports no torch."""

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.digits import significant
from engine.errors import ConfigError
from engine.training.setting import LARGEST_FLOAT

SMOOTHING = 0.9  # the weight of what was before, in an exponential mean, debiased as TensorBoard's
DIVERGED = 4.0  # times the lowest smoothed loss: fastai's and PyTorch Lightning's threshold
FEWEST_STEPS, MOST_STEPS = 10, 10_000
JUDGED_FROM = 10  # losses in a mean that says how low the loss is: the first ones alone may be low by chance
LEFT_OUT = 10  # of the first losses, one in so many, but no more than so many: a mean of few is noise
ALONG_VALLEY = 2 / 3  # of the way down, in log lr
NOISE = 6.0  # a fall has to be so many standard deviations of the smoothed loss


@dataclass(frozen=True)
class Sweep:
    """The learning rates: `steps` of them, from `low` to `high`, each the one before times the same factor. Raises
    ConfigError for what can't be."""

    low: float = 1e-6
    high: float = 10.0
    steps: int = 200

    def __post_init__(self) -> None:
        for name, value in (("from", self.low), ("to", self.high)):
            if not 0 < value <= LARGEST_FLOAT:
                raise ConfigError(
                    name, f"--{name}: {significant(value)} is out of range; it must be above 0 and finite"
                )
        if self.low >= self.high:
            raise ConfigError("to", f"--to: {significant(self.high)} is not above --from {significant(self.low)}")
        if not FEWEST_STEPS <= self.steps <= MOST_STEPS:
            what = f"--steps: {self.steps} is out of range; it must be {FEWEST_STEPS} to {MOST_STEPS:,}"
            raise ConfigError("steps", what)

    def lr(self, step: int) -> float:
        """That of a step, from 0 on."""
        if step in (0, self.steps - 1):
            return self.high if step else self.low
        part = step / (self.steps - 1)
        return math.exp((1 - part) * math.log(self.low) + part * math.log(self.high))


@dataclass(frozen=True)
class Suggestion:
    """A learning rate, and why that one."""

    name: str  # "valley" or "steepest"
    lr: float  # two significant digits
    at: int  # the step that it is read off
    reason: str  # a line


@dataclass(frozen=True)
class LrCurve:
    """The loss of each step: of the batch before the update with that learning rate, so after those with all lower
    ones. One that is not finite is left out, and the test ends before it."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    stopped: str = ""  # why before the last step, in words; "": it came to the end


@dataclass(frozen=True)
class Suggestions:
    """What a curve suggests; `nothing`: why nothing, a line."""

    found: tuple[Suggestion, ...] = ()
    nothing: str = ""


@dataclass
class GrowingLrCurve:
    """Takes the losses one after another, and says when they diverge."""

    lrs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    stopped: str = ""
    _mean: float = 0.0  # exponential, from 0 on: not debiased
    _best: float = math.inf

    def add(self, lr: float, loss: float) -> bool:
        """The next loss. Returns whether the test goes on."""
        if not math.isfinite(loss):
            self.stopped = f"the loss became {'NaN' if math.isnan(loss) else 'infinite'} at {significant(lr, 2)}"
            return False
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        smoothed = self._mean / (1 - SMOOTHING ** (len(self.losses) + 1))
        self.lrs.append(lr)
        self.losses.append(loss)
        self.smoothed.append(smoothed)
        if len(self.losses) < JUDGED_FROM:
            return True
        self._best = min(self._best, smoothed)
        if smoothed - self._best > (DIVERGED - 1) * abs(self._best):
            more = f"{significant(smoothed, 3)} is more than {DIVERGED:g} × {significant(self._best, 3)}"
            self.stopped = f"the loss diverged at {significant(lr, 2)}: {more}"
        return not self.stopped

    @property
    def curve(self) -> LrCurve:
        return LrCurve(tuple(self.lrs), tuple(self.losses), tuple(self.smoothed), self.stopped)


def suggest(curve: LrCurve, sweep: Sweep) -> Suggestions:
    """*valley*: two thirds along the longest fall of the smoothed loss. *steepest*: where its slope over log lr is
    lowest, up to the end of that fall. Nothing where the loss does not fall further than its noise goes up and down."""
    first = min(LEFT_OUT, sweep.steps // LEFT_OUT)
    smoothed = curve.smoothed[first:]
    if len(smoothed) < 3:
        return Suggestions(nothing=f"no suggestion: {curve.stopped}; begin lower than {significant(sweep.low)}")
    begin, end = longest_fall([float(f"{value:.6g}") for value in smoothed])  # a rounding error is no fall
    fall = smoothed[begin] - smoothed[end]
    if fall <= max(NOISE * _noise(curve.losses), 1e-9 * abs(smoothed[begin])):
        most = f"by {significant(fall, 2)} at most" if fall > 0 else "nowhere"
        ends = f"between {significant(curve.lrs[0], 2)} and {significant(curve.lrs[-1], 2)}"
        why = f"{ends} the smoothed loss falls {most}, no more than noise"
        return Suggestions(nothing=f"no suggestion: {why}{f'; {curve.stopped}' if curve.stopped else ''}")
    if smoothed[end] - curve.losses[0] > abs(curve.losses[0]):
        best, first_loss = (significant(value, 3) for value in (smoothed[end], curve.losses[0]))
        why = f"the loss falls to {best} at best, and was {first_loss} at first"
        return Suggestions(nothing=f"no suggestion: {why}; begin lower than {significant(sweep.low)}")
    valley = begin + round(ALONG_VALLEY * (end - begin))
    logs = [math.log10(lr) for lr in curve.lrs[first:]]
    slopes = [
        (smoothed[at + 1] - smoothed[at - 1]) / (logs[at + 1] - logs[at - 1])
        for at in range(1, min(end + 1, len(smoothed) - 1))
    ]
    steepest = 1 + min(range(len(slopes)), key=slopes.__getitem__)
    high, low = (significant(smoothed[at], 3) for at in (begin, end))
    start, stop = (significant(curve.lrs[first + at], 2) for at in (begin, end))
    drop = significant(-slopes[steepest - 1], 3)
    return Suggestions((
        Suggestion(
            "valley", _rounded(curve.lrs[first + valley]), first + valley,
            f"two thirds along the longest fall of the smoothed loss, from {high} at {start} to {low} at {stop}",
        ),
        Suggestion(
            "steepest", _rounded(curve.lrs[first + steepest]), first + steepest,
            f"the smoothed loss falls fastest here: by {drop} for ten times the learning rate",
        ),
    ))  # fmt: skip


def longest_fall(values: Sequence[float]) -> tuple[int, int]:
    """Where the longest fall begins and ends. As fastai's valley: it ends with the longest sequence of ever lower
    values, which need not be neighbours, and has as many points as that: what is uneven on the way shortens it at its
    beginning."""
    lowest_last: list[float] = []  # negated: what a sequence of each length can end with
    length, end = 0, 0
    for at, value in enumerate(values):
        place = bisect_left(lowest_last, -value)
        lowest_last[place : place + 1] = [-value]
        if place + 1 > length:
            length, end = place + 1, at
    return end - length + 1, end


def _noise(losses: Sequence[float]) -> float:
    """The standard deviation that the smoothed loss has from batch to batch where nothing changes: from the median
    difference of neighbours, which a trend or a divergence hardly touches."""
    apart = sorted(abs(one - other) for one, other in itertools.pairwise(losses))
    of_losses = 1.4826 * apart[len(apart) // 2] / math.sqrt(2)
    return of_losses * math.sqrt((1 - SMOOTHING) / (1 + SMOOTHING))


def _rounded(lr: float) -> float:
    return float(f"{lr:.1e}")
