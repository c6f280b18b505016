"""The app tells of runs that ask for it (`--notify`), whatever screen is shown: in a line, by the bell, by OSC 9."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import EngineError
from engine.home import RunFolder
from engine.runs import notice, store
from engine.runs.notice import Notice
from engine.runs.quick_reader import QuickReader

MOST_RUNS = 50  # the newest: those that are looked at


@dataclass
class _Followed:
    """A run that asks for a notice."""

    ways: tuple[str, ...]
    reader: QuickReader
    state: str = ""  # that was seen last; empty: none yet
    nans: int = 0  # that were seen


@dataclass
class Notices:
    """Looks at the newest runs of a home, again and again; from any thread, one at a time."""

    home: Path
    _followed: dict[RunFolder, _Followed | None] = field(default_factory=dict)  # None: it asks for nothing

    @property
    def looked_at(self) -> list[RunFolder]:
        """The runs that ask for a notice, and whose state is known."""
        return [folder for folder, one in self._followed.items() if one is not None and one.state]

    def look(self) -> list[tuple[tuple[str, ...], Notice]]:
        """What is to be told since the last look, and by which ways. What has ended before the first is old news."""
        told = list[tuple[tuple[str, ...], Notice]]()
        there = store.candidates(self.home).folders[:MOST_RUNS]
        live = [folder for folder, one in self._followed.items() if one is not None and not _ended(one.state)]
        for folder in dict.fromkeys((*there, *live)):
            if folder not in self._followed:
                self._followed[folder] = _begun(folder)
            one = self._followed[folder]
            if one is not None:
                with contextlib.suppress(EngineError):
                    told += [(one.ways, found) for found in _news(folder, one)]
        return told


def _begun(folder: RunFolder) -> _Followed | None:
    ways = notice.ways_of(folder)
    return _Followed(ways, QuickReader(folder)) if ways else None


def _news(folder: RunFolder, one: _Followed) -> list[Notice]:
    """Raises EngineError."""
    first, before = not one.state, one.state
    if not first and _ended(before) and not store.alive(folder):
        return []
    living = store.alive(folder)  # before the log: what a host wrote before it died is read before it is called dead
    run = one.reader.read()
    nans = sum(warned.code == "non_finite_loss" for warned in run.warnings)
    ended = run.status if run.done else "" if living or not run.seq else "ended"
    one.state, nan = ended or "live", nans > one.nans
    one.nans = nans
    if first:
        return []
    found = list[Notice]()
    if nan:
        found.append(notice.notice(folder, "nan", run))
    if ended and not _ended(before) and not (ended == "stopped" and run.reason == "non_finite_loss"):
        found += [notice.notice(folder, state, run) for state in notice.ENDS if state == ended]
    return found


def _ended(state: str) -> bool:
    return state not in ("", "live")
