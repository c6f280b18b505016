"""The few styles of what is drawn by lines, from the theme's colours; and those colours as text that can be read.

Textual's component classes would do the same, but each is a node that is styled anew, in each widget, at every change
of screen: a third of that change's time.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from rich.style import Style
from textual.app import App
from textual.color import Color


class Spec(NamedTuple):
    """Colours by their names in the theme, each with how much of it is laid over the background."""

    color: str = ""
    strength: float = 1.0
    under: str = ""
    under_strength: float = 1.0
    bold: bool = False
    reverse: bool = False
    text: bool = True  # False: lines and points, which may be fainter than what is read


# Of runs that lie over each other: on a dark background, and on a light one.
RUN_COLORS = (
    ("#56b4e9", "#0072b2"), ("#e69f00", "#a86400"), ("#33c9a0", "#00795a"), ("#f0e442", "#8a7c00"),
    ("#e28fc0", "#a8437b"), ("#f2713c", "#c4470a"), ("#8ea6ff", "#3f51c9"), ("#b5e061", "#4f7d00"),
    ("#c3a0f7", "#7a3fc4"), ("#e0b48a", "#7d5430"), ("#5fd6d6", "#007b80"), ("#f79a9a", "#c03040"),
)  # fmt: skip
# On the terminal's own colours: mixed ones would come to white for half of them.
ANSI_RUN_COLORS = (
    "ansi_cyan", "ansi_yellow", "ansi_green", "ansi_bright_yellow", "ansi_magenta", "ansi_red",
    "ansi_blue", "ansi_bright_green", "ansi_bright_magenta", "ansi_bright_red", "ansi_bright_cyan", "ansi_bright_blue",
)  # fmt: skip
FAINT = 0.4

READABLE = 4.5  # WCAG 2's contrast of text with its ground, at least
CALM = 0.75  # of the contrast that the theme's own text has: no more is asked of other text
GROUNDS = ("background", "surface", "panel")
ROLES = ("primary", "secondary", "accent", "success", "warning", "error")
STEPS = 20  # from a colour to black or white

SPECS = {
    "dim": Spec("text-muted"),
    "strong": Spec(bold=True),
    "good": Spec("text-success"),
    "warning": Spec("text-warning"),
    "bad": Spec("text-error", bold=True),
    "train": Spec("text-primary"),
    "test": Spec("text-accent"),
    "edit": Spec("text-secondary"),
    "changed": Spec("text-accent", bold=True),  # what the last act has changed
    "parent": Spec("foreground", 0.45),
    "cursor": Spec(bold=True),
    "chosen": Spec(bold=True, reverse=True),
    "track": Spec("foreground", 0.3, text=False),
    "edge": Spec("foreground", 0.35, text=False),
    "edge-focused": Spec("text-primary"),
    "title": Spec("foreground", 0.8),
    "title-focused": Spec(bold=True),
    # Curves before they are smoothed, and bands.
    "train_faint": Spec("text-primary", FAINT, text=False),
    "test_faint": Spec("text-accent", FAINT, text=False),
    **{f"run{slot}": Spec(f"run{slot}") for slot in range(len(RUN_COLORS))},
    **{f"run{slot}_faint": Spec(f"run{slot}", FAINT, text=False) for slot in range(len(RUN_COLORS))},
    # A cell of the confusion matrix: right and wrong, from few to many.
    **{f"hit{level}": Spec(under="success", under_strength=0.15 * level) for level in range(1, 6)},
    **{f"miss{level}": Spec(under="error", under_strength=0.2 * level - 0.05) for level in range(1, 6)},
}


def readable_colors(colors: Mapping[str, str]) -> dict[str, str]:
    """A theme's colours, by their names, so that what is text can be read: each role's text (`text-accent`) as dark or
    as light as it takes on the theme's grounds, and `text-muted`, for what is said aside. A terminal's own colours
    (themes with `ansi`) are what the terminal makes of them, and stay."""
    foreground = Color.parse(colors["foreground"])
    grounds = [Color.parse(colors[name]) for name in GROUNDS]
    if any(color.ansi is not None for color in (foreground, *grounds)):
        return {**colors, "text-muted": colors["foreground"]}
    found = {**colors, "text-muted": _readable(grounds[0].blend(foreground, 0.6), grounds, foreground).hex}
    for role in ROLES:
        text = Color.parse(colors[f"text-{role}"])
        if text.auto:  # black or white, as it fits
            continue
        if (made := _readable(text, grounds, foreground)) != text:
            found[f"text-{role}"] = made.hex
    return found


def _contrast(one: Color, other: Color) -> float:
    """Of WCAG 2, from 1 to 21."""

    def luminance(color: Color) -> float:
        parts = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized)
        red, green, blue = parts
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _contrasting(ground: Color) -> Color:
    """Black or white, whichever is read better on the ground."""
    return max(BLACK, WHITE, key=lambda end: _contrast(end, ground))


def _readable(color: Color, grounds: Collection[Color], foreground: Color) -> Color:
    """The colour, as much nearer to black or to white, whichever the theme's text is nearer to, as it takes to be read
    on the grounds."""
    end = WHITE if foreground.brightness > next(iter(grounds)).brightness else BLACK
    least = [min(READABLE, CALM * _contrast(foreground, ground)) for ground in grounds]
    for step in range(STEPS):
        made = color.blend(end, step / STEPS)
        if all(_contrast(made, ground) >= asked for ground, asked in zip(grounds, least, strict=True)):
            return made
    return end


def style_of(app: App[object], name: str) -> Style:
    """The style `name` of SPECS in the app's theme; for "" the plain one, which changes nothing."""
    if not name:
        return PLAIN
    if app.theme not in _made:
        _made[app.theme] = _styles(app.theme_variables)
    return _made[app.theme][name]


