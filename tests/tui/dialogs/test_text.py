"""A text that lies over a screen."""

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from tui.dialogs.text import HINT, TextScreen


class TextApp(App[None]):
    CSS_PATH = "../../../tui/dialogs/text.tcss"

    def compose(self) -> ComposeResult:
        yield Static("beneath")


@pytest.mark.parametrize(
    ("text", "width", "height"),
    [("short", len(HINT) + 7, 5), ("x" * 50 + "\n" + "y" * 20, 57, 6), ("long " * 99, 80, 11), ("\n" * 99, 26, 24)],
)
async def test_it_is_as_large_as_its_text_and_leaves_the_rest_of_the_screen(text: str, width: int, height: int) -> None:
    app = TextApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(TextScreen("Title", text))
        await pilot.pause()
        box = app.screen.query_one("#text")
        assert (box.outer_size.width, box.outer_size.height) == (max(width, len(HINT) + 7), height)
        assert box.max_scroll_x == 0
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert box.outer_size.width <= 40
        assert box.outer_size.height <= 10
        await pilot.press("escape")
        assert not isinstance(app.screen, TextScreen)
