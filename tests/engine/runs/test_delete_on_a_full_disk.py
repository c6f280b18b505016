"""Deleting on a disk without room: nothing is lost, it is said how, and for good it works."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import private
from engine.errors import RunError
from engine.home import Home
from engine.hosting import record_file
from engine.runs import trash
from tests.engine.runs.test_deletion import A, B, C, rows, run

Files = dict[Path, bytes]


def files(home: Path) -> Files:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def refusing(code: int, when: Callable[..., bool], real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **more: Any) -> Any:
        if when(*arguments):
            raise OSError(code, os.strerror(code), str(arguments[0]))
        return real(*arguments, **more)

    return call


def full(home: Path, monkeypatch: pytest.MonkeyPatch, what: str, code: int) -> None:
    """Let one of the steps of deleting find no room."""
    in_trash = str(Home(home).trash)
    if what == "the trash":
        monkeypatch.setattr(private, "folder", refusing(code, lambda at: str(at).startswith(in_trash), private.folder))
    elif what == "its record":
        monkeypatch.setattr(record_file, "write", refusing(code, lambda *_: True, record_file.write))
    elif what == "the second move":
        monkeypatch.setattr(os, "rename", refusing(code, lambda at, to: at == Home(home).run(B).path, os.rename))
    else:
        monkeypatch.setattr(os, "rename", refusing(code, lambda at, to: str(to).startswith(in_trash), os.rename))


STEPS = ["the trash", "its record", "the move", "the second move"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("what", STEPS)
def test_nothing_is_lost_and_it_is_said_how(
    what: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [run(tmp_path, one, checkpoints=2) for one in (A, B, C)]
    before = files(tmp_path / "runs")
    with monkeypatch.context() as patch:
        full(tmp_path, patch, what, code)
        bin_ = trash.Trash(tmp_path)
        with pytest.raises(RunError, match=r"can't be deleted \(.+\); for good, .*: fmnist-tui delete --now 2026"):
            bin_.delete(folders)
    assert bin_.holds == 0
    assert {path: data for path, data in files(tmp_path / "runs").items() if path in before} == before
    assert set(rows(tmp_path)) == {A, B, C}
    assert trash.contents(tmp_path) == []
    bin_.delete(folders)  # once there is room
    assert rows(tmp_path) == {}
    bin_.bring_back()
    assert set(rows(tmp_path)) == {A, B, C}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("what", STEPS)
def test_for_good_it_makes_room(what: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [run(tmp_path, one, checkpoints=2) for one in (A, B)]
    kept = run(tmp_path, C)
    full(tmp_path, monkeypatch, what, code)
    assert trash.delete_now(folders) == []
    assert not any(folder.path.exists() for folder in folders)
    assert set(rows(tmp_path)) == {C}
    assert kept.path.is_dir()
    assert trash.contents(tmp_path) == []


def test_another_error_deletes_nothing_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(tmp_path, A, checkpoints=1)
    full(tmp_path, monkeypatch, "the move", errno.EACCES)
    with pytest.raises(RunError, match=r"can't be deleted \(Permission denied\)$"):
        trash.delete_now([folder])
    assert set(rows(tmp_path)) == {A}


def test_a_run_that_trains_is_not_deleted_on_a_full_disk_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [run(tmp_path, A), run(tmp_path, B, living=True)]
    full(tmp_path, monkeypatch, "the trash", errno.ENOSPC)
    with pytest.raises(RunError, match="trains; stop it first"):
        trash.delete_now(folders)
    assert all(folder.path.is_dir() for folder in folders)
