"""What `compare` prints and writes."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.evaluation.run_comparison import images_of_two, no_images
from engine.runs import comparison
from engine.runs.comparison import Comparison
from engine.studies.best_trials import best_trials
from engine.terminal_text import shown
from tui import format as fmt
from tui.cli import written
from tui.cli.output import DONE, console, say, say_json, say_text, told_of_reading
from tui.comparison_text import as_markdown, table_of


def compare(
    home: Path,
    texts: Sequence[str],
    *,
    sort: str | None,
    reverse: bool,
    images: bool,
    as_json: bool,
    csv: Path | None,
    markdown: Path | None,
    force: bool,
    data_dir: Path | None,
) -> int:
    """Print the comparison, or write it. Raises EngineError."""
    with told_of_reading("a log") as progress:
        chosen = best_trials(home, comparison.find(home, texts, progress))
        if len(chosen) < 2:
            raise RunError("compare takes two or more: runs (an id, a name), groups or studies (a name)")
        if images and (why := no_images(chosen)):
            raise RunError(f"--images {why}")
        found = comparison.compare(chosen, lambda folder: comparison.read_facts(folder, progress))
    if sort is not None or reverse:
        found = found.sorted_by(sort or "run", reverse=reverse)
    if csv is not None or markdown is not None:
        path = csv or markdown
        assert path is not None
        written.write(path, found.as_csv if csv is not None else lambda: as_markdown(found), force=force)
        return DONE
    by_image = None
    if images:
        from engine.evaluation.evaluate import compare as compare_files

        asked = images_of_two(chosen, data_dir)
        by_image = compare_files(asked.first, asked.second, asked.settings, home=home, data_dir=asked.data_dir)
    if as_json:
        say_json(found.to_dict() | {"images": None if by_image is None else by_image.to_dict()})
        return DONE
    _print(found)
    if by_image is not None:
        from tui.evaluation_text import comparison_lines

        say_text("\n".join(["", *comparison_lines(by_image)]))
    return DONE


def _print(found: Comparison) -> None:
    from rich.table import Table

    header, rows = table_of(found)
    table = Table(box=None, pad_edge=False)
    for at, title in enumerate(header):
        table.add_column(title, overflow="fold", justify="left" if at <= len(found.settings) else "right")
    for row in rows:
        table.add_row(*map(shown, row))
    screen = console(width=None if sys.stdout.isatty() else 200)
    screen.print(table)
    if not found.settings:
        say("all settings are alike")
    if found.classes and sum(bool(row.per_class) for row in found.rows) > 1:
        screen.print()
        screen.print(_classes(found))


def _classes(found: Comparison) -> Any:
    """The accuracy of each class at the best epochs; of two, and how much the second one is better."""
    from rich.table import Table

    rows = [row for row in found.rows if len(row.per_class) == len(found.classes)]
    table = Table(box=None, pad_edge=False)
    table.add_column("class, at the best epoch")
    for row in rows:
        table.add_column(shown(row.title), justify="right", overflow="fold")
    if len(rows) == 2:
        table.add_column("difference", justify="right")
    for at, name in enumerate(found.classes):
        values = [row.per_class[at] for row in rows]
        cells = [shown(name), *(fmt.percent(value) for value in values)]
        if len(rows) == 2:
            first, second = values
            both = first is not None and second is not None
            cells.append(f"{100 * (second - first):+.1f}" if both else "–")  # type: ignore[operator]
        table.add_row(*cells)
    return table
