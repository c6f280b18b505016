"""Races: which branches there are, how far they go, and that the one that is kept is the branch it would have been."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine import race
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.checkpoints.read import newest_good
from engine.errors import ConfigError, EngineError, RunError
from engine.home import RunFolder
from engine.race import RaceReader
from engine.runs import branch, client, listing, store
from engine.runs.curve import Point
from engine.runs.state import RunState
from engine.runs.verify_resume import fingerprint
from engine.training.config import TrainConfig
from tests.support.trained import TrainOnce, train_once
from tests.support.waiting import wait_for

__all__ = ["train_once"]

EPOCH_1 = Entry("epoch-0001.pt", 1, 100, 1, "01", 1.0, "epoch", 0.5)
INSIDE = Entry("epoch-0002-step-000040.pt", 2, 40, 1, "02", 2.0, "asked")
SMALL = TrainConfig(epochs=3, batch_size=200, threads=1, lr=0.05, dataset="demo")


@pytest.fixture
def parent(home: Path) -> RunFolder:
    """A run of three epochs of 100 steps, 6,400 images."""
    request = client.request(TrainConfig(lr=0.1, epochs=3, batch_size=64), name="parent")
    folder = store.create(home, request | {"steps": 100, "dataset": {"train": 6400}})
    folder.checkpoints.mkdir()
    manifest.write(folder, [EPOCH_1, INSIDE])
    return folder


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["lr=1e-3|1e-2"], [{"lr": "1e-3"}, {"lr": "1e-2"}]),
        (["lr=1 momentum=0.8", "lr=2"], [{"lr": "1", "momentum": "0.8"}, {"lr": "2"}]),
        (["lr=1 ; lr=2;optimizer=adam"], [{"lr": "1"}, {"lr": "2"}, {"optimizer": "adam"}]),
        (["lr=1|2 momentum=0|0.9"], [{"lr": a, "momentum": b} for a in "12" for b in ("0", "0.9")]),
        (["", "lr=1"], [{}, {"lr": "1"}]),
        (["lr=1; ;"], [{"lr": "1"}]),
        (["transform='flip; shift(2)'", "lr=1"], [{"transform": "flip; shift(2)"}, {"lr": "1"}]),
    ],
)
def test_what_is_typed_are_branches(texts: list[str], found: list[dict[str, str]]) -> None:
    assert race.typed(texts) == found


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["lr=1|"], "lr: a value is missing beside a |"),
        (["lr='1"], "a quote is not closed"),
        (["lr"], "'lr' is not of the form SETTING=VALUE"),
        (["lr=1|2|3", "seed=1|2|3", "momentum=1|2|3"], "more than 8 branches; at most 8 race"),
        (["lr=" + "|".join("1" * 100) + " seed=" + "|".join("1" * 100)], "more than 8 branches"),
    ],
)
def test_what_can_not_be_read_is_refused(texts: list[str], why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        race.typed(texts)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("at", "changes", "steps", "begun", "last"),
    [
        ("1", {"lr": "1"}, 1, 100, (2, 1)),
        ("1", {"lr": "1"}, 100, 100, (2, 100)),
        ("1", {"lr": "1"}, 200, 100, (3, 100)),
        ("2:40", {"lr": "1"}, 60, 140, (2, 100)),
        ("2:40", {"lr": "1"}, 61, 140, (3, 1)),
        ("1", {"batch_size": "128"}, 51, 50, (3, 1)),  # 50 steps an epoch
        ("1", {"batch_size": "60"}, 107, 107, (2, 107)),  # 107, the last of them smaller
        ("1", {"epochs": "5"}, 400, 100, (5, 100)),
    ],
)
def test_a_branch_stops_after_so_many_steps(
    parent: RunFolder, at: str, changes: dict[str, str], steps: int, begun: int, last: tuple[int, int]
) -> None:
    made = race.plan(branch.branch_point(parent, at), [changes, {"momentum": "0.5", "epochs": "9"}], steps)
    assert made.contenders[0].begun == begun
    assert race._place(made.contenders[0], steps) == last


@pytest.mark.parametrize(
    ("at", "changes", "steps", "why"),
    [
        ("1", [{"lr": "1"}], 10, "1 branches; from 2 to 8 race"),
        ("1", [{"lr": "1"}, {"lr": "2"}], 0, "steps: 0 is out of range"),
        ("1", [{"lr": "1"}, {"lr": "2"}], 201, "only 200 steps are left of its 3 epochs; race fewer steps, or add"),
        ("1", [{"lr": "1"}, {"lr": "1.0"}], 10, "lr=1.0 is the same as lr=1"),
        ("1", [{}, {"lr": "0.1"}], 10, "lr=0.1 is the same as unchanged"),
        ("2:40", [{"lr": "1"}, {"batch_size": "32"}], 10, "another batch size needs a checkpoint at an epoch's end"),
        ("1", [{"lr": "1"}, {"batch_size": "auto"}], 10, "batches of a race need a size; type a number"),
        ("1", [{"lr": "1"}, {"model": "cnn"}], 10, "a branch keeps its parent's model"),
    ],
)  # fmt: skip
def test_what_can_not_race_is_refused(
    parent: RunFolder, at: str, changes: list[dict[str, str]], steps: int, why: str
) -> None:
    with pytest.raises(EngineError) as refused:
        race.plan(branch.branch_point(parent, at), changes, steps)
    assert why in str(refused.value)


@pytest.mark.parametrize("request_", [{"steps": 0}, {"steps": "100"}, {"dataset": {}}, {"dataset": {"train": None}}])
def test_a_run_that_does_not_say_how_long_its_epochs_are_has_no_race(
    parent: RunFolder, request_: dict[str, object]
) -> None:
    store.write_run(parent, store.read_run(parent) | request_)
    with pytest.raises(RunError, match="how many steps its epochs have is not known"):
        race.plan(branch.branch_point(parent, "1"), [{"lr": "1"}, {"lr": "2"}], 10)


def point(step: int, mean: float, values: int) -> Point:
    return Point(step / 100, mean, mean, mean, step=step, values=values)


def test_the_loss_is_of_the_last_quarter_and_of_as_many_steps_as_each_point_stands_for() -> None:
    lanes = tuple(race.Lane(None, name, 100) for name in "ab")  # type: ignore[arg-type]
    run = race.Race("x", "p", 1, 100, 40, lanes)
    curve = (point(120, 9.0, 20), point(131, 2.0, 31), point(140, 1.0, 40))
    ended = RunState(epoch=2, step=40, steps=100, curve=curve)
    stood = race.standing(run, lanes[0], ended)
    assert stood.done == 40
    assert stood.loss == pytest.approx((11 * 2.0 + 9 * 1.0) / 20)
    early = replace(ended, step=20, curve=curve[:1])
    assert race.standing(run, lanes[1], early) == race.Standing(20, 9.0)
    assert race.standing(run, lanes[1], RunState()) == race.Standing(0, None)
    assert race.best(run, [ended, early]) is lanes[0]  # the other has not done all steps
    assert race.best(run, [early, early]) is None
    lower = replace(ended, curve=(point(140, 0.5, 40),))
    assert race.best(run, [ended, lower]) is lanes[1]


def weights(folder: RunFolder) -> str:
    found = newest_good(folder)
    assert found is not None
    return fingerprint(found[1]["model"])


@pytest.mark.slow
def test_the_kept_branch_ends_as_the_branch_that_never_raced(home: Path, train_once: TrainOnce) -> None:
    """Bit for bit, whether it is kept at the end or before; and the others go where they were stopped."""
    parent = train_once(home, SMALL, "parent")
    steps = int(store.read_run(parent)["steps"])
    made = race.begin(race.plan(branch.branch_point(parent, "1"), race.typed(["lr=0.01|0.2"]), steps // 2))
    reader = RaceReader(made)
    try:
        found, states = wait_for(lambda: seen if (seen := reader.read())[0] and seen[0].over else None, "the end")
        assert found is not None
        assert [lane.words for lane in found.lanes] == ["lr=0.01", "lr=0.2"]
        assert (found.parent, found.epoch, found.steps) == (parent.id, 1, steps // 2)
        assert [race.standing(found, *one).done for one in zip(found.lanes, states, strict=True)] == [steps // 2] * 2
        assert all(lane.run.state == "stopped" for lane in found.lanes)
        best = race.best(found, states)
        assert best is not None
        # How much of the curves is read is another matter: that of a run that lives is read in part.
        (listed,) = race.of_run(listing.list_runs(home), parent.id)
        assert (listed.id, listed.folders) == (found.id, found.folders)
        assert [lane.words for lane in listed.lanes] == [lane.words for lane in found.lanes]
        race.keep(best.run.folder)
        straight = client.branch(parent, "1", {"lr": best.words.removeprefix("lr=")})
        for folder in (best.run.folder, straight):
            wait_for(lambda: listing.quick_state(folder).status == "finished", "the end of a run")  # noqa: B023
        assert weights(best.run.folder) == weights(straight)
        kept = store.read_run(best.run.folder)
        assert not {"race", "agenda"} & kept.keys()
        assert [lane.words for lane in race.races(listing.list_runs(home))[0].lanes] == ["lr=0.01"]
    finally:
        race.stop(made)


@pytest.mark.parametrize(("before", "racing", "asked"), [(4, 1, 4), (1, 1, None), (0, 2, None)])
def test_the_kept_branch_has_its_runs_threads_again(
    parent: RunFolder, monkeypatch: pytest.MonkeyPatch, before: int, racing: int, asked: int | None
) -> None:
    record = {"id": "ab", "steps": 5, "place": 0, "words": "lr=1", "begun": 0, "threads_before": before}
    request = store.read_run(parent) | {"race": record, "agenda": [[1, 5, "stop"]], "threads": racing}
    store.write_run(parent, request)
    parent.host_json.unlink()
    seen: list[object] = []
    monkeypatch.setattr(client, "resume", lambda folder, **changes: seen.append(changes))
    race.keep(parent)
    assert seen == [{"threads": asked}]
    assert store.read_run(parent) == {name: one for name, one in request.items() if name not in ("race", "agenda")}


def test_a_branch_that_can_not_go_on_still_races(parent: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"id": "ab", "steps": 5, "place": 0, "words": "lr=1", "begun": 0, "threads_before": 1}
    request = store.read_run(parent) | {"race": record, "agenda": [[1, 5, "stop"]]}
    store.write_run(parent, request)
    parent.host_json.unlink()

    def refused(folder: RunFolder, **changes: object) -> None:
        raise RunError("another model")

    monkeypatch.setattr(client, "resume", refused)
    with pytest.raises(RunError, match="another model"):
        race.keep(parent)
    assert store.read_run(parent) == request


@pytest.mark.slow
def test_one_that_still_trains_can_be_kept_and_one_that_can_not_start_leaves_none(
    home: Path, train_once: TrainOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = train_once(home, SMALL, "parent")
    point = branch.branch_point(parent, "1")
    plan = race.plan(point, race.typed(["lr=0.01 epochs=1000|2000"]), 20_000)
    made = race.begin(plan)
    try:
        race.keep(made[1])
        wait_for(lambda: listing.quick_state(made[1]).status == "training", "the kept branch")
        client.command(made[1], "stop")
        race.stop(made)
        assert all(listing.summary(folder).state == "stopped" for folder in made)
    finally:
        race.stop(made)
    before = {folder.name for folder in parent.path.parent.iterdir()}
    begin, begun = client.begin, []

    def failing(folder: RunFolder, **options: object) -> None:
        if "2000" in store.read_run(folder)["name"]:
            raise RunError("no memory is left")
        begin(folder)
        begun.append(folder)

    monkeypatch.setattr(client, "begin", failing)
    with pytest.raises(RunError, match="no memory is left"):
        race.begin(plan)
    assert {folder.name for folder in parent.path.parent.iterdir()} == before
    assert not any(store.alive(folder) for folder in begun)
