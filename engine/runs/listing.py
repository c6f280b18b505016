"""All runs and their states: from their folders, their logs and whether their hosts live. Imports no torch."""

import contextlib
import errno
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.runs import meta, state_file, store
from engine.runs.home_changes import META, Names, stamps
from engine.runs.quick_reader import QuickReader
from engine.runs.state import RunState
from engine.runs.state_file import Summary
from engine.runs.store import read_run
from engine.runs.unreadable import UnreadableError
from engine.training.events import SettingValue
from engine.training.settings import SETTINGS

STATES = ("training", "paused", "finished", "stopped", "failed", "ended", "prepared", "queued", "held", "unreadable")
LIVE = ("training", "paused")
ENDED = ("finished", "stopped", "failed")  # by its events: no host need be looked for
MOST_CHECKED, NEWEST = 200, 50  # of the runs that do not live, in one look: in turn, and of the newest
TOLD_S = 0.25  # seconds of reading between two reports


@dataclass(frozen=True)
class RunSummary:
    """One line of *Runs* and of `fmnist-tui runs`."""

    id: str
    name: str
    state: str  # one of STATES; ended: its host ended without a word; prepared: made, not begun; unreadable: `problem`
    model: str
    dataset: str  # title
    demo: bool
    epoch: int
    epochs: int
    accuracy: float | None  # of the last epoch, fraction of 1; on the validation images, without them on the test set
    best_accuracy: float | None
    started: float  # Unix seconds
    folder: RunFolder
    parent: str  # the id of the run that it branched off from; empty: it began by itself
    parent_epoch: int
    parent_step: int
    began_with: str = ""  # the file that it began with, where that is of no run here
    test_accuracy: float | None = None  # the one that counts: `RunState.tested`
    loss: float | None = None  # the newest that was reported of the training
    seconds: float = 0.0  # of training, pauses left out
    settings: Mapping[str, SettingValue] = field(default_factory=dict)  # by their names in TrainConfig, as edited since
    curve: tuple[float, ...] = ()  # the training loss, by even stretches of the epochs that are done
    checkpoints: int = 0  # that were saved, as its events say
    group: str = ""  # the id of the runs that it was made with, such as those of other seeds; empty: it is alone
    group_name: str = ""
    group_size: int = 0  # runs that were asked for together
    study: str = ""  # the name of the study that it is a trial of; empty: of none
    trial: int | None = None  # its number there
    race: str = ""  # the id of the race that it is a branch of, and that it was not kept from yet; empty: of none
    problem: str = ""  # why it can't be read; then nothing else is known but its folder, and what is said of it
    note: str = ""  # this and the next ones: what people say of it, by its meta.json; a text of several lines
    tags: tuple[str, ...] = ()  # in order
    hidden: bool = False  # left out of lists, unless they are asked for it
    pinned: bool = False  # before the others in lists
    meta_problem: str = ""  # why its meta.json can't be read

    @property
    def tta(self) -> bool:
        """Whether its accuracies were measured with test-time augmentation."""
        return self.settings.get("tta", "none") != "none"

    @property
    def title(self) -> str:
        """What the run is called on screens: its name, or its id."""
        return self.name or self.id

    @property
    def state_words(self) -> str:
        """Its state, in more words than a column has room for."""
        return "ended without finishing" if self.state == "ended" else self.state

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        values = {name: getattr(self, name) for name in _FIELDS}
        loss = self.loss if self.loss is not None and math.isfinite(self.loss) else None
        return values | {
            "folder": str(self.folder),
            "loss": loss,
            "settings": dict(self.settings),
            "tags": [*self.tags],
        }


_FIELDS = [one.name for one in fields(RunSummary)]


def state_of(status: str, living: bool) -> str:
    """training, paused, finished, stopped, failed or ended: from the events' status, and whether the host lives."""
    if status in ENDED:
        return status
    if not living:
        return "ended"
    return "paused" if status == "paused" else "training"


def quick_state(folder: RunFolder, progress: Progress = silent) -> RunState:
    """`QuickReader`'s state of a run, read once. `progress`: in bytes of its log."""
    reader = QuickReader(folder)
    state = reader.read(time.monotonic() + TOLD_S)
    while reader.left:
        progress(reader.done, reader.done + reader.left)
        state = reader.read(time.monotonic() + TOLD_S)
    return state


def summary(folder: RunFolder, progress: Progress = silent) -> RunSummary:
    """One run. `progress`: in bytes of its log. Raises UnreadableError where a file of it can't be read."""
    request, reader = read_run(folder), QuickReader(folder)
    found, living = _found(folder, reader, kept=True, until=time.monotonic() + TOLD_S)
    while reader.left:
        progress(reader.done, reader.done + reader.left)
        found, living = _found(folder, reader, kept=True, until=time.monotonic() + TOLD_S)
    return _with_meta(_row(folder, request, found, living=living), folder)


