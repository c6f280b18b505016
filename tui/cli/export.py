"""What `export` writes."""

from pathlib import Path

from engine.home import RunFolder, expanded
from engine.runs import store
from tui.cli import new_file
from tui.cli.output import DONE, say, say_text


def export(home: Path, which: str, *, script: Path | None, csv: Path | None, card: Path | None, force: bool) -> int:
    """Write one of them, to a new file unless `force`; `-` prints it. Raises EngineError."""
    folder = store.find(home, which)
    path = script or csv or card
    assert path is not None
    target = None if str(path) == "-" else expanded(path)
    if target is not None:
        new_file.check(target, force=force)
    text = _script(folder) if script is not None else _csv(folder) if csv is not None else _card(folder)
    if target is None:
        say_text(text.rstrip("\n"))
        return DONE
    new_file.write(target, text, force=force)
    say(f"written to {target}")
    return DONE


def _script(folder: RunFolder) -> str:
    from engine.export.script import script  # it reads a checkpoint, with torch

    return script(folder)


def _csv(folder: RunFolder) -> str:
    from engine.export.numbers import csv_text

    return csv_text(folder)


def _card(folder: RunFolder) -> str:
    from engine.export.card import card

    return card(folder)
