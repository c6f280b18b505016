"""Looking through the folders of a person's images: what is in them, and what is passed over. Links are followed."""

import os
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
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
    return name[:1] == "." or name.lower() in SYSTEM


class Tree:
    """Walks below a root, and remembers what it passes over. Raises DataError where the root itself can't be read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._litter: dict[Path, None] = {}
        self._others: dict[Path, None] = {}
        self._left_out: dict[str, None] = {}
        self._known: dict[Path, _Inside] = {}
        self._images: dict[Path, list[str]] = {}
        real = Path(os.path.realpath(root))
        self._above_root = tuple(_identity(folder) for folder in (*real.parents, real))

    def folders(self, place: Path) -> list[Path]:
        """The folders in a folder, by name."""
        return [place / name for name in sorted(self._inside(place).folders)]

    def own_images(self, place: Path) -> list[str]:
        """The images that lie in a folder itself, by name: their paths."""
        return sorted(self._inside(place).images)

    def images(self, place: Path) -> list[str]:
        """All images in a folder below the root and the folders in it: their paths, by one name after the other."""
        if place not in self._images:
            self._images[place] = found = list[str]()
            self._gather(place, self._above_root, found)
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

    def _gather(self, place: Path, above: tuple[tuple[int, int], ...], found: list[str]) -> None:
        try:
            here = _identity(place)
        except OSError as error:
            self._leave_out(place, error)
            return
        if here in above or len(above) >= MOST_DEEP:
            self._left_out[f"{path_text(place)}: it is a link to a folder that it lies in"] = None
            return
        inside = self._inside(place)
        images, name_at, done = sorted(inside.images), len(os.path.join(place, "")), 0
        for name in sorted(inside.folders):
            until = bisect_left(images, name, done, key=lambda path: path[name_at:])
            found += images[done:until]
            done = until
            self._gather(place / name, (*above, here), found)
        found += images[done:]
        self._others |= dict.fromkeys(place / name for name in inside.others)

    def _inside(self, place: Path) -> "_Inside":
        """What is in a folder but for litter; nothing of a folder that can't be read, which is remembered.

        One look at each entry: of 200,000 images every further one is a tenth of a second."""
        if place not in self._known:
            self._known[place] = inside = _Inside([], [], [])
            folders, images, others = inside.folders, inside.images, inside.others
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        name = entry.name
                        if is_litter(name):
                            self._litter[place / name] = None
                        elif _is_folder(entry):
                            folders.append(name)
                        elif image_files.is_named_so(name):
                            images.append(entry.path)
                        elif entry.is_symlink() and not os.path.exists(entry.path):  # reading an image says so itself
                            self._left_out[f"{path_text(place / name)}: it is a link that leads nowhere"] = None
                        else:
                            others.append(name)
            except OSError as error:
                if place == self.root:
                    raise DataError(f"{path_text(place)} can't be read ({error.strerror})") from None
                self._leave_out(place, error)
                self._known[place] = _Inside([], [], [])
        return self._known[place]

    def _leave_out(self, place: Path, error: OSError) -> None:
        self._left_out[f"{path_text(place)}: it can't be read ({error.strerror})"] = None


@dataclass(frozen=True)
class _Inside:
    """What is in a folder, in no order."""

    folders: list[str]  # their names
    images: list[str]  # their paths
    others: list[str]  # the names of what is neither


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
