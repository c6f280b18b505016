"""Who reads a long log for an export or a comparison is told how far it is, in its bytes, and holds a part of it."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RunError
from engine.export import card, numbers, recipe
from engine.home import RunFolder
from engine.progress import Progress
from engine.runs import comparison, listing, log, state_file
from engine.runs.follower import Follower
from engine.runs.state import fold
from tests.support.made_up import MadeUpRun

WAYS: dict[str, Callable[[RunFolder, Progress], Any]] = {
    "card": card.card,
    "csv": numbers.csv_text,
    "recipe": recipe.recipe_of,
    "facts": comparison.read_facts,
    "summary": listing.summary,
    "state": listing.quick_state,
    "fold": state_file.read_all,
    "events": lambda folder, progress: list(log.events(folder, progress=progress)),
}


@pytest.fixture
def long(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run whose log is read in some twenty parts."""
    made = MadeUpRun(home, "20260101-101010-aaaa", dead=True)
    made.train(range(1, 30))
    size = made.folder.events.stat().st_size
    monkeypatch.setattr(log, "PART_BYTES", size // 20)
    monkeypatch.setattr(log.parts, "__defaults__", (0, None, (), size // 20, None))
    monkeypatch.setattr(listing, "TOLD_S", -1.0)
    return made.folder


@pytest.mark.parametrize("way", WAYS)
def test_it_is_told_up_to_the_end(way: str, long: RunFolder) -> None:
    told: list[tuple[int, int]] = []
    with contextlib.suppress(RunError):  # the made-up data set can't be in a script
        WAYS[way](long, lambda done, total: told.append((done, total)))
    size = long.events.stat().st_size
    assert len(told) >= 10
    assert {total for _, total in told} == {size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] > 0.8 * size


def test_the_fold_is_the_one_of_all_events(long: RunFolder) -> None:
    assert state_file.read_all(long).snapshot() == fold(Follower(long).poll())
