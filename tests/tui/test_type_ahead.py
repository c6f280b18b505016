"""Keys that arrive at once do what they do one after the other."""

from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.waiting import HANG_S, until
from tui import type_ahead
from tui.app import FmnistApp
from tui.data.data import DataScreen
from tui.data.transforms import TransformsScreen
from tui.dialogs.prompt import PromptScreen
from tui.textual_private import screens_of_mode


def type_at_once(app: FmnistApp, *keys: tuple[str, str | None]) -> None:
    """As the keyboard's thread does with what one read has brought."""
    for name, character in keys:
        app.post_message(events.Key(name, character))


async def opened(pilot: Pilot[None], app: FmnistApp) -> DataScreen:
    await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.browse.dataset is not None)
    assert isinstance(app.screen, DataScreen)
    return app.screen


async def test_what_is_typed_with_the_key_of_a_prompt_is_typed_into_it(tmp_path: Path) -> None:
    app = FmnistApp(home=tmp_path, dataset="demo")
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, app)
        type_at_once(app, ("slash", "/"), *((c, c) for c in "b5tx"))
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await until(pilot, lambda: app.screen.query_one("#line", Input).value == "b5tx")
        assert len(app.screen_stack) == 2


async def test_a_prompt_may_be_opened_filled_and_answered_in_one_go(tmp_path: Path) -> None:
    app = FmnistApp(home=tmp_path, dataset="demo")
    async with app.run_test(size=(120, 36)) as pilot:
        data = await opened(pilot, app)
        type_at_once(app, ("i", "i"), ("4", "4"), ("2", "2"), ("enter", "\r"), ("right", None), ("right", None))
        await until(pilot, lambda: data.browse.index == 44)
        assert app.screen is data


async def test_keys_that_open_nothing_are_not_lost_and_keep_their_order(tmp_path: Path) -> None:
    app = FmnistApp(home=tmp_path, dataset="demo")
    async with app.run_test(size=(120, 36)) as pilot:
        data = await opened(pilot, app)
        type_at_once(app, *[("right", None)] * 30, *[("left", None)] * 7, ("t", "t"))
        await until(pilot, lambda: data.browse.split == "test")
        type_at_once(app, ("t", "t"), ("3", "3"), ("1", "1"))
        await until(pilot, lambda: bool(screens_of_mode(app, "runs")) and app.screen is data)
        assert data.browse.split == "train"


async def test_a_key_that_takes_long_does_not_hold_the_others_for_ever(tmp_path: Path) -> None:
    app = FmnistApp(home=tmp_path, dataset="demo")
    async with app.run_test(size=(120, 36)) as pilot:
        data = await opened(pilot, app)
        app._type_ahead._busy_since = 0.0  # a key of long ago, whose end was never told
        type_at_once(app, ("right", None))
        await until(pilot, lambda: data.browse.index == 1)


async def test_a_prompt_over_a_screen_that_is_waited_for_holds_up_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that opened the screen of transforms waits for it all the time: it asks nothing."""
    monkeypatch.setattr(type_ahead, "OPENS_S", HANG_S)
    monkeypatch.setattr(type_ahead, "LONGEST_S", HANG_S)
    app = FmnistApp(home=tmp_path, dataset="demo")
    async with app.run_test(size=(120, 36)) as pilot:
        data = await opened(pilot, app)
        type_at_once(app, ("T", "T"))
        await until(pilot, lambda: isinstance(app.screen, TransformsScreen))
        type_at_once(app, ("c", "c"), ("enter", "\r"), ("escape", None), ("right", None))
        await until(pilot, lambda: app.screen is data and data.browse.index == 1)
