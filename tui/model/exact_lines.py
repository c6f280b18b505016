"""The numbers of a tensor that has one or two: each large, then exactly."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from textual.renderables.digits import Digits

from engine.digits import significant
from engine.terminal_text import encoding, shown
from tui.columns import fit, width_of
from tui.widgets.lines import Line, Lines, padded

if TYPE_CHECKING:
    from engine.inspection.tensor_requests import ExactNumber

LABEL = 10  # cells of what a fact is called
BESIDE = 64  # cells of a number that stands beside another one
GAP = 2
SCALE = 100  # cells of the line that a number lies on, at most
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
    """At most `height` lines, an ellipsis as the last one where those are too few; how its bits make a number, what it
    is in other types and what lies around it where there is room for that."""
    if not numbers:
        return []
    wide = width >= 2 * BESIDE + GAP
    across = 2 if wide and len(numbers) > 1 else 1
    room = (width - GAP) // 2 if wide else width
    lines: list[Line] = []
    for large, full, made in ((True, True, True), (True, True, False), (False, True, False), (False, False, False)):
        blocks = [_block(number, kind, room, console, large=large, full=full) for number in numbers]
        if made:
            blocks = [[*block, *_made(number, room)] for block, number in zip(blocks, numbers, strict=True)]
        lines = []
        for at in range(0, len(blocks), across):
            lines += (
                [[], *_beside(blocks[at : at + across], room)] if lines else _beside(blocks[at : at + across], room)
            )
        if len(lines) <= height and wide and across == 1 and len(blocks) == 1:
            return _beside([blocks[0], _elsewhere(numbers[0], room, height)], room)
        if len(lines) <= height and len(blocks) <= across:
            more = [_elsewhere(number, room, height - len(lines) - 1) for number in numbers]
            return [*lines, [], *_beside(more, room)] if any(more) else lines
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
    bits, parts = " ".join(number.bits), PARTS.get(len(number.bits), "")
    beside = [("before", number.below, ""), ("after", above, "")]
    facts = [
        (" ".join(one for one in (place, number.part) if one) or "value", f"{number.value}  {kind}", "strong"),
        ("exactly", "" if number.exact == number.value else number.exact, ""),
        ("bits", bits + (parts if len(bits) + len(parts) + LABEL <= width else ""), ""),
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


def _made(number: "ExactNumber", width: int) -> list[Line]:
    """How the sign, the exponent and the fraction of a floating-point number make it, and where it lies among those of
    its type; nothing for other numbers, for 0, and for what is not finite."""
    if len(number.bits) != 3:
        return []
    sign, exponent, fraction = number.bits
    power, highest = int(exponent, 2), 2 ** len(exponent) - 2
    bias, part = highest // 2, int(fraction, 2) / 2 ** len(fraction)
    if power > highest or not (power or part):
        return []
    normal = bool(power)
    factor = part + normal
    spelled = f"{power} less {bias}: 2^{power - bias}" if normal else f"0, a subnormal number: 2^{1 - bias}"
    facts = [
        ("sign", f"{sign}: {'−' if int(sign) else '+'}"),
        ("exponent", f"{exponent} = {spelled}"),
        ("fraction", f"{int(normal)}.{fraction} in binary = {significant(factor, 12)}"),
        ("together", f"{'−' if int(sign) else '+'}2^{(power or 1) - bias} × {significant(factor, 12)}"),
    ]
    lines: list[Line] = [[], [("How its bits make it", "strong")]]
    lines += [[(padded(name, LABEL), "dim"), (fit(text, width - LABEL), "")] for name, text in facts]
    low, high = (significant(one, 3) for one in (2.0 ** (1 - bias), (2 - 2.0 ** -len(fraction)) * 2.0**bias))
    room = min(SCALE, width - len(low) - len(high) - 2)
    if normal and room > len(exponent):
        at = round((power - 1 + part) / highest * (room - 1))
        scale: Line = [(f"{low} {shown('─' * at)}", "dim"), (shown("●"), "train")]
        lines += [
            [],
            [("Among the magnitudes of its type, logarithmically", "strong")],
            [*scale, (f"{shown('─' * (room - 1 - at))} {high}", "dim")],
        ]
    return lines


def _elsewhere(number: "ExactNumber", width: int, height: int) -> list[Line]:
    """What it is in other types, and the values of its type around it, as far as there are lines for that."""
    lines: list[Line] = []
    if number.others and len(number.others) + 1 <= height:
        heads = [f"x.to({kind})" for kind, _, _ in number.others]
        values = [f"{value}  {off and f'({off})'}".rstrip() for _, value, off in number.others]
        lines += [[("In other types", "strong")], *_pairs(heads, values, width)]
    room = height - len(lines) - bool(lines) - 1
    at = next((at for at, (value, _) in enumerate(number.around) if value == number.value), 0)
    beside = min((room - 1) // 2, at, len(number.around) - 1 - at)
    if number.around and beside >= 1:
        shown_ones = number.around[at - beside : at + beside + 1]
        rows = _pairs([value for value, _ in shown_ones], [bits for _, bits in shown_ones], width)
        rows[beside] = [(text, "train") for text, _ in rows[beside]]
        lines += [*([[]] if lines else []), [("The values of its type around it (torch.nextafter)", "strong")], *rows]
    return lines


def _pairs(left: Sequence[str], right: Sequence[str], width: int) -> list[Line]:
    """Two columns."""
    room = min(width_of(left) + GAP, width)
    return [
        [(padded(fit(one, room), room), "dim"), (fit(other, max(0, width - room)), "")]
        for one, other in zip(left, right, strict=True)
    ]


def _large(value: str, width: int, console: Console) -> list[Line]:
    """The value in digits three lines high, and a blank line; none where the terminal or the digits lack a sign of it,
    or it is too wide."""
    text = value.upper()
    if encoding() != "utf-8" or not set(text) <= LARGE or len(text) * 3 > width:
        return []
    rows = console.render_lines(Digits(text), console.options.update(width=width), pad=False)
    return [*([("".join(segment.text for segment in row), "train")] for row in rows), []]
