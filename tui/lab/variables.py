"""The kernel's names as rows, and the memory that they share."""

from collections.abc import Sequence

from engine.inspection.kernel_requests import Variable, Variables
from tui import format as fmt
from tui.columns import width_of
from tui.lab.blocks import shape_text
from tui.lab.words import ENGLISH, LabWords
from tui.widgets.rows import Column, Row

COLUMNS = (
    Column("name", 9),
    Column("value", -18, parts=True),
    Column("dtype", 8),
    Column("mem", 4),
    Column("grad", 5),
    Column("ver", 3, right=True),
    Column("device", 6),
)
LONGEST_NAME = 16  # cells of one that is shown whole
MARKS = {"new": "good", "changed": "changed", "in place": "warning"}
MARK_SIGNS = {"new": "+", "changed": "*", "in place": "!"}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def rows(found: Variables) -> list[Row]:
    """A row a name. Names that share memory have the same letter."""
    letters = letters_of(found)
    return [_row(one, letters) for one in found.variables]


def letters_of(found: Variables) -> dict[int, str]:
    """The letter of each storage that several names share, by its number."""
    return {number: LETTERS[number % len(LETTERS)] for number in range(len(found.storages))}


def columns(found: Variables) -> tuple[Column, ...]:
    """As wide as the names of values need it, within bounds; those of functions and classes may be cut."""
    names = [one.name for one in found.variables if one.type not in ("function", "type")]
    return (Column("name", max(9, min(LONGEST_NAME, width_of(names) + 1))), *COLUMNS[1:])


def _row(one: Variable, letters: dict[int, str]) -> Row:
    letter = letters.get(one.storage, "") if one.storage is not None else ""
    offset = f"+{one.offset}" if letter and one.offset else ""
    what = one.type if one.shape is None else f"{one.type} {shape_text(one.shape)}"
    cells = (
        f"{MARK_SIGNS.get(one.mark, ' ')}{one.name}",
        what if one.shape is not None or not one.text else f"{one.type} {one.text}",
        one.dtype.removeprefix("torch."),
        f"{letter}{offset}",
        gradient_word(one),
        "" if one.version is None else str(one.version),
        one.device,
    )
    styles = {"name": MARKS[one.mark], "value": MARKS[one.mark]} if one.mark in MARKS else {}
    if letter:
        styles["mem"] = f"run{(one.storage or 0) % 12}"
    return Row(one.name, cells, styles=styles)


def gradient_word(one: Variable) -> str:
    """Whether it has, or gets, a gradient."""
    if one.has_grad:
        return "grad"
    if one.grad_fn:
        return "graph"
    return "leaf" if one.requires_grad else ""


def describe(one: Variable, found: Variables, words: LabWords = ENGLISH) -> list[tuple[str, str]]:
    """What is known of a name, in lines, each with its style."""
    if one.shape is None:
        return [(f"{one.name}: {one.type} {one.text}".rstrip(), "")]
    strides = (
        "" if one.strides is None else f" · {words.strides} {tuple(one.strides)} · {words.offset} {one.offset or 0}"
    )
    size = "" if one.size is None else f" · {fmt.size(one.size)}"
    lines = [(f"{one.name} {shape_text(one.shape)} {one.dtype}{size}{strides}", "strong")]
    gradient = [
        f"requires_grad {one.requires_grad}" if one.requires_grad is not None else "",
        f"grad_fn {one.grad_fn}" if one.grad_fn else "",
        _gradient(one, words),
        words.version.format(one.version) if one.version is not None else "",
    ]
    if any(gradient):
        lines.append((" · ".join(part for part in gradient if part), ""))
    if one.storage is not None and one.storage < len(found.storages):
        lines += sharing(found, one.storage, words)
    return lines


def _gradient(one: Variable, words: LabWords) -> str:
    if not one.requires_grad or one.has_grad is None:
        return ""
    return words.grad_there if one.has_grad else words.grad_none


def sharing(found: Variables, number: int, words: LabWords = ENGLISH) -> list[tuple[str, str]]:
    """One storage, and where each of its names lies in it: a bar of its bytes."""
    storage = found.storages[number]
    style = f"run{number % 12}"
    letter = letters_of(found)[number]
    lines = [(words.storage.format(letter, fmt.size(storage.size), len(storage.names)), style)]
    named = [one for one in found.variables if one.name in storage.names]
    longest = max((len(one.name) for one in named), default=0)
    for one in named:
        lines.append((f"  {one.name:<{longest}} {bar(one, storage.size)} {_layout(one, words)}", style))
    return lines


BAR = 20  # cells of a storage's bar


def bar(one: Variable, total: int) -> str:
    """Which part of the storage's bytes a name lies in."""
    if not total or one.offset is None or one.shape is None or one.strides is None:
        return "·" * BAR
    elements = 1
    for size in one.shape:
        elements *= size
    width = (one.size or 0) // elements if elements else 0
    reach = [(size - 1) * stride for size, stride in zip(one.shape, one.strides, strict=False) if size > 1]
    first = one.offset + sum(step for step in reach if step < 0)
    last = one.offset + sum(step for step in reach if step > 0) + (1 if elements else 0)
    begin, end = (round(place * width / total * BAR) for place in (first, last))
    end = min(BAR, max(end, begin + 1 if elements else begin))
    begin = max(0, min(begin, end))
    return "·" * begin + "█" * (end - begin) + "·" * (BAR - end)


def _layout(one: Variable, words: LabWords) -> str:
    shape = "" if one.shape is None else shape_text(one.shape)
    return f"{shape} {words.strides} {tuple(one.strides or ())} {words.offset} {one.offset or 0}"


def title(found: Variables, words: LabWords = ENGLISH) -> str:
    """For the panel's border."""
    left_out = words.of_all.format(fmt.count(len(found.variables) + found.left_out)) if found.left_out else ""
    return f"{words.variables} · {fmt.count(len(found.variables))}{left_out}"


def changes(found: Variables, words: LabWords = ENGLISH) -> str:
    """What the last cell did, for the border."""
    counts: Sequence[tuple[str, int]] = [
        (word, sum(one.mark == mark for one in found.variables))
        for mark, word in (("new", words.new), ("changed", words.changed), ("in place", words.in_place))
    ]
    return " · ".join(word.format(number) for word, number in counts if number)
