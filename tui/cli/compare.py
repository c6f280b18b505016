"""What `compare` prints and writes."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.home import expanded
from engine.mean_std import MeanStd
from engine.runs import checkpoint_refs, comparison
from engine.runs.comparison import RESULTS, Comparison
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.terminal_text import printable, shown
from engine.training.settings import SETTINGS
from tui import format as fmt
from tui.cli import new_file
from tui.cli.output import DONE, console, say, say_json, say_text

TITLES = {"best": "best", "test": "test", "last": "last", "loss": "train loss", "epochs": "epochs", "seconds": "time"}


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
    chosen = comparison.find(home, texts)
    if images and (len(chosen) != 2 or any(isinstance(one, Group) for one in chosen)):
        raise RunError("--images compares two runs; name two, and no group")
    found = comparison.compare(chosen)
    if sort is not None or reverse:
        found = found.sorted_by(sort or "run", reverse=reverse)
    if csv is not None or markdown is not None:
        path = csv or markdown
        assert path is not None
        _write(path, found.as_csv() if csv is not None else as_markdown(found), force=force)
        return DONE
    by_image = _by_image(chosen, home, data_dir) if images else None
    if as_json:
        say_json(found.to_dict() | {"images": None if by_image is None else by_image.to_dict()})
        return DONE
    _print(found)
    if by_image is not None:
        from tui.evaluation_text import comparison_lines

        say_text("\n".join(["", *comparison_lines(by_image)]))
    return DONE


def as_markdown(found: Comparison) -> str:
    """A table in GitHub's Markdown."""
    header, rows = _table(found)
    escaped = [[cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *escaped]
    return "".join(f"| {' | '.join(map(printable, line))} |\n" for line in lines)


def _table(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """The titles of the columns, and the cells as people read them."""
    titles = [name for name in RESULTS if any(row.results[name] for row in found.rows)]
    header = ["run", *found.settings, *found.environment, *(TITLES[name] for name in titles)]
    rows = []
    for row in found.rows:
        settings = [_setting(name, row.settings.get(name)) for name in found.settings]
        environment = [str(row.environment.get(name, "–")) for name in found.environment]
        rows.append([row.title, *settings, *environment, *(_result(name, row.results[name]) for name in titles)])
    return header, rows


def _setting(name: str, value: Any) -> str:
    if value is None:
        return "–"
    return value or "–" if isinstance(value, str) else SETTINGS[name].typed(value)


def _result(name: str, one: MeanStd | None) -> str:
    if one is None:
        return "–"
    if name in ("best", "test", "last"):
        return fmt.mean_percent(one, counted=one.std is not None)
    words: Callable[[float], str] = {
        "loss": fmt.loss, "epochs": "{:g}".format, "seconds": fmt.span,
    }.get(name, lambda value: f"{100 * value:.1f}")  # fmt: skip
    unit = "%" if name in ("best", "test", "last") else ""
    if one.std is None or (name == "epochs" and not one.std):
        return words(one.mean) + unit
    return f"{words(one.mean)} ± {words(one.std)}{unit} ({one.count})"


def _print(found: Comparison) -> None:
    from rich.table import Table

    header, rows = _table(found)
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


def _by_image(chosen: Sequence[RunSummary | Group], home: Path, data_dir: Path | None) -> Any:
    """Which test images only one of two runs classifies correctly, each with the weights of its best epoch."""
    from engine.evaluation.evaluate import compare as compare_files
    from engine.evaluation.requests import EvaluationSettings
    from engine.sources import WeightsFile

    files, datasets = [], []
    for run in chosen:
        assert isinstance(run, RunSummary)
        entry = checkpoint_refs.find(run.folder, "best")
        files.append(WeightsFile(run.folder.checkpoint(entry.file)))  # it names its network; nobody has typed it
        datasets.append(str(run.settings.get("dataset", "auto")))
    if datasets[0] != datasets[1]:
        raise RunError(f"--images: the runs have different test images: {datasets[0]}, {datasets[1]}")
    settings = EvaluationSettings(dataset=datasets[0])
    return compare_files(files[0], files[1], settings, home=home, data_dir=data_dir)


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file, or print it for `-`. Raises PathError."""
    if str(path) == "-":
        say_text(text.rstrip("\n"))
        return
    target = expanded(path)
    new_file.check(target, force=force)
    new_file.write(target, text, force=force)
    say(f"written to {target}")
