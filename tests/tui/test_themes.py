"""What is asked of the program's own themes: text that can be read, and colours that stay apart for everyone."""

import itertools
import re
from pathlib import Path

import pytest
from rich.color import ColorType
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

import tui
from tests.support.color_vision import VISIONS, ciede2000, distance
from tui.themes import OWN, names, resolved
from tui.widgets import heatmap, palette
from tui.widgets.palette import SPECS

APART = 20  # CIEDE2000 between two colours that must not be taken for each other; 10 is told at a glance
SAME_LEVEL = 10  # between a right and a wrong cell of the confusion matrix that are as full
NEXT_LEVEL = 5  # between a cell and the next fuller one, and between the emptiest and the background
AA = 4.5  # WCAG 2's contrast of text
THEMES = {**BUILTIN_THEMES, **OWN}
COLOURED = sorted(name for name, theme in THEMES.items() if not theme.ansi)  # not the terminal's own colours
TEXT = ("dim", "parent", "good", "warning", "bad", "train", "test", "edit", "title")  # styles of what is read
MIXED = [name for name in OWN if name != "fmnist-16"]  # that has the terminal's own colours
COLORBLIND = [name for name in OWN if name.startswith("colorblind")]
SEEN = [vision for vision in VISIONS if vision != "full colour vision"]


def variables(theme: Theme) -> dict[str, str]:
    """The colours as an app has them."""
    return palette.readable_colors({**theme.to_color_system().generate(), **theme.variables})


def drawn(name: str) -> dict[str, str]:
    """The colour of each style of the palette, `#rrggbb`, and the grounds."""
    colors = variables(THEMES[name])
    found = {ground: Color.parse(colors[ground]).hex for ground in ("background", "surface", "panel", "foreground")}
    for style, made in palette._styles(colors).items():
        spec = SPECS[style]
        color = made.bgcolor if spec.under else made.color
        if color is not None:
            found[style] = color.get_truecolor().hex
    return found


def contrast(one: str, other: str) -> float:
    """Of WCAG 2."""

    def luminance(color: str) -> float:
        parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_distance_is_the_published_one(
    one: tuple[float, float, float], other: tuple[float, float, float], expected: float
) -> None:
    assert ciede2000(one, other) == pytest.approx(expected, abs=5e-5)


def test_the_simulation_knows_what_people_confuse() -> None:
    """Red and green of one brightness, for people who lack one of those cones; the theme of most programs."""
    assert distance("#c05050", "#4f8a3c") > 2 * distance("#c05050", "#4f8a3c", "deuteranopia")
    for vision in VISIONS:
        assert distance("#ffffff", "#ffffff", vision) == 0
        assert distance("#ffffff", "#000000", vision) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("vision", SEEN)
@pytest.mark.parametrize("name", COLORBLIND)
def test_right_and_wrong_stay_apart(name: str, vision: str) -> None:
    colors = drawn(name)
    assert distance(colors["good"], colors["bad"], vision) > APART
    for level in range(1, 6):
        apart = distance(colors[f"hit{level}"], colors[f"miss{level}"], vision)
        assert apart > (SAME_LEVEL if level == 1 else APART), level


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", COLORBLIND)
def test_a_fuller_cell_looks_fuller(name: str, vision: str) -> None:
    colors = drawn(name)
    for kind in ("hit", "miss"):
        steps = [colors["background"], *(colors[f"{kind}{level}"] for level in range(1, 6))]
        for emptier, fuller in itertools.pairwise(steps):
            assert distance(emptier, fuller, vision) > NEXT_LEVEL, kind


@pytest.mark.parametrize("vision", SEEN)
@pytest.mark.parametrize("name", COLORBLIND)
def test_the_curves_of_a_chart_stay_apart(name: str, vision: str) -> None:
    colors = drawn(name)
    for one, other in (("train", "test"), ("train", "edit"), ("test", "edit")):
        assert distance(colors[one], colors[other], vision) > APART, (one, other)


@pytest.mark.parametrize("vision", VISIONS)
def test_the_ends_of_a_heat_map_stay_apart(vision: str) -> None:
    """Its colours are the same in every theme."""
    import numpy as np

    values = np.array([[-1, 0, 1]], np.float32)
    below, zero, above = ("#" + bytes(pixel).hex() for pixel in heatmap.colours(values, 1.0)[0].tolist())
    assert distance(below, above, vision) > 2 * APART
    assert distance(below, zero, vision) > 2 * APART
    assert distance(above, zero, vision) > 2 * APART


