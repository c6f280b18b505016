"""What *Study* shows of a study, made beside the event loop: there may be thousands of trials."""

import time
from dataclasses import dataclass

from engine.studies.trials import Snapshot, Trial
from tui.runs.study_charts import history
from tui.runs.study_table import table
from tui.widgets.chart.series import Chart
from tui.widgets.chart.view import View
from tui.widgets.order import Order
from tui.widgets.rows import Column, Row


@dataclass(frozen=True)
class Made:
    """The table and the chart by trial."""

    order: Order  # of the rows
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    best: Trial | None
    history: tuple[Chart, View]


def make(seen: Snapshot, order: Order) -> Made:
    """Of a study as it was last seen; in a thread."""
    columns, rows = table(seen, order, time.time())
    return Made(order, tuple(columns), tuple(rows), seen.best, history(seen))
