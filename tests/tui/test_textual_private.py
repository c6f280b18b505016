"""Canaries: what the program uses of Textual beyond its public interface still does what it is used for."""

import ast
import asyncio
import inspect
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from textual import events, work
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.css.parse import parse
from textual.css.query import NoMatches
from textual.css.stylesheet import Stylesheet
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Region
from textual.screen import ModalScreen, Screen
from textual.widgets import Static, TextArea

import tui
from tests.support.waiting import until
from tui.screenshot import svg
from tui.textual_private import (
    ChangedCells,
    ChangedLines,
    CrashHandlingApp,
    KeyedTextArea,
    ShownLines,
    Spans,
    bindings_of,
    came_at,
    every_screen,
    is_exiting,
    key_name,
    key_names,
    parse_css_once,
    screens_of_mode,
    screens_shown,
    send,
    use_true_colour,
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


async def test_a_text_area_counts_its_lines_once_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[WrappedDocument] = []
    height = WrappedDocument.height

    def counts(document: WrappedDocument) -> int:
        counted.append(document)
        return int(height.__get__(document))

    monkeypatch.setattr(WrappedDocument, "height", property(counts))
    app = TwoModes()
    async with app.run_test(size=(40, 20)) as pilot:
        ours, textuals = KeyedTextArea("\n" * 30), TextArea("\n" * 30)
        for area in (ours, textuals):
            await app.screen.mount(area)
            area.focus()
            await pilot.pause()
            counted.clear()
            await pilot.press("a")
            if area is ours:
                assert len(counted) <= 1
        assert len(counted) > 3  # what ours stands in for
        for edited, lines in (("one\ntwo", 2), ("", 1)):
            ours.load_text(edited)
            assert ours.wrapped_document.height == lines
        ours.insert("a\nb\nc")
        assert ours.wrapped_document.height == 3
        ours.delete((0, 0), (1, 0))
        assert ours.wrapped_document.height == 2
        ours.undo()
        assert ours.wrapped_document.height == 3
        ours.text = "word " * 30
        assert ours.wrapped_document.height > 3  # it is wrapped
        ours.action_cursor_down()
        assert ours.cursor_location[0] == 0
        assert ours.cursor_location[1] > 0  # and its navigator knows


def test_an_event_knows_when_it_came() -> None:
    before = time.monotonic()
    key = events.Key("x", "x")
    assert before <= came_at(key) <= time.monotonic()


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


async def test_a_worker_does_not_outlive_the_widgets_that_it_shows_something_in() -> None:
    """The app ends while it waits for an answer, which comes between the end of a widget and that of its screen."""
    gone, begun = asyncio.Event(), asyncio.Event()

    class Part(Static):
        def on_unmount(self) -> None:
            gone.set()
            screen.begin_late()

    class Whole(First):
        def compose(self) -> ComposeResult:
            with Vertical():
                yield Part(id="part")

        @work
        async def show(self) -> None:
            await gone.wait()
            self.query_one("#part", Part).update("the answer")

        @work
        async def begin_late(self) -> None:
            begun.set()
            self.query_one("#gone")

        async def on_unmount(self) -> None:
            await asyncio.sleep(0.01)

    app = TwoModes()
    async with app.run_test() as pilot:
        screen = Whole()
        await app.push_screen(screen)
        screen.show()
        await pilot.pause()
    assert gone.is_set()
    assert begun.is_set()
    assert app.failures == ()


async def test_a_handler_that_misses_a_widget_of_an_app_that_ends_is_no_bug() -> None:
    """The app ends while a screen is mounted: what that does comes when its parts are gone."""
    missed: list[bool] = []

    class Part(Static):
        def on_unmount(self) -> None:
            app.call_later(ending.look)

    class Ending(First):
        def compose(self) -> ComposeResult:
            yield Part()

        def look(self) -> None:
            missed.append(self.app.is_running)
            self.query_one("#gone")

        async def on_unmount(self) -> None:
            await asyncio.sleep(0.01)

    app = TwoModes()
    async with app.run_test() as pilot:
        ending = Ending()
        await app.push_screen(ending)
        await pilot.pause()
    assert missed == [False]
    assert app.crash is None


async def test_a_handler_that_misses_a_widget_of_an_app_that_runs_is_one() -> None:
    app = TwoModes()

    async def miss() -> None:
        async with app.run_test() as pilot:
            app.call_later(app.query_one, "#gone")
            await pilot.pause()

    with pytest.raises(NoMatches):
        await miss()
    assert isinstance(app.crash, NoMatches)


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


class TwoParts(Screen[None]):
    DEFAULT_CSS = "TwoParts { layout: horizontal; } TwoParts Static { width: 1fr; height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield Static("left\nhere", id="left")
        yield Static("right\nthere", id="right")


def update_of(screen: Screen[None], *, full: bool = False) -> LayoutUpdate | ChopsUpdate:
    """What Textual is about to send."""
    update = screen._compositor.render_update(full=full)
    assert isinstance(update, LayoutUpdate if full else ChopsUpdate)
    return update


async def test_only_the_lines_that_the_terminal_does_not_show_are_sent() -> None:
    app = App[None]()
    console = Console(color_system="truecolor")
    async with app.run_test(size=(20, 4)) as pilot:
        await app.push_screen(screen := TwoParts())
        await pilot.pause()
        shown = ShownLines()

        def sent(*, full: bool) -> tuple[str, list[int]]:
            update = update_of(screen, full=full)
            ours = ChangedLines(update, shown) if isinstance(update, LayoutUpdate) else ChangedCells(update, shown)
            return ours.render_segments(console), sorted({y for y, _, _ in ours.spans})

        text, lines = sent(full=True)
        assert "left" in text
        assert "there" in text
        assert lines == [0, 1, 2, 3]
        assert sent(full=True) == ("", [])
        screen.query_one("#right", Static).update("right\nwhere")
        screen._compositor.update_widgets({screen.query_one("#right")})
        text, lines = sent(full=False)
        assert "where" in text
        assert "here" not in text.replace("where", "")
        assert sent(full=True) == ("", [])  # a part that was sent is known
        screen.query_one("#left", Static).update("left\nnow")
        text, lines = sent(full=True)
        assert (lines, "now" in text) == ([1], True)
        screen.query_one("#left", Static).refresh(Region(0, 0, 2, 1))  # half a part of a line
        screen._compositor._dirty_regions.add(Region(0, 0, 2, 1))
        assert sent(full=False)[1] == [0]
        assert sent(full=True)[1] == [0]  # nothing was known of that line


async def test_what_is_written_is_told_before_the_update_ends_and_sent_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = TwoModes()
    told: list[Spans] = []
    monkeypatch.setattr(app, "painted", told.append)
    async with app.run_test(size=(20, 4)) as pilot:
        await pilot.pause()
        send(app, "nowhere")  # there is no terminal: nothing happens
        use_true_colour(app)
        assert app.console.color_system == "truecolor"
        app._update = ChangedLines(LayoutUpdate([], Region(0, 0, 20, 4)), ShownLines())
        app._end_update()
        assert told == [Spans([])]
        assert app._update is None
        await app.push_screen(second := Second())
        await app.push_screen(dialog := ModalScreen[None]())
        assert set(every_screen(app)) >= {second, dialog}
        assert list(screens_shown(app))[-2:] == [second, dialog]


def test_spans_touch_what_they_are_in() -> None:
    spans = Spans([(3, 10, 20), (5, 0, 1)])
    assert spans.touch(Region(19, 3, 5, 1))
    assert spans.touch(Region(0, 0, 1, 6))
    assert not spans.touch(Region(20, 3, 5, 1))
    assert not spans.touch(Region(1, 5, 50, 1))
    assert not spans.touch(Region(0, 4, 50, 1))
    assert not spans.touch(Region(0, 0, 10, 5))


async def test_a_style_sheet_is_parsed_once_for_the_same_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_css_once()
    parse_css_once()
    parsed: list[str] = []

    def counted(scope: str, css: str, *rest: Any, **more: Any) -> Any:
        parsed.append(css)
        return parse(scope, css, *rest, **more)

    monkeypatch.setattr("textual.css.stylesheet.parse", counted)

    def sheet(colour: str, css: str) -> Stylesheet:
        made = Stylesheet(variables={"mine": colour})
        made.add_source(css, read_from=("nowhere", "here"))
        made.parse()
        return made

    css = "Static { color: $mine; } /* of this test alone */"
    first, again, other = sheet("red", css), sheet("red", css), sheet("blue", css)
    assert parsed == [css, css]
    colours = [one.rules[0].styles.color.hex for one in (first, again, other)]
    assert colours == ["#FF0000", "#FF0000", "#0000FF"]
    again.set_variables({"mine": "green"})
    again.reparse()
    assert again.rules[0].styles.color.hex == "#008000"
    assert first.rules[0].styles.color.hex == "#FF0000"


async def test_a_notice_is_a_toast_on_its_screen() -> None:
    app = App[None]()
    async with app.run_test(size=(60, 10), notifications=True) as pilot:
        app.notify("something")
        await until(pilot, lambda: any(toast.region for toast in app.screen.query("Toast")))


class Shouting(KeyedTextArea):
    """Has its own x."""

    def take_key(self, key: events.Key) -> bool:
        if key.key == "x":
            self.insert("!")
        return key.key == "x"


async def test_a_text_area_has_its_own_keys_before_textuals() -> None:
    class Typing(App[None]):
        def compose(self) -> ComposeResult:
            yield Shouting()

    app = Typing()
    async with app.run_test() as pilot:
        await pilot.press("a", "x", "b", "enter")
        assert app.query_one(Shouting).text == "a!b\n"


async def test_a_text_area_that_was_removed_can_still_be_painted() -> None:
    app = TwoModes()
    async with app.run_test():
        areas = (Shouting("gone"), TextArea("gone"))
        for area in areas:
            area.display = False  # never painted, and so without styles that are kept
            await app.screen.mount(area)
            await area.remove()
        assert [strip.text for strip in areas[0].render_lines(Region(0, 0, 3, 2))] == ["   ", "   "]
        with pytest.raises(KeyError):  # Textual's own can't: this is what it stands in for
            areas[1].render_lines(Region(0, 0, 3, 2))
