"""A log of gigabytes that are no events: who reads it gives up after the same bytes, by whatever way it is read."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import plain_file
from engine.home import RunFolder
from engine.runs import history, log, quick_reader, state_file
from engine.runs.follower import Follower
from engine.runs.unreadable import UnreadableError
from engine.training import event_json
from engine.training import events as ev

GIGABYTES = 6 << 30
EVENT = event_json.encode(ev.Paused(epoch=1, step=1, reason="asked")).encode() + b"\n"


class Counted(io.RawIOBase):
    """A file that never ends: a beginning, and then the same bytes for ever."""

    def __init__(self, beginning: bytes, again: bytes, read: list[int]) -> None:
        self._beginning, self._again, self._at, self._read = beginning, again * (1 + (1 << 16) // len(again)), 0, read

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = 2 * GIGABYTES if whence == io.SEEK_END else offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        found = self._beginning[self._at : self._at + size]
        while len(found) < size:
            at = (self._at + len(found) - len(self._beginning)) % len(self._again)
            found += self._again[at : at + size - len(found)]
        self._at += size
        self._read[0] += size
        assert self._read[0] < GIGABYTES, "it is read for ever"
        return found


WAYS: dict[str, Callable[[RunFolder], Any]] = {
    "read": log.read,
    "parts": lambda folder: list(log.parts(folder)),
    "events": lambda folder: list(log.events(folder)),
    "a follower": lambda folder: polled(Follower(folder), None),
    "a follower in parts": lambda folder: polled(Follower(folder), 1 << 20),
    "a follower that passes over": lambda folder: Follower(folder).skip(),
    "history": history.read,
    "the fold": lambda folder: state_file.read_on(folder, state_file.begun(folder)),
    "the fold in parts": lambda folder: folded(folder),
    "a list": lambda folder: quick_reader.QuickReader(folder).read(),
    "a list in parts": lambda folder: looked(folder),
}
CONTENTS: dict[str, tuple[bytes, bytes]] = {
    "zeros": (b"", b"\0"),
    "zeros behind events": (EVENT * 50, b"\0"),
    "ends of lines": (b"", b"\n"),
    "short lines": (EVENT, b"x\n"),
    "lines as long as events": (b"", b"y" * 300 + b"\n"),
    "lines of a known kind": (b"", b'{"kind": "paused", "epoch": "x"}\n'),
    "broken JSON of a known kind": (EVENT, b'{"kind": "finished", "epoch": [[[[[[\n'),
    "long lines": (b"", b"z" * (3 << 20) + b"\n"),
    "escape sequences": (EVENT, b"\x1b[2J\x9b\n"),
}  # fmt: skip


def polled(follower: Follower, most: int | None) -> None:
    for _ in range(2000):
        follower.poll(most)


def folded(folder: RunFolder) -> None:
    found = state_file.begun(folder)
    for _ in range(2000):
        found = state_file.read_on(folder, found, 1 << 20)


def looked(folder: RunFolder) -> None:
    reader = quick_reader.QuickReader(folder)
    for _ in range(2000):
        reader.read(until=0)


@pytest.fixture
def forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, bytes], list[int]]:
    """Lets the log of a run be such a file; gives where the bytes are counted that were read."""
    real = plain_file.opened

    def put(beginning: bytes, again: bytes) -> list[int]:
        read = [0]

        def opened(path: Path) -> Any:
            return Counted(beginning, again, read) if path.name == "events.jsonl" else real(path)

        monkeypatch.setattr(plain_file, "opened", opened)
        return read

    return put


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("content", ["zeros behind events", "short lines"])
def test_every_way_of_reading_gives_up(
    way: str, content: str, tmp_path: Path, forever: Callable[[bytes, bytes], list[int]]
) -> None:
    read = forever(*CONTENTS[content])
    with pytest.raises(UnreadableError, match=r"can't be read \(more than 64 MB of it are no events\)"):
        WAYS[way](RunFolder(tmp_path))
    assert read[0] <= log.MOST_NO_EVENTS + 2 * log.MOST_LINE


@pytest.mark.parametrize("content", CONTENTS)
def test_whatever_it_is_that_is_no_event(
    content: str, tmp_path: Path, forever: Callable[[bytes, bytes], list[int]]
) -> None:
    read = forever(*CONTENTS[content])
    with pytest.raises(UnreadableError, match="no events"):
        log.read(RunFolder(tmp_path))
    assert read[0] <= log.MOST_NO_EVENTS + 2 * log.MOST_LINE


def test_a_file_of_holes_is_one_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with open(folder.events, "wb") as file:
        file.write(EVENT)
        file.truncate(GIGABYTES)
    with pytest.raises(UnreadableError) as error:
        log.read(folder)
    assert len(str(error.value).splitlines()) == 1


def test_a_log_with_some_zeros_in_it_is_read(tmp_path: Path) -> None:
    """As a power cut leaves them."""
    folder = RunFolder(tmp_path)
    folder.events.write_bytes(EVENT + b"\0" * (20 << 20) + b"\n" + EVENT + b"\n\n\xff\n" + EVENT)
    assert len(log.read(folder).events) == 3
    assert sum(len(part.events) for part in log.parts(folder)) == 3


def test_events_do_not_count_however_many_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_NO_EVENTS", 1000)
    folder = RunFolder(tmp_path)
    progress = event_json.encode(ev.Progress(epoch=1, step=1, steps=9, loss=1.0, lr=1e-3, samples_per_s=1.0))
    unknown = b'{"kind": "from the future", "a": 1}\n'
    folder.events.write_bytes((progress.encode() + b"\n" + EVENT + unknown) * 20_000)
    assert len(log.read(folder).events) == 40_000
    assert len(log.read(folder, kinds=(ev.Paused,), latest=(ev.Progress,)).events) > 20_000
    assert sum(len(part.events) for part in log.parts(folder)) == 40_000
