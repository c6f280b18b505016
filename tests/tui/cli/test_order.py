"""`rename`, `note`, `tag`, `hide`, `pin`, `delete`, `disk`, `prune`: what they say, change, and leave as it was."""

import contextlib
import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.home import Home, RunFolder
from engine.runs import listing, meta, trash
from engine.training import events as ev
from tests.support.made_up import MadeUpRun
from tui.cli import completion, main, run_names
from tui.cli.parser import make_parser

A, B, C = "20260101-101010-aaaa", "20260101-111111-bbbb", "20260101-121212-cccc"


@pytest.fixture(autouse=True)
def runs(home: Path) -> dict[str, RunFolder]:
    """`fast` and `slow`, which are finished, and `live`."""
    made = {}
    for name, run_id in (("fast", A), ("slow", B)):
        run = MadeUpRun(home, run_id, name=name, dead=True)
        run.train([1])
        run.add(ev.Finished(epochs=1, seconds=2))
        made[name] = run.folder
    made["live"] = MadeUpRun(home, C, name="live").folder
    return made


def typed(*arguments: str, code: int = 0) -> None:
    assert main.main(list(arguments)) == code


def rows(home: Path) -> dict[str, listing.RunSummary]:
    return {row.id: row for row in listing.Listing(home).look()}


def test_a_run_is_called_by_its_new_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("rename", "fast", "the baseline")
    assert capsys.readouterr().out == f"{A}: fast is called the baseline now\n"
    typed("rename", "the baseline", "")
    assert rows(home)[A].title == A
    typed("rename", "slow", "a\x1b[2J", code=2)
    assert "can't be shown" in capsys.readouterr().err


def test_a_run_that_trains_can_be_renamed_too(home: Path) -> None:
    typed("rename", "live", "livelier")
    assert rows(home)[C].name == "livelier"


def test_a_note_is_written_printed_and_taken_away(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("note", "fast", "one\ntwo\n")
    capsys.readouterr()
    typed("note", "fast")
    assert capsys.readouterr().out == "one\ntwo\n"
    typed("note", "fast", "")
    assert rows(home)[A].note == ""
    assert "no note any more" in capsys.readouterr().out


def test_a_note_comes_from_a_pipe(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("späte\r\nZeile\n".encode())))
    typed("note", "fast", "-")
    assert rows(home)[A].note == "späte\nZeile"


def an_editor(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def test_a_note_is_written_in_the_editor(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meta.change(Home(home).run(A), note="before")
    monkeypatch.setenv("VISUAL", an_editor(tmp_path / "my editor", 'cat "$1" "$2"; printf "and after" >> "$2"'))
    monkeypatch.setenv("VISUAL", f"'{tmp_path / 'my editor'}' --flag")
    typed("note", "fast", "--edit")
    assert rows(home)[A].note == "before\nand after"


@pytest.mark.parametrize(
    ("editor", "said"),
    [("", "neither"), ("false", "ended with the code 1"), ("/no/such", "No such file"), ("'", "$VISUAL")],
)
def test_an_editor_that_fails_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], editor: str, said: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    monkeypatch.delenv("EDITOR", raising=False)
    typed("note", "fast", "--edit", code=2)
    assert said in capsys.readouterr().err
    assert rows(home)[A].note == ""


def test_tags_are_added_and_taken_away_in_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("tag", "fast", "+paper", "v2", "+old")
    typed("tag", "fast", "-old", "+home", "-hot")  # -h is no option here
    assert rows(home)[A].tags == ("home", "paper", "v2")
    capsys.readouterr()
    typed("tag", "fast")
    assert capsys.readouterr().out == f"{A}: home paper v2\n"
    typed("tag", "fast", "+a b", code=2)
    typed("tag", "fast", "+x", "--json", code=2)
    assert "options stand before RUN" in capsys.readouterr().err
    assert rows(home)[A].tags == ("home", "paper", "v2")


def test_hidden_runs_are_left_out_until_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    typed("hide", "fast", "slow")
    capsys.readouterr()

    def listed(*arguments: str) -> list[str]:
        typed("runs", "--json", *arguments)
        return [run["name"] for run in json.loads(capsys.readouterr().out)]

    assert listed() == ["live"]
    assert listed("--all") == ["live", "slow", "fast"]
    assert listed("--filter", "hidden") == ["slow", "fast"]
    assert listed("--filter=-hidden") == ["live"]
    typed("runs")
    out = capsys.readouterr().out
    assert "2 hidden runs are left out; --all shows them" in out
    assert "fast" not in out
    typed("unhide", "fast")
    capsys.readouterr()
    assert listed() == ["live", "fast"]


def test_pinned_runs_stand_first(capsys: pytest.CaptureFixture[str]) -> None:
    typed("pin", "fast")
    capsys.readouterr()
    typed("runs")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"◆ {A} fast")
    typed("unpin", "fast")
    capsys.readouterr()
    typed("runs")
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{A} fast")


