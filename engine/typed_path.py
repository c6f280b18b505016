"""A path as a person types or pastes it: quoted, with escaped spaces, as a file manager's `file://`, or with the end of
a line. What is on the disk decides: a file of exactly that name goes first."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

QUOTES = ("'", '"')


def typed_path(text: str) -> Path:
    """The path that is meant. Of several readings the first one that is there; of none that is, the plainest one."""
    readings = list(dict.fromkeys(_readings(text)))
    return next((path for path in readings if is_there(path)), readings[-1])


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder, or a link of this name."""
    try:
        return path.exists() or path.is_symlink()
    except (OSError, ValueError):  # a name that is too long, or has NUL in it
        return False


def _readings(text: str) -> Iterator[Path]:
    yield _path(text)
    whole = text = text.strip()
    yield _path(text)
    if len(text) > 1 and text[0] in QUOTES and text[-1] == text[0]:
        text = text[1:-1]
        yield _path(text)
    if text.lower().startswith("file:"):
        text = _of_url(text)
        yield _path(text)
    elif "\\" in text:
        yield _path(re.sub(r"\\(.)", r"\1", text))
    if whole and whole[0] in QUOTES:  # 'it'\''s.pt', as shells and terminals write it where a file is dropped
        with contextlib.suppress(ValueError):
            words = shlex.split(whole)
            yield from map(_path, words if len(words) == 1 else ())


def _of_url(text: str) -> str:
    """The path of `file:///a%20b`, of this machine: `file://localhost/a`, `file:/a`."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    return unquote(parts.path, errors="surrogateescape") if parts.netloc in ("", "localhost") else text


def _path(text: str) -> Path:
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # ~name, and nobody is called so
        return path
