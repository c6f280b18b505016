import time
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.home import Home
from engine.runs import meta
from engine.runs.listing import Listing, RunSummary
from engine.training import events as ev
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp, progress
from tests.support.timers import count_writes, tick
from tests.support.waiting import until
from tui.config.declared import COLUMNS_RUNS, SORT_RUNS
from tui.runs.new_run import NewRunScreen
from tui.runs.ordered_runs import EMPTY
from tui.runs.run_chart import RunChart
from tui.runs.run_detail import RunDetail
from tui.runs.runs import RunsScreen
from tui.runs.watch import WatchScreen
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows


def rows(app: ScreensApp) -> list[list[str]]:
    return [[cell.strip() for cell in row.cells] for row in app.screen.query_one(Rows).rows]


def shown(app: ScreensApp) -> list[str]:
    """The table's lines as they are drawn."""
    return app.screen.query_one(Rows).text().splitlines()


def screen_of(app: ScreensApp) -> RunsScreen:
    assert isinstance(app.screen, RunsScreen)
    return app.screen


def panel(app: ScreensApp) -> Panel:
    """The list's."""
    return app.screen.query_one("#runs", Panel)


def screen_words(app: ScreensApp) -> str:
    """What stands in the list's panel in place of the list."""
    return " ".join(str(one.content) for one in panel(app).query(".panel-text").results(Static) if one.display)


async def typed(pilot: Pilot[None], text: str) -> None:
    """Filter by that."""
    await pilot.press("slash")
    await until(pilot, lambda: bool(pilot.app.screen.query(Input)))
    pilot.app.screen.query_one(Input).value = text
    await until(pilot, lambda: "runs" in str(pilot.app.screen.query_one("#verdict").render()))
    await pilot.press("enter")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    finished = MadeUpRun(tmp_path, "20260101-101010-aaaa", name="first")
    finished.train([1, 2])
    finished.add(ev.Finished(epochs=10, seconds=20))
    MadeUpRun(tmp_path, "20260101-111111-bbbb", name="gone", dead=True, demo=True).train([1])
    MadeUpRun(tmp_path, "20260101-121212-cccc", name="live one").add(progress(1, 50))
    return tmp_path


@pytest.mark.parametrize("size", SIZES)
async def test_every_run_has_a_line_newest_first(home: Path, size: tuple[int, int]) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        assert [row[:6] for row in rows(app)] == [
            ["training", "live one", "mlp", "1/10", "–", "1.5000"],
            ["ended", "gone", "mlp", "1/10", "51.0%", "1.5000"],
            ["finished", "first", "mlp", "2/10", "52.0%", "0.7500"],
        ]
        await until(pilot, lambda: "first" in app.screen.query_one(Rows).text())  # the last of them is drawn
        titles = {"state", "run", "model", "epochs", "best", "loss", "curve"}
        titles |= {"age", "time", "data"} if size[0] > 120 else set()
        assert titles <= set(shown(app)[0].split())
        assert shown(app)[1].split()[:5] == ["▸training", "live", "one", "mlp", "1/10"]
        assert {"ended", "gone", "51.0%"} < set(shown(app)[2].split())
        assert max(map(len, shown(app))) <= size[0]


async def test_a_curve_has_its_newest_end_in_view_whatever_width_the_table_gets(home: Path) -> None:
    MadeUpRun(home, "20260101-131313-dddd", name="long").train(range(1, 60))
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 4 and "long" in app.screen.query_one(Rows).text())
        table, detail = app.screen.query_one(Rows), app.screen.query_one("#run")
        at = [column.title for column in table.columns].index("curve")
        for there in (False, True):  # as when the panel beside it comes after the first list
            detail.display = there
            await until(pilot, lambda there=there: (table.size.width < 130) is there)  # type: ignore[misc]
            await until(pilot, lambda: screen_of(app)._shown.width == table.size.width)
            assert table.rows[0].cells[at]
            assert f"{table.rows[0].cells[at]} " in shown(app)[1]


async def test_without_runs_it_says_how_to_start_one(tmp_path: Path) -> None:
    app = ScreensApp(tmp_path / "empty", "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: EMPTY in screen_words(app))
        assert EMPTY == "No runs yet. Press N to start one."
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))


async def test_enter_watches_the_chosen_run(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))
        assert app.watched == Home(home).run("20260101-101010-aaaa")


