"""Runs that can't be read are left out and named; they hide no other run, and no other takes their place."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.home import Home, RunFolder
from engine.runs import client, listing, store
from engine.runs.unreadable import UnreadableError
from engine.training.config import TrainConfig
from tests.support.made_up import MadeUpRun, progress
from tests.support.permissions import permissions_hold
from tui.cli import main

GOOD, SPOILT = "20260101-101010-aaaa", "20260101-111111-bbbb"


def no_permission(path: Path) -> None:
    path.chmod(0)


def a_loop(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(path.name)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def holds(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


SPOILERS: list[tuple[str, Callable[[Path], object], str]] = [
    ("", no_permission, "Permission denied"),
    ("", a_loop, "Too many levels of symbolic links"),
    ("run.json", no_permission, "Permission denied"),
    ("run.json", a_loop, "Too many levels of symbolic links"),
    ("run.json", a_folder, "a folder, not a file"),
    ("run.json", a_pipe, "a named pipe, not a file"),
    ("run.json", Path.unlink, "No such file or directory"),
    ("run.json", holds(b"\xff{}"), "no JSON"),
    ("run.json", holds(b"[" * 100_000), "no JSON"),
    ("run.json", holds(b"[]"), "no JSON object"),
    ("run.json", holds(b'{"config": "mlp"}'), "'config' is not an object"),
    ("run.json", holds(b'{"parent": {"epoch": [1]}}'), "'parent.epoch' is not an integer"),
    ("run.json", holds(b'{"parent": {"epoch": -1}}'), "'parent.epoch' is not an integer >= 0"),
    ("run.json", holds(b'{"config": {"lr": "fast"}}'), "'config.lr' is not a number"),
    ("run.json", holds(b'{"config": {"lr": {"deep": []}}}'), "'config[...]' is not a number, a text, or true or false"),
    ("run.json", holds(b'{"processes": 1e9}'), "'processes' is not an integer"),
    ("run.json", holds(b'{"name": ["a"]}'), "'name' is not a text"),
    ("run.json", holds(b'{"config": ' + b'{"a":' * 100_000), "no JSON"),
    ("run.json", holds(b" " * (5 << 20)), "more than 4 MB"),
    ("events.jsonl", no_permission, "Permission denied"),
    ("events.jsonl", a_folder, "a folder, not a file"),
    ("events.jsonl", a_pipe, "a named pipe, not a file"),
    ("host.json", no_permission, "Permission denied"),
    ("host.json", a_folder, "a folder, not a file"),
    ("host.json", a_pipe, "a named pipe, not a file"),
]


@pytest.fixture(autouse=True)
def _permissions(home: Path) -> Iterator[None]:
    with permissions_hold():
        yield
    for path in (home / "runs", *home.glob("runs/*")):  # so that pytest can delete them
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


@pytest.fixture
def good(home: Path) -> RunFolder:
    made = MadeUpRun(home, GOOD, name="good", dead=True)
    made.add(progress(1, 50))
    return made.folder


@pytest.mark.parametrize(("file", "spoil", "why"), SPOILERS)
def test_one_that_can_not_be_read_is_named_and_the_others_are_listed(
    file: str,
    spoil: Callable[[Path], object],
    why: str,
    home: Path,
    good: RunFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoilt = MadeUpRun(home, SPOILT).folder.path
    spoil(spoilt / file)
    assert main.main(["runs", "--home", str(home)]) == 2
    out, err = capsys.readouterr()
    assert GOOD in out
    (row,) = [line for line in out.splitlines() if SPOILT in line]
    assert "unreadable" in row
    assert why in row
    assert err.startswith("fmnist-tui: 1 run can't be read: ")
    assert SPOILT in err
    assert f"({why})" in err
    assert err.count("\n") == 1
    with pytest.raises(UnreadableError, match=r"can't be read \(.*\); mend that"):
        listing.summary(store.find(home, "20260101-1111"))


def test_a_folder_of_runs_that_can_not_be_read_is_not_an_empty_one(
    home: Path, good: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "runs").chmod(0)
    assert main.main(["runs", "--home", str(home)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{home}/runs (Permission denied)" in err
    with pytest.raises(RunError, match="Permission denied"):
        store.find(home, "last")


def test_what_is_no_run_is_passed_over(home: Path, good: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("lost+found", ".Trash-1000"):
        (home / "runs" / name).mkdir(mode=0)
    (home / "runs" / "notes").mkdir()
    (home / "runs" / "notes.txt").touch()
    assert main.main(["runs", "--home", str(home)]) == 0
    assert capsys.readouterr().err == ""


def test_no_older_run_is_the_last_one_instead(home: Path, good: RunFolder) -> None:
    older, newer = MadeUpRun(home, "20251231-101010-cccc"), MadeUpRun(home, SPOILT)
    older.folder.run_json.write_text("{")
    assert store.find(home, "last") == newer.folder
    newer.folder.run_json.write_text("{")
    with pytest.raises(UnreadableError, match=SPOILT):
        store.find(home, "last")
    with pytest.raises(RunError, match=rf"no run 'x' in .*; 2 runs can't be read and are left out: .*{SPOILT}"):
        store.find(home, "x")
    with pytest.raises(RunError, match=f"'20260101' matches 2 runs: {GOOD}, {SPOILT}"):
        store.find(home, "20260101")
    assert store.find(home, "good") == good


def test_an_unreadable_home_is_told_of_many_at_a_time(
    home: Path, good: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        MadeUpRun(home, f"20250101-1010{number:02d}-aaaa").folder.run_json.write_text("")
    assert main.main(["runs", "--json", "--home", str(home)]) == 2
    out, err = capsys.readouterr()
    assert out.count('"state": "unreadable"') == 12
    assert len(json.loads(out)) == 13
    assert err.startswith("fmnist-tui: 12 runs can't be read: ")
    assert err.endswith(" and 2 more\n")


@pytest.fixture
def time_zone() -> Iterator[Callable[[str], None]]:
    before = os.environ.get("TZ")

    def change(name: str) -> None:
        os.environ["TZ"] = name
        time.tzset()

    yield change
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("first", "second"), [("Pacific/Kiritimati", "America/Los_Angeles"), ("XST-14", "YST+11"), ("UTC", "UTC")]
)
def test_the_newest_is_the_one_that_was_made_last_in_whatever_time_zone(
    first: str, second: str, home: Path, time_zone: Callable[[str], None]
) -> None:
    ids = []
    for zone in (first, second):
        time_zone(zone)
        ids.append(store.create(home, client.request(TrainConfig())).id)
    assert (ids[0] > ids[1]) or first == second
    time_zone("UTC")
    store.write_run(Home(home).run(ids[0]), store.read_run(Home(home).run(ids[0])) | {"seed": 1})  # as a resume does
    assert store.find(home, "last").id == ids[1]
    assert [run.id for run in listing.list_runs(home)] == ids[::-1]


@pytest.mark.parametrize("created", [None, "yesterday", float("nan"), True, 10**400])
def test_a_run_that_does_not_say_when_it_was_made_stands_where_its_id_says(created: object, home: Path) -> None:
    for run_id, made in (("20260103-101010-aaaa", 1767435000), ("20260102-101010-bbbb", created), (GOOD, 1767262200)):
        folder = MadeUpRun(home, run_id).folder
        store.write_run(folder, store.read_run(folder) | {"created": made})
    assert [folder.id[:8] for folder in store.run_folders(home)] == ["20260103", "20260102", "20260101"]
