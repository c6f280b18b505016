"""The files that *Checkpoints* lists, and its filter."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checkpoints import manifest
from engine.errors import EngineError
from engine.home import Home
from engine.runs import store
from engine.terminal_text import printable
from tui import format as fmt
from tui.recent_files import recent
from tui.widgets.order import Order

UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}  # bytes
SPANS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}  # seconds


@dataclass(frozen=True)
class ListedFile:
    """A file in the list."""

    path: Path
    name: str
    what: str
    bytes: int
    changed: float  # Unix seconds
    accuracy: float | None = None


@dataclass(frozen=True)
class FileList:
    """The files, and what can't be read: a line each."""

    files: list[ListedFile]
    left_out: list[str]


def list_files(home: Path) -> FileList:
    """The runs' checkpoints, of the newest run first and in each the newest first; then the recent files."""
    scanned = store.scan(home)
    found, left_out = list[ListedFile](), [str(one) for one in scanned.unreadable]
    for folder in scanned.folders:
        name = store.title(folder)
        try:
            entries = manifest.read(folder)
        except EngineError as error:
            left_out.append(str(error))
            continue
        for entry in sorted(entries, key=lambda one: one.place, reverse=True):
            path = folder.checkpoint(entry.file)
            words = fmt.checkpoint_words(replace(entry, finite=True)).partition(" (")[0]
            words = words if entry.finite else f"not finite: {words}"  # first: the column is narrow
            found.append(ListedFile(path, f"{name} · {entry.file}", words, entry.bytes, entry.t, entry.accuracy))
        weights = folder.weights
        with contextlib.suppress(FileNotFoundError):
            found += _listed(weights, f"{name} · {weights.name}", "the newest weights", left_out)
    known = {one.path for one in found}
    try:
        paths = [path for path in recent(Home(home).recent_files) if path not in known]
    except (OSError, ValueError) as error:
        why = (error.strerror or "") if isinstance(error, OSError) else str(error)
        left_out.append(f"{Home(home).recent_files} can't be read ({why})")
        paths = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            found += _listed(path, printable(str(path)), "recently opened", left_out)
    return FileList(found, left_out)


def _listed(path: Path, name: str, what: str, left_out: list[str]) -> list[ListedFile]:
    """The file; nothing, and a line in `left_out`, where it can't be looked at. Raises FileNotFoundError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        left_out.append(f"{path} can't be read ({error.strerror})")
        return []
    return [ListedFile(path, name, what, status.st_size, status.st_mtime)]


def in_order(files: Sequence[ListedFile], order: Order, now: float) -> list[ListedFile]:
    """The files by a column's values; what has none comes last. Without a title: as they are listed, or the other way
    round."""
    keys: dict[str, Callable[[ListedFile], float | None]] = {
        "age": lambda one: now - one.changed,
        "size": lambda one: one.bytes,
        "accuracy": lambda one: one.accuracy,
    }
    if (key := keys.get(order.title)) is None:
        return list(files)[:: -1 if order.falling else 1]
    known = [(value, one) for one in files if (value := key(one)) is not None]
    known.sort(key=lambda pair: pair[0], reverse=order.falling)
    return [*(one for _, one in known), *(one for one in files if key(one) is None)]


def matches(one: ListedFile, text: str) -> bool:
    """Whether a file matches every word of a filter: a part of its name, a size such as >10MB, an age such as <2d."""
    return all(_matches(one, word) for word in text.lower().split())


def _matches(one: ListedFile, word: str) -> bool:
    if word[0] in "<>" and len(word) > 1:
        number = word[1:].rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = word[1 + len(number) :]
        try:
            limit = float(number)
        except ValueError:
            return False
        if unit in UNITS:
            value, limit = float(one.bytes), limit * UNITS[unit]
        elif unit in SPANS:
            value, limit = time.time() - one.changed, limit * SPANS[unit]
        else:
            return False
        return value < limit if word[0] == "<" else value > limit
    return word in f"{one.name} {one.what} {one.path}".lower()
