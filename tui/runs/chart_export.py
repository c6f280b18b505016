"""Asks where to write what a chart shows, and writes it."""

import asyncio
from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import PathError
from engine.home import expanded
from engine.typed_path import typed_path
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.export import check_ending, export

ABOUT = (
    "What the chart shows, as far as it is zoomed: its numbers where the name ends in .csv, a picture where it ends in "
    ".png, .svg or .pdf."
)


async def export_chart(screen: Screen[Any], chart_view: ChartView) -> None:
    """Over the screen. What the chart shows when the key is pressed is what is written."""
    chart, view = chart_view.chart, chart_view.view

    def check(text: str) -> str:
        path = _path(text)
        check_ending(path)
        if path.exists():
            raise PathError(f"{path} is there already; give another name")
        if not path.parent.is_dir():
            raise PathError(f"there is no folder {path.parent}")
        return f"{'the numbers' if path.suffix.lower() == '.csv' else 'a picture'} in {path}"

    prompt = PromptScreen("Export the chart", ABOUT, check, value=f"~/{chart.file_name}.csv", suggester=PathSuggester())
    text = await screen.app.push_screen_wait(prompt)
    if text is None:
        return
    path = _path(text)
    try:
        await asyncio.to_thread(export, path, chart, view)
    except PathError as error:
        screen.notify(str(error), severity="error", timeout=15, markup=False)
    else:
        screen.notify(f"written: {path}", timeout=8, markup=False)


def _path(text: str) -> Path:
    if not text.strip():
        raise PathError("type the name of a file")
    return expanded(typed_path(text)).absolute()
