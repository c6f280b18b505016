"""Typing in a cell: indents, comments, completion, and the way out of the field."""

from pathlib import Path

from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Static

from engine.lab.client import Completion
from tests.support.documents import CELLS, block, opened, sees, sources, told, written
from tests.support.fake_lab import FakeLab
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.dialogs.text import TextScreen
from tui.lab.assistance import CompletionScreen
from tui.lab.code_field import CodeField
from tui.lab.document import DocumentScreen


def field(screen: DocumentScreen) -> CodeField:
    found = screen.pane.cells.editing
    assert found is not None
    return found


async def types(pilot: Pilot[None], text: str) -> None:
    """As a person does, key by key."""
    for character in text:
        await pilot.press({"\n": "enter", "\t": "tab", "\b": "backspace"}.get(character, character))


async def test_a_program_is_indented_as_it_is_typed(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, "# %%\n"))
        await pilot.press("enter")
        await until(pilot, lambda: field(screen).has_focus)
        await sees(pilot, "typing (Esc ends)", "F5 Run")
        await types(pilot, "def f(x):\nif x:  # why\nreturn 1\n")
        assert field(screen).text == "def f(x):\n    if x:  # why\n        return 1\n    "
        await types(pilot, "\b")  # one indent back, not one space
        assert field(screen).text.endswith("return 1\n")
        await types(pilot, "\t\t")
        assert field(screen).text.endswith("\n        ")
        await types(pilot, "\b\bx\by = f(2)")
        assert field(screen).text == "def f(x):\n    if x:  # why\n        return 1\ny = f(2)"
        assert sources(screen) == [field(screen).text]
        assert block(screen, 0).source == field(screen).text
        # comments
        await pilot.press("ctrl+underscore")
        assert field(screen).text.endswith("\n# y = f(2)")
        await pilot.press("ctrl+underscore")
        assert field(screen).text.endswith("\ny = f(2)")
        await pilot.press("ctrl+underscore", "shift+up", "shift+up", "ctrl+underscore")
        assert field(screen).text == "def f(x):\n    # if x:  # why\n        # return 1\n# # y = f(2)"
        await pilot.press("ctrl+underscore")
        assert field(screen).text == "def f(x):\n    if x:  # why\n        return 1\n# y = f(2)"
        # Esc and a key in one go
        text = field(screen).text
        app.post_message(Key("alt+r", "r"))
        await pilot.pause()
        assert field(screen).text == text
        # a selection is indented whole
        await pilot.press("tab")
        assert field(screen).text == "def f(x):\n        if x:  # why\n            return 1\n    # y = f(2)"
        await pilot.press("escape")
        assert screen.pane.cells.editing is None
        assert screen.focused is screen.pane.cells
        assert lab.ran == []


async def test_letters_are_letters_and_the_neighbours_are_an_arrow_away(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path))
        cells = screen.pane.cells
        await pilot.press("j", "enter", "end")
        await types(pilot, ";rRxqbapu016i")
        assert sources(screen)[1] == "import torch;rRxqbapu016i"
        assert lab.ran == []
        assert app.screen is screen
        await pilot.press("down")
        assert cells.cursor == 2
        assert field(screen).cursor_location == (0, 0)
        await pilot.press("down")  # inside the cell
        assert (cells.cursor, field(screen).cursor_location[0]) == (2, 1)
        await pilot.press("down")  # the last one: nowhere to go
        assert cells.cursor == 2
        await pilot.press("up", "up")
        assert cells.cursor == 1
        assert field(screen).cursor_location == (0, len(sources(screen)[1]))
        await pilot.press("up")  # text wraps, and is edited too
        assert cells.cursor == 0
        await until(pilot, lambda: field(screen).has_focus)
        await types(pilot, "\nmore")
        await pilot.press("up", "up")
        assert cells.cursor == 0
        await pilot.press("escape")
        assert sources(screen)[0] == "# Ones\nmore"
        await sees(pilot, "more")
        assert len(cells.query(CodeField)) == 0


async def test_cells_run_while_one_types(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, "# %%\na\n\n# %%\nb\n"))
        await pilot.press("enter", "end", "1", "ctrl+r")
        await until(pilot, lambda: lab.ran == ["a1"])
        assert (screen.pane.cells.cursor, screen.pane.cells.editing) == (1, None)
        await pilot.press("enter", "end", "2", "f5")
        await until(pilot, lambda: lab.ran == ["a1", "b2"])
        assert sources(screen) == ["a1", "b2", ""]  # the last one: one types on in a new cell
        await until(pilot, lambda: field(screen).has_focus)
        await types(pilot, "c")
        assert sources(screen) == ["a1", "b2", "c"]


async def test_names_are_completed_from_the_kernel(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, "# %%\n"))
        await pilot.press("enter")
        await types(pilot, "x = torch.on")
        lab.completion = Completion(("ones",), 10, 12, ("function",))
        await pilot.press("tab")
        await until(pilot, lambda: field(screen).text == "x = torch.ones")
        assert lab.told("complete") == [("x = torch.on", 12)]
        await types(pilot, "; torch.s")
        lab.completion = Completion(("sin", "sinh", "size"), 22, 23, ("function", "function", ""))
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(app.screen, CompletionScreen))
        assert field(screen).text.endswith("torch.si")  # what they share
        await sees(pilot, "sin function", "sinh", "size")
        await types(pilot, "nh")
        await sees(pilot, "sinh function")
        assert app.screen.query_one("#names").styles.height.value == 3  # type: ignore[union-attr]
        await types(pilot, "\b")
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.screen is screen)
        assert field(screen).text == "x = torch.ones; torch.sinh"
        await until(pilot, lambda: field(screen).has_focus)
        # what fits no name is typed on
        await types(pilot, "; torch.s")
        lab.completion = Completion(("sin", "size"), 34, 35)
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(app.screen, CompletionScreen))
        await types(pilot, "q")
        await until(pilot, lambda: app.screen is screen)
        assert field(screen).text.endswith("; torch.siq")
        await pilot.press("backspace", "tab")
        lab.completion = Completion(("sin", "size"), 34, 36)
        await until(pilot, lambda: isinstance(app.screen, CompletionScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        lab.completion = Completion((), 0, 0)
        await pilot.press("tab")
        await until(pilot, lambda: any("nothing is known that begins so" in one for one in told(pilot)))
        # and what it is
        await pilot.press("shift+tab")
        await until(pilot, lambda: any("nothing is known of what is at the cursor" in one for one in told(pilot)))
        lab.signature = "sin(input) -> Tensor\n\nThe sine."
        await pilot.press("shift+tab")
        await until(pilot, lambda: isinstance(app.screen, TextScreen))
        assert "The sine." in str(app.screen.query_one("#body", Static).content)
        await pilot.press("escape")
        await until(pilot, lambda: field(screen).has_focus)


async def test_completion_without_a_lab_says_so(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.trouble = "there is no kernel 'nobody'"
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS), connected=False)
        await until(pilot, lambda: any("'nobody'" in one for one in told(pilot)))
        await pilot.press("j", "enter", "end", "tab", "shift+tab")
        await until(pilot, lambda: told(pilot).count("the kernel is not there yet") >= 1)
        assert field(screen).text == "import torch"
        await sees(pilot, "there is no kernel 'nobody'", "no kernel")
