"""The list of runs: newest first, branches below their parents in the order in which they left them."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engine.home import RunFolder
from engine.runs import listing, log
from engine.runs.family import family
from engine.runs.listing import Listing, RunSummary, quick_state, state_of, summary
from engine.training import events as ev
from tests.support.made_up import MadeUpRun, progress

RUN = RunSummary(
    id="r", name="", state="finished", model="mlp", dataset="demo data", demo=True, epoch=1, epochs=1, accuracy=None,
    best_accuracy=None, started=0.0, folder=RunFolder(Path("r")), parent="", parent_epoch=0, parent_step=0,
)  # fmt: skip


def run(name: str, parent: str = "", at: tuple[int, int] = (0, 0), started: float = 0.0) -> RunSummary:
    return replace(RUN, id=name, parent=parent, parent_epoch=at[0], parent_step=at[1], started=started)


def tree(*runs: RunSummary) -> list[str]:
    return [f"{'  ' * depth}{one.id}" for depth, one in family(runs)]


def test_branches_of_one_epoch_stand_in_the_order_of_their_steps() -> None:
    # Newest first, as the list has them; the one of the earliest step is the newest.
    runs = (run("at 5", "p", (2, 5), 4), run("at 40", "p", (2, 40), 3), run("at 12", "p", (2, 12), 2), run("p"))
    assert tree(*runs) == ["p", "  at 5", "  at 12", "  at 40"]
    runs = (run("at 40", "p", (2, 40), 2), run("at 12", "p", (2, 12), 4), run("at 5", "p", (2, 5), 3), run("p"))
    assert tree(*runs) == ["p", "  at 5", "  at 12", "  at 40"]


def test_branches_stand_by_epoch_first_and_of_one_place_by_age() -> None:
    runs = (
        run("younger", "p", (1, 9), 5), run("older", "p", (1, 9), 4), run("later", "p", (3, 1), 3), run("q"),
        run("grandchild", "older", (1, 1), 9), run("p"),
    )  # fmt: skip
    assert tree(*runs) == ["q", "p", "  older", "    grandchild", "  younger", "  later"]


def test_a_branch_whose_parent_is_gone_and_one_of_itself_stand_alone() -> None:
    assert tree(run("b", "gone", (1, 1)), run("a", "a", (1, 1))) == ["b", "a"]


@pytest.mark.parametrize(
    ("status", "living", "state"),
    [
        ("training", True, "training"), ("starting", True, "training"), ("paused", True, "paused"),
        ("training", False, "ended"), ("paused", False, "ended"), ("starting", False, "ended"),
        ("finished", True, "finished"), ("stopped", False, "stopped"), ("failed", False, "failed"),
    ],
)  # fmt: skip
def test_a_state_is_of_the_events_and_the_host(status: str, living: bool, state: str) -> None:
    assert state_of(status, living) == state


def test_a_summary_has_the_last_accuracy_and_the_best(home: Path) -> None:
    made = MadeUpRun(home, "20260101-101010-aaaa", name="n", dead=True, epochs=9)
    made.train([1, 2])
    worse = ev.Evaluated(epoch=3, loss=1.0, accuracy=0.1, per_class=[0.1], confusion=[[1]], seconds=1.0)
    made.add(progress(3, 100), worse, progress(4, 20))
    found = summary(made.folder)
    assert (found.title, found.state, found.epoch, found.epochs) == ("n", "ended", 4, 10)
    assert (found.accuracy, found.best_accuracy) == (0.1, 0.52)
    assert (quick_state(made.folder).step, quick_state(made.folder).curve) == (20, quick_state(made.folder).curve[-4:])


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is read in parts of about 100 bytes, so that a small one is long."""
    monkeypatch.setattr(log, "parts", partial(log.parts, most=100))


def made(home: Path, name: str, day: int, epochs: int) -> RunFolder:
    run = MadeUpRun(home, f"202601{day:02}-101010-aaaa", name=name, epochs=epochs, dead=True)
    run.train(list(range(1, epochs + 1)))
    run.add(ev.Finished(epochs=epochs, seconds=1.0))
    return run.folder


@pytest.mark.usefixtures("small_parts")
def test_a_long_log_is_read_in_parts_after_the_other_runs(tmp_path: Path) -> None:
    made(tmp_path, "short", 1, 1)
    long = made(tmp_path, "long", 2, 30)
    whole = {run.name: run for run in Listing(tmp_path).look()}
    long.summary_json.unlink()

    listing, looks, done = Listing(tmp_path), 0, [0]
    while listing.left or not looks:
        rows, looks = listing.look(0.0), looks + 1
        if listing.under_way != (0, 0):
            assert [run.name for run in rows] in ([], ["short"]), "the long one has no row before it is read"
            assert listing.under_way[1] == long.events.stat().st_size
            done.append(listing.under_way[0])
            assert not long.summary_json.exists()
    assert looks > 20
    assert done == sorted(set(done))
    assert [run.name for run in rows] == ["long", "short"]
    assert rows[0] == whole["long"]
    assert listing.under_way == (0, 0)
    assert long.summary_json.exists()


@pytest.mark.usefixtures("small_parts")
def test_a_run_that_goes_while_its_log_is_read_is_forgotten(tmp_path: Path) -> None:
    long = made(tmp_path, "long", 2, 30)
    listing = Listing(tmp_path)
    assert listing.look(0.0) == []
    assert listing.left == 1
    shutil.rmtree(long.path)
    assert listing.look(0.0) == []
    assert (listing.left, listing.under_way) == (0, (0, 0))


@pytest.mark.usefixtures("small_parts")
def test_states_are_read_in_parts_too(tmp_path: Path) -> None:
    long = made(tmp_path, "long", 2, 30)
    listing, epochs = Listing(tmp_path), list[int]()
    while listing.states_left or not epochs:
        listing.read_states([long], 0.0)
        epochs.append(listing.state(long).epoch)
    assert len(epochs) > 20
    assert epochs == sorted(epochs)
    assert (listing.state(long).status, epochs[-1]) == ("finished", 30)


def test_all_runs_are_listed_however_little_is_read_at_a_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        MadeUpRun(home, f"20260101-10101{number}-aaaa", dead=True).train([1, 2])
    long = MadeUpRun(home, "20260101-202020-bbbb", dead=True)
    long.train([1])
    with open(long.folder.events, "ab") as file:
        file.write(b'{"kind": "of the future"}\n' * 400_000)
    monkeypatch.setattr(listing, "TOLD_S", -1.0)
    told: list[tuple[int, int]] = []
    found = listing.list_runs(home, lambda done, total: told.append((done, total)))
    assert [run.id for run in found] == [run.id for run in Listing(home).look()]
    assert len(found) == 6
    size = long.folder.events.stat().st_size
    assert told
    assert all(0 < done < total == size for done, total in told)
