"""A stretch of a run's log, as close as it was written."""

from pathlib import Path

import pytest

from engine.runs import stretch
from engine.runs.curve import Point
from engine.runs.follower import Follower
from engine.runs.state import CURVES, Fold
from engine.runs.stretch import read_stretch
from engine.training import events as ev
from engine.training.event_json import decode, encode
from engine.training.events import Event
from tests.support.made_up import MadeUpRun, progress

STEPS = 100


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeUpRun:
    monkeypatch.setattr(stretch, "CLOSE_BYTES", 500)
    made = MadeUpRun(tmp_path, "20260101-101010-aaaa")
    for epoch in range(1, 11):
        for step in range(1, STEPS + 1):
            made.add(progress(epoch, step, loss=1.0 + step % 7))
        made.add(ev.EpochFinished(epoch=epoch, loss=1.0, seconds=1.0, samples_per_s=1.0))
    return made


def whole(run: MadeUpRun) -> tuple[Point, ...]:
    fold = Fold()
    for event in Follower(run.folder).poll():
        fold.add(event)
    return fold.snapshot().curve


def test_a_stretch_has_each_event_smoothed_as_the_whole_curve(run: MadeUpRun) -> None:
    curve = whole(run)
    found = read_stretch(run.folder, curve[399], curve[499])
    assert len(found) == 100
    for point, there in zip(found, curve[400:500], strict=True):
        assert point[:4] == pytest.approx(there[:4])
        assert point.smoothed == pytest.approx(there.smoothed)
        assert (point.step, point.values, point.seq) == (there.step, there.values, there.seq)
    assert read_stretch(run.folder, None, curve[9])[0].x == curve[0].x


def test_what_a_resume_made_void_is_left_out(run: MadeUpRun) -> None:
    run.add(progress(11, 10), progress(11, 20), progress(11, 30))
    back = ev.Resumed(
        checkpoint="x", epoch=11, step=10, evaluated=False, training_s=1.0, config={"lr": 1.0}, device="", threads=1,
        device_name="", loader="", epochs=20, steps=STEPS, differences=[], bad=[],
    )  # fmt: skip
    run.add(back, progress(11, 20), progress(11, 40))
    curve = whole(run)
    found = read_stretch(run.folder, curve[999], curve[-1])
    assert [point.x for point in found] == pytest.approx([10.1, 10.2, 10.4])


def test_it_reads_no_more_of_the_log_than_its_stretch(run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    curve = whole(run)
    decoded: list[bytes] = []

    def counted(line: bytes) -> Event | None:
        decoded.append(line)
        return decode(line)

    monkeypatch.setattr(stretch, "decode", counted)
    assert len(read_stretch(run.folder, curve[899], curve[919])) == 20
    assert len(decoded) < 40


def test_however_many_events_it_has_its_points_are_few(run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "MOST_POINTS", 16)
    curve = whole(run)
    found = read_stretch(run.folder, None, curve[-1])
    assert len(found) <= 32
    assert max(point.high for point in found) == max(point.high for point in curve)
    assert read_stretch(run.folder, None, curve[-1], cancelled=lambda: True) == ()


def test_a_log_is_read_in_parts_that_add_up(run: MadeUpRun) -> None:
    follower, parts = Follower(run.folder), []
    while events := follower.poll(10_000):
        parts.append(events)
        assert len(events) < 200
    assert [event for part in parts for event in part] == Follower(run.folder).poll()


def test_a_line_of_progress_is_read_as_json_would_be() -> None:
    for event in (
        progress(3, 7),
        ev.Progress(epoch=1, step=2, steps=3, loss=1e-30, lr=-0.5, samples_per_s=0.0, up=1.5),
    ):
        line = encode(event)
        assert decode(line.encode() + b"\n") == decode(line) == event
    assert decode(b'{"v": 1, "seq": 4, "t": 1.5, "kind": "progress", "epoch": 1}') is None
    assert "gradient_norm" in CURVES
