"""Paths as people type them: completed from the disk, and those that were opened lately."""

import asyncio
import json
from pathlib import Path

from textual.suggester import Suggester

from engine import atomic
from engine.errors import InspectionError

MOST_RECENT = 20
MOST_LISTED = 2000  # names of a folder that are looked at
RECENT = "recent-files.json"  # in the home folder


class PathSuggester(Suggester):
    """Completes the last part of a path; right takes it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(_suggested, value)


def _suggested(value: str) -> str | None:
    """The path with its last part complete; None where nothing begins like that."""
    if not value.strip():
        return None
    head, slash, tail = value.rpartition("/")
    try:
        names = sorted(
            f"{entry.name}/" if entry.is_dir() else entry.name
            for entry, _ in zip(Path(head + slash or ".").expanduser().iterdir(), range(MOST_LISTED), strict=False)
            if entry.name.startswith(tail) and (tail or not entry.name.startswith("."))
        )
    except OSError:
        return None
    return f"{head}{slash}{names[0]}" if names and names[0].rstrip("/") != tail else None


def check_file(text: str) -> str:
    """The name of the file of weights, or folder of them, that was typed. Raises InspectionError where it is none."""
    path = Path(text.strip()).expanduser()
    if not text.strip() or not path.exists() or (path.is_dir() and not list(path.glob("*.safetensors"))):
        raise InspectionError(f"no such file: {path}")
    return path.name


def recent(home: Path) -> list[Path]:
    """Files that were opened lately and are still there, the last one first."""
    try:
        told = json.loads((home / RECENT).read_text())
        return [Path(one) for one in told if isinstance(one, str) and Path(one).exists()][:MOST_RECENT]
    except (OSError, ValueError, TypeError):
        return []


def remember(home: Path, path: Path) -> None:
    """Put a file first among them. What can't be written is let be."""
    told = [str(path), *(str(one) for one in recent(home) if one != path)]
    try:
        home.mkdir(parents=True, exist_ok=True)
        atomic.write_text(home / RECENT, json.dumps(told[:MOST_RECENT]))
    except OSError:
        pass
