"""What two files of weights differ in, as rows of tables."""

import math
from collections import Counter

from engine.weights.comparison import Comparison, Difference
from engine.weights.contents import Value
from tui import format as fmt
from tui.widgets.rows import Column, Row

COLUMNS = (
    Column("tensor", -28, ends=True),
    Column("", 8),
    Column("|Δ|÷|a|", 9, right=True, style="test"),
    Column("max |Δ|", 9, right=True),
    Column("|Δ|", 9, right=True),
    Column("cosine", 9, right=True),
    Column("changed", 8, right=True),
    Column("first", 18),
    Column("second", 18),
)
VALUE_COLUMNS = (Column("value", -30, ends=True), Column("first", 26), Column("second", 26))
SORTS = ("relative", "max_abs", "l2", "cosine", "changed", "order")  # fields of Difference, and the files' order
TITLES = {"relative": "|Δ|÷|a|", "max_abs": "max |Δ|", "l2": "|Δ|", "cosine": "cosine", "changed": "changed"}
SORTED = TITLES | {"changed": "the fraction changed", "order": "the order in the files"}
WORDS = {  # by the kind of a Difference
    "same": "identical", "changed": "changed", "added": "only in the second", "removed": "only in the first",
    "shape": "with another shape", "dtype": "with another dtype", "unread": "unreadable",
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
    return [_row(one) for one in ones]


def values(comparison: Comparison, part: str) -> list[Row]:
    """A row per other value that differs."""
    pairs = comparison.metadata.items()
    return [Row(name, (name, _value(a), _value(b))) for name, (a, b) in pairs if part in name]


def _row(one: Difference) -> Row:
    changed = _finite(one.changed)
    cells = (
        one.name, one.kind, fmt.short(_finite(one.relative)), fmt.short(_finite(one.max_abs)),
        fmt.short(_finite(one.l2)), "" if _finite(one.cosine) is None else f"{one.cosine:.6f}",
        "" if changed is None else fmt.percent(changed), one.a, one.b,
    )  # fmt: skip
    return Row(one.name, cells, {"same": "dim", "changed": ""}.get(one.kind, "warning"))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _value(value: Value | None) -> str:
    return "missing" if value is None else str(value)
