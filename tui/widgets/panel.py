"""A frame around what belongs together: its title and state stand in the border, and the border of the panel that has
the focus is bright.

The upper and the lower border are lines of their own, since a border of Textual's is sent with all that it holds.
"""

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from engine.terminal_text import encoding
from tui.columns import width_of
from tui.widgets.lines import Line, Lines, fit_facts, fit_title
from tui.widgets.text import set_text

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_SPINNER = "|/-\\"  # where the terminal lacks those signs
SPINNER_S = 0.12


class Edge(Lines):
    """A horizontal border with text at its left and its right."""

    DEFAULT_CSS = "Edge { height: 1; width: 1fr; }"

    def __init__(self, corners: str, *, title: bool, id: str | None = None) -> None:  # noqa: A002
        """`corners`: the left and the right one. `title`: the left text is one: where there is no room for both texts,
        it is cut; else the right one is left out."""
        super().__init__(id=id)
        self._corners, self._is_title = corners, title
        self._left = self._right = ""
        self._focused = False

    def show(self, left: str, right: str, focused: bool) -> None:
        """Other text; `focused`: the panel has the focus."""
        self._left, self._right, self._focused = left, right, focused
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        edge = "edge-focused" if self._focused else "edge"
        room = width - 6  # two corners, with a line and a space on the inner side of each
        if room < 4:
            return [[(self._corners[0] + "─" * max(0, width - 2) + self._corners[1], edge)]]
        left, right = _both(self._left, self._right, room, title=self._is_title)
        line: Line = [(self._corners[0] + "─", edge)]
        used = 4
        if left:
            line += [(f" {left} ", "title-focused" if self._focused else "title")]
            used += width_of([left]) + 2
        if right:
            used += width_of([right]) + 2
        line += [("─" * max(0, width - used), edge)]
        if right:
            line += [(f" {right} ", "title-focused" if self._focused else "title")]
        return [[*line, ("─" + self._corners[1], edge)]]


class Panel(Vertical, can_focus=True):
    """`title` stands at the left of the upper border. `describe` sets what stands at its right and in the lower border;
    `say` shows a text in place of what is in it; `busy` says what is being done."""

    DEFAULT_CSS = """
    Panel {
        height: 1fr;
        width: 1fr;

        & > .panel-body {
            height: 1fr;
            border-left: round $foreground 35%;
            border-right: round $foreground 35%;
        }

        &:focus-within > .panel-body {
            border-left: round $text-primary;
            border-right: round $text-primary;
        }

        & > .panel-body > .panel-text {
            display: none;
            height: 1fr;
            width: 1fr;
            padding: 0 1;
            content-align: center middle;
            text-align: center;
            color: $text-muted;
        }

        &.-empty > .panel-body > .panel-text {
            display: block;
            position: absolute;
            width: 100%;
            height: 100%;
        }

        &.-text > .panel-body > * {
            display: none;
        }

        &.-text > .panel-body > .panel-text {
            display: block;
        }
    }
    """

    def __init__(
        self,
        *children: Widget,
        title: str = "",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
        focusable: bool = True,
    ) -> None:
        """`focusable`: False where a widget in it takes the focus, or nothing does."""
        super().__init__(id=id, classes=classes)
        self._inside = list(children)
        self._title, self._right = title, ""
        self._below, self._below_right = "", ""
        self._doing = ""
        self._turn = 0
        self._spinning: Timer | None = None
        self.can_focus = focusable

    def compose_add_child(self, widget: Widget) -> None:
        """What stands below `with Panel(…):` in a `compose` goes into the frame."""
        self._inside.append(widget)

    def compose(self) -> ComposeResult:
        yield Edge("╭╮", title=True)
        yield Vertical(*self._inside, Static("", classes="panel-text", markup=False), classes="panel-body")
        yield Edge("╰╯", title=False)

    def on_mount(self) -> None:
        self._show_edges()

    def describe(
        self,
        *,
        title: str | None = None,
        right: str | None = None,
        below: str | None = None,
        below_right: str | None = None,
    ) -> None:
        """Other texts in the border; None leaves one as it is."""
        self._title = self._title if title is None else title
        self._right = self._right if right is None else right
        self._below = self._below if below is None else below
        self._below_right = self._below_right if below_right is None else below_right
        self._show_edges()

    def say(self, text: str | Content) -> None:
        """Show a text in place of what is in the panel: why it is empty, or what went wrong. "" shows what is in it."""
        if str(text) or not self.has_class("-empty"):
            self._set_text(text)
        self.set_class(bool(str(text)), "-text")

    def busy(self, doing: str, *, empty: bool = False) -> None:
        """Say in the upper border what is being done, and how far, with a spinner; "" when it is done. `empty`: nothing
        is in the panel yet, so that it is said there too."""
        self._doing = doing
        empty = empty and bool(doing) and not self.has_class("-text")
        if empty:
            self._set_text(f"{doing[0].upper()}{doing[1:]}")
        self.set_class(empty, "-empty")
        if doing and self._spinning is None:
            self._spinning = self.set_interval(SPINNER_S, self._spin)
        elif not doing and self._spinning is not None:
            self._spinning.stop()
            self._spinning = None
        self._show_edges()

    def _set_text(self, text: str | Content) -> None:
        for static in self.query(".panel-text").results(Static):
            set_text(static, text)

    @property
    def edges(self) -> tuple[str, str]:
        """What stands in the upper and in the lower border."""
        above, below = self.query(Edge).results(Edge)
        return above.text(), below.text()

    def on_focus(self) -> None:
        self._show_edges()

    def on_blur(self) -> None:
        self._show_edges()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._show_edges()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self._show_edges()

    def _spin(self) -> None:
        if self.screen.is_current:
            self._turn += 1
            self._show_edges()

    def _show_edges(self) -> None:
        edges = list(self.query_children(Edge).results(Edge))
        if len(edges) < 2:  # not composed yet, or going
            return
        above, below = edges
        right = self._right
        if self._doing:
            signs = SPINNER if encoding() == "utf-8" else PLAIN_SPINNER
            right = f"{signs[self._turn % len(signs)]} {self._doing}"
        focused = self.has_focus_within
        above.show(self._title, right, focused)
        below.show(self._below, self._below_right, focused)


def _both(left: str, right: str, room: int, *, title: bool) -> tuple[str, str]:
    """The two texts in `room` cells with a line between them: a text at the right is whole, or it is not there."""
    cut = fit_title if title else fit_facts
    beside = room - width_of([right]) - 3  # for the left one
    if right and (beside >= width_of([left]) or (title and beside >= min(room // 3, width_of([left])))):
        return cut(left, beside), right
    return cut(left, room), ""
