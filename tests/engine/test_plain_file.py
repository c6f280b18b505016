"""Files that may be anything: to read, to append to, to lock."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import file_lock, plain_file, private
from engine.hosting import record_file
from engine.plain_file import NotPlainError


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


ODD: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": _socket,
}
DOORS: dict[str, Callable[[Path], object]] = {
    "read": plain_file.read,
    "opened": plain_file.opened,
    "appended": private.appended,
    "append": lambda path: private.append(path, "a line"),
    "locked": lambda path: file_lock.held(path).__enter__(),
    "held": lambda path: record_file.lock(path, path.with_name("host.json")),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("what", ODD)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, door: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "it"
    ODD[what](path)
    with pytest.raises(NotPlainError) as refused:
        door(path)
    assert refused.value.strerror in (f"{what}, not a file", "a link, not a file")


@pytest.mark.parametrize("append", [False, True])
def test_a_file_to_write_to_is_made_private_and_what_is_in_it_stays(tmp_path: Path, append: bool) -> None:
    path = tmp_path / "it"
    os.close(plain_file.written(path, append=append))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"before\n")
    descriptor = plain_file.written(path, append=append)
    os.write(descriptor, b"behind")
    os.close(descriptor)
    assert path.read_bytes() == (b"before\nbehind" if append else b"behind\n")


def test_a_link_is_followed_to_a_log_and_not_to_a_lock(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to("target")
    private.append(tmp_path / "link", "a line")
    assert (tmp_path / "target").read_bytes() == b"a line"
    with pytest.raises(NotPlainError, match="a link"), file_lock.held(tmp_path / "link"):
        raise AssertionError("it was locked")