@pytest.mark.parametrize("name", MIXED)
def test_text_can_be_read(name: str) -> None:
    """As WCAG 2 asks: of what is dim and of runs' names too, on whatever lies beneath."""
    colors, roles = drawn(name), variables(OWN[name])
    for ground in ("background", "surface", "panel"):
        assert contrast(colors["foreground"], colors[ground]) > 7
        for role in ("text-muted", "text-accent", "text-primary", "text-success", "text-warning", "text-error"):
            assert contrast(Color.parse(roles[role]).hex, colors[ground]) >= AA, (role, ground)
    for style in (*TEXT, *(f"run{slot}" for slot in range(len(palette.RUN_COLORS)))):
        assert contrast(colors[style], colors["background"]) >= AA, style


@pytest.mark.parametrize("name", COLOURED)
def test_text_of_each_colour_is_read_nearly_as_well_as_the_plain_one(name: str) -> None:
    """In anybody's theme, a pale one too: what it asks of its own text is not asked of others."""
    colors = drawn(name)
    plain = contrast(colors["foreground"], colors["background"])
    for style in (*TEXT, *(f"run{slot}" for slot in range(len(palette.RUN_COLORS)))):
        assert contrast(colors[style], colors["background"]) >= min(AA, 0.75 * plain), style


@pytest.mark.parametrize("name", COLOURED)
def test_what_is_said_aside_is_quieter_than_what_is_said(name: str) -> None:
    colors = drawn(name)
    assert contrast(colors["dim"], colors["background"]) < contrast(colors["foreground"], colors["background"])


def test_colours_that_can_be_read_already_stay() -> None:
    theme = OWN["fmnist-dark"]
    before = {**theme.to_color_system().generate(), **theme.variables}
    assert palette.readable_colors(before) == {**before, "text-muted": palette.readable_colors(before)["text-muted"]}
    ansi = BUILTIN_THEMES["ansi-dark"]
    own = {**ansi.to_color_system().generate(), **ansi.variables}
    assert palette.readable_colors(own) == {**own, "text-muted": own["foreground"]}


@pytest.mark.parametrize("name", COLOURED)
def test_the_number_in_a_cell_of_the_confusion_matrix_can_be_read(name: str) -> None:
    made = palette._styles(variables(THEMES[name]))
    foreground = drawn(name)["foreground"]
    for level in range(1, 6):
        for style in (made[f"hit{level}"], made[f"miss{level}"]):
            assert style.bgcolor is not None
            text = style.color.get_truecolor().hex if style.color else foreground
            assert contrast(text, style.bgcolor.get_truecolor().hex) >= AA, (level, text)


@pytest.mark.parametrize("theme", [*BUILTIN_THEMES.values(), *OWN.values()], ids=lambda theme: theme.name)
def test_every_theme_has_every_style(theme: Theme) -> None:
    assert set(palette._styles(variables(theme))) == set(SPECS)


def test_ours_stand_first_and_have_names_of_their_own() -> None:
    assert list(names())[: len(OWN) + 1] == ["auto", *OWN]
    assert not set(OWN) & set(BUILTIN_THEMES)


def test_a_terminal_of_16_colours_keeps_right_and_wrong_apart() -> None:
    assert resolved("auto", "standard") == "fmnist-16"
    assert resolved("nord", "standard") == "nord"
    assert [resolved("auto", system) for system in ("256", "truecolor", None)] == ["fmnist-dark"] * 3
    made = palette._styles(variables(OWN["fmnist-16"]))
    roles = [made[style].color for style in ("train", "test", "edit", "good", "warning", "bad")]
    assert len({color.number for color in roles if color}) == 6
    for level in range(1, 6):
        assert made[f"hit{level}"] != made[f"miss{level}"]
    assert made["miss1"].bgcolor is None  # one wrong image is not drawn as a thousand
    assert made["miss5"].bgcolor is not None


def test_on_16_colours_each_run_has_one_of_its_own() -> None:
    styles = palette._styles(variables(OWN["fmnist-16"]))
    runs = [styles[f"run{slot}"].color for slot in range(len(palette.RUN_COLORS))]
    assert all(color is not None and color.type is ColorType.STANDARD for color in runs), "none is mixed"
    assert len({color.number for color in runs if color is not None}) == len(runs)


def test_no_style_sheet_weakens_text_by_itself() -> None:
    """What is said aside is `$text-muted`, which each theme has so that it can be read."""
    package = Path(tui.__file__).parent
    weak = re.compile(r"(?<!-)color: \$foreground \d+%|\"\$foreground \d+%\"")
    for path in (*package.rglob("*.tcss"), *package.rglob("*.py")):
        assert not weak.search(path.read_text()), path
