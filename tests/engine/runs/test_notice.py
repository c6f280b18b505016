"""What a person is told of a run: once for each thing, by the ways that they have typed, and by no others."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.home import RunFolder
from engine.models import trusted_code
from engine.runs import listing, notice, notify_ways, store
from engine.training import events as ev
from tests.support.made_up import MadeUpRun
from tests.support.waiting import wait_for

WARNED = ev.Warned(code="non_finite_loss", message="the loss is nan", epoch=1, step=5)
FINISHED = ev.Finished(epochs=1, seconds=2.0)
OTHER = ev.Warned(code="slow_checkpoint", message="slow", epoch=1, step=5)


def stopped(reason: str) -> ev.Stopped:
    return ev.Stopped(epoch=1, step=5, reason=reason)


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRun:
    run = MadeUpRun(tmp_path, "20260101-101010-aaaa", name="mine", dead=True)
    run.train([1])
    return run


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([FINISHED], ["finished"]),
        ([stopped("asked")], ["stopped"]),
        ([stopped("SIGTERM")], ["stopped"]),
        ([ev.Failed(message="x", log="y", epoch=1, step=1)], ["failed"]),
        ([WARNED, WARNED, stopped("non_finite_loss")], ["nan"]),
        ([WARNED, WARNED, FINISHED], ["nan", "finished"]),
        ([WARNED, ev.Paused(epoch=1, step=5, reason="non_finite_loss"), stopped("asked")], ["nan", "stopped"]),
        ([WARNED, ev.Unpaused(epoch=1, step=5), WARNED], ["nan", "nan"]),
        ([OTHER, ev.Paused(epoch=1, step=5, reason="asked")], []),
    ],
)
def test_each_thing_is_told_once(events: list[ev.Event], told: list[str]) -> None:
    teller = notice.Teller()
    assert [state for event in events if (state := teller.of(event))] == told


@pytest.mark.parametrize(
    ("typed", "ways"),
    [
        (["bell"], ("bell",)),
        (["osc9", "bell", "osc9"], ("osc9", "bell")),
        (["off"], ()),
        (["make sound"], ("make sound",)),
    ],
)
def test_ways_are_taken_as_they_are_typed(typed: list[str], ways: tuple[str, ...]) -> None:
    assert notify_ways.checked(typed) == ways


@pytest.mark.parametrize("typed", [[""], ["off", "bell"], ["x" * 4001], ["a\0b"], ["\udcff"], [*"abcdefghijk"]])
def test_what_is_no_way_is_refused(typed: list[str]) -> None:
    with pytest.raises(ConfigError, match="notify"):
        notify_ways.checked(typed)


def test_nothing_in_a_name_commands_the_terminal() -> None:
    sent = notify_ways.sequences(("bell", "osc9"), "a\x1b]0;b\x07;c\nd")
    assert sent.startswith("\x07\x1b]9;")
    assert sent.count("\x1b") == 1
    assert sent.count("\x07") == 2
    assert sent.count(";") == 1
    assert "\n" not in sent
    assert notify_ways.sequences(("true",), "x") == ""


def ask(made: MadeUpRun, *ways: str) -> RunFolder:
    store.write_run(made.folder, store.read_run(made.folder) | {"notify": list(ways)})
    return made.folder


def tell(made: MadeUpRun, event: ev.Event) -> None:
    """As the host does: into the log, then to the commands."""
    teller = notice.CommandTeller(made.folder)
    made.add(event)
    teller.hear(event)


def test_a_command_has_the_run_in_its_environment(made: MadeUpRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = f"env > {out}.part; pwd >> {out}.part; mv {out}.part {out}"
    folder = ask(made, "bell", *notice.typed([command]))
    tell(made, FINISHED)
    wait_for(out.exists, "the command's file")
    lines = out.read_text().splitlines()
    values = dict(line.partition("=")[::2] for line in lines if line.startswith("FMNIST_TUI_"))
    assert values["FMNIST_TUI_RUN"] == folder.id
    assert values["FMNIST_TUI_NAME"] == "mine"
    assert values["FMNIST_TUI_STATE"] == "finished"
    assert values["FMNIST_TUI_FOLDER"] == str(folder.path) == lines[-1]
    assert values["FMNIST_TUI_HOME"] == str(tmp_path)
    assert float(values["FMNIST_TUI_ACCURACY"]) == 0.51
    assert values["FMNIST_TUI_EPOCH"] == "1"
    assert "mine is finished" in values["FMNIST_TUI_WORDS"]


def test_a_command_that_fails_says_so_in_the_hosts_log(made: MadeUpRun) -> None:
    folder = ask(made, *notice.typed(["echo said; exit 3"]))
    tell(made, FINISHED)
    wait_for(lambda: folder.host_log.exists() and "code 3" in folder.host_log.read_text(), "the failure in the log")
    text = folder.host_log.read_text()
    assert text.startswith("said\n")
    assert "the command of --notify ended with the code 3: echo said; exit 3" in text


def test_a_command_that_nobody_here_has_typed_does_not_run(made: MadeUpRun, tmp_path: Path) -> None:
    """A run's folder may come from anybody."""
    folder = ask(made, f"touch {tmp_path}/ran")
    tell(made, FINISHED)
    assert "a command of --notify did not run: you have not typed it yourself" in folder.host_log.read_text()
    assert not (tmp_path / "ran").exists()


