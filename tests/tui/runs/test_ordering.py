"""On *Runs*: what people say of runs, several at once; and runs that are deleted, and come back."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from engine.home import Home
from engine.queue import queue_file
from engine.queue.queue_file import Queue, Waiting
from engine.runs import meta, store, trash
from engine.training import events as ev
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp
from tests.support.waiting import until
from tui.dialogs.choice import ChoiceScreen
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.text import TextScreen
from tui.runs.new_run import NewRunScreen
from tui.runs.runs import RunsScreen
from tui.runs.watch import WatchScreen
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows

A, B, C = "20260101-101010-aaaa", "20260101-111111-bbbb", "20260101-121212-cccc"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """`first` and `second`, which are finished, and `live`, the newest."""
    for run_id, name in ((A, "first"), (B, "second")):
        run = MadeUpRun(tmp_path, run_id, name=name, dead=True)
        run.add(ev.Finished(epochs=1, seconds=1.0))
    MadeUpRun(tmp_path, C, name="live")
    return tmp_path


@pytest.fixture(autouse=True)
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)


def names(app: ScreensApp) -> list[str]:
    """The names in the table, in its order, with the signs before them."""
    table = app.screen_stack[0].query_one(Rows)
    place = next((at for at, column in enumerate(table.columns) if column.title == "run"), 0)
    return [row.cells[place].strip() for row in table.rows]


def title(app: ScreensApp) -> str:
    """What stands in the list's border."""
    return str(app.screen_stack[0].query_one("#runs", Panel).edges[0])


def words(app: ScreensApp) -> str:
    """All that the dialog says."""
    return "\n".join(str(one.content) for one in app.screen.query(Static))


def said(app: ScreensApp) -> str:
    return "\n".join(one.message for one in app._notifications)


async def ready(pilot: Pilot[None], *there: str) -> None:
    await until(pilot, lambda: sorted(names(pilot.app)) == sorted(there))  # type: ignore[arg-type]


async def answered(pilot: Pilot[None], text: str) -> None:
    """Type that in the prompt, once it is there, and enter."""
    await until(pilot, lambda: isinstance(pilot.app.screen, PromptScreen))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


async def dialog(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceScreen))


