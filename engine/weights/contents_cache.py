"""What is in files of weights: each file is parsed once for everything that asks, until it changes."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.home import expanded
from engine.progress import Progress, silent
from engine.weights import reading
from engine.weights.budget import Budget, StackTaken
from engine.weights.contents import Contents
from engine.weights.formats import registry
from engine.weights.safe_open import FileStamp

KEPT = 4  # files


@dataclass(frozen=True, eq=False)
class _Parsed:
    contents: Contents
    stamps: Mapping[Path, FileStamp]  # of its files, and of the folder where it is spread over several


class ContentsCache:
    """The contents of the last few files. They are shared: nobody may change them. May be used from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._parsed: OrderedDict[Path, _Parsed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path, progress: Progress = silent, so_far: StackTaken | None = None) -> Contents:
        """What is in the file as it is now: parsed where it, or one of the files that belong to it, has another size,
        time of change or inode than before. `so_far`: takes the stack of the pickle of a single file while that is
        read. Raises CheckpointError, as `reading.read` does."""
        path = expanded(path)
        with self._lock:
            known = self._parsed.get(path)
        if known is None or not all(_stamp(file) == stamp for file, stamp in known.stamps.items()):
            known = self._parse(path, progress, so_far)
        with self._lock:
            self._parsed[path] = known
            self._parsed.move_to_end(path)
            while len(self._parsed) > self._kept:
                self._parsed.popitem(last=False)
        return known.contents

    def _parse(self, path: Path, progress: Progress, so_far: StackTaken | None) -> _Parsed:
        folder = path if path.is_dir() else path.parent
        before = (
            {folder: _stamp(folder)} if registry.is_several(path) else {}
        )  # a file may be added to it, or be missing
        contents = reading.read(path, Budget(progress=progress, so_far=None if registry.is_several(path) else so_far))
        contents.budget.progress, contents.budget.so_far = silent, None  # it is kept, and what hears of it is not
        return _Parsed(contents, contents.stamps | {key: stamp for key, stamp in before.items() if stamp is not None})


def _stamp(path: Path) -> FileStamp | None:
    try:
        return FileStamp.of(path)
    except OSError:
        return None


_cache = ContentsCache()
contents_of = _cache.get
