"""The order in which a file comes to be: its bytes on the disk, then its name, then its folder."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from engine import atomic


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is asked of the disk: which file is flushed or renamed."""
    found: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def flushed(file: int) -> None:
        found.append(("fsync", Path(os.readlink(f"/proc/self/fd/{file}")).name))
        fsync(file)

    def renamed(source: Any, target: Any) -> None:
        found.append(("replace", f"{Path(source).name} {Path(target).name}"))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    return found


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    atomic.write_text(folder / "a", "é")
    part = f".a.{os.getpid()}.{threading.get_ident()}.part"
    assert calls == [("fsync", part), ("replace", f"{part} a"), ("fsync", "folder")]
    assert (folder / "a").read_bytes() == b"\xc3\xa9"
    assert os.listdir(folder) == ["a"]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic.whole(path) as beside:
            beside.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (path.read_bytes(), os.listdir(tmp_path), calls) == (b"old", ["a"], [])


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_knows_no_fsync_takes_files_all_the_same(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(file: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    atomic.write_text(tmp_path / "a", "b")
    assert (tmp_path / "a").read_text() == "b"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fails_is_an_error_and_leaves_the_old_file(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(file: int) -> None:
        raise OSError(code, os.strerror(code))

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(code)):
        atomic.write_text(tmp_path / "a", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_a_cache_waits_for_no_disk(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    atomic.write_cache(tmp_path / "a", b"x")
    assert [call for call, _ in calls] == ["replace"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_in_place_of_what_is_written_beside_is_not_followed(tmp_path: Path) -> None:
    """As a folder from somebody else may have it."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    for write in (atomic.write_bytes, atomic.write_cache):
        (tmp_path / f".a.{os.getpid()}.{threading.get_ident()}.part").symlink_to(precious)
        write(tmp_path / "a", b"x")
    assert precious.read_bytes() == b"mine"
    assert (tmp_path / "a").read_bytes() == b"x"
