"""Runs and groups that are compared, read again while they train."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.runs import comparison, listing, meta, store
from engine.runs.compared_runs import ComparedRuns, together
from engine.runs.comparison import members
from engine.runs.groups import Group
from engine.runs.listing import Listing, RunSummary
from engine.training import events as ev
from tests.support.made_up import MadeUpRun, progress


def made(home: Path, at: int, name: str, *, group: str = "", **settings: Any) -> MadeUpRun:
    run = MadeUpRun(home, f"20260101-1010{at:02}-aaaa", name=name, dead=True, **settings)
    if group:
        request = store.read_run(run.folder)
        store.write_run(run.folder, request | {"group": {"id": group, "name": group, "size": 2}})
    run.train([1])
    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made(tmp_path, 1, "one", lr=0.1)
    made(tmp_path, 2, "two", lr=0.2)
    made(tmp_path, 3, "pair 0", group="pair", seed=0)
    made(tmp_path, 4, "pair 1", group="pair", seed=1)
    return tmp_path


def ids(*numbers: int) -> list[str]:
    return [f"20260101-1010{at:02}-aaaa" for at in numbers]


def test_runs_stand_in_the_order_in_which_they_are_named_and_a_whole_group_as_one(home: Path) -> None:
    runs = listing.list_runs(home)
    assert [one.title for one in together(ids(4, 1, 3, 2), runs)] == ["pair", "one", "two"]
    assert [one.title for one in together(ids(2, 3), runs)] == ["two", "pair 0"]
    assert together(["no such run"], runs) == []
    (home / "runs" / ids(4)[0] / "run.json").write_text("{")
    runs = listing.list_runs(home)
    assert [one.title for one in together(ids(1, 3, 4), runs)] == ["one", "pair 0"], "what can't be read is left out"


def test_what_is_as_it_was_is_not_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Listing(home)
    compared = ComparedRuns(together(ids(1, 2), look.look()))
    read = list[str]()
    before = comparison.facts

    def counted(folder: Any, state: Any) -> comparison.Facts:
        read.append(folder.id)
        return before(folder, state)

    monkeypatch.setattr(comparison, "facts", counted)
    assert compared.read(look.look())
    assert read == ids(1, 2)
    assert not compared.read(look.look())
    meta.change(compared_run(compared, 1).folder, name="renamed")
    assert compared.read(look.look())
    assert read == ids(1, 2, 2), "only the one that has changed"
    assert compared.comparison is not None
    assert [row.title for row in compared.comparison.rows] == ["one", "renamed"]


def compared_run(compared: ComparedRuns, at: int) -> RunSummary:
    run = compared.chosen[at]
    assert isinstance(run, RunSummary)
    return run


def epochs(compared: ComparedRuns) -> float:
    """Of the first."""
    assert compared.comparison is not None
    found = compared.comparison.rows[0].results["epochs"]
    assert found is not None
    return found.mean


def test_a_run_that_goes_on_is_read_on(home: Path) -> None:
    live = MadeUpRun(home, "20260102-000000-bbbb", name="live")
    live.train([1])
    look = Listing(home)
    compared = ComparedRuns(together([live.folder.id, *ids(1)], look.look()))
    assert compared.read(look.look())
    ((_, states), (_, others)) = compared.states(compared.chosen, 50)
    live.train([2])
    live.add(progress(3, 50))
    assert compared.read(look.look())
    assert epochs(compared) == 3
    ((_, states_now), (_, others_now)) = compared.states(compared.chosen, 50)
    assert states_now[0].x > states[0].x
    assert others_now[0] is others[0], "of a run that is as it was the same"


def test_a_run_that_is_deleted_is_counted_and_a_group_goes_on_without_it(home: Path) -> None:
    look = Listing(home)
    compared = ComparedRuns(together(ids(1, 3, 4), look.look()))
    assert compared.read(look.look())
    shutil.rmtree(home / "runs" / ids(1)[0])
    shutil.rmtree(home / "runs" / ids(4)[0])
    assert compared.read(look.look())
    (group,) = compared.chosen
    assert isinstance(group, Group)
    assert [run.id for run in members(group)] == ids(3)
    assert compared.gone == 1
    assert not compared.read(look.look())
    shutil.rmtree(home / "runs" / ids(3)[0])
    assert compared.read(look.look())
    assert compared.chosen == ()
    assert compared.gone == 2
    assert compared.comparison is not None
    assert compared.comparison.rows == ()


def test_of_a_large_group_the_first_that_have_curves_are_read(home: Path) -> None:
    for at in range(5, 9):
        made(home, at, f"many {at}", group="many", seed=at)
    MadeUpRun(home, "20260101-101009-aaaa", name="many 9", dead=True, seed=4)
    request = store.read_run(listing.summary(store.find(home, "many 9")).folder)
    store.write_run(store.find(home, "many 9"), request | {"group": {"id": "many", "name": "many", "size": 5}})
    look = Listing(home)
    compared = ComparedRuns(together(ids(*range(5, 10)), look.look()))
    ((group, states),) = compared.states(compared.chosen, 3)
    assert isinstance(group, Group)
    assert len(group.runs) == 5
    assert [state.config["seed"] for state in states] == [5, 6, 7], "the one with the seed 4 has no curve"


def test_the_accuracies_of_classes_are_those_of_the_best_epoch(home: Path) -> None:
    run = made(home, 11, "best is second")
    run.add(ev.Evaluated(epoch=2, loss=1.0, accuracy=0.9, per_class=[0.9] * 10, confusion=[], seconds=0.1))
    run.add(ev.Evaluated(epoch=3, loss=1.0, accuracy=0.2, per_class=[0.2] * 10, confusion=[], seconds=0.1))
    assert comparison.read_facts(run.folder).per_class == (0.9,) * 10
