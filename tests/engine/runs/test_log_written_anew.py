"""A log that is cut short or written anew while it is followed: no reader waits for ever, or mixes two logs."""

import math
import os
from collections.abc import Callable

import pytest

from engine.home import RunFolder
from engine.runs import log, state_file
from engine.runs.follower import Follower
from engine.runs.quick_reader import QuickReader
from engine.runs.state import Fold
from engine.runs.state_keeper import StateKeeper
from engine.runs.unreadable import UnreadableError
from engine.training import event_json
from engine.training import events as ev


def lines(*epochs: int, loss: float = 1.0, seq: int = 1) -> bytes:
    found = [
        ev.EpochFinished(seq=seq + at, t=1.0, epoch=epoch, loss=loss, samples_per_s=1.0, seconds=1.0)
        for at, epoch in enumerate(epochs)
    ]
    return b"".join(event_json.encode(one).encode() + b"\n" for one in found)


def replaced(folder: RunFolder) -> None:
    folder.state_json.write_bytes(lines(*range(3, 40), loss=2.0))
    os.replace(folder.state_json, folder.events)


LONG = lines(*range(1, 30))
CHANGES: dict[str, tuple[Callable[[RunFolder], object], list[int]]] = {
    "emptied": (lambda folder: os.truncate(folder.events, 0), []),
    "cut short": (lambda folder: os.truncate(folder.events, len(lines(1, 2))), [1, 2]),
    "cut within a line": (lambda folder: os.truncate(folder.events, len(lines(1, 2)) + 7), [1, 2]),
    "written anew, shorter": (lambda folder: folder.events.write_bytes(lines(5, loss=2.0)), [5]),
    "written anew, longer": (
        lambda folder: folder.events.write_bytes(lines(*range(1, 40), loss=2.0, seq=7)), [*range(1, 40)],
    ),
    "another file in its place": (replaced, [*range(3, 40)]),
    "nothing but zeros": (lambda folder: folder.events.write_bytes(b"\0" * (len(LONG) + 9)), []),
}  # fmt: skip


@pytest.fixture(params=CHANGES)
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.events.write_bytes(LONG)
    return folder


def test_the_fold_begins_with_the_log_as_it_is(run: RunFolder, how: str) -> None:
    folded = state_file.read_on(run, state_file.Folded(Fold(), 0))
    assert folded.end == len(LONG)
    change, epochs = CHANGES[how]
    change(run)
    fresh = state_file.read_on(run, state_file.Folded(Fold(), 0))
    folded = state_file.read_on(run, folded)
    assert folded.end == fresh.end
    assert folded.fold.snapshot() == fresh.fold.snapshot()
    assert len([loss for loss in folded.fold.data.epoch_losses if not math.isnan(loss)]) == len(epochs)


def test_a_list_has_it_as_it_is(run: RunFolder, how: str) -> None:
    reader = QuickReader(run)
    reader.read()
    CHANGES[how][0](run)
    assert reader.read() == QuickReader(run).read()


def test_what_is_written_down_is_of_the_log_as_it_is(run: RunFolder, how: str) -> None:
    keeper = StateKeeper(run)
    keeper.finish()
    CHANGES[how][0](run)
    keeper.finish()
    fresh = state_file.read_on(run, state_file.Folded(Fold(), 0))
    assert state_file.read_all(run).snapshot() == fresh.fold.snapshot()


@pytest.mark.parametrize("read", ["poll", "skip"])
def test_who_has_passed_the_events_on_is_told_in_a_line(run: RunFolder, how: str, read: str) -> None:
    follower = Follower(run)
    assert len(follower.poll()) == 29
    CHANGES[how][0](run)
    with pytest.raises(UnreadableError, match="it was cut short or written anew while it was read: a log only grows"):
        getattr(follower, read)()


def test_a_log_that_only_grows_is_read_on(run: RunFolder) -> None:
    follower, end = Follower(run), len(LONG)
    for most in (None, 1, 100):
        follower.poll()
        with open(run.events, "ab") as file:
            file.write(lines(30, 31) + b'{"half a line')
        assert len([event for _ in range(4) for event in follower.poll(most)]) == 2
        os.truncate(run.events, run.events.stat().st_size - len(b'{"half a line'))  # which nobody has read
        assert follower.poll() == []
        end = run.events.stat().st_size
    assert log.size(run) == end
