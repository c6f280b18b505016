"""The files of weights that were opened recently."""

import json
from pathlib import Path

from engine import atomic
from engine.home import Home

MOST = 20


def recent(home: Path) -> list[Path]:
    """Those that still exist, the most recent first."""
    try:
        listed = json.loads(Home(home).recent_files.read_text())
        return [Path(one) for one in listed if isinstance(one, str) and Path(one).exists()][:MOST]
    except (OSError, ValueError, TypeError):
        return []


def remember(home: Path, path: Path) -> None:
    """Put a file first. An error of the disk is ignored."""
    paths = [str(path), *(str(one) for one in recent(home) if one != path)]
    try:
        home.mkdir(parents=True, exist_ok=True)
        atomic.write_text(Home(home).recent_files, json.dumps(paths[:MOST]))
    except OSError:
        pass
