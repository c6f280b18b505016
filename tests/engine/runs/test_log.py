import errno
import json
import os
from pathlib import Path

import pytest

from engine.home import RunFolder
from engine.runs.follower import Follower
from engine.runs.log import EventLog, read
from engine.training import event_json
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


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_events_are_numbered_and_stamped(run: RunFolder) -> None:
    log = EventLog(run)
    for step in range(3):
        log.append(unpaused(step))
    log.close()
    events = Follower(run).poll()
    assert [event.seq for event in events] == [1, 2, 3]
    assert all(event.t > 1.7e9 for event in events)
    assert not run.reserve.exists()


def test_a_follower_gets_each_event_once(run: RunFolder) -> None:
    follower = Follower(run)
    assert follower.poll() == []  # not even a file yet
    log = EventLog(run)
    log.append(unpaused(1))
    assert steps(follower.poll()) == [1]
    assert follower.poll() == []
    log.append(unpaused(2))
    assert steps(follower.poll()) == [2]


def test_a_half_written_line_waits_until_it_is_whole(run: RunFolder) -> None:
    log = EventLog(run)
    log.append(unpaused(1))
    log.append(unpaused(2))
    log.close()
    whole = run.events.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole) + 1):
        run.events.write_bytes(whole[:cut])
        follower = Follower(run)
        assert steps(follower.poll()) == [1, 2][: (cut >= first) + (cut == len(whole))]
        with open(run.events, "ab") as file:
            file.write(whole[cut:])
        rest = [step for step, end in ((1, first), (2, len(whole))) if cut < end]
        assert steps(follower.poll()) == rest
        assert follower.poll() == []


def test_lines_of_no_known_kind_are_skipped(run: RunFolder) -> None:
    run.events.write_text('{"kind": "from the future"}\nnot json\n' + event_json.encode(unpaused(7)) + "\n")
    assert steps(Follower(run).poll()) == [7]


