"""Styled text as a terminal gets it, in as few bytes as say the same: what matters over a slow connection."""

from collections.abc import Iterable
from functools import lru_cache

from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

# Attributes by their SGR numbers, in the order of Rich's own.
ATTRIBUTES = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "blink": "5",
    "blink2": "6",
    "reverse": "7",
    "conceal": "8",
    "strike": "9",
    "underline2": "21",
    "frame": "51",
    "encircle": "52",
    "overline": "53",
}
ON_BLANKS = {"4", "7", "9", "21", "51", "52", "53"}  # those that are seen where there is no character
RESET = "\x1b[0m"
Look = tuple[tuple[str, ...], str, str]  # attributes, colour, background, as SGR parameters; empty: the terminal's own
PLAIN: Look = ((), "39", "49")


def encoded(segments: Iterable[Segment], colours: ColorSystem) -> str:
    """The segments' text, with a sequence only where the look changes, and only for what of it changes; it begins and
    ends with the terminal's own look. Two lines that look the same are the same text. Control segments stand as they
    are."""
    parts: list[str] = []
    now = PLAIN
    for text, style, control in segments:
        if control:
            parts.append(text)
            continue
        if not text:
            continue
        if style is not None and style.link:
            parts += [*_change(now, PLAIN), style.render(text, color_system=colours)]
            now = PLAIN
            continue
        look = PLAIN if style is None else _look(style, colours)
        if look[1] != now[1] and text.isspace() and not ON_BLANKS.intersection(look[0]):
            look = (look[0], now[1], look[2])  # the colour of what is not there
        if look != now:
            parts += _change(now, look)
            now = look
        parts.append(text)
    parts += _change(now, PLAIN)
    return "".join(parts)


def _change(before: Look, after: Look) -> tuple[str, ...]:
    """What is sent between text of the two looks."""
    if before == after:
        return ()
    if after == PLAIN:
        return (RESET,)
    if before[0] != after[0]:
        own = [part for part in after[1:] if part not in ("39", "49")]
        return ("\x1b[" + ";".join((*(("0",) if before != PLAIN else ()), *after[0], *own)) + "m",)
    return ("\x1b[" + ";".join(new for old, new in zip(before[1:], after[1:], strict=True) if old != new) + "m",)


@lru_cache(maxsize=4096)  # more than a page has
def _look(style: Style, colours: ColorSystem) -> Look:
    """A page of images has thousands of styles that were never seen before, so this must be quick the first time, too:
    the attributes are looked up as Rich keeps them, in the bits of a number."""
    set_bits = style._attributes & style._set_attributes
    return (
        _attributes(set_bits) if set_bits else (),
        "39" if style.color is None else _colour(style.color, colours, True),
        "49" if style.bgcolor is None else _colour(style.bgcolor, colours, False),
    )


@lru_cache(maxsize=1024)
def _attributes(bits: int) -> tuple[str, ...]:
    return tuple(number for bit, number in enumerate(ATTRIBUTES.values()) if bits >> bit & 1)


@lru_cache(maxsize=4096)
def _colour(colour: Color, colours: ColorSystem, foreground: bool) -> str:
    return ";".join(colour.downgrade(colours).get_ansi_codes(foreground))
