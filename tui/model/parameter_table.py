"""*Model*'s table of parameters, buffers and optimizer state, which can be sorted."""

from typing import TYPE_CHECKING

from engine.inspection.model_requests import ParameterTable, TensorRow
from tui import format as fmt
from tui.model.module_table import matches
from tui.widgets.heatmap import bars
from tui.widgets.rows import Column, Row, Rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COLUMNS = (
    Column("name", -28, ends=True),
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
    Column("count", 11, right=True),
    Column("dtype", 8),
    Column("device", 6),
)
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

    def show_tensors(self, pattern: str) -> None:
        """The tensors whose name matches the pattern, in the order of `sort`."""
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
        self.show([_row(tensor, counts) for tensor, counts in rows])

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


def _row(tensor: TensorRow, counts: "npt.NDArray[np.int64]") -> Row:
    stats = tensor.stats
    if stats is None:
        return Row(tensor.name, (tensor.name, "no shape yet", *("",) * (len(COLUMNS) - 2)), "dim")
    cells = (
        tensor.name,
        fmt.shape(stats.shape),
        "yes" if stats.requires_grad else "no",
        fmt.short(stats.mean),
        fmt.short(stats.std),
        bars(counts),
        fmt.short(stats.min),
        fmt.short(stats.max),
        fmt.short(stats.norm),
        fmt.short(tensor.change),
        "" if stats.zeros is None else fmt.percent(stats.zeros),
        fmt.count(stats.not_finite) if stats.not_finite else "",
        fmt.count(stats.count),
        tensor.dtype,
        tensor.device,
    )
    return Row(tensor.name, cells, "dim" if tensor.kind == "buffer" else "")
