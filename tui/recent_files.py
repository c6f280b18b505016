"""The files that were opened recently: of weights, and documents. Each kind has a list, a file in the home folder."""

import json
from pathlib import Path

from engine import atomic, plain_file, private

MOST = 20


def recent(file: Path) -> list[Path]:
    """Those that still exist, the most recent first. Raises OSError where the list can't be read, ValueError where it
    is none."""
    return [path for path in _listed(file) if _is_there(path)][:MOST]


def remember(file: Path, path: Path) -> None:
    """Put a file first. An error of the disk is ignored; a list that can't be read stays as it is."""
    try:
        paths = [str(path), *(str(one) for one in recent(file) if one != path)]
        private.folder(file.parent)
        atomic.write_text(file, json.dumps(paths[:MOST]))
    except (OSError, ValueError):
        pass


def _is_there(path: Path) -> bool:
    """Whether there is such a file, or something in the way of looking."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return "\0" not in str(path)
    return True


def _listed(file: Path) -> list[Path]:
    try:
        listed = json.loads(plain_file.read(file).decode("utf-8"))
    except FileNotFoundError:
        return []
    except (UnicodeDecodeError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(listed, list):
        raise ValueError("no list")
    return [Path(one) for one in listed if isinstance(one, str)]
