"""A file that is written where a person says: whole, and over another one only where they say so too."""

from pathlib import Path

from engine import atomic
from engine.errors import PathError

FORCE = "name another file, or write over it with --force"
OTHER = "give another name"  # where nothing is written over


def check(target: Path, *, force: bool = False, advice: str = FORCE) -> None:
    """Raises PathError where nothing can be written there. `advice`: what to do where a file is there already."""
    if target.is_dir():
        raise PathError(f"{target} is a folder; name a file in it")
    if not force and (target.exists() or target.is_symlink()):
        raise PathError(f"{target} is there already: {advice}")


def write(target: Path, content: str | bytes, *, force: bool = False, advice: str = FORCE) -> None:
    """Write the whole file, or nothing of it. Raises PathError."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if force:
            atomic.write_bytes(target, data, shared=True)
        else:
            atomic.write_new(target, data)
    except FileExistsError:
        raise PathError(f"{target} is there already: {advice}") from None
    except OSError as error:
        raise PathError(f"{target} can't be written ({error.strerror})") from None
