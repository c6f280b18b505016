"""What the program makes is its owner's alone, whatever the umask says."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import atomic, private


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_on_the_way_is_private(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    private.folder(tmp_path / "a" / "b" / "c")
    private.folder(tmp_path / "a" / "b" / "c")  # it is there
    made = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert [mode(path) for path in (*made, tmp_path)] == [0o700, 0o700, 0o700, 0o755]
    (tmp_path / "link").symlink_to("a")
    private.folder(tmp_path / "link")


def test_what_is_in_the_way_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "a", tmp_path / "file" / "a" / "b"):
        with pytest.raises(NotADirectoryError):
            private.folder(path)


def test_files_are_private_unless_the_person_asked_for_them(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "text", "x")
    atomic.write_cache(tmp_path / "cache", b"x")
    with private.appended(tmp_path / "log") as file:
        file.write(b"a")
    with private.appended(tmp_path / "log") as file:
        file.write(b"b")
    assert (tmp_path / "log").read_bytes() == b"ab"
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}
    atomic.write_text(tmp_path / "shared", "x", shared=True)
    os.umask(0o027)
    atomic.write_text(tmp_path / "some", "x", shared=True)
    assert (mode(tmp_path / "shared"), mode(tmp_path / "some")) == (0o666, 0o640)


def test_a_name_that_is_taken_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        private.create(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()
