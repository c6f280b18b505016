"""What a log was folded to is kept beside it; it is believed only where it is whole and the log is still that one."""

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.home import RunFolder
from engine.runs import listing, log, state_file
from engine.runs.curve import GrowingCurve
from engine.runs.results import MOST_CELLS
from engine.runs.state import Fold, RunState, fold
from engine.runs.state_file import Folded
from engine.runs.state_keeper import StateKeeper
from engine.training import events as ev
from tests.support.made_up import MadeUpRun, evaluated, progress

ID = "20260101-101010-aaaa"


@pytest.fixture
def run(home: Path) -> MadeUpRun:
    """One with something of all that a state knows."""
    made = MadeUpRun(home, ID, dead=True, lr=0.5)
    made.train([1, 2])
    made.add(
        ev.Branched(
            parent="20250101-101010-cccc", checkpoint="checkpoints/epoch-0001.pt", epoch=0, step=0, evaluated=False,
            changes={"lr": 0.5}, notes=["a note"],
        ),
        ev.Edited(epoch=2, step=90, setting="lr", before=0.5, after=0.25, lr=0.25, from_epoch=2),
        ev.Warned(code="non_finite_loss", message="the loss is NaN", epoch=2, step=91),
        ev.CheckpointSaved(file="checkpoints/epoch-0002.pt", epoch=2, step=100, bytes=10, sha256="00"),
        ev.LayerStats(
            epoch=2, step=95, parameters={"a": ev.ParameterStats(0.5, 1.0, None)},
            activations={"a": ev.ActivationStats(0.0, None, 0.5, None)},
        ),
        replace(progress(3, 10), loss=float("nan")),
        ev.EpochFinished(epoch=3, loss=float("nan"), seconds=1.0, samples_per_s=1.0),
        ev.Paused(epoch=3, step=10, reason="asked"),
        ev.Unpaused(epoch=3, step=10),
        progress(3, 20),
    )  # fmt: skip
    return made


def whole(folder: RunFolder) -> RunState:
    """The state by the log alone."""
    return fold(log.events(folder))


def kept(run: MadeUpRun) -> Folded:
    folded = state_file.read_on(run.folder, Folded(Fold(), 0))
    state_file.keep(run.folder, folded)
    return folded


def same(one: RunState, other: RunState) -> bool:
    """NaN is the same as NaN."""
    for field in fields(RunState):
        assert repr(getattr(one, field.name)) == repr(getattr(other, field.name)), field.name
    return True


def row(run: MadeUpRun) -> listing.RunSummary:
    """Its line in a list, without the small curve: that has fewer points where the whole log was not folded."""
    return replace(listing.summary(run.folder), curve=())


def test_a_state_is_read_back_as_it_was_and_goes_on_as_if_nothing_had_been_between(run: MadeUpRun) -> None:
    kept(run)
    found = state_file.read(run.folder)
    assert found is not None
    assert same(found.fold.snapshot(), whole(run.folder))
    run.train([4, 5])
    run.add(
        ev.Resumed(
            checkpoint="checkpoints/epoch-0004.pt", epoch=4, step=100, evaluated=True, training_s=50.0,
            config={"lr": 0.125}, device="cpu", device_name="a CPU", threads=1, loader="resident", epochs=10, steps=100,
            differences=[], bad=[],
        ),
        progress(5, 10),
    )  # fmt: skip
    gone_on = state_file.read(run.folder)
    assert gone_on is not None
    assert gone_on.end < run.folder.events.stat().st_size
    assert same(state_file.read_on(run.folder, gone_on).fold.snapshot(), whole(run.folder))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.floats(allow_nan=True), st.just(1e308)), max_size=300), st.integers(0, 300))
def test_a_curve_is_taken_up_wherever_it_was_left(values: list[float], at: int) -> None:
    straight, first = GrowingCurve(8), GrowingCurve(8)
    for x, value in enumerate(values):
        straight.add(float(x), value, step=x, seconds=x / 2, seq=x)
    for x, value in enumerate(values[:at]):
        first.add(float(x), value, step=x, seconds=x / 2, seq=x)
    assert first.saved().fits
    second = GrowingCurve.of(first.saved(), 8)
    second.extend([(float(x), x, x / 2, x) for x in range(at, len(values))], values[at:])
    assert second.points() == straight.points()
    thin = GrowingCurve.of(straight.saved(), 2).points()
    assert len(thin) <= 5
    if points := straight.points():
        assert min(point.low for point in thin) == min(point.low for point in points)
        assert max(point.high for point in thin) == max(point.high for point in points)
        assert thin[-1].x == points[-1].x


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def of_a_newer_version(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"v": 99}))


