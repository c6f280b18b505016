"""All that the program uses of Textual beyond its public interface. Each function has a canary in
tests/tui/test_textual_private.py that fails where a new version of Textual changes what it stands on."""

import codecs
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, TypeVar

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.control import Control
from rich.segment import Segment
from textual import events, keys
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.binding import Binding
from textual.css.model import RuleSet
from textual.css.query import NoMatches
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation
from textual.document._document import Location
from textual.document._document_navigator import DocumentNavigator
from textual.document._wrapped_document import WrappedDocument
from textual.dom import DOMNode
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import TextArea
from textual.worker import WorkerFailed

from tui.sgr import encoded

Result = TypeVar("Result")
MOST_SHEETS = 2000  # parsed ones that are kept: those of some ten themes


@dataclass(frozen=True)
class Spans:
    """Cells of the terminal that were written: `parts` of lines, each (line, first column, column after the last)."""

    parts: Sequence[tuple[int, int, int]]

    def touch(self, region: Region) -> bool:
        """Whether one of them is in the region."""
        return any(region.y <= y < region.bottom and x1 < region.right and x2 > region.x for y, x1, x2 in self.parts)


class ShownLines:
    """What the terminal shows, as far as that is known: the parts of its lines, by their first columns."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, Strip]] = {}
        self._texts: dict[int, str] = {}  # what those lines are on the way to the terminal

    def clear(self) -> None:
        """Nothing is known any more."""
        self._lines.clear()
        self._texts.clear()

    def take(self, y: int, line: Iterable[Strip], colours: ColorSystem) -> str:
        """Another line; what is to be sent for it, empty where it looks as it did."""
        parts, x = {}, 0
        for strip in line:
            parts[x] = strip
            x += strip.cell_length
        text, before = encoded(chain.from_iterable(parts.values()), colours), self._text(y, colours)
        self._lines[y], self._texts[y] = parts, text
        return "" if text == before else text

    def change(self, update: ChopsUpdate) -> None:
        """Parts of lines were sent. Of a line of which half a part was sent, nothing is known any more."""
        for y, spans in groupby(update.spans, key=itemgetter(0)):
            sent = [(x1, x2) for _, x1, x2 in spans]
            parts = {x: (x + strip.cell_length, strip) for x, strip in update.chops[y].items() if strip is not None}
            touched = {x: part for x, part in parts.items() if any(x < x2 and part[0] > x1 for x1, x2 in sent)}
            whole = all(any(x1 <= x and end <= x2 for x1, x2 in sent) for x, (end, _) in touched.items())
            line = self._lines.get(y)
            self._texts.pop(y, None)
            if whole and line is not None and line.keys() == update.chops[y].keys():
                line.update({x: strip for x, (_, strip) in touched.items()})
            else:
                self._lines.pop(y, None)

    def _text(self, y: int, colours: ColorSystem) -> str | None:
        if y in self._lines and y not in self._texts:
            self._texts[y] = encoded(chain.from_iterable(self._lines[y].values()), colours)
        return self._texts.get(y)


class ChangedLines(LayoutUpdate):
    """The whole screen, of which only the lines are sent that the terminal does not show yet. Textual sends all of it
    whenever something is laid out anew, twice where a dialog opens."""

    def __init__(self, whole: LayoutUpdate, shown: ShownLines) -> None:
        """`shown`: brought up to date when this is sent."""
        super().__init__(whole.strips, whole.region)
        self._shown = shown
        self.spans: list[tuple[int, int, int]] = []  # of what was sent

    def render_segments(self, console: Console) -> str:
        region, parts = self.region, []
        for y, line in enumerate(self.strips, region.y):
            if text := self._shown.take(y, line, console._color_system or ColorSystem.TRUECOLOR):
                parts += [Control.move_to(region.x, y).segment.text, text]
                self.spans.append((y, region.x, region.right))
        return "".join(parts)


class ChangedCells(ChopsUpdate):
    """Parts of lines, in fewer bytes."""

    def __init__(self, parts: ChopsUpdate, shown: ShownLines) -> None:
        super().__init__(parts.chops, parts.spans, parts.chop_ends)
        self._shown = shown

    def render_segments(self, console: Console) -> str:
        self._shown.change(self)
        segments = self.__rich_console__(console, console.options)
        kept = (one for one in segments if isinstance(one, Segment) and one.text != "\n")  # each part is moved to
        return encoded(kept, console._color_system or ColorSystem.TRUECOLOR)


class CrashHandlingApp(App[None]):
    """An app that decides itself what happens at an exception which no handler caught: Textual prints a screenful. That
    of a worker is told apart: it does not end the app."""

    def handle_crash(self, error: BaseException) -> None:
        """The app ends after this."""

    def handle_worker_failure(self, error: BaseException) -> None:
        """A worker of some screen failed. The app goes on."""

    def painted(self, spans: Spans) -> None:
        """These cells were written just now; what is sent from here is shown together with them."""

    _update: object = None  # what is on its way to the terminal

    @cached_property
    def _lines_shown(self) -> ShownLines:
        return ShownLines()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate):
            renderable = ChangedLines(renderable, self._lines_shown)
        elif isinstance(renderable, ChopsUpdate):
            renderable = ChangedCells(renderable, self._lines_shown)
        self._update = renderable
        super()._display(screen, renderable)
        self._update = None

    def _end_update(self) -> None:
        update, self._update = self._update, None
        if isinstance(update, ChangedLines | ChangedCells):
            self.painted(Spans(update.spans))
        super()._end_update()

    def redraw(self) -> None:
        """Send the whole screen, whatever the terminal shows: another program may have written on it."""
        self._lines_shown.clear()
        self.refresh()

    def _resume_signal(self) -> None:
        self._lines_shown.clear()
        super()._resume_signal()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Resize):  # what a terminal makes of its lines then is its own affair
            self._lines_shown.clear()
        await super().on_event(event)

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, NoMatches) and not self._running:
            return  # what began when the app ended already, and misses a widget that is gone, did nothing wrong
        if isinstance(error, WorkerFailed):
            self.handle_worker_failure(error.error)
        else:
            super()._handle_exception(error)

    async def _close_all(self) -> None:
        self.workers.cancel_all()  # before the widgets go one by one: a worker that comes to its end would miss some
        await super()._close_all()

    def _fatal_error(self) -> None:
        error = sys.exception()
        assert error is not None
        self.handle_crash(error)
        self._close_messages_no_wait()


class CountedLines(WrappedDocument):
    """Counts its lines once for each change. Textual's own counts them for each row that it paints: 30 ms a key of a
    document of 1,000 lines."""

    _height: int | None = None

    @property
    def height(self) -> int:
        if self._height is None:
            self._height = super().height
        return self._height

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        super().wrap(width, tab_width)
        self._height = None

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        super().wrap_range(start, old_end, new_end)
        self._height = None


class KeyedTextArea(TextArea):
    """A text area some of whose keys are its class's own, before Textual types them."""

    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document(text, language)
        self.wrapped_document = CountedLines(self.document, self.wrap_width, self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Blank once it was removed: what is painted before the next layout still has it, and its styles are gone."""
        if not self.is_attached:
            return [Strip.blank(crop.width)] * crop.height
        return super().render_lines(crop)

    def take_key(self, key: events.Key) -> bool:
        """Whether the key is done with."""
        return False

    async def _on_key(self, event: events.Key) -> None:
        if self.take_key(event):
            event.stop()
            event.prevent_default()
        else:
            await super()._on_key(event)


class _TypedText:
    """What is typed, as text: UTF-8, or where it is not that, in the terminal's encoding; never an error."""

    def __init__(self, encoding: str, take: Callable[[str], str]) -> None:
        self._encoding, self._take = encoding, take
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def decode(self, data: bytes, final: bool = False) -> str:
        return self._take(self._decoded(data, final))

    def _decoded(self, data: bytes, final: bool) -> str:
        before = self._utf8.getstate()[0]
        try:
            return self._utf8.decode(data, final)
        except UnicodeDecodeError:
            self._utf8.reset()
            encoding = "utf-8" if self._encoding == "ascii" else self._encoding
            return (before + data).decode(encoding, "replace")


def take_any_input(encoding: str, take: Callable[[str], str] = str) -> None:
    """From now on, an app's keyboard takes text that is not UTF-8 too: a byte of it would end the app. `encoding`: of
    the terminal. `take`: gets all that comes from the terminal, in the thread that reads it, and returns what of it is
    typed."""
    from textual.drivers import linux_driver

    linux_driver.getincrementaldecoder = lambda _: lambda: _TypedText(encoding, take)  # type: ignore[attr-defined, assignment]


def parse_css_once() -> None:
    """From now on, a style sheet is parsed once for the same variables: Textual parses all of them again when the app's
    first screen is made, and when it is shown, which takes as long as drawing it."""
    parse = Stylesheet._parse_rules
    if getattr(parse, "parses_once", False):
        return
    known: dict[object, list[RuleSet]] = {}

    def parsed(
        sheet: Stylesheet,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        key = (css, read_from, is_default_rules, tie_breaker, scope, tuple(sheet._variables.items()))
        if key not in known:
            if len(known) >= MOST_SHEETS:
                known.clear()
            known[key] = parse(sheet, css, read_from, is_default_rules, tie_breaker, scope)
        return known[key]

    parsed.parses_once = True  # type: ignore[attr-defined]
    Stylesheet._parse_rules = parsed  # type: ignore[method-assign, assignment]


def send(app: App[Any], sequence: str) -> None:
    """To the terminal, as it is, after what is on its way there. From any thread. Nothing where there is no terminal,
    or no longer."""
    driver = app._driver
    if driver is not None and not driver.is_headless and getattr(driver, "_writer_thread", None) is not None:
        driver.write(sequence)
        driver.flush()


def use_true_colour(app: App[Any]) -> None:
    """Colours go to the terminal as they are from now on, whatever TERM says."""
    app.console._color_system = ColorSystem.TRUECOLOR


def every_screen(app: App[Any]) -> Collection[Screen[Any]]:
    """Those of all modes."""
    return {screen for stack in app._screen_stacks.values() for screen in stack}


def screens_shown(app: App[Any]) -> Sequence[Screen[Any]]:
    """The screens that are seen now, one over the other, the topmost last."""
    return [*app._background_screens, app.screen]


def is_exiting(app: App[Any]) -> bool:
    """Whether `App.exit` was called: keys that still arrive were typed after it."""
    return app._exit


def screens_of_mode(app: App[Any], mode: str) -> Sequence[Screen[Any]]:
    """The stack of screens of a mode, which need not be the current one; empty before its first use."""
    return app._screen_stacks.get(mode, ())


def whole_screen(app: App[Any]) -> RenderableType:
    """What the terminal shows now, dialogs and all, for Rich to print: lines that are drawn, and no widgets."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert update is not None  # it is where all is asked for
    return update


def bindings_of(node: DOMNode) -> Mapping[str, list[Binding]]:
    """The bindings that a node itself holds, those of its keymap included, by their keys. `Screen.active_bindings` has
    only those that do something now, merged over all nodes."""
    if not (keymap := node.app._keymap):
        return node._bindings.key_to_bindings
    bindings = node._bindings.copy()
    bindings.apply_keymap(keymap)
    return bindings.key_to_bindings


def name_keys(node: DOMNode, named: Mapping[str, tuple[str, str]]) -> None:
    """What the keys that a node itself holds are called, and what is said of them besides: by the id of the binding, or
    by what stands behind the dot in it. The others keep their names; of none, all have those of the class again."""
    node._bindings = (type(node)._merged_bindings or node._bindings).copy()
    for key, bindings in node._bindings.key_to_bindings.items():
        node._bindings.key_to_bindings[key] = [_named(binding, named) for binding in bindings]


def _named(binding: Binding, named: Mapping[str, tuple[str, str]]) -> Binding:
    known = named.get(binding.id or "") or named.get((binding.id or "").rpartition(".")[2])
    if known is None or not binding.description:
        return binding
    return replace(binding, description=known[0], tooltip=known[1])


def key_name(character: str) -> str:
    """Textual's name of the key that types a character: `full_stop`."""
    return keys._character_to_key(character)


@cache
def key_names() -> frozenset[str]:
    """Textual's names of keys, without a modifier."""
    named = {key.value for key in keys.Keys if not set(key.value) & set("+<-")} - {"return"}
    return frozenset(named | {key_name(chr(code)) for code in range(32, 127)})


def came_at(event: events.Event) -> float:
    """When a key or a paste came from the terminal, by `time.monotonic`, however long it has waited since."""
    return event.time


class LivingScreen(Screen[Result]):
    """A screen whose widgets go on changing beneath a dialog. Textual's own marks all that a change beneath a dialog
    touched as changed once more, without end."""

    def _compositor_refresh(self) -> None:
        app = self.app
        if self is app.screen or app.is_inline:
            super()._compositor_refresh()
            return
        regions = set(self._compositor._dirty_regions)
        self._compositor._dirty_regions.clear()
        self._dirty_widgets.clear()
        if regions and self in app._background_screens:
            app.screen.refresh(*regions)
