"""The learning rate over the run that the form describes, as a chart."""

import asyncio
from collections.abc import Mapping
from typing import Any

from textual import work

from engine.errors import ConfigError
from engine.training import schedules
from engine.training.config import TrainConfig
from tui import format as fmt
from tui.runs import form_fields as fields
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.plot import preload
from tui.widgets.chart.series import Chart, Place, Places, Series
from tui.widgets.chart.view import View
from tui.widgets.panel import Panel

POINTS = 400  # of the curve
TITLE = "Learning rate over the run"


class RatePreview(Panel):
    """Draws it anew where a setting changes it, once plotext is imported; says so where a value is wrong."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        self._chart = ChartView()
        self._chart.titled = False
        self._config: TrainConfig | None = None
        self._ready = False
        super().__init__(self._chart, title=TITLE, id=id, focusable=False)

    def on_mount(self) -> None:
        self._import()

    @work(group="plotext")
    async def _import(self) -> None:
        await asyncio.to_thread(preload)
        self._ready = True
        self._draw()

    def show(self, values: Mapping[str, Any]) -> None:
        """What the form holds."""
        try:
            config = fields.config_of(values)
        except ConfigError:
            config = None
        if config != self._config or config is None:
            self._config = config
            self._draw()

    def _draw(self) -> None:
        if not self._ready:
            return
        config = self._config
        chart = Chart(nothing="no curve: a setting has a value that can't be") if config is None else rate_chart(config)
        self._chart.show(chart, View(), now=True)
        words = (
            ""
            if config is None
            else "drops where the result does not improve"
            if schedules.SCHEDULES[config.schedule].each_epoch
            else "changes at each step"
            if schedules.varies(config)
            else "the same at each step"
        )
        self.describe(right=words)


def rate_chart(config: TrainConfig) -> Chart:
    """The rate at POINTS places between the first step and the last."""
    import numpy as np

    # The last step begins before the last epoch is over: what the schedule has there is not used by any.
    epochs = np.linspace(0.0, config.epochs * (1 - 1 / POINTS), POINTS)
    rates = np.array([config.lr * schedules.factor(config, float(done)) for done in epochs])
    line = Series("learning rate", Places(epochs, epochs, epochs), rates, rates, rates, text=fmt.rate)
    end = float(config.epochs)
    return Chart(TITLE, (line,), end=Place(end, end, end))
