import errno
import json
import os
from pathlib import Path

import pytest

from engine.home import RunFolder
from engine.runs.follower import Follower
from engine.runs.log import EventLog, read
from engine.training import events as ev


def unpaused(step: int) -> ev.Unpaused:
    return ev.Unpaused(epoch=1, step=step)


def steps(events: list[ev.Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, ev.Unpaused)]


class Disk:
    """os.write with room for so many bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


def test_events_are_numbered_and_stamped(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for step in range(3):
        log.append(unpaused(step))
    log.close()
    events = Follower(tmp_path).poll()
    assert [event.seq for event in events] == [1, 2, 3]
    assert all(event.t > 1.7e9 for event in events)
    assert not RunFolder(tmp_path).reserve.exists()


def test_a_follower_gets_each_event_once(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    assert follower.poll() == []  # not even a file yet
    log = EventLog(tmp_path)
    log.append(unpaused(1))
    assert steps(follower.poll()) == [1]
    assert follower.poll() == []
    log.append(unpaused(2))
    assert steps(follower.poll()) == [2]


def test_a_half_written_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append(unpaused(1))
    log.append(unpaused(2))
    log.close()
    whole = RunFolder(tmp_path).events.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole) + 1):
        RunFolder(tmp_path).events.write_bytes(whole[:cut])
        follower = Follower(tmp_path)
        assert steps(follower.poll()) == [1, 2][: (cut >= first) + (cut == len(whole))]
        with open(RunFolder(tmp_path).events, "ab") as file:
            file.write(whole[cut:])
        rest = [step for step, end in ((1, first), (2, len(whole))) if cut < end]
        assert steps(follower.poll()) == rest
        assert follower.poll() == []


def test_lines_of_no_known_kind_are_skipped(tmp_path: Path) -> None:
    RunFolder(tmp_path).events.write_text('{"kind": "from the future"}\nnot json\n' + ev.encode(unpaused(7)) + "\n")
    assert steps(Follower(tmp_path).poll()) == [7]


def test_a_full_disk_loses_nothing_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path)
    disk = Disk(monkeypatch, room=150)  # the second event fits in part
    for step in range(1, 5):
        log.append(unpaused(step))
    assert log.trouble == "No space left on device"
    assert steps(Follower(tmp_path).poll()) == [1]
    disk.room = 10_000
    log.retry()
    assert log.trouble == ""
    assert steps(Follower(tmp_path).poll()) == [1, 2, 3, 4]
    for line in RunFolder(tmp_path).events.read_text().splitlines():
        json.loads(line)


def test_the_reserve_lets_a_full_disk_say_that_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path)
    disk = Disk(monkeypatch, room=0)
    unlink = Path.unlink

    def give_back(path: Path, missing_ok: bool = False) -> None:
        if path.name == ".reserve":
            disk.room += path.stat().st_size
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", give_back)
    log.append(unpaused(1))
    assert steps(Follower(tmp_path).poll()) == [1]
    assert log.trouble  # and it is still told, since the disk is full but for what was given back


def written(folder: Path, *events: ev.Event) -> None:
    log = EventLog(folder)
    for event in events:
        log.append(event)
    log.close()


def progress(step: int) -> ev.Progress:
    return ev.Progress(epoch=1, step=step, steps=9, loss=1.0, lr=1e-3, samples_per_s=1.0)


def test_only_the_wanted_kinds_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, progress(1), unpaused(2), progress(3), ev.Finished(epochs=1, seconds=1.0), progress(5))
    decoded: list[bytes] = []

    def decode(line: bytes) -> ev.Event | None:
        decoded.append(line)
        return ev.decode(line)

    monkeypatch.setattr("engine.runs.log.decode", decode)
    part = read(tmp_path, kinds=(ev.Unpaused, ev.Finished))
    assert [event.kind for event in part.events] == ["unpaused", "finished"]
    assert len(decoded) == 2
    assert part.seq == 5  # of the last line, wanted or not
    assert part.end == RunFolder(tmp_path).events.stat().st_size


def test_of_a_series_the_latest_event_alone_is_read_in_its_place(tmp_path: Path) -> None:
    written(
        tmp_path,
        progress(1),
        progress(2),
        unpaused(2),
        progress(3),
        ev.Stopped(epoch=1, step=3, reason="asked"),
        progress(4),
    )
    part = read(tmp_path, kinds=(ev.Unpaused, ev.Stopped), latest=(ev.Progress,))
    assert [(event.kind, event.seq) for event in part.events] == [
        ("progress", 2), ("unpaused", 3), ("progress", 4), ("stopped", 5), ("progress", 6),
    ]  # fmt: skip


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    written(tmp_path, unpaused(1), unpaused(2))
    first = read(tmp_path)
    with open(RunFolder(tmp_path).events, "a") as file:
        file.write(ev.encode(unpaused(3)) + "\n" + ev.encode(unpaused(4))[:30])
    second = read(tmp_path, first.end)
    assert steps(list(second.events)) == [3]
    with open(RunFolder(tmp_path).events, "a") as file:
        file.write(ev.encode(unpaused(4))[30:] + "\n")
    assert steps(list(read(tmp_path, second.end).events)) == [4]


def test_a_line_that_a_killed_host_cut_off_gives_no_event_and_no_number(tmp_path: Path) -> None:
    written(tmp_path, unpaused(1), unpaused(2))
    with open(RunFolder(tmp_path).events, "ab") as file:
        file.write(b'{"v": 1, "seq": 3, "t": 5.0, "kind": "unpaused", "ep\n')
    part = read(tmp_path)
    assert steps(list(part.events)) == [1, 2]
    assert part.seq == 2


def test_a_line_with_its_fields_in_another_order_is_read_too(tmp_path: Path) -> None:
    line = json.dumps({"kind": "unpaused", "step": 4, "epoch": 1, "t": 2.0, "seq": 9, "v": 1})
    RunFolder(tmp_path).events.write_text(line + "\n")
    part = read(tmp_path, kinds=(ev.Unpaused,))
    assert (steps(list(part.events)), part.seq) == ([4], 9)
    assert read(tmp_path, kinds=(ev.Paused,)).events == ()


def test_a_line_that_was_cut_off_stands_alone_before_what_a_later_host_appends(tmp_path: Path) -> None:
    written(tmp_path, unpaused(1), unpaused(2))
    path = RunFolder(tmp_path).events
    path.write_bytes(path.read_bytes()[:-20])
    log = EventLog(tmp_path, last_seq=1)
    log.append(unpaused(3))
    log.close()
    assert [(event.seq, event.step) for event in read(tmp_path).events if isinstance(event, ev.Unpaused)] == [
        (1, 1), (2, 3)
    ]  # fmt: skip
    assert len(path.read_bytes().splitlines()) == 3


def test_a_log_that_ends_whole_gets_no_empty_line(tmp_path: Path) -> None:
    written(tmp_path, unpaused(1))
    log = EventLog(tmp_path, last_seq=1)
    log.append(unpaused(2))
    log.close()
    assert len(RunFolder(tmp_path).events.read_bytes().splitlines()) == 2