PLAIN = Style()
BLACK, WHITE = Color(0, 0, 0), Color(255, 255, 255)
# On a cell that is filled with one of the terminal's own colours.
ON_ANSI = {"success": Color.parse("ansi_black"), "error": Color.parse("ansi_bright_white")}
FULL = 0.5  # the share of a colour from which on a cell is filled with it where it can't be mixed
_made: dict[str, dict[str, Style]] = {}  # by the theme's name


def _styles(colors: Mapping[str, str]) -> dict[str, Style]:
    """A terminal's own colours (themes with `ansi`) mix with nothing: what is weak is dim, and a cell that is hardly
    full has its colour in its text."""
    colors = readable_colors(colors)
    background, foreground = Color.parse(colors["background"]), Color.parse(colors["foreground"])
    own = background.ansi is not None
    runs = ANSI_RUN_COLORS if own else [both[background.brightness > 0.5] for both in RUN_COLORS]
    colors = {**colors, **{f"run{slot}": color for slot, color in enumerate(runs)}}

    def laid_over(name: str, strength: float) -> Color:
        return background.blend(Color.parse(colors[name]), strength)

    found = {}
    for name, spec in SPECS.items():
        under = laid_over(spec.under, spec.under_strength) if spec.under else None
        color = laid_over(spec.color, spec.strength) if spec.color else None
        weak = spec.strength < 1 or name == "dim"
        if under is not None and under.ansi is not None and spec.under_strength < FULL:
            under, color, weak = None, under, False
        if color is not None and spec.text and not own:
            color = _readable(color, [background], foreground)
        if under is not None and (own or _contrast(foreground, under) < READABLE):
            color = ON_ANSI[spec.under] if own else _contrasting(under)
        found[name] = Style(
            color=color.rich_color if color else None,
            bgcolor=under.rich_color if under else None,
            bold=spec.bold or None,
            dim=(color is not None and color.ansi is not None and weak) or None,
            reverse=spec.reverse or None,
        )
    return found
