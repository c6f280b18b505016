"""Canaries: what the program uses of Textual beyond its public interface still does what it is used for."""

import ast
import inspect
from pathlib import Path

import pytest
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

import tui
from tests.support.waiting import until
from tui.screenshot import svg
from tui.textual_private import (
    CrashHandlingApp,
    bindings_of,
    is_exiting,
    key_name,
    key_names,
    screens_of_mode,
    whole_screen,
)


class First(Screen[None]):
    BINDINGS = [Binding("x,ctrl+x", "nothing", "Nothing", id="first.nothing")]


class Second(Screen[None]):
    pass


class TwoModes(CrashHandlingApp):
    MODES = {"first": First, "second": Second}
    DEFAULT_MODE = "first"
    crash: BaseException | None = None

    def handle_crash(self, error: BaseException) -> None:
        self.crash = error

    failures: tuple[BaseException, ...] = ()

    def handle_worker_failure(self, error: BaseException) -> None:
        self.failures += (error,)

    def action_fail(self) -> None:
        raise ValueError("on purpose")

    @work
    async def fail_as_a_worker(self) -> None:
        raise ValueError("in a worker")

    @work(thread=True)
    def fail_in_a_thread(self) -> None:
        raise ValueError("in a thread")


async def test_an_exception_that_no_handler_caught_is_handed_over_and_ends_the_app(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = TwoModes()

    async def fail() -> None:
        async with app.run_test() as pilot:
            app.call_later(app.action_fail)
            await pilot.pause()

    with pytest.raises(ValueError, match="on purpose"):
        await fail()
    assert isinstance(app.crash, ValueError)
    assert not app.is_running
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "on purpose" not in out + err


async def test_a_workers_exception_is_handed_over_and_does_not_end_the_app() -> None:
    app = TwoModes()
    async with app.run_test() as pilot:
        app.fail_as_a_worker()
        app.fail_in_a_thread()
        await until(pilot, lambda: len(app.failures) == 2)
        assert {str(error) for error in app.failures} == {"in a worker", "in a thread"}
        assert app.is_running
    assert app.crash is None


async def test_an_app_that_ends_says_so() -> None:
    app = TwoModes()
    async with app.run_test():
        assert is_exiting(app) is False
        app.exit()
        assert is_exiting(app) is True


async def test_the_screens_of_a_mode_that_is_not_shown() -> None:
    app = TwoModes()
    async with app.run_test() as pilot:
        assert screens_of_mode(app, "second") == ()
        over = Second()
        await app.push_screen(over)
        await app.switch_mode("second")
        await pilot.pause()
        first, pushed = screens_of_mode(app, "first")
        assert isinstance(first, First)
        assert pushed is over
        assert list(screens_of_mode(app, "second")) == [app.screen]


async def test_the_bindings_of_a_node_alone() -> None:
    app = TwoModes()
    async with app.run_test():
        found = bindings_of(app.screen)
        assert {"x", "ctrl+x"} <= set(found)
        assert [binding.id for binding in found["x"]] == ["first.nothing"]
        assert "ctrl+q" not in found  # the app's own


async def test_the_whole_screen_with_what_lies_over_it() -> None:
    class Dialog(ModalScreen[None]):
        def compose(self) -> ComposeResult:
            yield Static("over it")

    app = TwoModes()
    async with app.run_test(size=(30, 5)) as pilot:
        await app.screen.mount(Static("\n\nbelow"))
        await app.push_screen(Dialog())
        await pilot.pause()
        text = svg(whole_screen(app), 30, 5, "a title")
    assert all(words in text for words in ("over&#160;it", "below", "a&#160;title"))


def test_the_names_of_keys() -> None:
    assert [key_name(character) for character in "?-s é"] == ["question_mark", "minus", "s", "space", "é"]
    assert {"f5", "pageup", "enter", "space", "comma", "S"} <= key_names()
    assert not {"ctrl+s", "shift+tab", "<any>"} & key_names()


def test_no_other_file_uses_what_is_private() -> None:
    """Attributes of other objects whose names Textual's App or Screen have with a _, and Textual's private modules."""
    classes = [cls for cls in (*App.__mro__, *Screen.__mro__) if cls.__module__.startswith("textual")]
    private = {name for cls in classes for name in vars(cls) if name.startswith("_")}
    for cls in classes:
        for node in ast.walk(ast.parse(inspect.getsource(cls))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr.startswith("_"):
                private.add(node.attr)
    assert {"_bindings", "_exit", "_screen_stacks"} <= private
    used = []
    for path in sorted(Path(tui.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())) if path.name != "textual_private.py" else ():
            if isinstance(node, ast.Attribute) and node.attr in private and not node.attr.startswith("__"):
                if ast.unparse(node.value) not in ("self", "os"):
                    used.append(f"{path.name}: {ast.unparse(node)}")
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual._"):
                used.append(f"{path.name}: {ast.unparse(node)}")
    assert not used
