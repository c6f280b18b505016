"""A lab's log: what is cut off, what is too much, and a disk that is full."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from engine.lab import log
from engine.lab.events import (
    KernelChanged,
    LabEvent,
    RunFinished,
    RunOutput,
    RunQueued,
    RunsForgotten,
    RunStarted,
    shallow,
)
from engine.lab.log import LabLog
from engine.lab.state import fold


def events_of(path: Path) -> list[LabEvent]:
    return [event for part in log.read(path) for event in part]


def run(number: int, cell: str, text: str) -> list[LabEvent]:
    return [
        RunQueued(run=number, cell=cell, source="print()"),
        RunStarted(run=number, generation=1),
        RunOutput(run=number, type="stream", content={"name": "stdout", "text": text}),
        RunFinished(run=number, status="ok", count=number, seconds=0.25),
    ]


def test_a_line_that_is_longer_than_any_that_is_written_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_LINE", 300)
    path = tmp_path / "events.jsonl"
    lines = [log.line_of(event) for event in run(1, "a", "x")]
    long = [log.line_of(RunQueued(run=7, cell="b", source="x" * size)) for size in (300, 599, 600, 1000, 5000)]
    path.write_bytes(b"".join([*lines[:2], *long, *lines[2:], b"y" * 700]))
    assert [(event.kind, getattr(event, "run", 0)) for event in events_of(path)] == [
        ("queued", 1), ("started", 1), ("output", 1), ("finished", 1),
    ]  # fmt: skip
    begin = len(b"".join(lines[:2]))
    assert [event.kind for part in log.read(path, begin) for event in part] == ["output", "finished"]


@pytest.mark.usefixtures("home")
def test_a_log_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.jsonl")
    with pytest.raises(OSError, match="a named pipe, not a file"):
        LabLog(tmp_path / "events.jsonl")


def test_events_are_numbered_and_read_back(tmp_path: Path) -> None:
    written = LabLog(tmp_path / "events.jsonl")
    for event in run(1, "a", "é\ud800"):
        written.append(event)
    written.close()
    found = events_of(tmp_path / "events.jsonl")
    assert [event.seq for event in found] == [1, 2, 3, 4]
    assert fold(found).cells["a"].nodes[0]["text"] == "é\ud800"
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600
    assert LabLog(tmp_path / "events.jsonl").state.seq == 4


def test_a_log_is_read_between_two_places(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    written = LabLog(path)
    sizes = [0]
    for number in range(1, 6):
        written.append(RunQueued(run=number, cell="a", source=""))
        sizes.append(written.size)
    for begin in range(6):
        for end in range(begin, 6):
            found = [event for part in log.read(path, sizes[begin], sizes[end]) for event in part]
            assert [event.seq for event in found] == list(range(begin + 1, end + 1))


def test_a_line_that_was_cut_off_is_passed_over_and_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    written = LabLog(path)
    written.append(RunQueued(run=1, cell="a", source=""))
    written.append(RunQueued(run=2, cell="b", source=""))
    written.close()
    os.truncate(path, written.size - 7)
    again = LabLog(path)
    again.append(RunQueued(run=3, cell="c", source=""))
    assert [event.run for event in events_of(path) if isinstance(event, RunQueued)] == [1, 3]
    assert again.state.seq == 2


def test_a_large_log_keeps_the_last_run_of_each_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    written = LabLog(path)
    written.append(KernelChanged(phase="ready", generation=3, name="python3"))
    for event in (*run(1, "a", "first"), *run(2, "b", "other"), *run(3, "a", "second")):
        written.append(event)
    written.append(RunQueued(run=4, cell="c", source="waits"))
    written.close()
    assert LabLog(path).size == written.size
    monkeypatch.setattr(log, "LARGEST", 100)
    before, again = written.state, LabLog(path)
    assert again.size < written.size
    state = fold(events_of(path))
    assert state.seq == again.state.seq == len(events_of(path))
    assert (state.generation, state.kernel) == (3, "python3")
    assert set(state.cells) == {"a", "b", "c"}
    for name, one in state.cells.items():
        old = before.cells[name]
        assert (one.run, one.phase, one.count, one.nodes) == (old.run, old.phase, old.count, old.nodes)


def test_a_large_log_whose_runs_are_forgotten_goes_on_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    written = LabLog(path)
    for event in (*run(1, "a", "first"), *run(2, "b", "other"), RunsForgotten(last=2)):
        written.append(event)
    written.close()
    monkeypatch.setattr(log, "LARGEST", 100)
    again = LabLog(path)
    assert again.size < written.size
    assert (again.state.cells, again.state.last) == ({}, 2)
    assert fold(events_of(path)).last == 2


def test_what_a_full_disk_refuses_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    written, write = LabLog(path), os.write

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    line = written.append(RunQueued(run=1, cell="a", source=""))
    assert written.trouble == "No space left on device"
    assert (written.waiting, events_of(path)) == (line, [])
    monkeypatch.setattr(os, "write", write)
    written.retry()
    assert (written.trouble, written.waiting, written.size) == ("", b"", len(line))
    assert [event.seq for event in events_of(path)] == [1]


@pytest.mark.parametrize("size", [0, 7, 60])
def test_a_log_that_is_cut_short_while_the_lab_lives_loses_no_more_than_that(tmp_path: Path, size: int) -> None:
    path = tmp_path / "events.jsonl"
    written = LabLog(path)
    written.append(RunQueued(run=1, cell="a", source=""))
    written.append(RunQueued(run=2, cell="b", source=""))
    os.truncate(path, size)
    for number in (3, 4):
        written.append(RunQueued(run=number, cell="c", source=""))
    assert written.size == path.stat().st_size
    written.close()
    assert [event.run for event in events_of(path) if isinstance(event, RunQueued)] == [3, 4]


@pytest.mark.parametrize("line", [b"\0" * 1000, b"x\n", b"\n", b'{"kind": "queued"}\n', b"z" * 300 + b"\n"])
def test_a_log_of_gigabytes_that_are_no_events_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    monkeypatch.setattr(log, "MOST_NO_EVENTS", 5000)
    path = tmp_path / "events.jsonl"
    events = b"".join(log.line_of(event) for number in range(100) for event in run(number, "a", "x"))
    path.write_bytes(events + line * 4)
    assert len(events_of(path)) == 400
    path.write_bytes(events + line * 4000)
    for read in (events_of, LabLog):
        with pytest.raises(OSError, match="of it are no events"):
            read(path)


def test_what_can_be_read_of_a_kernel_can_be_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    deep: Any = "bottom"
    for number in range(900):
        deep = {"a": deep} if number % 2 else [deep, 1]
    written = LabLog(path)
    written.append(RunQueued(run=1, cell="a", source=""))
    content = shallow({"data": {"application/json": deep, "text/plain": "here"}, "metadata": {}})
    written.append(RunOutput(run=1, type="display_data", content=content))
    (node,) = fold(events_of(path)).cells["a"].nodes
    assert node["data"]["text/plain"] == "here"
    assert json.dumps(node).count("a") > 20
    assert shallow(content) == content
    written.append(RunOutput(run=1, type="display_data", content={"data": {"application/json": deep}}))
    assert len(events_of(path)) == 2  # deeper than any that is written