async def test_a_run_gets_another_name(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("f2")
        await answered(pilot, "  livelier ")
        await ready(pilot, "livelier", "second", "first")
        assert store.title(Home(home).run(C)) == "livelier"
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "a\x1b[2J"
        await until(pilot, lambda: "can't be shown" in words(app))
        await pilot.press("enter")
        assert isinstance(app.screen, PromptScreen)  # it stays until the name is one


async def test_without_an_editor_a_prompt_asks_for_the_note(home: Path) -> None:
    meta.change(Home(home).run(C), note="one\ntwo")
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("quotation_mark")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert app.screen.query_one(Input).value == r"one\ntwo"
        assert "neither $VISUAL nor $EDITOR" in said(app)
        await answered(pilot, r"three\nfour")
        await until(pilot, lambda: meta.read(Home(home).run(C)).note == "three\nfour")


async def test_the_editor_has_the_terminal_while_it_writes_the_note(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\nprintf "%s" "by hand" > "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))
    app, suspended = ScreensApp(home, "runs"), list[bool]()

    @contextlib.contextmanager
    def suspend() -> Iterator[None]:
        suspended.append(True)
        yield

    monkeypatch.setattr(app, "suspend", suspend)
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("quotation_mark")
        await until(pilot, lambda: meta.read(Home(home).run(C)).note == "by hand")
        assert suspended == [True]
        monkeypatch.setenv("EDITOR", "false")
        await pilot.press("quotation_mark")
        await answered(pilot, "by prompt")
        assert "false ended with the code 1" in said(app)
        await until(pilot, lambda: meta.read(Home(home).run(C)).note == "by prompt")


async def test_marked_runs_are_tagged_together(home: Path) -> None:
    meta.change(Home(home).run(B), add=["draft"])
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("m", "m")
        await until(pilot, lambda: "2 marked" in title(app))
        await pilot.press("at")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert "Tags of 2 runs" in words(app)
        assert "Now: draft" in words(app)
        app.screen.query_one(Input).value = "+paper -dr"
        app.screen.query_one(Input).cursor_position = 10
        await pilot.press("tab")
        await until(pilot, lambda: app.screen.query_one(Input).value == "+paper -draft")
        await until(pilot, lambda: "adds paper · takes away draft" in words(app))
        await pilot.press("enter")
        await until(
            pilot, lambda: [meta.read(Home(home).run(one)).tags for one in (A, B, C)] == [(), *[("paper",)] * 2]
        )
        await until(pilot, lambda: "marked" not in title(app))
        await until(pilot, lambda: "tags" in [column.title for column in app.screen.query_one(Rows).columns])


async def test_a_group_is_meant_with_all_its_runs(home: Path) -> None:
    for one in (A, B):
        request = store.read_run(Home(home).run(one))
        store.write_run(Home(home).run(one), request | {"group": {"id": "g", "name": "both", "size": 2}})
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[2]) as pilot:
        await ready(pilot, "live", "+ both (2)")
        await pilot.press("j", "at")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert "Tags of 2 runs" in words(app)
        await answered(pilot, "+paper")
        await until(pilot, lambda: [meta.read(Home(home).run(one)).tags for one in (A, B)] == [("paper",)] * 2)
        await until(pilot, lambda: "paper" in str(app.screen.query_one(Rows).rows[1].cells))
        await pilot.press("m")
        await until(pilot, lambda: "2 marked" in title(app))
        assert [row.cells[0] for row in app.screen.query_one(Rows).rows] == ["", "✓"]
        await pilot.press("delete")
        await dialog(pilot)
        assert "Delete 2 runs?" in words(app)
        await pilot.press("d")
        await ready(pilot, "live")


async def test_a_run_that_waits_in_the_queue_is_not_deleted(home: Path) -> None:
    request = store.read_run(Home(home).run(A))
    for path in (Home(home).run(A).events, Home(home).run(A).state_json, Home(home).run(A).summary_json):
        path.unlink(missing_ok=True)
    store.write_run(Home(home).run(A), request | {"prepared": True})
    queue_file.change(home, lambda queue: Queue(waiting=(Waiting(A, held=True),)))
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("G", "delete")
        await until(pilot, lambda: "not deleted, as it waits in the queue: first" in said(app))


async def test_escape_takes_the_marks_away_before_the_filter(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("slash")
        await answered(pilot, "-live")
        await ready(pilot, "second", "first")
        await pilot.press("m")
        await until(pilot, lambda: "1 marked" in title(app))
        await pilot.press("escape")
        await until(pilot, lambda: "marked" not in title(app))
        assert "filter: -live" in title(app)
        await pilot.press("escape")
        await ready(pilot, "live", "second", "first")


async def test_one_name_is_not_for_several_runs(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("m", "m", "f2")
        await pilot.pause()
        assert isinstance(app.screen, RunsScreen)
        assert "Esc takes the marks away" in app.screen.why_not("rename", ())


async def test_a_pinned_run_stands_first_whatever_the_order_is(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("G", "exclamation_mark")
        await until(pilot, lambda: names(app) == ["◆ first", "live", "second"])
        await pilot.press("s", "s")  # by state, then by name
        await pilot.press("S")
        await until(pilot, lambda: names(app)[0] == "◆ first")
        assert app.screen.query_one(Rows).key == A  # the cursor stays on its run
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "first" in names(app))


async def test_hidden_runs_are_counted_and_shown_when_they_are_asked_for(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        assert "no run is hidden" in app.screen.why_not("hidden", ())  # type: ignore[attr-defined]
        await pilot.press("m", "m", "underscore")
        await ready(pilot, "first")
        await until(pilot, lambda: "2 hidden (~: show)" in title(app))
        await pilot.press("tilde")
        await ready(pilot, "live", "second", "first")
        assert "with hidden runs" in title(app)
        await pilot.press("tilde", "slash")
        await answered(pilot, "hidden")
        await ready(pilot, "live", "second")
        await pilot.press("g", "underscore")  # shows it again, and so it passes the filter no more
        await ready(pilot, "second")


async def test_a_list_of_hidden_runs_alone_says_so(home: Path) -> None:
    for one in (A, B, C):
        meta.change(Home(home).run(one), hidden=True)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[0]) as pilot:
        await until(pilot, lambda: "All runs are hidden: ~ shows them." in words(app))


async def test_every_act_can_be_chosen_from_one_list(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[0]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("comma")
        await dialog(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "◆ live" in names(app))
        await pilot.press("comma")
        await dialog(pilot)
        assert [app.screen.query_one(OptionList).get_option(one).id for one in "rntphd"] == list("rntphd")
        await pilot.press("r")
        await answered(pilot, "other")
        await until(pilot, lambda: "◆ other" in names(app))
        await pilot.press("comma")
        await dialog(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


# Deleting


async def test_a_run_is_deleted_once_that_is_answered_and_comes_back(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        assert "nothing was deleted" in app.screen.why_not("undo", ())  # type: ignore[attr-defined]
        await pilot.press("j", "delete")
        await dialog(pilot)
        assert "Delete the run second?" in words(app)
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert len(names(app)) == 3
        await pilot.press("m", "m", "delete")
        await dialog(pilot)
        assert "together" in words(app)
        await pilot.press("d")
        await until(pilot, lambda: "deleted 2 runs; u brings them back" in said(app))  # said for some seconds
        await ready(pilot, "live")
        await pilot.press("u")
        await until(pilot, lambda: "2 runs are back" in said(app))
        await ready(pilot, "live", "second", "first")


async def test_what_rests_on_a_run_is_said_before_it_goes(home: Path) -> None:
    request = store.read_run(Home(home).run(B))
    store.write_run(Home(home).run(B), request | {"parent": {"run": A, "file": "checkpoints/x.pt", "epoch": 1}})
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[0]) as pilot:
        await ready(pilot, "live", "└ second", "first")
        await pilot.press("j", "delete")
        await dialog(pilot)
        assert "1 branch began with it: second. It stays, with its checkpoint." in words(app)


async def test_a_run_that_trains_is_not_deleted_and_it_is_said(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("delete")
        await until(pilot, lambda: "not deleted, as it trains: live" in said(app))
        await pilot.press("m", "m", "delete")
        await dialog(pilot)
        assert "Delete the run second?" in words(app)
        assert "not deleted, as it trains: live" in words(app)
        await pilot.press("d")
        await ready(pilot, "live", "first")


async def test_the_room_is_given_back_when_the_app_ends(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("j", "delete")
        await dialog(pilot)
        await pilot.press("d")
        await ready(pilot, "live", "first")
        assert [one.folder.id for one in trash.contents(home)] == [B]
    assert trash.contents(home) == []
    assert os.listdir(Home(home).trash) == []


async def test_what_a_crash_has_left_is_gone_a_day_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trash.Trash(home).delete([Home(home).run(A)])
    (own,) = Home(home).trash.iterdir()
    (own / trash.OWNER).unlink()
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second")
        app.sweep()
        await app.workers.wait_for_complete([one for one in app.workers if one.group == "sweep"])
        assert own.exists()  # not a day yet
        os.utime(own, (0, 0))
        app.sweep()
        await until(pilot, lambda: not own.exists())


async def test_a_watched_run_that_is_deleted_is_watched_no_more(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("delete")
        await dialog(pilot)
        await pilot.press("d")
        await ready(pilot, "live", "first")
        assert app.watched is None
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))


async def test_what_commands_a_terminal_is_shown_as_text(home: Path) -> None:
    hostile = {"name": "\x1b]0;x\x07", "note": "a\x1b[2J\nb", "tags": ["\x1b[31m"], "pinned": True}
    Home(home).run(B).meta_json.write_text(json.dumps(hostile))
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[2]) as pilot:
        await until(pilot, lambda: len(names(app)) == 3)
        about = app.screen.query_one("#about", Static)
        await pilot.press("g")
        await until(pilot, lambda: r"a\x1b[2J" in str(about.content))
        for key in ("comma", "f2", "at", "quotation_mark", "delete"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, ChoiceScreen | PromptScreen | TextScreen))
            await pilot.pause()
            rows = [strip.text for screen in app.screen_stack for strip in screen._compositor.render_strips()]
            assert not any("\x1b" in row or "\x07" in row for row in rows), key
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_a_meta_json_that_can_not_be_read_is_said_beside_the_list(home: Path) -> None:
    os.mkfifo(Home(home).run(C).meta_json)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[2]) as pilot:
        await ready(pilot, "live", "second", "first")
        await until(pilot, lambda: "meta.json can't be read: a named pipe" in words(app))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "mend that, or move it out of the way" in said(app))


async def test_a_filter_is_completed(home: Path) -> None:
    meta.change(Home(home).run(C), add=["paper", "papyrus"])
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        line = app.screen.query_one(Input)
        for typed, becomes in (
            ("optimi", "optimizer"),
            ("-state:fin", "-state:finished"),
            ("lr>0 tag:pap", "lr>0 tag:pap"),
        ):
            line.value = typed
            line.cursor_position = len(typed)
            await pilot.press("tab")
            await until(pilot, lambda: line.value == becomes)  # noqa: B023
        await pilot.press("tab")
        await until(pilot, lambda: "paper  papyrus" in words(app))


async def test_two_acts_in_quick_succession_are_both_done(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await ready(pilot, "live", "second", "first")
        await pilot.press("exclamation_mark", "underscore")
        await until(pilot, lambda: (said := meta.read(Home(home).run(C))).hidden and said.pinned)
