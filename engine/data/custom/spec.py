"""How a custom data set is named.

    csv:annotations.csv:images/     a table of file names and labels: the tutorial's CustomImageDataset
    csv:pixels.csv[:test.csv]       a table of labels and pixel values
    folder:path/                    a folder of images for each class; in train/ and test/ where there are these
    idx:path/                       train-images…, train-labels…, t10k-images…, t10k-labels…, as MNIST has them

`@0.1:7` after any of the first three draws a tenth of the samples for the test set, with the seed 7, where nothing
else says which samples those are. A path that exists may itself end like that, or hold a colon.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError
from engine.terminal_text import path_text

KINDS = ("csv", "folder", "idx")
TEST_SHARE = 0.2  # of the samples, where nothing else says which are for testing
DRAWN = re.compile(r"@(\d*\.?\d+)(?::(\d+))?$")
FORMS = ("csv:annotations.csv:images/", "csv:pixels.csv", "folder:path/", "idx:path/")


@dataclass(frozen=True)
class Spec:
    """The parts of the name. Paths are absolute."""

    kind: str  # of KINDS
    path: Path
    beside: Path | None = None  # of csv: the folder of images, or the pixels of the test set
    share: float = TEST_SHARE  # of the samples that are drawn for testing, where nothing else says which are
    seed: int = 0  # of that draw

    def __str__(self) -> str:
        name = ":".join([self.kind, str(self.path), *([str(self.beside)] if self.beside else [])])
        if (self.share, self.seed) != (TEST_SHARE, 0) or DRAWN.search(name):
            name += f"@{self.share:.12f}".rstrip("0") + (f":{self.seed}" if self.seed else "")
        return name

    @property
    def where(self) -> str:
        """The path, as text for people."""
        return path_text(self.path)

    @property
    def title(self) -> str:
        """Of the data set, for people."""
        named = self.path
        if self.kind == "csv":
            named = self.path.parent if self.beside is not None and not self.beside.is_file() else self.path
        return f"{path_text(named.name)} ({self.kind})"


def parse(name: str) -> Spec:
    """The parts of `csv:…`, `folder:…` or `idx:…`. Raises DataError where it is none of them."""
    kind, _, rest = name.partition(":")
    if kind not in KINDS or not rest:
        raise _misspelt(name, kind)
    rest, share, seed = _drawn(kind, rest)
    paths = _paths(kind, rest)
    if not all(paths):
        raise _misspelt(name, kind)
    path, *beside = map(_absolute, paths)
    return Spec(kind, path, beside[0] if beside else None, share, seed)


def _misspelt(name: str, kind: str) -> DataError:
    forms = [form for form in FORMS if form.startswith(f"{kind}:")] or FORMS
    return DataError(f"{path_text(name)!r} is not of the form {' or '.join(forms)}")


def _drawn(kind: str, rest: str) -> tuple[str, float, int]:
    """What comes before the share that is drawn, that share, and its seed. A path that exists as it is has none."""
    found = DRAWN.search(rest)
    if found is None:
        return rest, TEST_SHARE, 0
    before, share = rest[: found.start()], float(found[1])
    whole, possible = _exists(kind, rest), 0 < share < 1
    if whole and possible and _exists(kind, before):
        raise DataError(
            f"{path_text(before)} and {path_text(rest)} both exist: write {kind}:{path_text(before)}/{found[0]} for a "
            f"share of {share:g} for testing, or {kind}:{path_text(rest)}@{TEST_SHARE}"
        )
    if whole:
        return rest, TEST_SHARE, 0
    if not possible:
        raise DataError(
            f"{path_text(rest)} is not there, and {found[0]} is not a share of the samples for testing: "
            "write one between 0 and 1, such as @0.2"
        )
    return before, share, int(found[2] or 0)


def _paths(kind: str, rest: str) -> tuple[str, ...]:
    """The one path, or the two of a CSV file; a colon inside a path that exists does not end it."""
    if kind != "csv" or _is_file(rest):
        return (rest,)
    cuts = list(_cuts(rest))
    known = [cut for cut in cuts if _is_file(cut[0])]
    both = [cut for cut in known if os.path.exists(_path(cut[1]))]
    return next(iter([*both, *known, *cuts]), (rest,))


def _cuts(rest: str) -> Iterator[tuple[str, str]]:
    """The text before and after each colon, the last colon first."""
    for at in range(len(rest) - 1, -1, -1):
        if rest[at] == ":":
            yield rest[:at], rest[at + 1 :]


def _exists(kind: str, rest: str) -> bool:
    return all(os.path.lexists(_path(path)) for path in _paths(kind, rest))


def _is_file(text: str) -> bool:
    return bool(text) and os.path.isfile(_path(text))


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~somebody who is not known here
        raise DataError(f"{path_text(text)} has no home folder here ({error})") from None


def _absolute(text: str) -> Path:
    return _path(text).absolute()
