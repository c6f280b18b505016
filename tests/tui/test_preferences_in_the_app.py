"""The app takes what the file says, keeps what is chosen, and tells what is wrong without stopping."""

from pathlib import Path

import pytest

from tests.support.waiting import until
from tui.app import FmnistApp
from tui.config.declared import THEME
from tui.config.preferences import Preferences
from tui.dialogs.help import HelpScreen
from tui.widgets.image_page import ImagePage
from tui.widgets.keyline import KeyLine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def opened(home: Path, path: Path, **environ: str) -> FmnistApp:
    return FmnistApp(home=home, dataset="demo", preferences=Preferences.read(path, environ))


async def test_theme_and_tile_size_survive_a_restart(home: Path, path: Path) -> None:
    app = opened(home, path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one(ImagePage).tiles.width == 16)  # it is laid out
        await pilot.press("minus")
        width = app.screen.query_one(ImagePage).tiles.width
        app.theme = "nord"  # as the palette does
        await pilot.pause()
    again = opened(home, path)
    assert again.theme == "nord"
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: again.screen.query_one(ImagePage).tiles.width > 2)
        assert again.screen.query_one(ImagePage).tiles.width == width == 14


async def test_what_is_wrong_is_told_at_the_start_and_stops_nothing(home: Path, path: Path) -> None:
    path.write_text('start = "runs"\ntheme = "nrod"\na = 1\nb = 1\nc = 1\n')
    app = opened(home, path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.current_mode == "runs"
        (told,) = [note.message for note in app._notifications]
        assert "config.toml, line 2: theme = \"nrod\" is not used; did you mean 'nord'?" in told
        assert told.endswith("1 more; fmnist-tui config shows all")


async def test_a_theme_that_the_variable_overrides_next_time_is_told(home: Path, path: Path) -> None:
    app = opened(home, path, TEXTUAL_THEME="gruvbox")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.theme = "nord"
        await pilot.pause()
        assert "TEXTUAL_THEME" in "".join(note.message for note in app._notifications)
    assert Preferences.read(path, {}).get(THEME) == "nord"


async def test_the_form_begins_with_what_the_file_says(home: Path, path: Path) -> None:
    path.write_text('[form]\nepochs = 3\ndataset = "demo"\n')
    app = FmnistApp(home=home, preferences=Preferences.read(path, {}))
    assert (app.settings["epochs"], app.settings["dataset"]) == (3, "demo")
    assert opened(home, path).settings["dataset"] == "demo"


async def test_a_key_of_the_file_acts_and_is_shown(home: Path, path: Path) -> None:
    path.write_text('[keys]\napp.help = "f1"\nsort = "q"\n')
    app = opened(home, path)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: "f1 Help" in str(app.screen.query_one(KeyLine).content))
        await until(pilot, lambda: app._notifications)
        (told,) = [note.message for note in app._notifications]
        assert 'line 3: keys.sort = "q" is not used; q is Quit everywhere (app.quit)' in told
        await pilot.press("question_mark")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
