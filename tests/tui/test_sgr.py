"""Fewer bytes, and the same on the terminal: each line is drawn by pyte as Rich says it and as we do."""

import random

import pyte
import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

from tui import sgr
from tui.sgr import encoded

ATTRIBUTES = ("bold", "italic", "underline", "reverse", "strike")
RED = Style(color="rgb(200,0,0)")
ON_BLUE = Style(bgcolor="rgb(0,0,200)")


def drawn(text: str) -> list[object]:
    """Cell by cell what pyte makes of a line. The colour of a blank is not seen where it is not reversed or lined."""
    screen = pyte.Screen(200, 1)
    pyte.Stream(screen).feed(text)
    cells: list[object] = []
    for column in range(200):
        cell = screen.buffer[0][column]
        if cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough):
            cell = cell._replace(fg="default", bold=False, italics=False, blink=False)
        cells.append(cell)
    assert screen.cursor.attrs == screen.default_char._replace(data=" ")
    return cells


def as_rich_says(segments: list[Segment], colours: ColorSystem) -> str:
    parts = []
    for text, style, _ in segments:
        if style is not None:
            style._ansi = None  # Rich keeps that of the colour system it was first asked for
        parts.append(text if style is None else style.render(text, color_system=colours))
    return "".join(parts)


def made_up(dice: random.Random) -> list[Segment]:
    def colour() -> Color | None:
        return dice.choice([None, Color.parse("red"), Color.from_ansi(130), Color.from_rgb(1, 2, dice.randrange(9))])

    styles = [
        Style.from_color(colour(), colour())
        + Style.parse(" ".join(name for name in ATTRIBUTES if dice.random() < 0.15) or "none")
        for _ in range(6)
    ]
    texts = ["", " ", "   ", "x", "▀▀", "ab c"]
    return [Segment(dice.choice(texts), dice.choice([None, *styles])) for _ in range(dice.randrange(1, 30))]


@pytest.mark.parametrize("colours", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
def test_the_terminal_shows_the_same_for_fewer_bytes(colours: ColorSystem) -> None:
    dice = random.Random(colours.value)
    ours = theirs = 0
    for _ in range(300):
        segments = made_up(dice)
        text, wanted = encoded(segments, colours), as_rich_says(segments, colours)
        assert drawn(text) == drawn(wanted), (segments, text)
        ours, theirs = ours + len(text), theirs + len(wanted)
    assert ours < 0.9 * theirs


def test_only_what_changes_is_sent() -> None:
    segments = [Segment("a", RED + ON_BLUE), Segment("b", RED + ON_BLUE), Segment("c", ON_BLUE), Segment("d")]
    assert encoded(segments, ColorSystem.TRUECOLOR) == ("\x1b[38;2;200;0;0;48;2;0;0;200mab\x1b[39mc\x1b[0md")


def test_lines_that_look_the_same_are_the_same_text() -> None:
    one = [Segment("  ", RED + ON_BLUE), Segment(""), Segment("x", RED)]
    other = [Segment(" ", ON_BLUE), Segment(" ", RED + ON_BLUE), Segment("x", RED)]
    assert encoded(one, ColorSystem.TRUECOLOR) == encoded(other, ColorSystem.TRUECOLOR)
    underlined = [Segment("  ", RED + Style(underline=True)), Segment("  ", Style(underline=True))]
    assert "200" in encoded(underlined, ColorSystem.TRUECOLOR)


def test_links_and_control_segments_stand_as_they_are() -> None:
    link = Segment("there", RED + Style(link="https://example.org"))
    text = encoded([Segment("a", ON_BLUE), link, Segment("b", ON_BLUE)], ColorSystem.TRUECOLOR)
    assert "\x1b]8;" in text
    assert text.count("there") == 1
    move = Segment("\x1b[5;1H", None, [(1,)])  # type: ignore[list-item]
    assert encoded([Segment("a", RED), move], ColorSystem.TRUECOLOR).endswith("\x1b[5;1H\x1b[0m")


@pytest.mark.parametrize("colours", list(ColorSystem))
def test_every_colour_system(colours: ColorSystem) -> None:
    text = encoded([Segment("x", RED)], colours)
    assert text == as_rich_says([Segment("x", RED)], colours)


@pytest.mark.parametrize("attribute", sgr.ATTRIBUTES)
def test_every_attribute(attribute: str) -> None:
    style = Style.parse(attribute)
    assert encoded([Segment("x", style)], ColorSystem.TRUECOLOR) == as_rich_says(
        [Segment("x", style)], ColorSystem.TRUECOLOR
    )
    assert encoded([Segment("x", Style.parse(f"not {attribute}"))], ColorSystem.TRUECOLOR) == "x"
