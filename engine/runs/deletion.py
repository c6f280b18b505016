"""What deleting runs, or their checkpoints, would do: said before it is done. Imports no torch."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import EngineError, RunError
from engine.home import RunFolder
from engine.runs import disk, store, trash
from engine.runs.disk import Usage
from engine.runs.listing import LIVE, RunSummary

WAITING = ("queued", "held")  # the states of a run that the queue has


@dataclass(frozen=True)
class Doomed:
    """A run that would be deleted."""

    run: RunSummary
    usage: Usage
    branches: tuple[RunSummary, ...]  # that began with a checkpoint of it, and stay; they have that checkpoint, too


@dataclass(frozen=True)
class Plan:
    """What would be deleted, and what would not."""

    doomed: tuple[Doomed, ...]
    usage: Usage  # of all of it together
    refused: tuple[RunSummary, ...]  # those that train, or wait in the queue

    @property
    def folders(self) -> list[RunFolder]:
        return [one.run.folder for one in self.doomed]

    @property
    def branches(self) -> list[RunSummary]:
        """Those of any of them, each once."""
        return list({branch.id: branch for one in self.doomed for branch in one.branches}.values())


def plan(chosen: Sequence[RunSummary], every: Sequence[RunSummary]) -> Plan:
    """Delete `chosen`, of the runs `every`. Looks at all files of theirs: not for the event loop."""
    refused = tuple(run for run in chosen if run.state in (*LIVE, *WAITING) or store.alive(run.folder))
    going = [run for run in chosen if run not in refused]
    gone = {run.id for run in going}
    doomed = tuple(
        Doomed(run, disk.usage(run.folder), tuple(one for one in every if one.parent == run.id and one.id not in gone))
        for run in going
    )
    return Plan(doomed, disk.usage(*(run.folder for run in going)), refused)


@dataclass(frozen=True)
class Pruned:
    """A run of which checkpoints would be deleted."""

    run: RunSummary
    entries: tuple[Entry, ...]
    freed: int  # bytes


def old(runs: Sequence[RunSummary], seconds: float, now: float | None = None) -> list[RunSummary]:
    """Those whose training was last heard of before so many seconds."""
    before = (time.time() if now is None else now) - seconds
    return [run for run in runs if disk.trained_last(run.folder) <= before]


def plan_checkpoints(runs: Sequence[RunSummary], keep: int) -> list[Pruned]:
    """Delete their checkpoints but the newest `keep`, the best, and those that a branch or a resume began with. Runs
    that train, or have no more, are left out; so are those whose list of checkpoints can't be read."""
    found, branched = list[Pruned](), dict[str, set[str]]()
    for run in runs:
        if run.state in LIVE:
            continue
        branched = branched or store.branched(run.folder.home.path)
        with contextlib.suppress(EngineError):
            if entries := _superfluous(run.folder, keep, branched):
                freed = disk.freed_by(run.folder.checkpoint(entry.file) for entry in entries)
                found.append(Pruned(run, tuple(entries), freed))
    return found


def prune_checkpoints(pruned: Sequence[Pruned], keep: int, told: Callable[[Pruned], None] = lambda one: None) -> None:
    """Do it, as things are now. Raises RunError where one can't be: those before it, which were `told`, are done."""
    branched = store.branched(pruned[0].run.folder.home.path) if pruned else {}
    for one in pruned:
        folder = one.run.folder
        trash.refuse_living(folder)
        with trash.only_host(folder):
            try:
                entries = _superfluous(folder, keep, branched)
                gone = {entry.file for entry in entries}
                # Out of the list first: an entry without a file is a checkpoint that is damaged.
                manifest.write(folder, [entry for entry in manifest.read(folder) if entry.file not in gone])
                for entry in entries:
                    folder.checkpoint(entry.file).unlink(missing_ok=True)
            except OSError as error:
                raise RunError(f"checkpoints of {folder.id} can't be deleted ({error.strerror})") from None
        told(one)


def _superfluous(folder: RunFolder, keep: int, branched: Mapping[str, set[str]]) -> list[Entry]:
    """Raises CheckpointError."""
    return manifest.superfluous(manifest.read(folder), str(keep), branched.get(folder.id, ()))
