"""A widget made of styled lines that sends the terminal only the cells that changed: the base of what shows a run."""

import re
from time import monotonic

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.timer import Timer

from engine.terminal_text import printable, shown
from tui.columns import column, fit
from tui.widgets.line_widget import LineWidget
from tui.widgets.palette import style_of

Line = list[tuple[str, str]]  # pieces of text, each with the name of its style in the palette, "" for plain


class Lines(LineWidget):
    """Draws what `paint` gives; `repaint` refreshes only what differs from the screen."""

    interval = 0.0  # seconds between two paintings at least

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._painted_at = float("-inf")
        self._later: Timer | None = None
        self.sent = 0  # refreshed stretches of cells so far

    def paint(self, width: int, height: int) -> list[Line]:
        """The content for this size in cells, at most `height` lines."""
        raise NotImplementedError

    def repaint(self, *, now: bool = False) -> None:
        """Paint what changed, at once or, within `interval` of the last time, a little later."""
        wait = self._painted_at + self.interval - monotonic()
        if wait > 0 and not now:
            if self._later is None:
                self._later = self.set_timer(wait, self._paint)
            return
        self._paint()

    def on_resize(self, event: events.Resize) -> None:
        self.repaint(now=True)

    def on_show(self, event: events.Show) -> None:
        self.repaint(now=True)

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.base)
        base = self.base
        segments = [Segment(text, base + style_of(self.app, style)) for text, style in self._lines[y]]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def text(self) -> str:
        """What is on the screen, without its styles."""
        return "\n".join("".join(piece for piece, _ in line) for line in self._lines)

    def _paint(self) -> None:
        if self._later is not None:
            self._later.stop()
            self._later = None
        width, height = self.size
        if not self.is_attached or not width or not height or not self.display:
            return
        self._painted_at = monotonic()
        lines = [[(printable(text), style) for text, style in line] for line in self.paint(width, height)[:height]]
        old, self._lines = self._lines, lines
        for y in range(max(len(old), len(lines))):
            before = old[y] if y < len(old) else []
            after = lines[y] if y < len(lines) else []
            if before != after:
                start, end = _difference(before, after, width)
                self.sent += 1
                self.refresh(Region(start, y, end - start, 1))


def fit_end(text: str, width: int) -> str:
    """The end of `text`, as the terminal may have it, in at most `width` cells, cut with an ellipsis before it."""
    text = shown(text)
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text if width > 0 else ""


def fit_middle(text: str, width: int) -> str:
    """The beginning and the end of `text`, as the terminal may have it, in at most `width` cells, with an ellipsis
    between them: names of which the end tells them apart."""
    text = shown(text)
    if cell_len(text) <= width:
        return text
    begin = fit(text, max(1, (width + 1) // 2))
    return begin + fit_end(text, width - cell_len(begin) + 1)[1:]


def fit_parts(text: str, width: int) -> str:
    """`text`, as the terminal may have it, in at most `width` cells, cut where that can be between the arguments of a
    call: `Linear(in_features=12, …`."""
    text = shown(text)
    if cell_len(text) <= width:
        return text
    depth, end = 0, 0
    for at, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 1 and cell_len(text[: at + 1]) < width:
            end = at + 1
    if not end:
        return fit(text, width)
    return text[:end] + (" …" if cell_len(text[:end]) + 2 <= width else "…")


def fit_facts(text: str, width: int) -> str:
    """As `fit`, but where that would cut a number, only whole facts, which have " · " or commas between them."""
    cut = fit(text, width)
    text = shown(text)
    kept = len(cut) - 1
    if cut == text or not (re.search(r"\d[.,:-]?$", text[:kept]) and re.match(r"[.,:-]?\d", text[kept:])):
        return cut
    for between in (" · ", ", "):
        facts = text.split(between)
        for kept in range(len(facts) - 1, 0, -1):
            line = between.join([*facts[:kept], "…"])
            if cell_len(line) <= width:
                return line
    return cut


LEAST_NAME = 8  # cells of a name in a title


def fit_title(text: str, width: int) -> str:
    """As `fit_facts`, but of a title with facts behind its name, `fast · epoch 10`, the name is cut in its middle,
    as the facts say which of several of that name is meant."""
    text = shown(text)
    name, *facts = text.split(" · ")
    room = width - sum(3 + cell_len(fact) for fact in facts)
    if cell_len(text) <= width or not facts or room < LEAST_NAME:
        return fit_facts(text, width)
    return " · ".join([fit_middle(name, room), *facts])


HANGING = 2  # cells that what goes on of a line is further in


def wrapped_facts(text: str, width: int) -> list[str]:
    """`text`, as the terminal may have it, in lines of at most `width` cells: broken between facts, which have " · "
    between them, a long fact between its words, and a long word anywhere. What goes on is further in."""
    text = shown(text)
    begin = len(text) - len(text.lstrip(" "))
    indent = " " * min(begin + HANGING, max(0, width - 8))
    lines = [text[: min(begin, len(indent))]]
    for number, fact in enumerate(text[begin:].split(" · ")):
        joined = f"{lines[-1]} · {fact}" if number else lines[-1] + fact
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        if number:
            lines.append(indent)
        for at, word in enumerate(fact.split(" ")):
            lines += _placed(lines.pop(), f" {word}" if at else word, indent, max(1, width))
    return lines


def _placed(line: str, word: str, indent: str, width: int) -> list[str]:
    """A line with a word more, or lines, where it does not fit."""
    if cell_len(line + word) <= width:
        return [line + word]
    word = word.removeprefix(" ")
    lines = [line] if not line.strip() else [line, indent]
    for character in word:
        if cell_len(lines[-1] + character) > width and lines[-1].strip():
            lines.append(indent)
        lines[-1] += character
    return lines


def wrapped_words(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken between its words. A word that is wider stands alone in one."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def wrapped_path(path: str, width: int) -> list[str]:
    """A path, as the terminal may have it, in lines of at most `width` cells that end at a slash. Of a name that is
    longer than a line the beginning and the end are there."""
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+", shown(path)):
        if lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += fit_middle(part, width) if cell_len(part) > width else part
    return lines


def padded(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells, cut or filled with spaces behind it, or before it (`right`)."""
    return column(fit(text, width), width, right=right)


def _difference(before: Line, after: Line, width: int) -> tuple[int, int]:
    """The first and one past the last column in which two lines differ."""
    a, b = _cells(before, width), _cells(after, width)
    if a is None or b is None:
        return 0, width
    start = next((x for x in range(width) if a[x] != b[x]), 0)
    end = next((x + 1 for x in reversed(range(width)) if a[x] != b[x]), width)
    return start, end


def _cells(line: Line, width: int) -> list[tuple[str, str]] | None:
    """Each cell's character and style; None where a character is not one cell wide."""
    if any(cell_len(text) != len(text) for text, _ in line):
        return None
    cells = [(character, style) for text, style in line for character in text][:width]
    return cells + [(" ", "")] * (width - len(cells))
