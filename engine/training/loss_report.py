"""The losses of a run's steps: kept on the device until they are reported, and checked when they are."""

import math
from collections.abc import Callable

import torch

from engine.data.loader import Batches
from engine.training import events as ev
from engine.training import running_time
from engine.training.team import Team

PARTS_BEFORE = 32  # progress events at most for the finite losses before one that is not
REPORT_S = 0.1  # seconds between progress events in the first minute, …
LATER_REPORT_S = 0.5  # … and after it, so that the events of a day can be read at once
FIRST_MINUTE_S = 60.0
LOG_EVERY = 100  # batches, as the tutorial prints


class LossReport:
    """Takes each step's loss, and reports them a few times a second: the only place where they leave the device."""

    def __init__(self, batches: Batches, team: Team, sink: Callable[[ev.Event], None]) -> None:
        self.loss_sum = 0.0  # of the epoch's steps that were reported
        self.next = 0.0  # running time of the next report
        self._batches = batches
        self._team = team
        self._sink = sink
        self._pending: list[torch.Tensor] = []  # on the device
        self._reported = 0  # steps of the epoch that were reported
        self._reported_at = 0.0
        self._began: float | None = None  # when this process began to train
        self.finite = True  # whether the last loss that was reported is

    @property
    def pending(self) -> bool:
        return bool(self._pending)

    def begin_epoch(self, step: int, loss_sum: float) -> None:
        """An epoch begins, or continues after `step` steps whose losses add up to `loss_sum`."""
        self._reported, self.loss_sum = step, loss_sum
        self._reported_at = running_time.now()
        self.next = self._reported_at + REPORT_S
        if self._began is None:
            self._began = self._reported_at

    def add(self, loss: torch.Tensor) -> None:
        self._pending.append(loss)

    def pass_time(self, seconds: float) -> None:
        """Seconds that were not training: leave them out of samples/s."""
        self._reported_at += seconds

    def report(self, epoch: int, step: int, lr: float) -> tuple[int, str] | None:
        """Report the losses up to `step`, as batch_loss and progress events.

        Returns the step and the kind, "NaN" or "infinite", of a loss with which they stop being finite; None else.
        """
        if not self._pending:
            return None
        losses: list[float] = self._team.mean(torch.stack(self._pending)).tolist()
        self._pending.clear()
        now, first = running_time.now(), self._reported
        batch_size, samples = self._batches.batch_size, self._batches.samples
        for index in range(-first % LOG_EVERY, len(losses), LOG_EVERY):
            seen = (first + index) * batch_size
            self._sink(ev.BatchLoss(epoch=epoch, step=first + index + 1, loss=losses[index], seen=seen, of=samples))
        for loss in losses:  # one after another: the same sum, to the last bit, however often it is reported
            self.loss_sum += loss
        bad = next((index for index, loss in enumerate(losses) if not math.isfinite(loss)), None)
        trained = min(step * batch_size, samples) - first * batch_size
        begin = 0
        for end in _ends(len(losses), bad):
            self._sink(
                ev.Progress(
                    epoch=epoch,
                    step=first + end,
                    steps=len(self._batches),
                    loss=sum(losses[begin:end]) / (end - begin),
                    lr=lr,
                    samples_per_s=trained / max(now - self._reported_at, 1e-9),
                )
            )
            begin = end
        self._reported_at, self._reported = now, step
        early = self._began is None or now - self._began < FIRST_MINUTE_S
        self.next = now + (REPORT_S if early else LATER_REPORT_S)
        was_finite, self.finite = self.finite, math.isfinite(losses[-1])
        if bad is None or (bad == 0 and not was_finite):
            return None
        return first + bad + 1, "NaN" if math.isnan(losses[bad]) else "infinite"


def _ends(count: int, bad: int | None) -> list[int]:
    """Where the parts of `count` losses end that get a progress event each: one part; where the loss at `bad` is the
    first that is not finite, also the losses before it, in parts that show the way to it, and that one alone."""
    if not bad:
        return [count]
    size = -(-bad // PARTS_BEFORE)
    return [*range(size, bad, size), bad, *([bad + 1] if bad + 1 < count else []), count]
