"""Asks where to write what a chart shows, and writes it."""

import asyncio
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import PathError
from tui.dialogs.file_prompt import ask_file
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.export import check_ending, export

ABOUT = (
    "What the chart shows, as far as it is zoomed: its numbers where the name ends in .csv, a picture where it ends in "
    ".png, .svg or .pdf."
)


async def export_chart(screen: Screen[Any], chart_view: ChartView) -> None:
    """Over the screen. What the chart shows when the key is pressed is what is written."""
    chart, view = chart_view.chart, chart_view.view

    def what(path: Path) -> str:
        check_ending(path)
        return "the numbers" if path.suffix.lower() == ".csv" else "a picture"

    path = await ask_file(screen, "Export the chart", ABOUT, what, value=f"~/{chart.file_name}.csv")
    if path is None:
        return
    try:
        await asyncio.to_thread(export, path, chart, view)
    except PathError as error:
        screen.notify(str(error), severity="error", timeout=15, markup=False)
    else:
        screen.notify(f"written: {path}", timeout=8, markup=False)
