"""When a session saves a checkpoint, what it does where that fails, and what it warns of."""

import math
from collections.abc import Callable
from typing import Any, Protocol

from engine.errors import CheckpointError
from engine.home import WEIGHTS
from engine.training import events as ev
from engine.training import running_time
from engine.training.place import Place
from engine.training.team import Team

SLOW_SAVING = 0.05  # of the time between two timed checkpoints; from here on a warning says so
NO_FINITE_WEIGHTS = "is not written: the run has no finite checkpoint"

# Content, reason; raises CheckpointError, nothing half-written.
Save = Callable[[dict[str, Any], str], ev.CheckpointSaved]


class Saved(Protocol):
    """A training that can be saved."""

    place: Place

    @property
    def version(self) -> tuple[object, ...]:
        """What a checkpoint of now would differ in from one of another moment."""

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds; all processes must call it together."""


class CheckpointPolicy:
    """Saves in time, at the end of an epoch, and when asked; each state once."""

    def __init__(
        self,
        training: Saved,
        save: Save,
        *,
        team: Team,
        sink: Callable[[ev.Event], None],
        every_s: float,
        saved_at: tuple[object, ...] | None,
    ) -> None:
        """`every_s`: seconds of training between two checkpoints within an epoch; 0: none. `saved_at`: the version of
        the newest checkpoint."""
        self.saving = False
        self.next = math.inf  # running time of the next checkpoint within an epoch
        self._training = training
        self._save = save
        self._team = team
        self._sink = sink
        self._every_s = every_s
        self._saved_at = saved_at
        self._warned_of_slowness = False
        self._warned_of_weights = False  # since the last checkpoint that was finite

    def begin(self) -> None:
        """The training begins, or goes on: the first checkpoint within an epoch is due after `every_s`."""
        if math.isinf(self.next):
            self._plan_next()

    def pass_time(self, seconds: float) -> None:
        """Seconds that were not training do not count."""
        self.next += seconds

    def save(self, reason: str) -> bool:
        """Save where anything changed since the last checkpoint. Where it can't be written: warn, and return False."""
        version = self._training.version
        if self._saved_at == version:
            return True
        content, problem = self._training.content(), ""
        if self._team.rank == 0:
            self.saving = True
            try:
                saved = self._save(content, reason)
                self._sink(saved)
                self._tell_of_weights(saved)
            except CheckpointError as error:
                problem = str(error)
            finally:
                self.saving = False
        problem = self._team.agree(problem)
        if problem:
            self.warn(problem)
            return False
        self._saved_at = version
        self._plan_next()
        return True

    def save_within_epoch(self) -> None:
        """Save between two epochs' checkpoints. Where that fails, the run continues, and the next one comes in time."""
        begin = running_time.now()
        saved = self.save("time")
        seconds = running_time.now() - begin
        self._plan_next()
        if saved and seconds > SLOW_SAVING * self._every_s and not self._warned_of_slowness:
            self._warned_of_slowness = True
            self._warn(
                "slow_checkpoint",
                f"saving took {seconds:.1f} s, and is done every {self._every_s:g} s: "
                "a larger --checkpoint-every costs less training time, and risks more of it",
            )

    def _tell_of_weights(self, saved: ev.CheckpointSaved) -> None:
        """Warn, once until a checkpoint is finite again, that model_weights.pth does not have the newest weights."""
        if saved.finite:
            self._warned_of_weights = False
        elif saved.reason != "time" and not self._warned_of_weights:
            self._warned_of_weights = True
            kept = f"has the weights of {saved.weights}, the newest finite checkpoint"
            self._warn("older_weights", f"{WEIGHTS} {kept if saved.weights else NO_FINITE_WEIGHTS}")

    def warn(self, message: str) -> None:
        """Something could not be written."""
        self._warn("cannot_write", message)

    def _plan_next(self) -> None:
        if self._every_s:
            self.next = running_time.now() + self._every_s

    def _warn(self, code: str, message: str) -> None:
        place = self._training.place
        self._sink(ev.Warned(code=code, message=message, epoch=place.epoch, step=place.step))
