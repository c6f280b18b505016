"""The files that *Checkpoints* lists, and its filter."""

import time
from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints import manifest
from engine.errors import EngineError
from engine.runs import store
from engine.terminal_text import printable
from tui import format as fmt
from tui.weights.recent_files import recent

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


def list_files(home: Path) -> list[ListedFile]:
    """The runs' checkpoints, of the newest run first and in each the newest first; then the recent files. A run whose
    list can't be read is left out."""
    found: list[ListedFile] = []
    for folder in store.run_folders(home):
        try:
            entries = manifest.read(folder)
            name = store.title(folder)
        except EngineError:
            continue
        for entry in sorted(entries, key=lambda one: one.place, reverse=True):
            path = folder.checkpoint(entry.file)
            words = fmt.checkpoint_words(entry).partition(" (")[0]
            found.append(ListedFile(path, f"{name} · {entry.file}", words, entry.bytes, entry.t, entry.accuracy))
        weights = folder.weights
        if weights.is_file():
            found.append(_listed(weights, f"{name} · {weights.name}", "the newest weights"))
    known = {one.path for one in found}
    found += [_listed(path, printable(str(path)), "recently opened") for path in recent(home) if path not in known]
    return found


def _listed(path: Path, name: str, what: str) -> ListedFile:
    status = path.stat()
    return ListedFile(path, name, what, status.st_size, status.st_mtime)


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
