"""The table of a network's parameters and buffers, for a file or a pipe."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.digits import significant
from tui.columns import column, width_of
from tui.format import shape

if TYPE_CHECKING:
    from engine.inspection.model_requests import TensorRow

COLUMNS = (
    "name", "kind", "shape", "dtype", "device", "requires_grad", "count", "mean", "std", "min", "max", "norm", "change",
    "zeros", "nan", "inf", "same_as",
)  # fmt: skip
TEXT_COLUMNS = ("name", "shape", "dtype", "requires_grad", "count", "mean", "std", "min", "max", "norm", "zeros")


def write(path: Path, tensors: Iterable["TensorRow"]) -> None:
    """Into a new file: as CSV, or as text where the name ends in .txt. Raises OSError."""
    with open(path, "x", encoding="utf-8", newline="") as file:
        file.write((as_text if path.suffix == ".txt" else as_csv)(tensors))


def as_csv(tensors: Iterable["TensorRow"]) -> str:
    """All columns, with a line of their names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for tensor in tensors:
        flat = tensor.to_dict()
        row = {**flat, "shape": "x".join(map(str, flat["shape"] or ()))}
        writer.writerow(["" if row.get(name) is None else row[name] for name in COLUMNS])
    return text.getvalue()


def as_text(tensors: Iterable["TensorRow"]) -> str:
    """The main columns, side by side."""
    rows = [list(TEXT_COLUMNS)]
    for tensor in tensors:
        flat = tensor.to_dict()
        rows.append([_cell(name, flat.get(name)) for name in TEXT_COLUMNS])
    widths = [width_of(row[at] for row in rows) for at in range(len(TEXT_COLUMNS))]
    numbers = set(range(TEXT_COLUMNS.index("count"), len(TEXT_COLUMNS)))
    lines = ["  ".join(column(text, widths[at], right=at in numbers) for at, text in enumerate(row)) for row in rows]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cell(column: str, value: object) -> str:
    if value is None:
        return "no shape yet" if column == "shape" else ""
    if column == "shape":
        return shape(value)  # type: ignore[arg-type]
    if isinstance(value, float):
        return f"{100 * value:.1f}%" if column == "zeros" else significant(value, 4)
    return str(value)
