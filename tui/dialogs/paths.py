"""Paths as people type them: completed from the disk, and checked."""

import asyncio

from engine.errors import EngineError, InspectionError
from engine.home import expanded
from engine.typed_path import typed_path
from engine.weights.formats import registry
from engine.weights.formats.registry import Candidate
from tui.dialogs.completing import Completer, Completions

MOST_LISTED = 2000  # names of a folder that are looked at


class PathSuggester(Completer):
    """Completes the last part of a path; right takes it."""

    def __init__(self, *, among_others: bool = False) -> None:
        """`among_others`: what is typed need not be a path, or has one behind an equals sign, as in `mlp=FILE`; nothing
        is a path there before a slash."""
        super().__init__()
        self._among_others = among_others

    async def looked_up(self, value: str) -> Completions:
        before, typed = _apart(value) if self._among_others else ("", value)
        if not typed.strip() or (self._among_others and "/" not in typed):
            return value, []
        head, slash, _ = typed.rpartition("/")
        return before + head + slash, await asyncio.to_thread(_beginning, typed)


def _apart(value: str) -> tuple[str, str]:
    """What stands before a path: `mlp=` of `mlp=FILE`."""
    before, equals, after = value.partition("=")
    return (before + equals, after) if equals and ("/" not in before or ":" in before) else ("", value)


def _beginning(typed: str) -> list[str]:
    """The names in its folder that begin like the last part of a path; those of folders end with a slash."""
    head, slash, tail = typed.rpartition("/")
    try:
        entries = zip(expanded(head + slash or ".").iterdir(), range(MOST_LISTED), strict=False)
        found = [entry for entry, _ in entries if entry.name.startswith(tail) and (tail or entry.name[0] != ".")]
        return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in found)
    except (OSError, ValueError, EngineError):  # not readable, NUL in it, ~name of nobody
        return []


def check_file(text: str) -> str:
    """The name of the file of weights, or folder of them, that was typed. Raises InspectionError where it is none."""
    path = typed_path(text)
    if not text.strip():
        raise InspectionError("type the path of a file")
    if not path.exists():
        raise InspectionError(f"no such file: {path}")
    if path.is_dir() and registry.recognise(Candidate(path)) is None:
        raise InspectionError(f"{path.name} is a folder without weights; type the name of a file in it")
    return path.name