def _found(folder: RunFolder, reader: QuickReader, *, kept: bool, until: float = math.inf) -> tuple[Summary, bool]:
    """What the events say of a run, and whether its host lives. What was kept is taken, where `kept`, and what is read
    anew is kept, if the log was read to its end. Raises UnreadableError."""
    found = _kept(folder) if kept else None
    if found is not None and found.status in ENDED:
        return found, False
    # Before the log: what a host wrote before it died is read before it is called dead.
    living = store.lives(folder, store.read_host(folder))
    if found is None or living:
        reader.read(until)
        found = reader.summary()
        if not living and found.seq and not reader.left:
            reader.keep(found)
    return found, living


def _kept(folder: RunFolder) -> Summary | None:
    """What was kept of the log as it is now."""
    try:
        status = folder.events.stat()
    except OSError:
        return None
    return state_file.read_summary(folder, status)


def unreadable_row(folder: RunFolder, error: UnreadableError, created: float) -> RunSummary:
    """What a list shows of a run that can't be read: that, and why."""
    return RunSummary(
        id=folder.id, name="", state="unreadable", model="", dataset="", demo=False, epoch=0, epochs=0, accuracy=None,
        best_accuracy=None, started=created, folder=folder, parent="", parent_epoch=0, parent_step=0,
        problem=f"{error.path.name}: {error.why}" if error.path != folder.path else error.why,
    )  # fmt: skip


def _row(folder: RunFolder, request: dict[str, Any], run: Summary, *, living: bool) -> RunSummary:
    config = run.config or request.get("config") or {}
    parent, group = request.get("parent") or {}, request.get("group") or {}
    study, race = request.get("study") or {}, request.get("race") or {}
    return RunSummary(
        id=folder.id,
        name=request.get("name") or "",
        state="prepared" if request.get("prepared") and not run.seq and not living else state_of(run.status, living),
        model=str(config.get("model", "")),
        dataset=run.title or str(config.get("dataset", "")),
        demo=run.demo,
        epoch=run.epoch,
        epochs=run.epochs or int(config.get("epochs") or 0),
        accuracy=run.accuracy,
        best_accuracy=run.best_accuracy,
        test_accuracy=run.test_accuracy,
        started=run.started or store.created(folder, request),
        folder=folder,
        parent=parent.get("run") or "",
        parent_epoch=parent.get("epoch") or 0,
        parent_step=parent.get("step") or 0,
        began_with="" if parent.get("run") else parent.get("file") or "",
        loss=run.loss,
        seconds=run.training_s,
        settings=_settings(*(config.get(name, setting.default) for name, setting in SETTINGS.items())),
        curve=run.curve,
        checkpoints=run.checkpoints,
        group=group.get("id") or "",
        group_name=group.get("name") or "",
        group_size=group.get("size") or 0,
        study=study.get("name") or "",
        trial=study.get("trial", 0) if study else None,
        race=race.get("id") or "",
    )


def _with_meta(row: RunSummary, folder: RunFolder) -> RunSummary:
    """The row, with what people say of the run."""
    said, problem = meta.known(folder)
    if said is meta.NOTHING:
        return replace(row, meta_problem=problem) if problem and not row.problem else row
    name = row.name if said.name is None else said.name
    tags = tuple(sorted(set(said.tags)))
    group = row.group_name if said.group is None or row.study else said.group
    return replace(
        row, name=name, note=said.note, tags=tags, hidden=said.hidden, pinned=said.pinned, group_name=group
    )  # fmt: skip


@lru_cache(maxsize=4096, typed=True)
def _settings(*values: SettingValue) -> Mapping[str, SettingValue]:
    """The settings with these values, in the order of their declarations. Thousands of runs have few different ones."""
    return MappingProxyType(dict(zip(SETTINGS, values, strict=True)))