def test_a_full_disk_loses_nothing_and_is_told(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(run)
    disk = Disk(monkeypatch, room=150)  # the second event fits in part
    for step in range(1, 5):
        log.append(unpaused(step))
    assert log.trouble == "No space left on device"
    assert steps(Follower(run).poll()) == [1]
    disk.room = 10_000
    log.retry()
    assert log.trouble == ""
    assert steps(Follower(run).poll()) == [1, 2, 3, 4]
    for line in run.events.read_text().splitlines():
        json.loads(line)


def test_the_reserve_lets_a_full_disk_say_that_it_is_full(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(run)
    disk = Disk(monkeypatch, room=0)
    unlink = Path.unlink

    def give_back(path: Path, missing_ok: bool = False) -> None:
        if path.name == ".reserve":
            disk.room += path.stat().st_size
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", give_back)
    log.append(unpaused(1))
    assert steps(Follower(run).poll()) == [1]
    assert log.trouble  # and it is still told, since the disk is full but for what was given back


def written(folder: RunFolder, *events: ev.Event) -> None:
    log = EventLog(folder)
    for event in events:
        log.append(event)
    log.close()


def progress(step: int) -> ev.Progress:
    return ev.Progress(epoch=1, step=step, steps=9, loss=1.0, lr=1e-3, samples_per_s=1.0)


def test_only_the_wanted_kinds_are_decoded(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    written(run, progress(1), unpaused(2), progress(3), ev.Finished(epochs=1, seconds=1.0), progress(5))
    decoded: list[bytes] = []

    def decode(line: bytes, kind: bytes = b"") -> ev.Event | None:
        decoded.append(line)
        return event_json.decode(line, kind)

    monkeypatch.setattr("engine.runs.log.decode", decode)
    part = read(run, kinds=(ev.Unpaused, ev.Finished))
    assert [event.kind for event in part.events] == ["unpaused", "finished"]
    assert len(decoded) == 2
    assert part.seq == 5  # of the last line, wanted or not
    assert part.end == run.events.stat().st_size


def test_of_a_series_the_latest_event_alone_is_read_in_its_place(run: RunFolder) -> None:
    written(
        run,
        progress(1),
        progress(2),
        unpaused(2),
        progress(3),
        ev.Stopped(epoch=1, step=3, reason="asked"),
        progress(4),
    )
    part = read(run, kinds=(ev.Unpaused, ev.Stopped), latest=(ev.Progress,))
    assert [(event.kind, event.seq) for event in part.events] == [
        ("progress", 2), ("unpaused", 3), ("progress", 4), ("stopped", 5), ("progress", 6),
    ]  # fmt: skip


def test_reading_goes_on_where_it_ended(run: RunFolder) -> None:
    written(run, unpaused(1), unpaused(2))
    first = read(run)
    with open(run.events, "a") as file:
        file.write(event_json.encode(unpaused(3)) + "\n" + event_json.encode(unpaused(4))[:30])
    second = read(run, first.end)
    assert steps(list(second.events)) == [3]
    with open(run.events, "a") as file:
        file.write(event_json.encode(unpaused(4))[30:] + "\n")
    assert steps(list(read(run, second.end).events)) == [4]


def test_a_line_that_a_killed_host_cut_off_gives_no_event_and_no_number(run: RunFolder) -> None:
    written(run, unpaused(1), unpaused(2))
    with open(run.events, "ab") as file:
        file.write(b'{"v": 1, "seq": 3, "t": 5.0, "kind": "unpaused", "ep\n')
    part = read(run)
    assert steps(list(part.events)) == [1, 2]
    assert part.seq == 2


def test_a_line_with_its_fields_in_another_order_is_read_too(run: RunFolder) -> None:
    line = json.dumps({"kind": "unpaused", "step": 4, "epoch": 1, "t": 2.0, "seq": 9, "v": 1})
    run.events.write_text(line + "\n")
    part = read(run, kinds=(ev.Unpaused,))
    assert (steps(list(part.events)), part.seq) == ([4], 9)
    assert read(run, kinds=(ev.Paused,)).events == ()


def test_a_line_that_was_cut_off_stands_alone_before_what_a_later_host_appends(run: RunFolder) -> None:
    written(run, unpaused(1), unpaused(2))
    path = run.events
    path.write_bytes(path.read_bytes()[:-20])
    log = EventLog(run, last_seq=1)
    log.append(unpaused(3))
    log.close()
    assert [(event.seq, event.step) for event in read(run).events if isinstance(event, ev.Unpaused)] == [
        (1, 1), (2, 3)
    ]  # fmt: skip
    assert len(path.read_bytes().splitlines()) == 3


def test_a_log_that_ends_whole_gets_no_empty_line(run: RunFolder) -> None:
    written(run, unpaused(1))
    log = EventLog(run, last_seq=1)
    log.append(unpaused(2))
    log.close()
    assert len(run.events.read_bytes().splitlines()) == 2


def test_a_sync_and_a_close_put_the_log_on_the_disk_and_the_reserve_is_kept_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def recorded(file: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)
        fsync(file)

    monkeypatch.setattr(os, "fsync", recorded)
    folder = RunFolder(tmp_path)
    log = EventLog(RunFolder(tmp_path))
    assert synced == [folder.reserve.name]
    assert folder.reserve.stat().st_size == 64 * 1024
    log.append(unpaused(1))
    assert len(synced) == 1  # an event alone waits for no disk
    log.sync()
    log.close()
    assert synced[1:] == [folder.events.name] * 2
    assert not folder.reserve.exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(log._file)


def test_what_waited_for_room_is_written_by_the_next_event_or_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(RunFolder(tmp_path))
    disk = Disk(monkeypatch, room=0)
    log.append(unpaused(1))
    disk.room = 100_000
    log.append(unpaused(2))
    assert steps(Follower(RunFolder(tmp_path)).poll()) == [1, 2]
    assert log.trouble == ""
    assert RunFolder(tmp_path).reserve.exists()  # made again: the next full disk can say so too
    disk.room = 0
    log.append(unpaused(3))
    disk.room = 100_000
    log.close()
    assert steps(Follower(RunFolder(tmp_path)).poll()) == [1, 2, 3]


@pytest.mark.parametrize("size", [0, 7, 60])
def test_what_is_written_after_somebody_cut_the_log_short_stands_alone(run: RunFolder, size: int) -> None:
    log = EventLog(run)
    for step in (1, 2):
        log.append(unpaused(step))
    os.truncate(run.events, size)
    for step in (3, 4):
        log.append(unpaused(step))
    log.close()
    assert steps(Follower(run).poll()) == [3, 4]
