"""Where a training is: the epoch, the step, and the seconds that it took."""

from dataclasses import dataclass

from engine.training import running_time


@dataclass
class Place:
    """Moves on with the training."""

    epoch: int = 1  # under way
    step: int = 0  # steps done in it
    evaluated: bool = False  # the epoch is over, with its results on the sets

    def done(self, steps: int) -> float:
        """Epochs that are done, with the part of the one under way. `steps`: in an epoch."""
        return self.epoch - 1 + self.step / steps


class TrainingClock:
    """Seconds of training; pauses and evaluations are left out."""

    def __init__(self, before_s: float) -> None:
        """`before_s`: of the epochs before this one."""
        self.before_s = before_s
        self._earlier_s = 0.0  # of this epoch, by an earlier host
        self._began = 0.0
        self._paused_s = 0.0

    def begin_epoch(self, earlier_s: float) -> None:
        self._earlier_s, self._began, self._paused_s = earlier_s, running_time.now(), 0.0

    def pass_time(self, seconds: float) -> None:
        """Leave out seconds that were not training."""
        self._paused_s += seconds

    @property
    def here_s(self) -> float:
        """Of this epoch, by this process."""
        return running_time.now() - self._began - self._paused_s

    @property
    def epoch_s(self) -> float:
        """Of this epoch."""
        return self._earlier_s + self.here_s
