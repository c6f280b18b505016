"""What two files of weights differ in, as rows of tables."""

import math
from collections import Counter

from engine.digits import significant
from engine.inspection.detail_requests import Detail, DifferenceDetail
from engine.weights.comparison import Comparison, Difference
from engine.weights.contents import Value
from tui import format as fmt
from tui.detail.subject import Subject
from tui.widgets.rows import Column, Row

COLUMNS = (
    Column("tensor", -28, ends=True),
    Column("", 7),
    Column("|Δ|÷|a|", 9, right=True, style="test"),
    Column("max |Δ|", 9, right=True),
    Column("|Δ|", 9, right=True),
    Column("cosine", 9, right=True),
    Column("changed", 7, right=True),
    Column("first", 19),
    Column("second", 19),
)
SORTS = ("relative", "max_abs", "l2", "cosine", "changed", "order")  # fields of Difference, and the files' order
TITLES = {"relative": "|Δ|÷|a|", "max_abs": "max |Δ|", "l2": "|Δ|", "cosine": "cosine", "changed": "changed"}
SORTED = TITLES | {"changed": "the fraction changed", "order": "the order in the files"}
WORDS = {  # by the kind of a Difference
    "same": "identical", "changed": "changed", "added": "only in the second", "removed": "only in the first",
    "shape": "with another shape", "dtype": "with another dtype", "unread": "unreadable",
}  # fmt: skip
MISSING = {  # why there is no difference to show
    "added": "Only the second file has it.", "removed": "Only the first file has it.",
    "shape": "Tensors of two shapes have no difference.", "unread": "Its values can't be read.",
}  # fmt: skip


def count_kinds(comparison: Comparison) -> str:
    """How many tensors there are of each kind, and how many other values differ."""
    kinds = Counter(one.kind for one in comparison.tensors)
    words = ", ".join(f"{fmt.count(number)} {WORDS[kind]}" for kind, number in kinds.items())
    number = len(comparison.metadata)
    return f"{words}; {fmt.counted(number, 'other value')} differ{'s' if number == 1 else ''}"


def tensors(comparison: Comparison, part: str, sort: str) -> list[Row]:
    """A row per tensor with `part` in its name, or of that kind: the identical ones last, and the sections of the
    files, such as weights and optimizer state, one after another."""
    ones = [one for one in comparison.tensors if part in one.name or part == one.kind]
    if sort != "order":
        sections = list(dict.fromkeys(one.section for one in comparison.tensors))
        sign = -1.0 if sort != "cosine" else 1.0  # the smallest cosine is the largest change

        def place(one: Difference) -> tuple[bool, int, float]:
            return one.kind == "same", sections.index(one.section), sign * (_finite(getattr(one, sort)) or 0.0)

        ones.sort(key=place)
    figures = ([_finite(getattr(one, name)) for one in ones] for name in ("relative", "max_abs", "l2"))
    texts = zip(*(fmt.alike(column) for column in figures), strict=True)
    return [_row(one, three) for one, three in zip(ones, texts, strict=True)]


def values(comparison: Comparison, part: str) -> list[Row]:
    """A row per other value that differs."""
    pairs = comparison.metadata.items()
    return [Row(name, (name, value_text(a), value_text(b))) for name, (a, b) in pairs if part in name]


def value_columns(width: int) -> tuple[Column, ...]:
    """The columns of the other values in a table of so many cells: those of both files have a third each."""
    each = max(20, width // 3 - 2)
    return (Column("value", -24, ends=True), Column("first", each), Column("second", each))


def subject_of(one: Difference) -> Subject:
    """What is known of a tensor of both files before its values are read."""
    facts = [("first", one.a or "–"), ("second", one.b or "–")]
    if one.names[0] != one.names[1] and all(one.names):
        facts += [("called", f"{one.names[0]} in the first"), ("", f"{one.names[1]} in the second")]
    if one.relative is not None:
        facts.append(("|Δ|÷|a|", f"{fmt.short(one.relative)}, of the first's norm"))
    if one.max_abs is not None:
        facts.append(("|Δ|, max |Δ|", f"{fmt.short(one.l2)}, {fmt.short(one.max_abs)}"))
    if one.cosine is not None:
        facts.append(("cosine", f"{one.cosine:.6f}, of the angle between them"))
    if one.changed is not None:
        facts.append(("changed", f"{fmt.percent(one.changed)} of its numbers"))
    missing = "" if one.max_abs is not None else MISSING.get(one.kind, "")
    return Subject(one.name, WORDS[one.kind], tuple(facts), missing=missing, answered=answered)


def answered(detail: Detail) -> list[tuple[str, str]]:
    """The figures of both sides beside each other, and where the largest difference is."""
    if not isinstance(detail, DifferenceDetail) or detail.first is None or detail.second is None:
        return []
    found, first, second = list[tuple[str, str]](), detail.first, detail.second
    if detail.largest is not None and detail.there is not None:
        index = ", ".join(map(str, detail.largest))
        found.append(
            ("largest at", f"[{index}]: {significant(detail.there[0], 6)} → {significant(detail.there[1], 6)}")
        )
    for name in ("mean", "std", "min", "max", "norm"):
        a, b = getattr(first, name), getattr(second, name)
        if a is not None and b is not None:
            texts = fmt.alike([a, b])
            found.append((name, f"{texts[0]} → {texts[1]}"))
    if first.zeros is not None and second.zeros is not None:
        found.append(("zeros", f"{fmt.percent(first.zeros)} → {fmt.percent(second.zeros)}"))
    if first.not_finite or second.not_finite:
        found.append(("not finite", f"{fmt.count(first.not_finite)} → {fmt.count(second.not_finite)}"))
    return found


def _row(one: Difference, figures: tuple[str, ...]) -> Row:
    """`figures`: its |Δ|÷|a|, max |Δ| and |Δ|, as the column has them."""
    changed = _finite(one.changed)
    cells = (
        one.name, one.kind, *figures, "" if _finite(one.cosine) is None else f"{one.cosine:.6f}",
        "" if changed is None else fmt.percent(changed), one.a, one.b,
    )  # fmt: skip
    return Row(one.name, cells, {"same": "dim", "changed": ""}.get(one.kind, "warning"))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def value_text(value: Value | None) -> str:
    """One side of another value that differs."""
    return "missing" if value is None else str(value)
