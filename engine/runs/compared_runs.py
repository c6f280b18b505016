"""Runs and groups that are compared, read again and again while they train. Imports no torch."""

import contextlib
from collections.abc import Sequence

from engine.home import RunFolder
from engine.runs import comparison, groups
from engine.runs.comparison import Comparison, Facts, members
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.runs.quick_reader import QuickReader
from engine.runs.state import RunState
from engine.runs.unreadable import UnreadableError

Compared = RunSummary | Group
MOST_KEPT = 64  # states that are kept from `read` to `states`: of many runs few are drawn


def together(ids: Sequence[str], runs: Sequence[RunSummary]) -> list[Compared]:
    """The runs with these ids, in that order; a group as one where all of its runs are among them, and are several.
    What is not there, or can't be read, is left out."""
    there, named = {run.id: run for run in runs if not run.problem}, set(ids)
    whole = {
        group.id: group
        for group in groups.groups(list(there.values()))
        if len(group.runs) > 1 and all(run.id in named for run in group.runs)
    }
    found = dict[str, Compared]()
    for run in (there[one] for one in ids if one in there):
        found.setdefault(run.group if run.group in whole else run.id, whole.get(run.group, run))
    return list(found.values())


class ComparedRuns:
    """What is compared, as it was read last; from one thread at a time."""

    def __init__(self, chosen: Sequence[Compared]) -> None:
        self.chosen = tuple(chosen)  # that are still there
        self.gone = 0  # that were there, and are no longer
        self.comparison: Comparison | None = None
        self._facts: dict[RunFolder, tuple[RunSummary, Facts]] = {}
        self._readers: dict[RunFolder, QuickReader] = {}
        self._asked: tuple[Compared, ...] | None = None
        self._wanted: frozenset[RunFolder] = frozenset()

    def read(self, runs: Sequence[RunSummary]) -> bool:
        """Take them as they are among `runs`, all that there are now. Returns whether anything is new. Raises RunError
        where a folder can't be read."""
        now = self._as_now(runs)
        if now == self._asked:
            return False
        known = {run.folder: run for one in now for run in members(one)}
        self._facts = {folder: self._facts_of(run) for folder, run in known.items()}
        self.comparison = comparison.compare(now, lambda folder: self._facts[folder][1])
        self.gone += len(self.chosen) - len(now)
        self.chosen = self._asked = now
        return True

    def states(self, wanted: Sequence[Compared], most: int) -> list[tuple[Compared, list[RunState]]]:
        """The states of these, with few points of their curves: of a group those of its first `most` runs that have
        any. A run that is as it was has the same object. Those of others are forgotten."""
        runs = {run.folder: run for one in wanted for run in [run for run in members(one) if run.curve][:most]}
        self._readers = {folder: self._readers.get(folder) or QuickReader(folder) for folder in runs}
        for reader in self._readers.values():
            with contextlib.suppress(UnreadableError):  # it has the state that it had
                reader.read()
        return [
            (one, [self._readers[run.folder].state for run in members(one) if run.folder in runs]) for one in wanted
        ]

    def _as_now(self, runs: Sequence[RunSummary]) -> tuple[Compared, ...]:
        there = {run.id: run for run in runs if not run.problem}
        found = list[Compared]()
        for one in self.chosen:
            if isinstance(one, Group):
                kept = tuple(there[run.id] for run in one.runs if run.id in there)
                found += [Group(one.id, one.name, one.size, kept)] if kept else []
            elif one.id in there:
                found.append(there[one.id])
        return tuple(found)

    def _facts_of(self, run: RunSummary) -> tuple[RunSummary, Facts]:
        known = self._facts.get(run.folder)
        if known is not None and known[0] is run:
            return known
        if run.folder not in self._readers and len(self._readers) >= MOST_KEPT:
            return run, comparison.read_facts(run.folder)
        reader = self._readers.setdefault(run.folder, QuickReader(run.folder))  # `states` goes on from there
        return run, comparison.facts(run.folder, reader.read())