def differing(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """The settings that not all of the runs have alike, in the order of their declarations."""
    there = {id(run.settings): run.settings for run in runs if not run.problem}  # the same for many runs
    return tuple(name for name in SETTINGS if len({str(one.get(name)) for one in there.values()}) > 1)


class Listing:
    """All runs, read again and again; from any thread, one at a time. A home of thousands is read in parts, the newest
    runs first, and only runs that may have changed are read again."""

    def __init__(self, home: Path) -> None:
        self.unreadable: tuple[UnreadableError, ...] = ()  # as of the last look
        self.left = 0  # runs that no look has reached, or come to the end of, yet
        self.under_way = (0, 0)  # bytes of the log of one of those: read, in all; 0: none was begun
        self._home = home
        self._known: dict[RunFolder, _Known] = {}
        self._rows: list[RunSummary] = []  # newest first
        self._new: list[RunFolder] = []  # that were not looked at yet, newest first
        self._begun: dict[RunFolder, QuickReader] = {}  # of logs that no look has come to the end of
        self._names = Names(home)
        self._states: dict[RunFolder, QuickReader] = {}  # those asked for last
        self._next = 0  # which run is looked at again next
        self._lock = threading.Lock()

    def look(self, seconds: float = math.inf) -> list[RunSummary]:
        """The runs as of now, newest first; one that can't be read has a row that says so, and `unreadable` has it.
        After `seconds`, those that are new, and the rest of a long log, are left for the next look: `left` says how
        many. Of a run that is as it was, the row is the same object."""
        with self._lock:
            until, self.under_way = time.monotonic() + seconds, (0, 0)
            before = [one.row for one in self._known.values()]
            if self._names.changed():
                there = set(self._names.folders)
                for gone in [folder for folder in (*self._known, *self._begun) if folder not in there]:
                    self._known.pop(gone, None)
                    self._begun.pop(gone, None)
                self._new = [folder for folder in self._names.folders if folder not in self._known]
            self._look_again(until)
            unread = list[RunFolder]()
            while self._new:
                folder = self._new.pop(0)
                if not self._look_at(folder, until):
                    unread.append(folder)
                if time.monotonic() > until:
                    break
            self._new += unread  # after the others
            self.left = len(self._new)
            if [one.row for one in self._known.values()] != before or not self._rows:
                known = sorted(self._known.values(), key=lambda one: one.made, reverse=True)
                self._rows = [one.row for one in known]
                self.unreadable = (*self._names.unreadable, *(one.error for one in known if one.error is not None))
            return list(self._rows)

    def state(self, folder: RunFolder) -> RunState:
        """A run's state as of the last `read_states` that named it, with few points of its curves."""
        reader = self._states.get(folder)
        return reader.state if reader is not None else RunState()

    def read_states(self, folders: Sequence[RunFolder], seconds: float = math.inf) -> bool:
        """Read the states of these runs, and forget those of all others. Returns whether something is new. A run that
        can't be read has the state it had. After `seconds` the rest of long logs is left: `states_left`."""
        with self._lock:
            until = time.monotonic() + seconds
            self._states = {folder: self._states.get(folder) or QuickReader(folder) for folder in folders}
            news = False
            for reader in self._states.values():
                before = reader.state
                with contextlib.suppress(UnreadableError):
                    news = (reader.read(until) is not before) or news
            return news

    @property
    def states_left(self) -> bool:
        """Whether the last `read_states` has left something of a log."""
        return any(reader.left for reader in self._states.values())

    def _look_again(self, until: float) -> None:
        """The runs that live; and those of the others that have changed since: the newest of them each time, the rest
        some at a time. One may have been resumed, renamed, mended or written to."""
        folders = [row.folder for row in self._rows]
        turns = [folders[(self._next + at) % len(folders)] for at in range(min(MOST_CHECKED, len(folders)))]
        self._next = (self._next + MOST_CHECKED) % max(1, len(folders))
        live = [row.folder for row in self._rows if row.state in LIVE]
        for folder in dict.fromkeys((*live, *folders[:NEWEST], *turns)):
            known = self._known.get(folder)
            if known is not None and (known.row.state in LIVE or known.stamps != stamps(folder)):
                self._look_at(folder, until)

    def _look_at(self, folder: RunFolder, until: float) -> bool:
        """Make the row of a run, or none of what is no run. Returns whether its log was read to its end: else the row
        stays as it was."""
        before = self._known.get(folder)
        reader = self._begun.pop(folder, None) or (before.reader if before is not None else None)
        stamped, error = stamps(folder), None
        try:
            if not store.is_run(folder):
                self._known.pop(folder, None)
                return True
            request = read_run(folder)
            created = store.created(folder, request)
            kept, reader = reader is None, reader or QuickReader(folder)
            found, living = _found(folder, reader, kept=kept, until=until)
            if reader.left:
                self._begun[folder], self.under_way = reader, (reader.done, reader.done + reader.left)
                return False
            row = _row(folder, request, found, living=living)
            reader = reader if row.state in LIVE else None
        except UnreadableError as caught:
            error, created, reader = caught, store.created_by_id(folder), None
            row = unreadable_row(folder, caught, created)
        if stamped[META] != errno.ENOENT:
            row = _with_meta(row, folder)
        row = before.row if before is not None and before.row == row else row
        self._known[folder] = _Known(row, (created, store.made(folder), folder.id), stamped, error, reader)
        return True


@dataclass(frozen=True)
class _Known:
    """A run that was looked at."""

    row: RunSummary
    made: tuple[float, float, str]  # what it is sorted by
    stamps: tuple[object, ...]  # of its files, from before they were read
    error: UnreadableError | None
    reader: QuickReader | None  # of one that lives


def list_runs(home: Path, progress: Progress = silent) -> list[RunSummary]:
    """All runs that can be read, newest first. `progress`: in bytes of a log that takes long, of each in its turn."""
    found = Listing(home)
    rows = found.look(TOLD_S)
    while found.left:
        if any(found.under_way):
            progress(*found.under_way)
        rows = found.look(TOLD_S)
    return [run for run in rows if not run.problem]