async def test_pause_and_stop_reach_the_chosen_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("engine.runs.client.command", lambda folder, name: sent.append((folder.id, name)))
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        await pilot.press("space")
        await until(pilot, lambda: sent == [("20260101-121212-cccc", "pause")])
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("s")
        await until(pilot, lambda: sent[-1] == ("20260101-121212-cccc", "stop"))
        resumed: list[tuple[str, bool]] = []
        actions = screen_of(app)._actions
        monkeypatch.setattr(actions, "resume", lambda folder, epochs, complete: resumed.append((folder.id, complete)))
        await pilot.press("j", "x")
        assert "x: Stop – the run has ended" in str(app.screen.query_one(KeyLine).content)
        await pilot.press("space", "j", "space")
        assert resumed == [("20260101-111111-bbbb", False), ("20260101-101010-aaaa", True)]
        assert len(sent) == 2, "a run that ended takes no commands"
        await pilot.press("M")
        assert "the run has no checkpoint yet" in str(app.screen.query_one(KeyLine).content)


async def test_the_filter_keeps_what_fits_and_escape_shows_all(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        await typed(pilot, "demo")
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["gone"])
        assert "1 of 3 runs · 1 live · filter: demo (Esc: show all)" in panel(app).edges[0]
        await pilot.press("escape")
        await until(pilot, lambda: len(rows(app)) == 3)


async def test_a_changed_run_changes_its_line_and_nothing_else_is_sent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        assert await tick(pilot) > 0
        written = count_writes(app, monkeypatch)
        await tick(pilot, 5)
        assert written == []
        MadeUpRun(home, "20260101-131313-dddd", name="new")
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["new", "live one", "gone", "first"])
        assert isinstance(app.screen, RunsScreen)
        assert app.screen.selected is not None
        assert app.screen.selected.name == "live one", "the cursor stays with its run"


async def test_the_cursor_stops_at_the_edges_and_the_filter_keeps_it_on_its_run(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        screen = app.screen
        assert isinstance(screen, RunsScreen)

        def selected() -> str:
            assert screen.selected is not None
            return screen.selected.name

        await pilot.press("k", "up")
        assert selected() == "live one"
        await pilot.press("j", "j", "j", "down")
        assert selected() == "first"
        await pilot.press("k")
        assert selected() == "gone"
        await typed(pilot, "one")  # "gone" and "live one": the newest first, as before
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["live one", "gone"])
        assert selected() == "gone"
        await pilot.press("escape")
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["live one", "gone", "first"])
        assert selected() == "gone"


async def test_a_run_that_can_not_be_read_is_a_row_that_says_why(home: Path) -> None:
    broken = Home(home).run("20260101-111111-bbbb").run_json
    broken.write_text("{")
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        assert "3 runs · 1 live" in panel(app).edges[0]
        detail = app.screen.query_one(RunDetail)
        await until(pilot, lambda: any(chart.display for chart in detail.query(RunChart)))  # of the run before
        assert [row[0] for row in rows(app)].count("unreadable") == 1
        screen_of(app).table.find(lambda row: row.key == "20260101-111111-bbbb")
        screen_of(app).moved()
        assert "run.json: no JSON" in panel(app).edges[1]
        await until(pilot, lambda: not any(chart.display for chart in detail.query(RunChart)))
        (row,) = [row for row in rows(app) if row[0] == "unreadable"]
        assert "0/0" not in row
        await pilot.press("enter", "b", "space")
        assert isinstance(app.screen, RunsScreen)
        for action in ("open", "branch", "pause", "stop", "on_model"):
            assert app.screen.why_not(action, ()) == "the run can't be read: run.json: no JSON"


async def test_a_path_that_reads_like_markup_is_a_path(tmp_path: Path) -> None:
    home = tmp_path / "[/b] [red]x"
    home.mkdir(parents=True)
    (home / "runs").write_text("no folder")
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(200, 60)) as pilot:
        shown = f"{home / 'runs'} (Not a directory)"
        await until(pilot, lambda: shown in str(app.screen.query_one("#left-out", Static).render()))
        assert EMPTY not in screen_words(app)
        app.screen.notify("[/] of [nothing]")
        told = [("[/] of [nothing]", False)]
        await until(pilot, lambda: [(one.message, one.markup) for one in app._notifications] == told)


async def test_the_mouse_moves_the_cursor_and_a_second_click_watches(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        table = app.screen.query_one(Rows)
        await pilot.click(table, offset=(5, 0))  # a title: the order; the cursor stays with its run
        assert app.preferences.get(SORT_RUNS) == "state"
        assert [row[1] for row in rows(app)] == ["gone", "first", "live one"]
        assert table.cursor == 2
        screen_of(app).sort_by("age")
        assert table.cursor == 0
        await pilot.click(table, offset=(5, 2))
        assert table.cursor == 1
        await until(pilot, lambda: "20260101-111111-bbbb" in panel(app).edges[1])
        table.post_message(events.MouseScrollDown(table, 5, 2, 0, 0, 0, False, False, False))
        await until(pilot, lambda: table.cursor == 2)
        await pilot.click(table, offset=(5, 10))  # below the rows
        assert table.cursor == 2
        await pilot.click(table, offset=(5, 3))
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))
        assert app.watched == Home(home).run("20260101-101010-aaaa")


