"""`trials.json` in a study's folder: the study as its worker last saw it, for screens and commands. Imports neither
torch nor Optuna."""

import csv
import io
import math
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine import atomic, plain_file
from engine.errors import RunError
from engine.home import StudyFolder
from engine.studies.study_file import Definition, Short
from engine.terminal_text import printable

MOST_BYTES = 64 << 20
State = Literal["waiting", "running", "complete", "pruned", "failed"]
STATES: tuple[State, ...] = ("running", "waiting", "complete", "pruned", "failed")
Number = Annotated[int, Meta(ge=0, le=10**7)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]


class Trial(msgspec.Struct, frozen=True):
    """One trial."""

    number: Number  # from 0, in the order in which they were asked for
    state: State
    params: dict[Short, Short] = {}  # as they are typed, by the settings' names
    value: float | None = None  # of the metric: the best epoch's
    values: list[tuple[Number, float]] = []  # by epoch, in order
    pruned_at: Number | None = None  # the epoch
    run: Short = ""  # its run's id, in the home of who works on it; empty: not made yet
    worker: Short = ""  # which home works on it
    started: Seconds = 0.0  # Unix seconds
    ended: Seconds = 0.0
    failure: Short = ""  # why it failed
    again: Number | None = None  # the trial that it does again, as the one who worked on that was lost

    @property
    def counts(self) -> bool:
        """Whether it has a result."""
        return self.state in ("complete", "pruned") and self.value is not None


class Snapshot(msgspec.Struct, frozen=True):
    """trials.json."""

    definition: Definition
    trials: list[Trial] = []  # by number; those that were lost, and done again, are not among them
    importances: dict[Short, float] = {}  # of the parameters, together 1; none before some trials are complete
    lost: Number = 0  # trials whose worker was lost, and that were done again
    at: Seconds = 0.0  # Unix seconds: when it was taken
    trouble: Short = ""  # what the worker can't do now, such as reach the storage
    v: Literal[1] = 1

    def count(self, state: State) -> int:
        return sum(one.state == state for one in self.trials)

    @property
    def ranked(self) -> list[Trial]:
        """The trials with a result of all their epochs, best first; the first of equals was first."""
        sign = -1 if self.definition.maximizes else 1
        done = [one for one in self.trials if one.state == "complete" and one.value is not None]
        return sorted(done, key=lambda one: (sign * (one.value or 0.0), one.number))

    @property
    def best(self) -> Trial | None:
        """The best of the trials that are complete."""
        return next(iter(self.ranked), None)

    @property
    def over(self) -> bool:
        """Whether no trial waits and none runs."""
        return not (self.count("waiting") or self.count("running"))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        best = self.best
        return {
            **msgspec.to_builtins(self.definition),
            "trials": [msgspec.to_builtins(one) for one in self.trials],
            "best": None if best is None else best.number,
            "importances": self.importances,
            "lost": self.lost,
            "at": self.at,
            "trouble": self.trouble,
        }


def as_csv(snapshot: Snapshot) -> str:
    """The trials as CSV (RFC 4180), a row each; what is not known is empty."""
    names = list(dict.fromkeys([*snapshot.definition.space, *(name for one in snapshot.trials for name in one.params)]))
    text = io.StringIO()
    writer = csv.writer(text)
    metric = snapshot.definition.metric
    writer.writerow(["trial", "state", metric, "epochs", "pruned_at", *names, "run", "seconds", "failure"])
    for one in snapshot.trials:
        cells = [
            one.number, one.state, one.value, len(one.values), one.pruned_at,
            *(one.params.get(name) for name in names), one.run,
            round(one.ended - one.started, 1) if one.ended and one.started else None, one.failure,
        ]  # fmt: skip
        writer.writerow(["" if cell is None else printable(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def read(folder: StudyFolder) -> Snapshot | None:
    """The study as it was last seen; None where it was not yet. Raises RunError where the file can't be read."""
    try:
        found = msgspec.json.decode(plain_file.read(folder.snapshot, MOST_BYTES), type=Snapshot)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"not as fmnist-tui writes it: {printable(str(error), 100)}"
    else:
        return found
    raise RunError(f"{folder.snapshot} can't be read ({why}); it is written anew when the study goes on")


def write(folder: StudyFolder, snapshot: Snapshot) -> None:
    """Put it down, with the time. Raises OSError."""
    taken = msgspec.structs.replace(snapshot, at=round(time.time(), 3))
    atomic.write_cache(folder.snapshot, msgspec.json.encode(taken))


def finite(values: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Those that are numbers."""
    return [(epoch, value) for epoch, value in values if math.isfinite(value)]