def a_list(path: Path) -> None:
    path.write_text("[]")


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def sealed_anew(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """As somebody would write it who knows the checksum."""
    content = json.loads(path.read_text())["content"]
    change(content)
    path.write_bytes(state_file._sealed(json.dumps(content).encode()))


def without_points(path: Path) -> None:
    sealed_anew(path, lambda content: content["curve"].__setitem__(0, [[1.0]]))  # type: ignore[index, attr-defined]


def mistyped(path: Path) -> None:
    sealed_anew(path, lambda content: content["now"]["config"].update(lr="fast"))  # type: ignore[index, call-overload]


def of_other_events(path: Path) -> None:
    sealed_anew(path, lambda content: content["events"].update(tests=[{"kind": "unpaused"}]))  # type: ignore[attr-defined]


SPOILERS = [cut_off, flipped, of_a_newer_version, a_list, deep, a_pipe]


@pytest.mark.parametrize("spoil", [*SPOILERS, without_points, mistyped, of_other_events])
def test_a_file_that_is_not_whole_or_not_as_it_should_be_is_as_if_it_were_not_there(
    spoil: Callable[[Path], None], run: MadeUpRun
) -> None:
    before = row(run)
    kept(run)
    spoil(run.folder.state_json)
    assert state_file.read(run.folder) is None
    assert row(run) == before
    if spoil in SPOILERS:
        spoil(run.folder.summary_json)
        assert state_file.read_summary(run.folder, run.folder.events.stat()) is None
        assert row(run) == before


def test_a_log_that_was_written_anew_is_another_one(run: MadeUpRun) -> None:
    kept(run)
    lines = run.folder.events.read_bytes()
    same_length = lines.replace(b'"accuracy": 0.51', b'"accuracy": 0.11', 1)
    assert len(same_length) == len(lines)
    assert same_length != lines
    run.folder.events.write_bytes(same_length)
    os.utime(run.folder.events, (1.0, 1.0))
    assert state_file.read(run.folder) is None
    assert state_file.read_summary(run.folder, run.folder.events.stat()) is None
    assert same(state_file.read_all(run.folder).snapshot(), whole(run.folder))


def test_a_log_that_got_shorter_is_another_one(run: MadeUpRun) -> None:
    kept(run)
    lines = run.folder.events.read_bytes().splitlines(keepends=True)
    run.folder.events.write_bytes(b"".join(lines[:5]))
    assert state_file.read(run.folder) is None
    assert listing.summary(run.folder).epoch == 1


def test_a_file_of_another_run_is_not_taken_for_this_ones(run: MadeUpRun, home: Path) -> None:
    other = MadeUpRun(home, "20260102-101010-bbbb", dead=True, lr=0.25)
    other.train([1, 2, 3, 4, 5, 6])
    kept(run)
    other.folder.state_json.write_bytes(run.folder.state_json.read_bytes())
    other.folder.summary_json.write_bytes(run.folder.summary_json.read_bytes())
    assert state_file.read(other.folder) is None
    assert listing.summary(other.folder).epoch == 6


def test_a_summary_is_of_the_whole_log_or_not_read(run: MadeUpRun) -> None:
    kept(run)
    assert state_file.read_summary(run.folder, run.folder.events.stat()) is not None
    run.add(progress(3, 30))
    assert state_file.read_summary(run.folder, run.folder.events.stat()) is None
    assert listing.summary(run.folder).loss == pytest.approx(0.5)


def test_a_list_reads_no_log_twice(run: MadeUpRun, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run.add(ev.Stopped(epoch=3, step=20, reason="asked"))
    (first,) = listing.list_runs(home)
    read = list[RunFolder]()
    monkeypatch.setattr(log, "read", lambda folder, *args, **kwargs: read.append(folder))
    (second,) = listing.list_runs(home)
    assert second == first
    assert read == []


def test_a_home_that_can_not_be_written_is_read_all_the_same(run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("engine.atomic.write_cache", refuse)
    kept(run)
    assert not run.folder.state_json.exists()
    assert listing.summary(run.folder).epoch == 3


def test_the_keeper_follows_bit_by_bit_and_writes_at_the_end(run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.runs.state_keeper.LOOK_BYTES", 500)
    keeper = StateKeeper(run.folder)
    for _ in range(3):
        keeper.look()
    assert not run.folder.state_json.exists()
    keeper.finish()
    assert same(state_file.begun(run.folder).fold.snapshot(), whole(run.folder))
    monkeypatch.setattr("engine.runs.state_keeper.EVERY_S", 0.0)
    run.add(progress(3, 40))
    later = StateKeeper(run.folder)
    later.look()
    later.look()  # nothing is new: it is time to write
    assert state_file.begun(run.folder).end == run.folder.events.stat().st_size


def test_many_confusion_matrices_take_bounded_memory_and_the_newest_stay() -> None:
    classes = 100
    confusion = [[1] * classes for _ in range(classes)]
    so_far = Fold()
    for epoch in range(1, 200):
        event = evaluated(epoch % 50)
        so_far.add(replace(event, seq=epoch, epoch=epoch, per_class=[0.5] * classes, confusion=confusion))
    tests = so_far.snapshot().tests
    assert len(tests) == 199
    assert sum(len(test.confusion) ** 2 for test in tests) == so_far.data.cells <= MOST_CELLS
    assert tests[-1].confusion == confusion
    assert tests[0].confusion == []


def test_lines_that_are_no_events_are_counted_whether_or_not_the_state_was_kept(run: MadeUpRun) -> None:
    with open(run.folder.events, "ab") as file:
        file.write(b'{"seq": 99, "kind": "evaluated", "epoch": "x"}\n{"kind": "of the future"}\n\xff\n')
    assert kept(run).fold.snapshot().skipped == 2
    assert state_file.read_all(run.folder).snapshot().skipped == 2


def test_every_field_of_a_state_that_is_no_list_is_kept() -> None:
    lists = {"curve", "curves", "epoch_losses", "marks", *state_file._LISTS}
    kept = {field.name for field in msgspec.structs.fields(state_file._Now)}
    assert kept | lists == {field.name for field in fields(RunState)}
    assert not kept & lists
