"""What *Runs* shows of all runs: those that pass the filter, in their order, as a table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.runs import run_filter
from engine.runs.groups import Group
from engine.runs.groups import groups as groups_of
from engine.runs.listing import LIVE, RunSummary
from tui.runs import grouped_rows, run_table
from tui.runs.run_table import RunTable
from tui.widgets.order import Order


@dataclass(frozen=True)
class Shown:
    """The runs that are shown, and what is said of them."""

    runs: Sequence[RunSummary] = ()
    with_curves: Sequence[RunSummary] = ()  # in the order of the table
    live: int = 0  # of all runs
    order: Order = field(default_factory=Order)
    orders: Sequence[Order] = ()  # that there are
    groups: Mapping[str, Group] = field(default_factory=dict)  # those that have a row, by their ids
    table: RunTable = field(default_factory=lambda: RunTable((), ()))
    width: int = 0  # cells that it was made for
    hidden: int = 0  # runs that pass the filter, and are left out


def matching(runs: Sequence[RunSummary], text: str) -> list[RunSummary]:
    """The runs that pass a filter. Raises FilterError where it can't be read."""
    wanted = run_filter.parse(text)
    return [run for run in runs if wanted.passes(run)]


def shown_runs(
    runs: Sequence[RunSummary],
    text: str,
    order: Order,
    width: int,
    columns: Sequence[str] = (),
    unfolded: Collection[str] = (),
    *,
    hidden: bool = False,
    marked: Collection[str] = (),
) -> Shown:
    """`runs`: all, newest first. `order`: what was chosen; it counts where the runs have its column. `width`: cells.
    `unfolded`: the groups whose runs have rows. `hidden`: hidden runs too, which a filter can ask for as well.
    `marked`: the ids of runs. Raises FilterError."""
    passing = matching(runs, text)
    found = passing if hidden or run_filter.parse(text).about_hidden else [run for run in passing if not run.hidden]
    groups = grouped_rows.of_two(groups_of(found))
    cells = width - 2 * bool(marked)
    orders = run_table.orders(found, columns)
    order = order if any(one.title == order.title for one in orders) else Order()
    return Shown(
        found,
        [run for run in run_table.in_order(found, order) if run.curve],
        sum(run.state in LIVE for run in runs),
        order,
        orders,
        groups,
        _marked(run_table.table(found, order, cells, columns, groups=groups, unfolded=unfolded), marked, groups),
        width,
        len(passing) - len(found),
    )


def _marked(table: RunTable, marked: Collection[str], groups: Mapping[str, Group]) -> RunTable:
    """The table, with a column before the others where some runs are marked; a group is where all of its runs are."""
    if not marked:
        return table
    whole = [one for one in groups.values() if all(run.id in marked for run in one.runs)]
    keys = {*marked, *map(grouped_rows.key_of, whole)}
    rows = tuple(replace(row, cells=("✓" if row.key in keys else "", *row.cells)) for row in table.rows)
    return RunTable((run_table.MARK, *table.columns), rows)
