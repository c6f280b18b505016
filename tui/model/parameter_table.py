"""*Model*'s table of parameters, buffers and optimizer state, which can be sorted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.inspection.model_requests import ParameterTable, TensorRow
from tui import format as fmt
from tui.config.declared import COLUMNS_PARAMETERS
from tui.config.preferences import Preferences
from tui.dialogs.columns import ColumnChoice
from tui.model.module_table import matches
from tui.table_columns import PARAMETERS
from tui.widgets.heatmap import bars
from tui.widgets.rows import Column, Row, Rows, chosen_columns, snug

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME = "name"  # the column that is always there
COUNT = 11  # cells of a number of elements
COLUMNS = (
    Column(NAME, -28, ends=True),
    Column("shape", 13),
    Column("grad", 4),
    Column("mean", 10, right=True),
    Column("std", 10, right=True),
    Column("histogram", 12, style="train"),
    Column("min", 10, right=True),
    Column("max", 10, right=True),
    Column("norm", 9, right=True),
    Column("change", 9, right=True, style="test"),
    Column("zeros", 6, right=True),
    Column("not finite", 10, right=True, style="bad"),
    Column("count", COUNT, right=True),
    Column("dtype", 8),
    Column("device", 6),
)
OF_VALUES = ("mean", "std", "histogram", "min", "max", "norm", "change", "zeros", "not finite")  # columns
SORTS = ("order", "count", "norm", "std", "change")


class ParametersTable(Rows):
    """A row for each tensor that passes the filter."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, id="parameters")
        self._table: ParameterTable | None = None
        self.sort = SORTS[0]
        self.reversed = False

    @property
    def tensors(self) -> tuple[TensorRow, ...]:
        """All of them, in the network's order."""
        return self._table.tensors if self._table is not None else ()

    @property
    def trainable_names(self) -> list[str]:
        """The parameters' names, each parameter once."""
        return [tensor.name for tensor in self.tensors if tensor.kind == "parameter" and not tensor.same_as]

    @property
    def chosen(self) -> TensorRow | None:
        """The tensor under the cursor."""
        return next((tensor for tensor in self.tensors if tensor.name == self.key), None)

    def histogram(self, tensor: TensorRow) -> list[int]:
        """How many of its values lie in each part from its lowest to its highest."""
        if self._table is None:
            return []
        return [int(count) for count in self._table.histograms[self._table.tensors.index(tensor)]]

    def take(self, table: ParameterTable) -> None:
        self._table = table

    def show_tensors(self, pattern: str, titles: Sequence[str] = ()) -> None:
        """The tensors whose name matches the pattern, in the order of `sort`. `titles`: of the columns; without any,
        those of `automatic`."""
        table = self._table
        if table is None:
            return
        rows = [
            (tensor, counts)
            for tensor, counts in zip(table.tensors, table.histograms, strict=True)
            if matches(pattern, tensor.name)
        ]
        if self.sort != SORTS[0]:
            rows.sort(key=lambda row: -_sort_value(row[0], self.sort))
        if self.reversed:
            rows.reverse()
        columns, made = chosen_columns(COLUMNS, _rows(rows), titles or self.automatic, NAME)
        self.show(made, snug(columns, made))

    def column_choice(self, preferences: Preferences) -> ColumnChoice:
        """What can be chosen of its columns."""
        return ColumnChoice("the parameters", preferences, COLUMNS_PARAMETERS, PARAMETERS, self.automatic, NAME)

    @property
    def automatic(self) -> list[str]:
        """The titles of the columns where none were chosen: nothing about values where there are none, nothing about
        those that are not finite where all are, and no change where none is known, unless that is sorted by."""
        known = [tensor.stats for tensor in self.tensors if tensor.stats is not None]
        left_out = () if any(stats.mean is not None for stats in known) else OF_VALUES
        if not any(stats.not_finite for stats in known):
            left_out = (*left_out, "not finite")
        if self.sort != "change" and all(tensor.change is None for tensor in self.tensors):
            left_out = (*left_out, "change")
        return [column.title for column in COLUMNS if column.title not in left_out]

    def sort_next(self) -> None:
        """By the next of SORTS; the caller shows the table."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]


def describe(tensor: TensorRow) -> str:
    """A tensor in a line."""
    same = f", the same tensor as {tensor.same_as}" if tensor.same_as else ""
    size = f"  {fmt.counted(tensor.stats.count, 'number')}, {fmt.size(tensor.stats.bytes)}" if tensor.stats else ""
    return f"{tensor.kind} {tensor.name}{same}{size}"


def _sort_value(tensor: TensorRow, sort: str) -> float:
    if sort == "change" or tensor.stats is None:
        return tensor.change or 0.0
    return float(getattr(tensor.stats, sort) or 0.0)


def _rows(tensors: "Sequence[tuple[TensorRow, npt.NDArray[np.int64]]]") -> list[Row]:
    """The numbers of a column have one format."""
    known = [tensor.stats for tensor, _ in tensors]
    figures = [
        fmt.alike([None if stats is None else getattr(stats, name) for stats in known])
        for name in ("mean", "std", "min", "max", "norm")
    ]
    changes = fmt.alike([tensor.change for tensor, _ in tensors])
    counts = fmt.counts([0 if stats is None else stats.count for stats in known], COUNT)
    return [
        _row(tensor, histogram, *texts)
        for (tensor, histogram), *texts in zip(tensors, *figures, changes, counts, strict=True)
    ]


def _row(
    tensor: TensorRow,
    histogram: "npt.NDArray[np.int64]",
    mean: str,
    std: str,
    low: str,
    high: str,
    norm: str,
    change: str,
    count: str,
) -> Row:
    stats = tensor.stats
    if stats is None:
        return Row(tensor.name, (tensor.name, "no shape yet", *("",) * (len(COLUMNS) - 2)), "dim")
    cells = (
        tensor.name,
        fmt.shape(stats.shape),
        "yes" if stats.requires_grad else "no",
        mean,
        std,
        bars(histogram),
        low,
        high,
        norm,
        change,
        "" if stats.zeros is None else fmt.percent(stats.zeros),
        fmt.count(stats.not_finite) if stats.not_finite else "",
        count,
        tensor.dtype,
        tensor.device,
    )
    return Row(tensor.name, cells, "dim" if tensor.kind == "buffer" else "")
