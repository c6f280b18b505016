"""A file that a command writes where the person says: whole, and over nothing but with `--force`."""

from pathlib import Path

from engine import atomic
from engine.errors import PathError


def check(target: Path, *, force: bool) -> None:
    """Raises PathError where nothing can be written there."""
    if target.is_dir():
        raise PathError(f"{target} is a folder; name a file in it")
    if not force and (target.exists() or target.is_symlink()):
        raise PathError(f"{target} is there already: name another file, or write over it with --force")


def write(target: Path, text: str, *, force: bool) -> None:
    """Write the whole file, or nothing of it. Raises PathError."""
    try:
        if force:
            atomic.write_bytes(target, text.encode(), shared=True)
        else:
            atomic.write_new(target, text.encode())
    except FileExistsError:
        raise PathError(f"{target} is there already: name another file, or write over it with --force") from None
    except OSError as error:
        raise PathError(f"{target} can't be written ({error.strerror})") from None