def test_a_command_that_was_forgotten_does_not_run(made: MadeUpRun, tmp_path: Path) -> None:
    command = f"touch {tmp_path}//ran"
    folder = ask(made, *notice.typed([command]))
    assert f"command: {command}" in trusted_code.files()
    assert trusted_code.forget(f"command: {command}")
    tell(made, FINISHED)
    assert "did not run" in folder.host_log.read_text()


def test_two_commands_do_not_wait_for_each_other(made: MadeUpRun, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ask(made, *notice.typed([f"cat {pipe}", f"echo > {pipe}"]))  # the first ends with the second
    tell(made, FINISHED)
    wait_for(lambda: made.folder.host_log.exists() and made.folder.host_log.read_text() == "\n", "both to end")


def test_ways_are_kept_with_the_run_and_only_written_where_they_change(made: MadeUpRun) -> None:
    notice.keep(made.folder, ("bell",))
    before = made.folder.run_json.stat().st_ino
    notice.keep(made.folder, ("bell",))
    assert made.folder.run_json.stat().st_ino == before
    assert notice.ways_of(made.folder) == ("bell",)
    notice.keep(made.folder, ())
    assert notice.ways_of(made.folder) == ()


@pytest.mark.parametrize("value", ["bell", [1], ["x" * 5000], {"a": 1}, ["a"] * 11])
def test_ways_of_another_type_make_a_run_unreadable(made: MadeUpRun, value: object) -> None:
    request = json.loads(made.folder.run_json.read_text())
    made.folder.run_json.write_text(json.dumps(request | {"notify": value}))
    (row,) = listing.Listing(made.folder.home.path).look()
    assert "notify" in row.problem
    assert notice.ways_of(made.folder) == ()


@pytest.mark.parametrize("state", [*notice.ENDS, "nan"])
def test_a_notice_is_a_line_whatever_the_run_is_called(made: MadeUpRun, state: notice.State) -> None:
    request = json.loads(made.folder.run_json.read_text())
    made.folder.run_json.write_text(json.dumps(request | {"name": "a\x1b[2J\n" + "x" * 500}))
    run = dataclasses.replace(listing.quick_state(made.folder), reason="why\x1b")
    told = notice.notice(made.folder, state, run)
    assert told.words.isprintable()
    assert len(told.words) <= 200
    assert all(value.isprintable() for value in notice.environment(made.folder, told, run).values())
