"""The cells of a document by keys, without typing in them."""

from pathlib import Path

from textual.widgets import Input, Static

from tests.support.documents import CELLS, block, on_screen, opened, sees, sources, told, written
from tests.support.fake_lab import FakeLab, Script, stream
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.dialogs.prompt import PromptScreen
from tui.lab.document import DocumentScreen
from tui.lab.documents import DocumentsScreen

TITLE, IMPORT, ONES = "# Ones", "import torch", "t = torch.ones(5)\nt"


def place(screen: DocumentScreen) -> int:
    return screen.pane.cells.cursor


async def test_cells_are_inserted_cut_pasted_moved_and_undone(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path / "docs"))
        assert screen.pane.why_not("undo", ()) == "nothing was done to cells"
        assert screen.pane.why_not("paste", ()) == "no cell was cut"
        await pilot.press("u", "p")  # say so, and change nothing
        assert sources(screen) == [TITLE, IMPORT, ONES]
        await pilot.press("b")
        assert (sources(screen), place(screen)) == ([TITLE, "", IMPORT, ONES], 1)
        await pilot.press("a")
        assert (sources(screen), place(screen)) == ([TITLE, "", "", IMPORT, ONES], 1)
        await pilot.press("u", "u")
        assert sources(screen) == [TITLE, IMPORT, ONES]
        await pilot.press("g", "j", "x")
        assert (sources(screen), place(screen)) == ([TITLE, ONES], 1)
        await pilot.press("p", "p")
        assert (sources(screen), place(screen)) == ([TITLE, ONES, IMPORT, IMPORT], 3)
        await pilot.press("K", "K")
        assert (sources(screen), place(screen)) == ([TITLE, IMPORT, ONES, IMPORT], 1)
        await pilot.press("shift+up", "shift+down")
        assert (sources(screen), place(screen)) == ([TITLE, IMPORT, ONES, IMPORT], 1)
        await pilot.press("J")
        assert (sources(screen), place(screen)) == ([TITLE, ONES, IMPORT, IMPORT], 2)
        await pilot.press("m")
        assert block(screen, 2).kind == "markdown"
        await pilot.press("c")
        assert block(screen, 2).kind == "code"
        for _ in range(20):
            await pilot.press("u")
        assert sources(screen) == [TITLE, IMPORT, ONES]
        await pilot.press("G", "x", "x", "x")
        assert sources(screen) == [""]  # never without a cell
        assert lab.ran == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        assert lab.told("shut_down") == [()]  # nothing ran in it


async def test_the_cursor_goes_through_cells_and_what_opens(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    many = "".join(f"# %%\nx{n} = {n}\n\n" for n in range(60))
    lab.scripts["x0 = 0"] = Script((stream("".join(f"line {n}\n" for n in range(100))), stream("short\n", "stderr")))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, written(tmp_path, many))
        cells = screen.pane.cells
        await sees(pilot, "cell 1 of 60", "x0 = 0")
        await pilot.press("down", "j", "up")
        assert place(screen) == 1
        await pilot.press("G")
        await sees(pilot, "cell 60 of 60", "x59 = 59")
        await pilot.press("pageup")
        assert place(screen) < 59
        middle = place(screen)
        await pilot.press("pagedown")
        assert place(screen) > middle
        for _ in range(30):
            await pilot.press("pageup")
        assert place(screen) == 0
        assert on_screen(pilot, "x0 = 0")
        await pilot.press("k")
        assert place(screen) == 0
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        await sees(pilot, "more lines (Enter opens)")
        await pilot.press("j")  # the long output opens, the short one does not
        assert (cells.cursor, cells.stop) == (0, 0)
        assert cells.output is not None
        await sees(pilot, "▸")
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query("#body")))
        text = str(app.screen.query_one("#body", Static).content)
        assert text.startswith("line 0\nline 1\n")
        assert "line 50\n" in text
        await pilot.press("escape", "j")
        assert (cells.cursor, cells.stop) == (1, -1)
        await pilot.press("k")
        assert (cells.cursor, cells.stop) == (0, 0)
        await pilot.press("k")
        assert (cells.cursor, cells.stop) == (0, -1)


async def test_searching_goes_round_and_says_what_there_is(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts[ONES] = Script((stream("a Needle in the output\n"),))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS + "\n# %%\nneedle = 1\n"))
        assert screen.pane.why_not("find_next", ()) == "nothing was searched for (/)"
        await pilot.press("j", "j", "f5")
        await until(pilot, lambda: block(screen, 2).phase == "ok")
        await pilot.press("g", "slash")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        line, verdict = app.screen.query_one(Input), app.screen.query_one("#verdict", Static)
        for text, words in {"needle": "2 cells", "Needle": "1 cell", "nothing": "no cell has that"}.items():
            line.value = text
            await pilot.pause()
            assert words in str(verdict.content)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, PromptScreen)  # it is not left for what is nowhere
        line.value = "needle"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: place(screen) == 2)
        await pilot.press("n")
        assert place(screen) == 3
        await pilot.press("n")
        assert place(screen) == 2
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await pilot.press("escape")
        await pilot.press("y")
        await until(pilot, lambda: "copied" in told(pilot))
        assert app.clipboard == ONES


async def test_a_click_goes_there_and_another_one_edits(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path))
        await pilot.click("CellsView", offset=(12, 2))
        assert place(screen) == 1
        assert screen.pane.cells.editing is None
        await pilot.click("CellsView", offset=(12, 2))
        await until(pilot, lambda: screen.pane.cells.editing is not None)
        await pilot.press("escape")
        assert screen.pane.cells.editing is None


async def test_a_cell_of_another_kind_is_drawn_as_that(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, written(tmp_path / "docs"))
        await pilot.press("c")
        await sees(pilot, "[ ] │ # Ones")
        await pilot.press("m")
        await until(pilot, lambda: not on_screen(pilot, "# Ones"))
        await pilot.press("u")
        await sees(pilot, "[ ] │ # Ones")
        await pilot.press("u")
        await until(pilot, lambda: not on_screen(pilot, "# Ones"))
