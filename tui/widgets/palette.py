"""The few styles of what is drawn by lines, from the theme's colours.

Textual's component classes would do the same, but each is a node that is styled anew, in each widget, at every change
of screen: a third of that change's time.
"""

from collections.abc import Mapping
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

SPECS = {
    "dim": Spec("foreground", 0.6),
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
    "track": Spec("foreground", 0.3),
    "edge": Spec("foreground", 0.35),
    "edge-focused": Spec("text-primary"),
    "title": Spec("foreground", 0.8),
    "title-focused": Spec(bold=True),
    # Curves before they are smoothed, and bands.
    "train_faint": Spec("text-primary", FAINT),
    "test_faint": Spec("text-accent", FAINT),
    **{f"run{slot}": Spec(f"run{slot}") for slot in range(len(RUN_COLORS))},
    **{f"run{slot}_faint": Spec(f"run{slot}", FAINT) for slot in range(len(RUN_COLORS))},
    # A cell of the confusion matrix: right and wrong, from few to many.
    **{f"hit{level}": Spec(under="success", under_strength=0.15 * level) for level in range(1, 6)},
    **{f"miss{level}": Spec(under="error", under_strength=0.2 * level - 0.05) for level in range(1, 6)},
}


def style_of(app: App[object], name: str) -> Style:
    """The style `name` of SPECS in the app's theme; for "" the plain one, which changes nothing."""
    if not name:
        return PLAIN
    if app.theme not in _made:
        _made[app.theme] = _styles(app.theme_variables)
    return _made[app.theme][name]


PLAIN = Style()
FULL = 0.5  # the share of a colour from which on a cell is filled with it where it can't be mixed
_made: dict[str, dict[str, Style]] = {}  # by the theme's name


def _styles(colors: Mapping[str, str]) -> dict[str, Style]:
    """A terminal's own colours (themes with `ansi`) mix with nothing: what is weak is dim, and a cell that is hardly
    full has its colour in its text."""
    background = Color.parse(colors["background"])
    light = background.brightness > 0.5
    runs = ANSI_RUN_COLORS if background.ansi is not None else [both[light] for both in RUN_COLORS]
    colors = {**colors, **{f"run{slot}": color for slot, color in enumerate(runs)}}

    def laid_over(name: str, strength: float) -> Color:
        return background.blend(Color.parse(colors[name]), strength)

    found = {}
    for name, spec in SPECS.items():
        under = laid_over(spec.under, spec.under_strength) if spec.under else None
        color = laid_over(spec.color, spec.strength) if spec.color else None
        if under is not None and spec.under_strength > 0.7:
            color = under.get_contrast_text(1.0)
        weak = spec.strength < 1
        if under is not None and under.ansi is not None and spec.under_strength < FULL:
            under, color, weak = None, under, False
        found[name] = Style(
            color=color.rich_color if color else None,
            bgcolor=under.rich_color if under else None,
            bold=spec.bold or None,
            dim=(color is not None and color.ansi is not None and weak) or None,
            reverse=spec.reverse or None,
        )
    return found
