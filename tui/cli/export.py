"""What `export` writes."""

from pathlib import Path

from engine import atomic
from engine.errors import PathError
from engine.home import RunFolder, expanded
from engine.runs import store
from tui.cli.output import DONE, say, say_text


def export(home: Path, which: str, *, script: Path | None, csv: Path | None, card: Path | None, force: bool) -> int:
    """Write one of them, to a new file unless `force`; `-` prints it. Raises EngineError."""
    folder = store.find(home, which)
    path = script or csv or card
    assert path is not None
    target = None if str(path) == "-" else expanded(path)
    if target is not None:
        _check(target, force=force)
    text = _script(folder) if script is not None else _csv(folder) if csv is not None else _card(folder)
    if target is None:
        say_text(text.rstrip("\n"))
        return DONE
    _write(target, text, force=force)
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


def _check(target: Path, *, force: bool) -> None:
    """Raises PathError where nothing can be written there."""
    if target.is_dir():
        raise PathError(f"{target} is a folder; name a file in it")
    if not force and (target.exists() or target.is_symlink()):
        raise PathError(f"{target} is there already: name another file, or write over it with --force")


def _write(target: Path, text: str, *, force: bool) -> None:
    """The whole file, or nothing of it."""
    try:
        if force:
            atomic.write_bytes(target, text.encode(), shared=True)
        else:
            atomic.write_new(target, text.encode())
    except FileExistsError:
        raise PathError(f"{target} is there already: name another file, or write over it with --force") from None
    except OSError as error:
        raise PathError(f"{target} can't be written ({error.strerror})") from None
