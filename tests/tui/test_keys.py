"""The keys: the same act has the same key on every screen, a key has one meaning, and one that can't act says why."""

from collections import defaultdict
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from engine.errors import EngineError
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tools import docs
from tui.dialogs.help import Group, HelpScreen, Key, in_columns
from tui.dialogs.key_screen import KeyScreen
from tui.dialogs.overlay import Overlay
from tui.dialogs.prompt import PromptScreen
from tui.keys import ACTS, CELLS, CHART, FORM, ROWS, bind, move_keys
from tui.widgets.keyline import KeyLine

EATEN = {"ctrl+a", "ctrl+b"}  # by screen and tmux


def _is_no_dialog(cls: type) -> bool:
    """A dialog asks for something, and its letters stand beside its choices; an overlay only lies over a screen. Where
    one types, letters are letters."""
    return not issubclass(cls, ModalScreen | TextArea) or issubclass(cls, Overlay)


def test_a_key_has_one_meaning() -> None:
    taken = defaultdict[str, list[str]](list)
    for name, act in ACTS.items():
        for key in act.keys.split(","):
            taken[key].append(name)
    twice = {key: names for key, names in taken.items() if len(names) > 1}
    for key, names in twice.items():
        places = [ACTS[name].only_in for name in names]
        assert len(set(places)) == len(places), (key, names)
        assert set(places) <= {"", ROWS, CHART, CELLS, FORM}
    assert not EATEN & set(taken)


@pytest.mark.parametrize(
    ("title", "cls"),
    [(title, cls) for title, cls in docs.screens() if cls is not Overlay and _is_no_dialog(cls)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_screens_keys_are_those_of_the_table(title: str, cls: type) -> None:
    strange = []
    for binding in docs.bindings(cls):
        act = ACTS.get((binding.id or "").rpartition(".")[2])
        if act is None or act.keys != binding.key:
            strange.append(f"{binding.id}: {binding.key}")
    assert not strange


class Shelf(KeyScreen[None]):
    """A screen with a key that can't act."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *move_keys("shelf"),
        bind("shelf", "sort", "Sort", "by name"),
        bind("shelf", "export", "Export"),
        Binding("left_parenthesis", "vanish", "Vanish", key_display="(", id="shelf.vanish"),
    ]

    done = ""

    def compose(self) -> ComposeResult:
        yield Static("a shelf")
        yield KeyLine()

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        return "there is nothing to export" if action == "export" else ""

    def action_sort(self) -> None:
        self.done += "sorted"

    def action_export(self) -> None:
        self.done += "exported"


async def test_a_key_that_can_not_act_says_why_at_the_bottom_until_the_next_key(home: Path) -> None:
    app = ScreensApp(home)
    async with app.run_test(size=(100, 20)) as pilot:
        shelf = Shelf()
        await app.push_screen(shelf)
        line = shelf.query_one(KeyLine)
        assert "s Sort" in str(line.content)
        assert "Export" not in str(line.content)
        await pilot.press("e")
        assert "e: Export – there is nothing to export" in str(line.content)
        assert not shelf.done
        await pilot.press("s")
        assert shelf.done == "sorted"
        assert "s Sort" in str(line.content)
        assert "nothing to export" not in str(line.content)


async def test_a_keymap_moves_an_act_and_its_reason_with_it(home: Path) -> None:
    app = ScreensApp(home)
    async with app.run_test(size=(100, 20)) as pilot:
        shelf = Shelf()
        await app.push_screen(shelf)
        app.set_keymap({"shelf.export": "x", "shelf.sort": "o"})
        await pilot.press("x")
        assert "x: Export – there is nothing to export" in str(shelf.query_one(KeyLine).content)
        await pilot.press("o")
        await pilot.press("s")
        assert shelf.done == "sorted"


def _help(app: ScreensApp) -> str:
    return str(app.screen.query_one("#columns", Static).content)


async def test_help_stands_in_columns_is_searched_and_has_what_can_not_act_at_its_end(home: Path) -> None:
    app = ScreensApp(home)
    async with app.run_test(size=(140, 30)) as pilot:
        await app.push_screen(Shelf())
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        text = _help(app)
        lines = text.splitlines()
        beside = [line.split("Sort: by name")[1].strip() for line in lines if "Sort: by name" in line]
        assert beside, text
        assert all(beside), text  # another key stands in the same line
        assert len(lines) < 20
        assert "Export (there is nothing to" in text
        order = [group.title for group in app.screen._groups]
        assert order == ["This screen", "Everywhere", "Not now"]
        await pilot.press("slash", *"sort")
        await pilot.pause()
        assert "Sort: by name" in _help(app)
        assert "Export" not in _help(app)
        await pilot.press(*"zz")
        await pilot.pause()
        assert "no key's name or description has that in it" in _help(app)
        await pilot.press("escape")
        assert "Export" in _help(app)
        await pilot.press("escape")
        assert isinstance(app.screen, Shelf)


async def test_a_prompt_brings_earlier_entries_back_and_keeps_what_is_being_typed(home: Path) -> None:
    app = ScreensApp(home)
    entered: list[str | None] = []

    def check(text: str) -> str:
        if text == "bad":
            raise EngineError("not that one")
        return "fine"

    async def ask(*keys: str) -> None:
        app.push_screen(PromptScreen("Filter", "words", check), entered.append)
        await until(pilot, lambda: bool(app.screen.query("#line")))
        await pilot.press(*keys)
        await pilot.pause()

    async with app.run_test(size=(100, 20)) as pilot:
        await ask(*"one", "enter")
        await ask(*"two", "enter")
        await ask(*"one", "enter")  # an entry stands once, as the newest
        await ask(*"ba", "up", "up")
        assert app.screen.query_one("#line", Input).value == "two"
        await pilot.press("up")
        assert app.screen.query_one("#line", Input).value == "two"  # the oldest
        await pilot.press("down", "down", "d", "enter")
        assert app.screen.query_one("#line", Input).value == "bad"  # what is wrong stays, to be mended
        await pilot.press("up", "enter")
        assert entered == ["one", "two", "one", "one"]


def test_bindings_carry_the_screen_and_the_act_in_their_id() -> None:
    binding = bind("runs", "go", "Pause/resume", action="pause")
    assert (binding.id, binding.key, binding.action) == ("runs.go", "space", "pause")
    with pytest.raises(KeyError):
        bind("runs", "somersault")


@pytest.mark.parametrize("width", [76, 116, 136, 196])
def test_what_is_said_of_a_key_stands_in_one_column_of_the_help(width: int) -> None:
    words = "does something that takes some words to say, so that it has several lines in each column"
    group = Group("This screen", tuple(Key(f"<{at}>", f"{words} {at}.") for at in range(37)))
    other = Group("Everywhere", tuple(Key(f"[{at}]", words) for at in range(9)))
    rows = in_columns([group, other], width).plain.splitlines()
    column = next(at for at in range(3, width + 4) if all(len(row) < at or row[at - 3 : at] == "   " for row in rows))
    first = [row[:column].strip() for row in rows if row[:column].strip()]
    assert first[0] == "This screen"
    assert first[-1].endswith(".") or first[-1].endswith("column"), "the last entry of a column is whole"
    assert max(map(len, rows)) <= width + 3
