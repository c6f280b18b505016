"""What `lr-find` prints."""

import shutil
import sys
from pathlib import Path

from rich.progress import Progress

from engine.inspection import lr_find
from engine.inspection.lr_find_requests import LrFinding, LrFindRequest
from tui import format as fmt
from tui.cli.output import DONE, console, say, say_json, say_text
from tui.runs.lr_chart import TITLE, VIEW, facts, lr_chart
from tui.widgets.chart.chart_view import heading_lines, plain_terminal
from tui.widgets.chart.plot import MIN_WIDTH, plot

HEIGHT = 18  # rows of the chart, at most


def run(home: Path, request: LrFindRequest, *, as_json: bool) -> int:
    """Print the suggestions, on a terminal below the curve. Raises EngineError."""
    screen = console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("steps", total=None)
        found = lr_find.compute(home, request, lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        say_json(found.to_dict())
        return DONE
    say(facts(found))
    for note in found.notes:
        say(note)
    if sys.stdout.isatty() and found.curve.lrs:
        _draw(found)
    rates = fmt.settings_alike(one.lr for one in found.suggestions.found)
    for one in found.suggestions.found:
        say(f"{one.name:<8}  {rates[one.lr]:>8}  {one.reason}")
    if found.suggestions.nothing:
        say(found.suggestions.nothing)
    return DONE


def _draw(found: LrFinding) -> None:
    size = shutil.get_terminal_size()
    if size.columns <= MIN_WIDTH:
        return
    chart, width = lr_chart(found), min(size.columns - 1, 120)
    heading = heading_lines(chart, VIEW, None, width, TITLE)
    rows = plot(chart, VIEW, width, min(HEIGHT, max(8, size.lines - 6)), ascii_only=plain_terminal()).text()
    say_text("\n".join(row.rstrip() for row in (*("".join(text for text, _ in line) for line in heading), *rows)))
