import errno
import json
import os
from pathlib import Path

import pytest

from engine.runs.follower import Follower
from engine.runs.log import FILE, RESERVE, EventLog
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
    assert not (tmp_path / RESERVE).exists()


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
    whole = (tmp_path / FILE).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole) + 1):
        (tmp_path / FILE).write_bytes(whole[:cut])
        follower = Follower(tmp_path)
        assert steps(follower.poll()) == [1, 2][: (cut >= first) + (cut == len(whole))]
        with open(tmp_path / FILE, "ab") as file:
            file.write(whole[cut:])
        follower.poll()
        assert follower.poll() == []


def test_lines_of_no_known_kind_are_skipped(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"kind": "from the future"}\nnot json\n' + ev.encode(unpaused(7)) + "\n")
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
    for line in (tmp_path / FILE).read_text().splitlines():
        json.loads(line)


def test_the_reserve_lets_a_full_disk_say_that_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path)
    disk = Disk(monkeypatch, room=0)
    unlink = Path.unlink

    def give_back(path: Path, missing_ok: bool = False) -> None:
        if path.name == RESERVE:
            disk.room += path.stat().st_size
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", give_back)
    log.append(unpaused(1))
    assert steps(Follower(tmp_path).poll()) == [1]
    assert log.trouble  # and it is still told, since the disk is full but for what was given back
