"""*Checkpoints*: a filter, an order and marks hold together, on runs that have only their lists of checkpoints."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from tests.support.made_up import MadeUpRun
from tests.support.panels import said
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.config.declared import SORT_CHECKPOINTS
from tui.weights.checkpoints import CheckpointsScreen
from tui.widgets.rows import Rows

ENTRY = Entry("", 1, 100, 1, "00", 1000.0)
# By place: d c b a; by age, the newest first: a c d b; by size: b d a c; by accuracy: c a d b.
ENTRIES = [
    replace(ENTRY, file="epoch-0001-a.pt", epoch=1, bytes=300, t=9000.0, accuracy=0.7),
    replace(ENTRY, file="epoch-0002-b.pt", epoch=2, bytes=900, t=1000.0, accuracy=None),
    replace(ENTRY, file="epoch-0003-c.pt", epoch=3, bytes=100, t=8000.0, accuracy=0.9),
    replace(ENTRY, file="epoch-0004-d.pt", epoch=4, bytes=500, t=7000.0, accuracy=0.2),
]


@pytest.fixture
def listed(home: Path) -> FmnistApp:
    run = MadeUpRun(home, "20260101-101010-aaaa", name="made", dead=True)
    run.folder.checkpoints.mkdir()
    manifest.write(run.folder, ENTRIES)
    return FmnistApp(home=home, dataset="demo", start="checkpoints")


def shown(app: FmnistApp) -> str:
    """The files' letters, with their marks and the cursor."""
    letters = []
    for row in app.screen.query_one(Rows).text().splitlines()[1:]:
        name = row.partition(".pt")[0]
        letters.append(("▸" if row.startswith("▸") else "") + ("✓" if "✓" in row else "") + name[-1])
    return " ".join(letters)


async def filtered(pilot: Pilot[None], text: str) -> None:
    await pilot.press("slash")
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await pilot.pause()


async def read(pilot: Pilot[None], app: FmnistApp) -> None:
    """Wait until all files are in the list, and painted."""
    await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "4 files" in said(app) and shown(app))


async def test_each_order_is_of_its_figure(listed: FmnistApp) -> None:
    async with listed.run_test(size=(140, 45)) as pilot:
        await until(
            pilot, lambda: isinstance(listed.screen, CheckpointsScreen) and "4 files" in said(listed) and shown(listed)
        )
        await until(pilot, lambda: shown(listed) == "▸d c b a")
        for order in ("a c ▸d b", "b ▸d a c", "c a ▸d b", "▸d c b a"):
            await pilot.press("s")
            assert shown(listed) == order


async def test_an_order_is_reversed_clicked_and_kept(listed: FmnistApp, home: Path) -> None:
    async with listed.run_test(size=(140, 45)) as pilot:
        await until(
            pilot, lambda: isinstance(listed.screen, CheckpointsScreen) and "4 files" in said(listed) and shown(listed)
        )
        await pilot.press("S")
        assert shown(listed) == "a b c ▸d"
        await pilot.press("S", "s", "s", "s", "S")  # by accuracy, the worst first; what has none stays last
        assert shown(listed) == "▸d a c b"
        assert listed.preferences.get(SORT_CHECKPOINTS) == "accuracy"
        table = listed.screen.query_one(Rows)
        await pilot.click(table, offset=(table.text().splitlines()[0].index("size") + 1, 0))
        assert shown(listed) == "b ▸d a c"
    again = FmnistApp(home=home, dataset="demo", start="checkpoints", preferences=listed.preferences)
    async with again.run_test(size=(140, 45)) as pilot:
        await until(
            pilot, lambda: isinstance(again.screen, CheckpointsScreen) and "4 files" in said(again) and shown(again)
        )
        await until(pilot, lambda: shown(again) == "▸b d a c")


async def test_a_filter_keeps_the_order_the_marks_and_the_cursor(listed: FmnistApp) -> None:
    async with listed.run_test(size=(140, 45)) as pilot:
        await until(
            pilot, lambda: isinstance(listed.screen, CheckpointsScreen) and "4 files" in said(listed) and shown(listed)
        )
        await pilot.press("s", "s", "m", "down", "down", "m", "up")  # by size; d and c are marked, a has the cursor
        assert shown(listed) == "b ✓d ▸a ✓c"
        await filtered(pilot, "<0.4KB")
        assert shown(listed) == "▸a ✓c"
        about = said(listed)
        assert "2 of 4 files" in about
        assert "2 marked" in about
        assert "by size" in about
        await pilot.press("escape")  # the filter goes first, …
        assert shown(listed) == "b ✓d ▸a ✓c"
        await pilot.press("escape")  # … then the marks; the order stays
        assert shown(listed) == "b d ▸a c"
        assert "by size" in said(listed)


async def test_a_mark_is_taken_away_by_the_key_that_made_it(listed: FmnistApp) -> None:
    async with listed.run_test(size=(140, 45)) as pilot:
        await until(
            pilot, lambda: isinstance(listed.screen, CheckpointsScreen) and "4 files" in said(listed) and shown(listed)
        )
        await pilot.press("m", "up", "m", "m")
        assert shown(listed) == "▸✓d c b a"
        await pilot.press("m", "down", "down", "down", "down", "m")
        assert shown(listed) == "d c b ▸✓a"
