"""What each key costs besides what it does: the line at the bottom is made anew, and asks every key whether it acts."""

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.css.query import DOMQuery
from textual.screen import Screen
from textual.widget import Widget

from tests.support.documents import opened, written
from tests.support.fake_lab import lab
from tests.support.made_up import MadeUpRun, ScreensApp
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.screens import SCREENS
from tui.textual_private import screens_of_mode
from tui.widgets.keyline import KeyLine

__all__ = ["lab"]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that looked at widgets."""
    found: list[str] = []
    nodes = vars(DOMQuery)["nodes"].fget

    def counted(query: DOMQuery[Widget]) -> list[Widget]:
        found.append(str(query))
        return list(nodes(query))

    monkeypatch.setattr(DOMQuery, "nodes", property(counted))
    return found


def keys_that_act(app: App[None]) -> list[str]:
    return [key for key, binding in app.screen.active_bindings.items() if binding.enabled]


@pytest.mark.parametrize("mode", SCREENS)
async def test_whether_keys_act_is_known_without_looking_at_every_widget(
    home: Path, looked: list[str], mode: str
) -> None:
    for number in range(3):
        MadeUpRun(home, f"20260101-00000{number}-abcd", dead=True)
    app = FmnistApp(home=home, dataset="demo", start=mode)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: bool(screens_of_mode(app, mode)) and app.screen.is_active)
        await pilot.pause(0.2)
        looked.clear()
        assert len(keys_that_act(app)) > 10
        assert not looked


@pytest.mark.usefixtures("lab")
async def test_so_is_it_in_a_document_of_the_lab(tmp_path: Path, home: Path, looked: list[str]) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, written(tmp_path, "# %%\nx = 1\n"))
        for panel in (screen.pane, screen.inside.table, screen.inside.graph_table):
            assert len(keys_that_act(app)) > 10, panel
            await pilot.press("tab")
            await pilot.pause(0.1)
            looked.clear()
            keys_that_act(app)
            assert not looked, panel


class Bare(Screen[None]):
    """Nothing but the line, so that nothing else changes it."""

    def compose(self) -> ComposeResult:
        yield KeyLine()


async def test_keys_that_change_at_once_make_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each panel and state of a screen that opens says that the keys may have changed."""
    app: App[None] = App()
    async with app.run_test() as pilot:
        await app.push_screen(Bare())
        await pilot.pause(0.2)
        made: list[KeyLine] = []
        show = KeyLine._show

        def counted(line: KeyLine, screen: Screen[object]) -> None:
            made.append(line)
            show(line, screen)

        monkeypatch.setattr(KeyLine, "_show", counted)
        for _ in range(3):
            app.screen.refresh_bindings()
        await until(pilot, lambda: bool(made))
        await pilot.pause()
        assert len(made) == 1
