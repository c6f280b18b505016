"""The numbers of a tensor that has one or two: each large, then exactly."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from textual.renderables.digits import Digits

from engine.terminal_text import encoding
from tui.columns import fit
from tui.widgets.lines import Line, Lines, padded

if TYPE_CHECKING:
    from engine.inspection.tensor_requests import ExactNumber

LABEL = 10  # cells of what a fact is called
BESIDE = 64  # cells of a number that stands beside another one
GAP = 2
PARTS = {1: "", 2: "  exponent, fraction", 3: "  sign, exponent, fraction"}  # by how many there are
LARGE = set("0123456789.-+E")  # characters that are there in large


class ExactNumbers(Lines):
    """Beside each other where each has room, else one below the other; large where there are lines for that."""

    DEFAULT_CSS = "ExactNumbers { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._numbers: tuple[ExactNumber, ...] = ()
        self._kind = ""

    def show(self, numbers: Sequence["ExactNumber"], kind: str) -> None:
        """Other numbers; `kind`: their type."""
        self._numbers, self._kind = tuple(numbers), kind
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        return exact_lines(self._numbers, self._kind, width, height, self.app.console)


def exact_lines(numbers: Sequence["ExactNumber"], kind: str, width: int, height: int, console: Console) -> list[Line]:
    """At most `height` lines, an ellipsis as the last one where those are too few."""
    if not numbers:
        return []
    across = 2 if len(numbers) > 1 and width >= 2 * BESIDE + GAP else 1
    room = width if across == 1 else (width - GAP) // 2
    lines: list[Line] = []
    for large, full in ((True, True), (False, True), (False, False)):
        blocks = [_block(number, kind, room, console, large=large, full=full) for number in numbers]
        lines = []
        for at in range(0, len(blocks), across):
            lines += (
                [[], *_beside(blocks[at : at + across], room)] if lines else _beside(blocks[at : at + across], room)
            )
        if len(lines) <= height:
            return lines
    return [*lines[: height - 1], [("…", "dim")]]


def _beside(blocks: list[list[Line]], room: int) -> list[Line]:
    lines: list[Line] = []
    for at in range(max(map(len, blocks))):
        line: Line = []
        for block in blocks:
            if line:
                line.append((" " * GAP, ""))
            part = block[at] if at < len(block) else []
            used = sum(len(text) for text, _ in part)
            line += [*part, (" " * max(0, room - used), "")]
        lines.append(line)
    return lines


def _block(number: "ExactNumber", kind: str, width: int, console: Console, *, large: bool, full: bool) -> list[Line]:
    """The lines of one number; not `full`: without those on its type, and what is beside it in one line."""
    place = f"[{', '.join(map(str, number.index))}]" if number.index else ""
    above = f"{number.above}  (+{number.step})" if number.step else number.above
    beside = [("before", number.below, ""), ("after", above, "")]
    facts = [
        (" ".join(one for one in (place, number.part) if one) or "value", f"{number.value}  {kind}", "strong"),
        ("exactly", "" if number.exact == number.value else number.exact, ""),
        ("bits", " ".join(number.bits) + PARTS.get(len(number.bits), ""), ""),
        ("as hex", ", ".join(one for one in (number.code, number.hexadecimal) if one), ""),
        *(beside if full else [("beside", ", ".join(one for one in (number.below, above) if one), "")]),
        ("the type", number.limits if full else "", "dim"),
    ]
    label = max(LABEL, *(len(name) + 1 for name, _, _ in facts))
    lines = _large(number.value, width, console) if large else []
    for name, text, style in facts:
        if text.strip():
            lines.append([(padded(name, label), "dim"), (fit(text, width - label), style)])
    return lines


def _large(value: str, width: int, console: Console) -> list[Line]:
    """The value in digits three lines high, and a blank line; none where the terminal or the digits lack a sign of it,
    or it is too wide."""
    text = value.upper()
    if encoding() != "utf-8" or not set(text) <= LARGE or len(text) * 3 > width:
        return []
    rows = console.render_lines(Digits(text), console.options.update(width=width), pad=False)
    return [*([("".join(segment.text for segment in row), "train")] for row in rows), []]
