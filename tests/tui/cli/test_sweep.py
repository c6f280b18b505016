"""`sweep`, as it is typed."""

import csv
import json
from pathlib import Path

import pytest

from engine.home import Home
from engine.studies import client, study_file, trials
from engine.studies.search import Search
from engine.studies.study_name import ACTIONS
from tui.cli.main import main
from tui.cli.sweep_commands import with_action

SPACE = ["lr=1e-4..1e-1:log", "optimizer=sgd,adam", "dataset=demo", "epochs=2"]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on a study but the test."""
    monkeypatch.setattr(client, "ensure_worker", lambda folder: None)


def done(home: Path, count: int = 3) -> Search:
    """A study with some trials that were told."""
    assert main(["sweep", "one", *SPACE, "--trials", str(count + 1), "--sampler", "random"]) == 0
    search = client.opened(Home(home).study("one"))
    for number in range(count):
        assert search.take() == number
        search.config(number)
        search.report(number, 1, 1.0 - number / 10)
        search.complete(number, 1.0 - number / 10)
    client.refreshed(Home(home).study("one"))
    return search


def test_a_name_alone_makes_a_study() -> None:
    assert with_action(["sweep", "first", "lr=1..2"]) == ["sweep", "new", "first", "lr=1..2"]
    assert with_action(["--home", "x", "sweep", "show", "first"]) == ["--home", "x", "sweep", "show", "first"]
    assert with_action(["sweep"]) == ["sweep"]
    assert with_action(["sweep", "--home", "x"]) == ["sweep", "--home", "x"]
    assert with_action(["runs", "first"]) == ["runs", "first"]
    for action in ACTIONS:
        assert with_action(["sweep", action]) == ["sweep", action]


def test_a_study_is_made_shown_and_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done(home)
    said = capsys.readouterr()
    assert "study one: 4 trials; lowest val_loss, sampler random" in said.out
    assert "10% of the training images are held out" in said.out
    assert main(["sweep", "show", "one"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "3 of 4 done" in lines[0]
    first = next(line for line in lines if line.startswith("2 "))
    assert "complete" in first
    assert "0.8000" in first
    assert main(["sweep", "show", "one", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] == 2
    assert found["counts"] == {"running": 0, "waiting": 1, "complete": 3, "pruned": 0, "failed": 0}
    assert found["config"]["val"] == "0.1"
    assert main(["sweep", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["trials"], listed["best_value"]) == ("one", 4, pytest.approx(0.8))
    assert main(["sweep"]) == 0
    assert "3 of 4 done" in capsys.readouterr().out


def test_the_trials_are_written_as_csv(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done(home)
    target = tmp_path / "trials.csv"
    assert main(["sweep", "show", "one", "--csv", str(target)]) == 0
    rows = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
    assert [float(row["val_loss"]) for row in rows[:3]] == pytest.approx([1.0, 0.9, 0.8])
    assert rows[3]["state"] == "waiting"
    assert rows[3]["lr"] == ""
    assert main(["sweep", "show", "one", "--csv", str(target)]) == 2
    assert "--force" in capsys.readouterr().err


def test_it_is_stopped_extended_and_changed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done(home)
    folder = Home(home).study("one")
    assert main(["sweep", "stop", "one"]) == 0
    assert study_file.read(folder).wanted == "finish"
    assert main(["sweep", "stop", "--now", "one"]) == 0
    assert study_file.read(folder).wanted == "stop"
    assert main(["sweep", "extend", "one", "5"]) == 0
    assert study_file.read(folder).wanted == "go"
    assert main(["sweep", "add", "one", "lr=3e-3"]) == 0
    assert main(["sweep", "space", "one", "lr=1e-3..1e-2:log", "weight_decay=1e-5..1e-3:log"]) == 0
    capsys.readouterr()
    assert main(["sweep", "space", "one"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "optimizer=sgd,adam", "lr=1e-3..1e-2:log", "weight_decay=1e-5..1e-3:log",
    ]  # fmt: skip
    assert main(["sweep", "start", "one", "--parallel", "3"]) == 0
    assert study_file.read(folder).parallel == 3
    seen = client.refreshed(folder)
    assert len(seen.trials) == 10
    assert seen.trials[-1].params == {"lr": "3e-3"}


def test_it_is_deleted_once_that_is_answered(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done(home)
    folder = Home(home).study("one")
    monkeypatch.setattr("tui.cli.sweep.ask", lambda question: False)
    assert main(["sweep", "delete", "one"]) == 0
    assert folder.path.exists()
    assert main(["sweep", "delete", "--yes", "one"]) == 0
    assert not folder.path.exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["sweep", "a/b", *SPACE], "can't be a study's name"),
        (["sweep", "one", "epochs=3"], "a study needs a setting with several values"),
        (["sweep", "one", "lr=1e-3..1e-2", "--metric", "f1"], "'f1' is no result of an epoch"),
        (["sweep", "one", "lr=1e-3..1e-2", "val=0", "--metric", "val_loss"], "without validation images"),
        (["sweep", "one", "lr=1e-3..1e-2", "val=0.1", "--metric", "test_loss"], "before the end"),
        (["sweep", "one", "lr=1e-3..1e-2", "--sampler", "bayes"], "'bayes' is unknown"),
        (["sweep", "one", "lr=1e-3..1e-2", "--prune", "asha"], "'asha' is unknown"),
        (["sweep", "one", "lr=1e-3..1e-2", "--sampler", "grid"], "has no end of values"),
        (["sweep", "one", "optimizer=sgd,adam", "--sampler", "grid", "--trials", "1"], "the grid has 2 points"),
        (["sweep", "one", "lr=1e-3..1e-2", "--trials", "0"], "out of range"),
        (["sweep", "one", "lr=1e-3..1e-2", "--parallel", "0"], "out of range"),
        (["sweep", "one", "lr=1e-3..1e-2", "--heartbeat", "0"], "out of range"),
        (["sweep", "one", "lr=1e-3..1e-2", "--seed", "-1"], "out of range"),
        (["sweep", "one", "lr=1e-3..1e-2", "--storage", "sqlite:///x.db"], "SQLite can't be shared"),
        (["sweep", "join", "one"], "which database"),
        (["sweep", "join", "one", "--storage", "http://x"], "is not a database's URL"),
        (["sweep", "show", "none"], "no study 'none'"),
        (["sweep", "extend", "none", "3"], "no study 'none'"),
    ],
)
def test_what_can_not_be_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], typed: list[str], words: str
) -> None:
    assert main(typed) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not Home(home).study("one").path.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 5000, b'{"v": 2}', b"\x00\xff", b'{"id": 7}'])
def test_a_study_that_can_not_be_read_is_a_line_and_the_others_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    done(home)
    bad = Home(home).study("bad")
    bad.path.mkdir()
    bad.study_json.write_bytes(content)
    capsys.readouterr()
    assert main(["sweep", "list"]) == 2
    said = capsys.readouterr()
    assert "3 of 4 done" in said.out
    assert "can't be read" in said.err
    assert main(["sweep", "show", "bad"]) == 2


def test_a_snapshot_that_is_damaged_is_made_anew(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done(home)
    folder = Home(home).study("one")
    folder.snapshot.write_bytes(b"{")
    capsys.readouterr()
    assert main(["sweep", "show", "one"]) == 0
    assert "3 of 4 done" in capsys.readouterr().out
    assert trials.read(folder) is not None


def test_names_and_failures_are_printed_without_control_characters(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = done(home)
    assert search.take() == 3
    search.note(3, "run", "\x1b[2J")
    search.fail(3, "\x1b]0;title\x07 bad")
    capsys.readouterr()
    for typed in (["sweep", "show", "one"], ["sweep", "show", "one", "--csv", "-"], ["sweep", "show", "one", "--json"]):
        assert main(typed) == 0
        assert not set(capsys.readouterr().out) & {"\x1b", "\x07"}
