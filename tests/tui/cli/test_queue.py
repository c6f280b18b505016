"""`train --seeds`, `train --queue` and `queue`, as they are typed."""

import json
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.mean_std import MeanStd, mean_std
from engine.queue import queue_file
from engine.runs import groups, listing, store
from engine.runs.groups import parse_seeds
from engine.training.config import TrainConfig
from tui.cli.main import main

QUICK = ("--dataset", "demo", "--epochs", "1", "--batch-size", "1024", "--threads", "1")


@pytest.fixture
def no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.queue.client.ensure_scheduler", lambda home: False)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", (7, 8, 9)),
        ("1", (7,)),
        ("3..7", (3, 4, 5, 6, 7)),
        ("0 .. 1", (0, 1)),
        ("1,4, 9", (1, 4, 9)),
        ("4..4", (4,)),
    ],
)
def test_the_seeds_that_can_be_typed(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text, 7) == seeds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither a number of seeds"), ("0", "from 1 to 1000"), ("1001", "from 1 to 1000"), ("-3", "neither"),
        ("7..3", "ends before it begins"), ("0..1000", "from 1 to 1000"), ("1,1", "names a seed twice"),
        ("1,", "neither"), ("1..", "neither"), ("a", "neither"), ("9223372036854775808,1", "at most"),
        ("1..99999999999999999999999", "from 1 to 1000"),
    ],
)  # fmt: skip
def test_those_that_can_not(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_seeds(text, 0)


def test_the_mean_is_of_what_is_known() -> None:
    assert mean_std([]) is None
    assert mean_std([None, float("nan")]) is None
    assert mean_std([0.5, None]) == MeanStd(0.5, None, 1)
    found = mean_std([0.9, 0.92, 0.94])
    assert found is not None
    assert (found.mean, found.std, found.count) == (pytest.approx(0.92), pytest.approx(0.02), 3)


def test_runs_of_several_seeds_are_trained_in_turn(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "train", *QUICK, "--seeds", "2", "--name", "pair"]) == 0
    said = capsys.readouterr().out
    assert "run 1 of 2, seed 0:" in said
    assert "run 2 of 2, seed 1:" in said
    assert "2 runs: best accuracy" in said
    rows = listing.list_runs(home)
    assert sorted(row.name for row in rows) == ["pair seed 0", "pair seed 1"]
    (group,) = groups.groups(rows)
    assert (group.name, group.size, group.ended, [run.settings["seed"] for run in group.runs]) == ("pair", 2, 2, [0, 1])
    assert main(["--home", str(home), "runs", "--groups", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["seeds"] == [0, 1]
    assert told["best"]["count"] == 2
    accuracies = [row.best_accuracy for row in rows]
    assert told["best"]["mean"] == pytest.approx(sum(accuracies) / 2)  # type: ignore[arg-type]
    assert main(["--home", str(home), "runs", "--groups"]) == 0
    assert "±" in capsys.readouterr().out


def test_seeds_that_can_not_start_leave_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "train", *QUICK, "--seeds", "3", "--freeze", "no.such"]) == 2
    assert "matches 'no.such'" in capsys.readouterr().err
    assert listing.list_runs(home) == []


@pytest.mark.usefixtures("no_scheduler")
def test_the_queue_is_shown_and_changed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> str:
        code = main(["--home", str(home), *words])
        told = capsys.readouterr()
        assert code == (2 if told.err else 0), told.err
        return told.err or told.out

    assert "0 runs waiting." in run("queue")
    assert run("train", *QUICK, "--queue", "--name", "first").endswith("waits, place 1 in the queue\n")
    assert "place 3 in the queue" in run("train", *QUICK, "--seeds", "4,5", "--name", "two", "--queue", "--slots", "2")
    shown = run("queue")
    assert "0 runs started, 2 at once; 3 runs waiting" in shown
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["1", "2", "3"]
    assert run("queue", "move", "first", "last").endswith("place 3 of 3\n")
    assert run("queue", "hold", "first").endswith(": held\n")
    assert "held" in run("queue")
    assert [row["state"] for row in json.loads(run("runs", "--json"))] == ["queued", "queued", "held"]
    assert [row["state"] for row in json.loads(run("runs", "--json", "--filter", "state=held"))] == ["held"]
    assert run("queue", "release", "first").endswith(": waits\n")
    assert run("queue", "cancel", "first").endswith(": cancelled\n")
    assert "no run 'first'" in run("queue", "hold", "first")
    told = json.loads(run("queue", "--json"))
    assert (told["slots"], told["scheduler"], len(told["waiting"])) == (2, False, 2)
    assert "give up, down, first, last" in run("queue", "move", "two seed 4", "sideways")
    assert "from 1 to 64" in run("queue", "slots", "0")
    assert "applies with --queue only" in run("train", *QUICK, "--slots", "2")


@pytest.mark.usefixtures("no_scheduler")
def test_a_detached_group_waits_in_the_queue(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "train", *QUICK, "--seeds", "2", "--detach"]) == 0
    assert len(queue_file.read(home).waiting) == 2


def test_a_group_that_is_written_wrongly_is_an_unreadable_run(home: Path) -> None:
    (folder,) = groups.make(home, TrainConfig(dataset="demo"), [3])
    request = store.read_run(folder)
    for wrong in ({"id": 3}, {"name": "x"}, {"id": "x", "size": -1}, "x", [1]):
        store.write_run(folder, request | {"group": wrong})
        (row,) = listing.Listing(home).look()
        assert "group" in row.problem
