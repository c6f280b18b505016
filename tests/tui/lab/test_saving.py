"""A document saves itself, and overwrites nothing that somebody else wrote."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.home import Home
from tests.support.documents import CELLS, block, offered, on_screen, opened, sees, sources, told, written
from tests.support.fake_lab import FakeLab, Script, stream
from tests.support.made_up import ScreensApp
from tests.support.permissions import permissions_hold
from tests.support.waiting import until
from tui.lab import saving
from tui.lab.documents import DocumentsScreen

THEIRS = "# %%\ntheirs = 1\n"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SAVE_S", 0.05)
    monkeypatch.setattr(saving, "LOOK_S", 0.05)


async def edit(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press("enter", "end", *keys, "escape")


async def test_what_is_typed_is_saved_by_itself(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    path = written(tmp_path, CELLS)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        await opened(pilot, path)
        assert path.read_text() == CELLS
        await pilot.press("j", "enter", "end", *"; x")
        await until(pilot, lambda: "import torch; x" in path.read_text())
        await until(pilot, lambda: not on_screen(pilot, "edited"))
        await pilot.press("escape", "j", "x")
        await until(pilot, lambda: "torch.ones" not in path.read_text())
        await pilot.press("u")
        await until(pilot, lambda: path.read_text() == CELLS.replace("import torch", "import torch; x"))
        assert app.screen.query("CellsView")


@pytest.mark.parametrize("chapter", ["", "1_tensors"])
async def test_running_the_last_cell_changes_no_document_and_no_chapter_gets_a_cell(
    tmp_path: Path, home: Path, lab: FakeLab, chapter: str
) -> None:
    path = written(tmp_path, CELLS)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, path, chapter=chapter)
        await pilot.press("G", "r")
        await until(pilot, lambda: block(screen, 2).phase == "ok")
        assert len(sources(screen)) == (3 if chapter else 4)
        assert screen.pane.cells.cursor == len(sources(screen)) - 1
        assert not on_screen(pilot, "edited")
        await pilot.press("r")
        await pilot.pause()
        assert len(sources(screen)) == (3 if chapter else 4)
        await pilot.press("g", "j")
        await edit(pilot, ";", "x")
        await until(pilot, lambda: "import torch;x" in path.read_text())
        assert path.read_text() == CELLS.replace("import torch", "import torch;x")
        if not chapter:
            await pilot.press("G")
            await edit(pilot, "y")
            await until(pilot, lambda: path.read_text().endswith("\n# %%\ny\n"))


async def test_what_is_not_saved_yet_is_saved_on_leaving(
    tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_S", 1000.0)
    path = written(tmp_path, CELLS)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, path)
        await pilot.press("j")
        await edit(pilot, "1")
        await sees(pilot, "edited")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        assert "import torch1" in path.read_text()
        screen = await opened(pilot, path)
        await pilot.press("j")
        await edit(pilot, "2")
        assert screen.pane.notebook is not None
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert "import torch12" in path.read_text()
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:  # an app that ends while one types
        await opened(pilot, path)
        await pilot.press("j", "enter", "end", "3", "ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert "import torch123" in path.read_text()


async def test_a_folder_that_can_not_be_written_is_said_once(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    path = written(tmp_path / "docs", CELLS)
    app = ScreensApp(home, "lab")
    with permissions_hold():
        path.parent.chmod(0o500)
        try:
            async with app.run_test(size=(120, 30)) as pilot:
                screen = await opened(pilot, path)
                await pilot.press("j")
                await edit(pilot, "1")
                await sees(pilot, "not saved")
                trouble = [one for one in told(pilot) if "cannot write" in one]
                assert len(trouble) == 1
                await edit(pilot, "2")
                await pilot.pause(0.5)
                assert [one for one in told(pilot) if "cannot write" in one] == trouble
                path.parent.chmod(0o700)
                await until(pilot, lambda: "import torch12" in path.read_text())  # tried again by itself
                await until(pilot, lambda: not on_screen(pilot, "not saved"))
                assert screen._saver.trouble == ""
        finally:
            path.parent.chmod(0o700)


@pytest.mark.parametrize("leave", ["escape", "q"])
async def test_what_can_not_be_saved_in_its_folder_is_kept_elsewhere(
    tmp_path: Path, home: Path, lab: FakeLab, leave: str
) -> None:
    path = written(tmp_path / "docs", CELLS)
    app = ScreensApp(home, "lab")
    kept = Home(home).documents / "some-2.py"
    with permissions_hold():
        path.parent.chmod(0o500)
        try:
            async with app.run_test(size=(120, 30)) as pilot:
                await opened(pilot, path)
                await pilot.press("j")
                await edit(pilot, "1")
                await sees(pilot, "not saved")
                await pilot.press(leave)
                if leave == "escape":
                    await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
                    await until(pilot, lambda: any(str(kept) in one for one in told(pilot)))
                else:
                    await until(pilot, lambda: not app.is_running)
        finally:
            path.parent.chmod(0o700)
    assert path.read_text() == CELLS
    assert "import torch1" in kept.read_text()
    assert (str(kept) in app.farewell) == (leave == "q")


async def test_a_cell_that_runs_is_shown_as_running_when_it_is_read_again(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    path = written(tmp_path, "# %%\nprint(1)\n\n# %%\nlong(20)\n")
    lab.scripts["long(20)"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, path)
        await pilot.press("j", "f5")
        await until(pilot, lambda: block(screen, 1).phase == "running")
        lab.put_out(stream("half"))
        path.write_text("# %%\nprint(1)\n\n# %%\nlong(20)  # edited elsewhere\n")
        await sees(pilot, "[*] │ long(20) # edited elsewhere", "half")
        lab.put_out(stream("way\n"))
        lab.finish()
        await sees(pilot, "long(20) # edited elsewhere", "halfway")
        assert (screen.pane.cells.cursor, block(screen, 1).phase) == (1, "ok")


async def test_a_file_that_changed_and_was_not_edited_here_is_read_again(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    path = written(tmp_path, CELLS)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, path)
        path.write_text(THEIRS)
        await until(pilot, lambda: sources(screen) == ["theirs = 1"])
        await sees(pilot, "theirs = 1", "cell 1 of 1")
        await until(pilot, lambda: "some.py was read again: it changed on disk" in told(pilot))
        await pilot.press("f5")
        await until(pilot, lambda: lab.ran == ["theirs = 1"])
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        path.write_text("# ---\n# a: [\n# ---\n# %%\n1\n")  # can't be read: said, and what is here stays
        await pilot.pause(0.5)
        path.unlink()
        await pilot.pause(0.3)
        assert app.is_running
        await edit(pilot, "2")
        await until(pilot, path.exists)  # a file that is gone is made anew


@pytest.mark.parametrize("key", ["r", "k", "b", "escape"])
async def test_with_edits_of_ones_own_it_asks(
    tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(saving, "SAVE_S", 1000.0)
    path = written(tmp_path, CELLS)
    (tmp_path / "some-2.py").write_text("taken")
    mine = CELLS.replace("import torch", "import torch1")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, path)
        await pilot.press("j")
        await edit(pilot, "1")
        path.write_text(THEIRS)
        await offered(pilot, "some.py changed on disk", "read it again", "keep yours", "keep both")
        monkeypatch.setattr(saving, "SAVE_S", 0.05)
        await pilot.press(key)
        await until(pilot, lambda: app.screen is screen)
        if key == "r":
            await until(pilot, lambda: sources(screen) == ["theirs = 1"])
            await pilot.press("b")
            await until(pilot, lambda: path.read_text().startswith("# %%\ntheirs = 1\n\n# %%"))
        elif key == "b":
            other = tmp_path / "some-3.py"
            await until(pilot, lambda: other.exists() and other.read_text() == mine)
            await sees(pilot, "some-3.py")
            await edit(pilot, "2")
            await until(pilot, lambda: "torch12" in other.read_text())
            assert path.read_text() == THEIRS
        else:
            await until(pilot, lambda: path.read_text() == mine)
        await pilot.pause(0.2)
        assert app.screen is screen
    assert (tmp_path / "some-2.py").read_text() == "taken"


async def test_leaving_and_quitting_overwrite_nothing_and_lose_nothing(
    tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_S", 1000.0)
    monkeypatch.setattr(saving, "LOOK_S", 1000.0)
    path = written(tmp_path, CELLS)
    mine = CELLS.replace("import torch", "import torch1")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, path)
        await pilot.press("j")
        await edit(pilot, "1")
        path.write_text(THEIRS)
        await pilot.press("escape")
        await offered(pilot, "some.py changed on disk")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        assert (tmp_path / "some-2.py").read_text() == mine
        assert path.read_text() == THEIRS
        path.write_text(CELLS)
        await opened(pilot, path)
        await pilot.press("j")
        await edit(pilot, "1")
        path.write_text(THEIRS)
        await pilot.press("q")  # nobody can be asked any more
        await until(pilot, lambda: not app.is_running)
    assert path.read_text() == THEIRS
    assert (tmp_path / "some-3.py").read_text() == mine


async def test_a_notebook_is_saved_with_its_outputs_and_a_script_not(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"x": 1},
        "outputs": [],
        "source": ["a"],
    }
    content = {"cells": [cell], "metadata": {"theirs": 1}, "nbformat": 4, "nbformat_minor": 4, "more": "ü"}
    path = written(tmp_path, json.dumps(content, ensure_ascii=False), "some.ipynb")
    lab.scripts["a"] = Script((stream("out\n"),))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        await opened(pilot, path)
        await pilot.press("f5")
        await until(pilot, lambda: json.loads(path.read_text())["cells"][0]["outputs"] != [])
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "out\n"}]
        cell["execution_count"] = 1
        assert json.loads(path.read_text()) == content
        assert "ü" in path.read_text()
        script = written(tmp_path, "# %%\na\n")
        before = os.stat(script).st_mtime_ns
        screen = await opened(pilot, script)
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        await pilot.pause(0.3)
        assert os.stat(script).st_mtime_ns == before
        assert not on_screen(pilot, "edited")
