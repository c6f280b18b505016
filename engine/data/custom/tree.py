"""Looking through the folders of a person's images: what is in them, and what is passed over. Links are followed."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from engine.data import image_files
from engine.data.custom.samples import named
from engine.errors import DataError
from engine.terminal_text import path_text

# What file managers, archivers and storage devices leave beside a person's files, in lower case. Hidden names, which
# begin with a dot, are passed over too: .ipynb_checkpoints, .Trash-1000, ._0.png, .DS_Store.
SYSTEM = frozenset((
    "__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "lost+found", "$recycle.bin", "recycler",
    "system volume information", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini",
))  # fmt: skip
MOST_DEEP = 64  # folders inside one another


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is nobody's sample."""
    return name.startswith(".") or name.lower() in SYSTEM


class Tree:
    """Walks below a root, and remembers what it passes over. Raises DataError where the root itself can't be read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._litter: dict[Path, None] = {}
        self._others: dict[Path, None] = {}
        self._left_out: dict[str, None] = {}
        self._known: dict[Path, list[os.DirEntry[str]]] = {}
        self._images: dict[Path, list[str]] = {}
        real = Path(os.path.realpath(root))
        self._above_root = tuple(_identity(folder) for folder in (*real.parents, real))

    def folders(self, place: Path) -> list[Path]:
        """The folders in a folder, by name."""
        return sorted(place / entry.name for entry in self._entries(place) if self._is_folder(entry))

    def own_images(self, place: Path) -> list[str]:
        """The images that lie in a folder itself, by name: their paths."""
        return sorted(entry.path for entry in self._entries(place) if self._is_image(entry))

    def images(self, place: Path) -> list[str]:
        """All images in a folder below the root and the folders in it, by name: their paths."""
        if place not in self._images:
            self._images[place] = sorted(self._below(place, self._above_root), key=_by_parts)
        return self._images[place]

    def unread(self) -> tuple[str, ...]:
        """What could not be looked into, each with the reason."""
        return tuple(self._left_out)

    def notes(self) -> tuple[str, ...]:
        """What was passed over, counted and named."""
        notes = []
        if self._litter:
            names = sorted({path_text(path.name) for path in self._litter})
            notes.append(f"passed over as hidden or the system's: {named(names)} ({len(self._litter):,} in all)")
        if self._others:
            kinds = Counter(path.suffix.lower() or "no ending" for path in self._others)
            words = [
                f"{count:,} × {path_text(kind)}"
                for kind, count in sorted(kinds.items(), key=lambda one: (-one[1], one[0]))
            ]
            notes.append(f"passed over as no image: {named(words)} ({len(self._others):,} in all)")
        return tuple(notes)

    def _below(self, place: Path, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        try:
            here = _identity(place)
        except OSError as error:
            self._leave_out(place, error)
            return
        if here in above or len(above) >= MOST_DEEP:
            self._left_out[f"{path_text(place)}: it is a link to a folder that it lies in"] = None
            return
        for entry in self._entries(place):
            if self._is_image(entry):
                yield entry.path
            elif self._is_folder(entry):
                yield from self._below(place / entry.name, (*above, here))
            else:
                self._others[place / entry.name] = None

    def _entries(self, place: Path) -> list[os.DirEntry[str]]:
        """What is in a folder but for litter; nothing of a folder that can't be read, which is remembered."""
        if place not in self._known:
            found: list[os.DirEntry[str]] = []
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        if is_litter(entry.name):
                            self._litter[place / entry.name] = None
                        elif self._leads_nowhere(entry):
                            self._left_out[f"{path_text(place / entry.name)}: it is a link that leads nowhere"] = None
                        else:
                            found.append(entry)
            except OSError as error:
                if place == self.root:
                    raise DataError(f"{path_text(place)} can't be read ({error.strerror})") from None
                self._leave_out(place, error)
            self._known[place] = found
        return self._known[place]

    def _leave_out(self, place: Path, error: OSError) -> None:
        self._left_out[f"{path_text(place)}: it can't be read ({error.strerror})"] = None

    @staticmethod
    def _is_folder(entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError:  # a link that leads round in a circle
            return False

    def _leads_nowhere(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is such a link, but for an image's, of which reading the image says so."""
        return entry.is_symlink() and not os.path.exists(entry.path) and not self._is_image(entry)

    def _is_image(self, entry: os.DirEntry[str]) -> bool:
        return image_files.is_named_so(entry.name) and not self._is_folder(entry)


def _by_parts(path: str) -> str:
    """What paths are ordered by: one name after the other, and a folder before what only begins with its name."""
    return path.replace(os.sep, "\0")


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
