"""The palette's Screenshot is a file in a folder that is there, and its place is told in full."""

from pathlib import Path

import pytest

from engine.errors import PathError
from tests.support.permissions import permissions_hold
from tests.support.waiting import until
from tui import screenshot
from tui.app import FmnistApp


async def test_a_screenshot_says_where_it_is(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = FmnistApp(home=home, dataset="demo", start="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        commands["Screenshot"].callback()
        await until(pilot, lambda: app._notifications)
        (told,) = [note.message for note in app._notifications]
    (file,) = tmp_path.glob("*.svg")
    assert told == str(file)
    assert "Checkpoints" in file.read_text()


def test_it_goes_where_it_can(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o500)
    with permissions_hold():
        file = screenshot.write("<svg/>", [tmp_path / "not there", shut, tmp_path])
        assert file.parent == tmp_path
        assert screenshot.write("<svg/>", [tmp_path]) != file  # the same second
        with pytest.raises(PathError, match=r"no screenshot: no file can be written \(Permission denied\)"):
            screenshot.write("<svg/>", [shut])
    assert not list(shut.iterdir())


def test_a_folder_that_was_removed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert screenshot.folders(tmp_path)[0] == tmp_path