async def test_states_and_demo_data_have_their_colours_also_on_wide_screens(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        table = app.screen.query_one(Rows)
        await until(pilot, lambda: "gone" in table.text())
        pieces = [{text.strip(): style for text, style in line} for line in table._lines]
        assert pieces[1]["training"] == "chosen"
        assert pieces[2]["ended"] == "bad"
        assert pieces[2]["demo data"] == "warning"
        assert pieces[3]["finished"] == ""


async def test_an_age_is_drawn_whole_at_80_columns(tmp_path: Path) -> None:
    for number, seconds in enumerate((5, 59 * 60, 23 * 3600)):
        MadeUpRun(tmp_path / "other", f"20260101-10101{number}-aaaa", name=f"run {number}", begun=time.time() - seconds)
    app = ScreensApp(tmp_path / "other", "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: "< 1 min" in "\n".join(shown(app)))
        drawn = "\n".join(shown(app))
        assert all(row[-1] in drawn for row in rows(app))
        assert "…" not in drawn


async def test_the_order_is_chosen_reversed_and_remembered(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        screen = screen_of(app)
        screen.sort_by("best")
        assert [row[1] for row in rows(app)] == ["first", "gone", "live one"], "those without a result are last"
        assert "by best, falling" in panel(app).edges[0]
        await pilot.press("S")
        assert [row[1] for row in rows(app)] == ["gone", "first", "live one"]
        assert app.preferences.get(SORT_RUNS) == "best"
        await pilot.press("s")
        assert app.preferences.get(SORT_RUNS) == "-test"
        await pilot.press("s")
        assert app.preferences.get(SORT_RUNS) == "loss"
        assert "▲" in shown(app)[0]


async def test_the_panel_beside_the_list_is_about_the_chosen_run(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        detail = app.screen.query_one(RunDetail)
        about = lambda: str(detail.query_one("#about", Static).content)  # noqa: E731
        await until(pilot, lambda: "No checkpoint yet" in about())
        assert "live one" in detail.edges[0]
        await pilot.press("G")
        await until(pilot, lambda: "best 52.0% (epoch 2)" in about())
        assert "Every setting is at its default" in about()
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not detail.display)


async def test_columns_that_are_chosen_are_shown_and_kept(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 3)
        app.preferences.keep(COLUMNS_RUNS, ("run", "lr", "best"))
        await typed(pilot, "best>=50")
        assert shown(app)[0].split() == ["run", "lr", "best"]
        assert rows(app) == [["gone", "1e-3", "51.0%"], ["first", "1e-3", "52.0%"]]
        await pilot.press("vertical_line", "G", "space", "enter")
        await until(pilot, lambda: len(rows(app)[0]) == 4)
        assert app.preferences.get(COLUMNS_RUNS) == ("run", "lr", "best", "age")
        await pilot.press("vertical_line", "0", "enter")
        await until(pilot, lambda: "curve" in shown(app)[0])
        assert app.preferences.get(COLUMNS_RUNS) == ()


class InParts:
    """A listing that gives the newest run alone first, and the others once it is let."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.left = 2
        self.whole = False
        self.under_way = (0, 0)

    def look(self, seconds: float = 0.0) -> list[RunSummary]:
        every = self._listing.look()
        self.left = 0 if self.whole else 2
        return every if self.whole else every[:1]

    def __getattr__(self, name: str) -> object:
        return getattr(self._listing, name)


@pytest.mark.parametrize("moves", [False, True])
async def test_the_cursor_waits_at_the_first_row_while_runs_come_in_unless_it_is_moved(
    home: Path, monkeypatch: pytest.MonkeyPatch, moves: bool
) -> None:
    meta.change(Home(home).run("20260101-101010-aaaa"), pinned=True)
    parts = InParts(Listing(home))
    monkeypatch.setattr(ScreensApp, "runs", parts)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["live one"])
        if moves:
            await pilot.press("down")
        parts.whole = True
        await until(pilot, lambda: len(rows(app)) == 3)
        assert "first" in rows(app)[0][1]
        selected = screen_of(app).selected
        assert selected is not None
        assert selected.name == ("live one" if moves else "first")


async def test_how_far_a_long_log_is_stands_in_the_border(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = InParts(Listing(home))
    parts.under_way = (3 << 20, 8 << 20)
    monkeypatch.setattr(ScreensApp, "runs", parts)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: "2 more runs to read: 3.0 MiB of 8.0 MiB of a log" in panel(app).edges[0])
        parts.whole = True
        await until(pilot, lambda: "to read" not in panel(app).edges[0])
