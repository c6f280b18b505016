"""All runs and their states: from their folders, their logs and whether their hosts live. Imports no torch."""

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.home import RunFolder
from engine.runs import log, store
from engine.runs.state import Fold, RunState
from engine.runs.store import read_run
from engine.runs.unreadable import UnreadableError
from engine.training import events as ev
from engine.training.settings import SETTINGS

STATES = ("training", "paused", "finished", "stopped", "failed", "ended", "prepared")  # of a summary
CURVE = 48  # values of the training loss that a summary holds at most

SettingValue = str | int | float | bool

_QUICK = frozenset(ev.KINDS.values()) - {ev.Progress, ev.BatchLoss, ev.Readings}  # what a state without a curve takes


@dataclass(frozen=True)
class RunSummary:
    """One line of *Runs* and of `fmnist-tui runs`."""

    id: str
    name: str
    state: str  # one of STATES; ended: its host ended without a word; prepared: made, not begun
    model: str
    dataset: str  # title
    demo: bool
    epoch: int
    epochs: int
    accuracy: float | None  # of the last epoch, fraction of 1
    best_accuracy: float | None
    started: float  # Unix seconds
    folder: RunFolder
    parent: str  # the id of the run that it branched off from; empty: it began by itself
    parent_epoch: int
    parent_step: int
    began_with: str = ""  # the file that it began with, where that is of no run here
    loss: float | None = None  # the newest that was reported of the training
    seconds: float = 0.0  # of training, pauses left out
    settings: Mapping[str, SettingValue] = field(default_factory=dict)  # by their names in TrainConfig, as edited since
    curve: tuple[float, ...] = ()  # the training loss, by even stretches of the epochs that are done

    @property
    def title(self) -> str:
        """What the run is called on screens: its name, or its id."""
        return self.name or self.id

    @property
    def state_words(self) -> str:
        """Its state, in more words than a column has room for."""
        return "ended without finishing" if self.state == "ended" else self.state

    def to_dict(self) -> dict[str, Any]:
        loss = self.loss if self.loss is not None and math.isfinite(self.loss) else None
        return asdict(self) | {"folder": str(self.folder), "loss": loss}


def state_of(run: RunState, living: bool) -> str:
    """training, paused, finished, stopped, failed or ended: from the events, and whether the host lives."""
    if run.done:
        return run.status
    if not living:
        return "ended"
    return "paused" if run.status == "paused" else "training"


class QuickReader:
    """A run's state without its curve, read on from where it was read to: reading again the log of a whole day costs
    what the day has added since.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._fold = Fold()
        self._end = 0
        self.state = RunState()  # as of the last reading

    def read(self) -> RunState:
        """The state as of now. Raises UnreadableError where the log can't be read."""
        part = log.read(self._folder, self._end, kinds=_QUICK, latest=(ev.Progress,))
        self._end = part.end
        for event in part.events:
            self._fold.add(event)
        if part.events:
            self.state = self._fold.snapshot()
        return self.state


def quick_state(folder: RunFolder) -> RunState:
    """`QuickReader`'s state of a run, read once."""
    return QuickReader(folder).read()


def summary(folder: RunFolder, reader: QuickReader | None = None) -> RunSummary:
    """One run; `reader` has read of its log before. Raises UnreadableError where a file of it can't be read."""
    request = read_run(folder)
    # Before the log: what a host wrote before it died is read before it is called dead.
    living = store.lives(folder, store.read_host(folder))
    run = (reader or QuickReader(folder)).read()
    try:
        return _summary(folder, request, run, living=living)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise UnreadableError(folder.run_json, "not as fmnist-tui writes it", run=folder.id) from None


def _summary(folder: RunFolder, request: dict[str, Any], run: RunState, *, living: bool) -> RunSummary:
    config = run.config or request.get("config") or {}
    parent = request.get("parent") or {}
    return RunSummary(
        id=folder.id,
        name=str(request.get("name") or ""),
        state="prepared" if request.get("prepared") and not run.seq and not living else state_of(run, living),
        model=str(config.get("model", "")),
        dataset=str(run.dataset.get("title", config.get("dataset", ""))),
        demo=bool(run.dataset.get("demo", False)),
        epoch=run.epoch,
        epochs=run.epochs or int(config.get("epochs") or 0),
        accuracy=run.tests[-1].accuracy if run.tests else None,
        best_accuracy=run.best.accuracy if run.best else None,
        started=run.started or float(request.get("created") or 0.0),
        folder=folder,
        parent=str(parent.get("run") or ""),
        parent_epoch=int(parent.get("epoch") or 0),
        parent_step=int(parent.get("step") or 0),
        began_with="" if parent.get("run") else str(parent.get("file", "")),
        loss=run.loss if run.step else None,
        seconds=run.training_s,
        settings={name: config.get(name, setting.default) for name, setting in SETTINGS.items()},
        curve=even(((point.x, point.mean) for point in run.curve), CURVE),
    )


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


def differing(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """The settings that not all of the runs have alike, in the order of their declarations."""
    return tuple(name for name in SETTINGS if len({str(run.settings.get(name)) for run in runs}) > 1)


def family(runs: Sequence[RunSummary], *, by_place: bool = True) -> list[tuple[int, RunSummary]]:
    """The runs as a tree, each with its depth: in the order in which they are given, and below each run its branches,
    in the order in which they left it (`by_place`), or in that in which they are given. A branch whose parent is not
    among them stands by itself."""
    there = {run.id for run in runs}
    children: dict[str, list[RunSummary]] = {}
    for run in runs:
        if run.parent in there and run.parent != run.id:
            children.setdefault(run.parent, []).append(run)
    tree: list[tuple[int, RunSummary]] = []

    def add(run: RunSummary, depth: int) -> None:
        tree.append((depth, run))
        branches = children.get(run.id, [])
        if by_place:
            branches = sorted(branches, key=lambda one: (one.parent_epoch, one.parent_step, one.started))
        for child in branches:
            add(child, depth + 1)

    for run in runs:
        if run.parent not in there or run.parent == run.id:
            add(run, 0)
    return tree


class Listing:
    """All runs, read again and again; from any thread, one at a time."""

    def __init__(self, home: Path) -> None:
        self.unreadable: tuple[UnreadableError, ...] = ()  # what the last look left out
        self._home = home
        self._readers: dict[RunFolder, QuickReader] = {}
        self._lock = threading.Lock()

    def look(self) -> list[RunSummary]:
        """The runs as of now, newest first; what can't be read is left out, and `unreadable` has it."""
        found = []
        with self._lock:
            scanned = store.scan(self._home)
            unreadable = scanned.unreadable
            self._readers = {folder: self._readers.get(folder) or QuickReader(folder) for folder in scanned.folders}
            for folder, reader in self._readers.items():
                try:
                    found.append(summary(folder, reader))
                except UnreadableError as error:
                    unreadable.append(error)
            self.unreadable = tuple(unreadable)
        return found

    def state(self, folder: RunFolder) -> RunState:
        """A run's state as of the last look, with a few points of its curve an epoch."""
        reader = self._readers.get(folder)
        return reader.state if reader is not None else RunState()


def list_runs(home: Path) -> list[RunSummary]:
    """All runs, newest first."""
    return Listing(home).look()