def test_a_meta_json_that_can_not_be_read_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Home(home).run(A).meta_json.write_text('{"tags": 5}')
    typed("runs")
    found = capsys.readouterr()
    assert "fast" in found.out
    assert "meta.json can't be read ('tags' is not a list)" in found.err


def test_what_commands_a_terminal_is_shown_as_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {"name": "\x1b]0;x\x07", "note": "a\x1b[2Jb\nc", "tags": ["\x1b[31m"]}
    Home(home).run(A).meta_json.write_text(json.dumps(hostile))
    for command in (["runs"], ["note", A], ["tag", A], ["disk"], ["delete", A, "--yes"], ["undelete"], ["undelete", A]):
        typed(*command)
        found = capsys.readouterr()
        assert "\x1b" not in found.out + found.err
        assert "\x07" not in found.out + found.err


# Deleting


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal = io.StringIO(text)
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)


@pytest.mark.parametrize("text", ["", "n\n", "\n", "later\n"])
def test_a_run_stays_unless_it_is_told_to_go(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    answer(monkeypatch, text)
    typed("delete", "fast")
    assert A in rows(home)
    found = capsys.readouterr()
    assert found.out.startswith(f"{A} fast: ")
    assert "Delete the run fast? [y/N]" in found.err
    assert found.out.endswith("nothing is deleted\n")


def test_runs_go_once_they_are_told_to_and_come_back(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(home)
    answer(monkeypatch, "y\n")
    typed("delete", "fast", "slow", "fast")
    assert set(rows(home)) == {C}
    out = capsys.readouterr().out
    assert "deleted 2 runs; for a day: fmnist-tui undelete" in out
    typed("undelete")
    assert "fast" in capsys.readouterr().out
    typed("undelete", "fast", "slow")
    assert rows(home) == before
    typed("undelete", "fast", code=2)


def test_where_nobody_can_answer_nothing_is_deleted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("delete", "fast", code=2)
    assert "add --yes" in capsys.readouterr().err
    assert A in rows(home)


def test_a_run_that_trains_is_refused_with_those_beside_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("delete", "fast", "live", "--yes", code=2)
    assert "not deleted, as it trains: live" in capsys.readouterr().err
    assert set(rows(home)) == {A, B, C}


def test_deleted_now_is_gone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("delete", "fast", "--yes", "--now")
    assert "undelete" not in capsys.readouterr().out
    assert trash.contents(home) == []
    assert A not in rows(home)


def test_json_says_what_would_go_and_with_yes_it_goes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("delete", "fast", "--json")
    would = json.loads(capsys.readouterr().out)
    assert (would["done"], [run["id"] for run in would["runs"]], A in rows(home)) == (False, [A], True)
    typed("delete", "fast", "--json", "--yes")
    assert json.loads(capsys.readouterr().out) == would | {"done": True}
    assert A not in rows(home)


def test_a_run_that_can_not_be_read_is_deleted(home: Path) -> None:
    Home(home).run(A).run_json.write_text("{")
    typed("delete", A, "--yes", "--now")
    assert A not in rows(home)


# Room on the disk


def test_the_largest_runs_stand_first_or_the_oldest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (Home(home).run(B).path / "large").write_bytes(bytes(50_000))
    for path in (Home(home).run(A).run_json, Home(home).run(A).events):
        os.utime(path, (time.time() - 5 * 86400,) * 2)
    typed("disk", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["runs"][0]["id"] == B
    assert found["bytes"] == sum(run["bytes"] for run in found["runs"])
    typed("disk", "--sort", "age")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"{A} fast")
    assert "5 d" in lines[1]
    typed("disk", "--filter", "slow")
    assert "fast" not in capsys.readouterr().out


def aged(folder: RunFolder, days: int, checkpoints: int = 0) -> None:
    if checkpoints:
        folder.checkpoints.mkdir()
        entries = [Entry(f"epoch-{at:04}.pt", at, 100, 10, "00", 1.0, "epoch", 0.5) for at in range(1, checkpoints + 1)]
        for entry in entries:
            folder.checkpoint(entry.file).write_bytes(bytes(10))
        manifest.write(folder, entries)
    for path in (folder.run_json, folder.events):
        os.utime(path, (time.time() - days * 86400,) * 2)


def test_prune_shows_before_it_acts(home: Path, runs: dict[str, RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    aged(runs["fast"], 40)
    aged(runs["live"], 40)
    typed("prune", "--older-than", "30d")
    out = capsys.readouterr().out
    assert "nothing is deleted yet: --yes deletes the run fast for good" in out
    assert "not deleted, as it trains: live" in out
    assert set(rows(home)) == {A, B, C}
    typed("prune", "--older-than", "30d", "--yes")
    assert set(rows(home)) == {B, C}
    assert trash.contents(home) == []
    capsys.readouterr()
    typed("prune", "--older-than", "30d", "--json")
    assert json.loads(capsys.readouterr().out) == {"done": False, "runs": [], "bytes": 0, "freed": 0}


def test_pinned_runs_are_pruned_only_where_that_is_asked_for(home: Path, runs: dict[str, RunFolder]) -> None:
    aged(runs["fast"], 40)
    typed("pin", "fast")
    typed("prune", "--older-than", "30d", "--keep-pinned", "--yes")
    typed("prune", "--filter", "fast", "--yes")
    assert A in rows(home)
    typed("prune", "--older-than", "4w", "--no-keep-pinned", "--yes")
    assert A not in rows(home)


def test_checkpoints_go_and_the_runs_stay(
    home: Path, runs: dict[str, RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    aged(runs["fast"], 40, checkpoints=5)
    typed("prune", "--older-than", "30d", "--checkpoints-only", "--keep", "2")
    assert "--yes deletes 2 checkpoints, 20 B for good" in capsys.readouterr().out
    assert len(manifest.read(runs["fast"])) == 5
    typed("prune", "--older-than", "30d", "--checkpoints-only", "--keep", "2", "--json", "--yes")
    found = json.loads(capsys.readouterr().out)
    assert found["runs"][0]["files"] == ["epoch-0002.pt", "epoch-0003.pt"]
    assert [entry.epoch for entry in manifest.read(runs["fast"])] == [1, 4, 5]  # the first is the best
    assert rows(home)[A].state == "finished"


@pytest.mark.parametrize("arguments", [[], ["--keep", "3", "--older-than", "1d"], ["--older-than", "soon"], ["--yes"]])
def test_prune_without_a_measure_does_nothing(home: Path, arguments: list[str]) -> None:
    with contextlib.suppress(SystemExit):
        typed("prune", *arguments, code=2)
    assert set(rows(home)) == {A, B, C}


# Completion


def test_a_shell_completes_the_new_name_and_no_trash(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("rename", "fast", "baseline")
    typed("delete", "slow", "--yes")
    capsys.readouterr()
    assert run_names.main(["--home", str(home)]) == 0
    assert capsys.readouterr().out.split() == ["last", "live", "baseline", C, A]


def test_a_shell_does_not_wait_for_a_pipe(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(Home(home).run(A).meta_json)
    Home(home).run(B).run_json.unlink()
    os.mkfifo(Home(home).run(B).run_json)
    assert run_names.main(["--home", str(home)]) == 0
    assert "fast" in capsys.readouterr().out.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_runs_are_completed_where_these_commands_take_one(shell: str) -> None:
    text = completion.script(make_parser(), shell)
    for command in ("rename", "note", "tag", "hide", "unhide", "pin", "unpin", "delete"):
        about_it = [line for line in text.splitlines() if command in line and "_fmnist_tui_runs" in line]
        assert about_it or shell == "zsh", command
