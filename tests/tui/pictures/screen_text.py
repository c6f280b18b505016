"""A screen as text: its characters, and below them its colours and attributes, so that a difference can be read."""

from functools import cache
from zlib import crc32

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual._compositor import LayoutUpdate
from textual.app import App

HALF_BLOCKS = "▀▄"  # the pixels of an image: each cell has colours of its own
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")


class ScreenText(SingleFileSnapshotExtension):
    """A picture is a text file of its own."""

    file_extension = "txt"
    _write_mode = WriteMode.TEXT


def screen_rows(app: App[None]) -> list[list[Segment]]:
    """The rows of the terminal now, with what lies beneath a dialog; from where `App.export_screenshot` gets them."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens, simplify=False)
    assert isinstance(update, LayoutUpdate)
    return [[segment for strip in row for segment in strip] for row in update.strips]


def characters(rows: list[list[Segment]]) -> list[str]:
    """A line of each row, without the blanks at its end."""
    return ["".join(segment.text for segment in row if not segment.control).rstrip() for row in rows]


def screen_text(rows: list[list[Segment]]) -> str:
    """A line of characters per row, a rule, and the rows' styles.

    A style line is `ROWS  FROM-TO STYLE, …`: rows and columns from 0, both ends included; STYLE is
    `foreground/background attributes`, a colour as #rgb with four bits a channel. Blank cells have no foreground of
    their own.
    Pixels of images are one run: a checksum of their colours.
    """
    return "\n".join([*characters(rows), "─" * 12, *_together([_runs(_cells(row)) for row in rows]), ""])


def _cells(row: list[Segment]) -> list[tuple[str, str]]:
    """A character and its style for each; a wide character counts once."""
    return [(one, _style(segment.style, one == " ")) for segment in row if not segment.control for one in segment.text]


@cache
def _style(style: Style | None, blank: bool) -> str:
    style = style or Style.null()
    on = [name for name in ATTRIBUTES if getattr(style, name)]
    if blank and not {"underline", "reverse", "strike"} & set(on):
        return f"/{_color(style.bgcolor)}"
    return " ".join([f"{_color(style.color)}/{_color(style.bgcolor)}", *on])


def _color(color: Color | None) -> str:
    if color is None or color.is_default:
        return "–"
    return "#" + "".join(f"{channel >> 4:x}" for channel in color.get_truecolor())


def _runs(row: list[tuple[str, str]]) -> str:
    """The styles of one row."""
    runs: list[tuple[int, bool, list[str]]] = []  # where it begins, whether it is of pixels, its cells' styles
    for at, (character, style) in enumerate(row):
        pixels = character in HALF_BLOCKS
        if runs and not runs[-1][1] and style.startswith("/") and runs[-1][2][-1].endswith(style):
            style = runs[-1][2][-1]  # a blank on the same background goes with what stands before it
        if not runs or runs[-1][1] != pixels or (not pixels and runs[-1][2][-1] != style):
            runs.append((at, pixels, []))
        runs[-1][2].append(style)
    return ", ".join(
        f"{at}-{at + len(styles) - 1} {f'pixels {crc32(repr(styles).encode()):08x}' if pixels else styles[0]}"
        for at, pixels, styles in runs
    )


def _together(rows: list[str]) -> list[str]:
    """One line for neighbours that are alike."""
    lines: list[str] = []
    first = 0
    for at, row in enumerate(rows):
        if at + 1 == len(rows) or rows[at + 1] != row:
            lines.append(f"{first if first == at else f'{first}-{at}'}  {row}")
            first = at + 1
    return lines
