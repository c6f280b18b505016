"""*Model*'s table of modules, which can be folded."""

from collections.abc import Sequence

from engine.inspection.model_requests import ModelSummary, ModuleRow
from tui import format as fmt
from tui.config.declared import COLUMNS_MODULES
from tui.config.preferences import Preferences
from tui.dialogs.columns import ColumnChoice
from tui.table_columns import MODULES
from tui.widgets.rows import Column, Row, Rows, chosen_columns, snug

NAME = "module"  # the column that is always there
COUNT = 12  # cells of a number of parameters
COLUMNS = (
    Column(NAME, -36, parts=True),
    Column("out", 16),
    Column("parameters", COUNT, right=True),
    Column("multiply-adds", 13, right=True),
    Column("share", 6, right=True),
    Column("trains", 6),
    Column("in", 18),
    Column("mode", 5),
    Column("dtype", 8),
    Column("device", 7),
)


class ModuleTable(Rows):
    """A row for each module that passes the filter and is not in a folded one."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, id="modules")
        self._summary: ModelSummary | None = None
        self._folded: set[str] = set()

    def reset(self) -> None:
        """Another network: nothing is folded."""
        self._summary = None
        self._folded.clear()

    def show_modules(self, summary: ModelSummary, pattern: str, titles: Sequence[str] = ()) -> None:
        """The modules whose name, or whose type at the root, matches the pattern. `titles`: of the columns; without
        any, all of them."""
        self._summary = summary
        total = max(1, summary.totals.parameters)
        shown = [
            module
            for module in summary.modules
            if matches(pattern, module.name or module.type)
            and not any(module.name.startswith(f"{folded}.") for folded in self._folded)
        ]
        counts = fmt.counts([module.parameters for module in shown], COUNT)
        rows = [self._row(module, count, total) for module, count in zip(shown, counts, strict=True)]
        columns, rows = chosen_columns(COLUMNS, rows, titles or self.automatic, NAME)
        self.show(rows, snug(columns, rows))

    def column_choice(self, preferences: Preferences) -> ColumnChoice:
        """What can be chosen of its columns."""
        return ColumnChoice("the modules", preferences, COLUMNS_MODULES, MODULES, self.automatic, NAME)

    @property
    def automatic(self) -> list[str]:
        """The titles of the columns where none were chosen."""
        return [column.title for column in COLUMNS]

    @property
    def chosen(self) -> ModuleRow | None:
        """The module under the cursor."""
        if self._summary is None:
            return None
        return next((module for module in self._summary.modules if module.name == self.key), None)

    def fold(self, module: ModuleRow) -> None:
        """Hide what is in the module, or show it again; the caller shows the table."""
        self._folded ^= {module.name}

    def _row(self, module: ModuleRow, count: str, total: int) -> Row:
        fold = " +" if module.name in self._folded else ""
        label = f"{'  ' * module.depth}{module.name.rpartition('.')[2]} {module.type}({module.extra}){fold}"
        cells = (
            label if module.depth else label.strip(),
            _compact(module.outputs),
            count,
            fmt.amount(module.multiply_adds) if module.multiply_adds else "",
            fmt.percent(module.parameters / total) if module.parameters else "",
            _trains(module),
            _compact(module.inputs),
            "train" if module.training else "eval",
            module.dtype,
            module.device,
        )
        return Row(module.name, cells, "" if module.leaf else "strong")


def describe(module: ModuleRow) -> str:
    """A module in a line."""
    calls = f", called {module.calls} times" if module.calls > 1 else ""
    trainable = f"{fmt.count(module.trainable)} of {fmt.count(module.parameters)} parameters trainable"
    return f"{module.name or 'the whole network'}: {module.inputs or '?'} → {module.outputs or '?'}{calls}, {trainable}"


def matches(pattern: str, name: str) -> bool:
    """Whether a name contains the text, or matches it as a regular expression. An empty text matches every name."""
    import re

    if pattern in name:
        return True
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def _trains(module: ModuleRow) -> str:
    if not module.parameters:
        return ""
    return "all" if module.trainable == module.parameters else "part" if module.trainable else "none"


def _compact(shape: str | None) -> str:
    """`[1×784]`; what is not a single shape stays as it is."""
    return shape.replace(", ", "×") if shape and shape.count("[") == 1 else shape or ""
