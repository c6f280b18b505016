"""Where the four files of Fashion-MNIST lie on this machine, and reading them there. Nothing is ever written."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import plain_file
from engine.data import idx
from engine.data.dataset import SIDE, Bytes, Dataset, Preview, Split
from engine.data.fashion_mnist.spec import CLASSES, FILES, NAME, TITLE, File
from engine.errors import DataError
from engine.home import Home, expanded

ENVIRONMENT = "FMNIST_TUI_DATA"
MOST_BYTES = 64 << 20  # of a file: the largest that is published has 47 MB
AGAIN = "remove it and fetch it again with fmnist-tui data --download, or use --dataset demo"


def candidates(data_dir: Path | None, home: Path) -> list[Path]:
    """The data folders to look in, in order: `data_dir` alone where given, else $FMNIST_TUI_DATA and `home`/data."""
    if data_dir is not None:
        return [expanded(data_dir).absolute()]
    named = os.environ.get(ENVIRONMENT)
    return [*([expanded(named).absolute()] if named else []), Home(home).data]


@dataclass(frozen=True)
class Found:
    """A folder that holds at least one of the four files."""

    folder: Path
    paths: Mapping[File, Path | None]  # the form of each file that is read; None: not there

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the files that are not there."""
        return tuple(file.gz_name for file, path in self.paths.items() if path is None)

    def path(self, split: str, holds: str) -> Path:
        """The file of a split's images or labels. Raises DataError where files of the set are missing."""
        if self.missing:
            raise DataError(
                f"{self.folder} lacks {', '.join(self.missing)}; "
                "put the files there or fetch them with fmnist-tui data --download, or use --dataset demo"
            )
        return next(path for file, path in self.paths.items() if path and (file.split, file.holds) == (split, holds))


def find(roots: list[Path]) -> Found | None:
    """The first of the data folders that holds any of the files; None where none does.

    A data folder is a torchvision root (files in FashionMNIST/raw), its FashionMNIST, or holds the files itself.
    Raises DataError for a folder that may not be looked into.
    """
    for root in roots:
        found = [look_in(folder) for folder in (root / "FashionMNIST" / "raw", root / "raw", root)]
        held = [here for here in found if len(here.missing) < len(FILES)]
        if held:
            return min(held, key=lambda here: len(here.missing))
    return None


def not_found(roots: list[Path]) -> str:
    """What to say where `find` found nothing."""
    looked = ", ".join(
        str(root) if os.path.isdir(root) else f"{root} ({'not a' if os.path.exists(root) else 'no such'} folder)"
        for root in roots
    )
    return (
        f"no Fashion-MNIST found; looked in {looked}; fetch it with fmnist-tui data --download, or use --dataset demo"
    )


def look_in(folder: Path) -> Found:
    """What one folder holds of the four files, whichever there are."""
    return Found(folder, {file: _form(folder, file) for file in FILES})


def read_dataset(found: Found, *, verify: bool) -> Dataset:
    """The data set of a folder. Raises DataError where a file is missing, damaged or, with `verify`, not the published
    one.
    """
    train, test = read_split(found, "train"), read_split(found, "test")
    if verify:
        for file, path in found.paths.items():
            if path and not is_published(file, path):
                raise DataError(f"{path} is not the published file: its MD5 is another; {AGAIN}")
    return Dataset(NAME, TITLE, CLASSES, train, test, str(found.folder))


def read_split(found: Found, name: str) -> Split:
    """One split. Raises DataError where its files are damaged or do not belong together."""
    images_path, labels_path = found.path(name, "images"), found.path(name, "labels")
    with _published():
        images, labels = idx.read(images_path, (SIDE, SIDE)), idx.read(labels_path, ())
    _check_pair(images_path, len(images), labels_path, len(labels))
    _check_labels(labels_path, labels)
    return Split(name, images, labels)


def read_preview(found: Found, split: str, count: int) -> Preview:
    """The first `count` images of a split, of which no more than these are read. Raises DataError as `read_split`."""
    images_path, labels_path = found.path(split, "images"), found.path(split, "labels")
    with _published():
        images, total = idx.read_first(images_path, (SIDE, SIDE), count)
        labels, labels_total = idx.read_first(labels_path, (), count)
    _check_pair(images_path, total, labels_path, labels_total)
    _check_labels(labels_path, labels)
    return Preview(NAME, TITLE, CLASSES, str(found.folder), split, total, images, labels)


def is_published(file: File, path: Path) -> bool:
    """Whether the file at `path` has the published MD5; a .gz packed anew has it where its content does.

    Takes 60 ms for the largest, 0.4 s where it is such a .gz. Raises DataError where the file can't be read.
    """
    try:
        with plain_file.opened(path) as opened:
            if os.fstat(opened.fileno()).st_size > MOST_BYTES:
                return False
            digest = hashlib.file_digest(opened, _md5).hexdigest()
    except OSError as error:
        raise idx.unreadable(path, error) from None
    if digest == (file.gz_md5 if idx.is_gz(path) else file.md5):
        return True
    return idx.is_gz(path) and _content_md5(file, path) == file.md5


def item_shape(file: File) -> tuple[int, ...]:
    """The shape of one element of a file: an image, or a label."""
    return (SIDE, SIDE) if file.holds == "images" else ()


@contextlib.contextmanager
def _published() -> Iterator[None]:
    """What to do about a damaged file of the published set: fetch it again."""
    try:
        yield
    except idx.IdxError as error:
        raise DataError(f"{error}; {AGAIN}") from None


def _content_md5(file: File, path: Path) -> str | None:
    """The MD5 that the extracted form of a .gz has; None where it is damaged."""
    try:
        content = idx.read(path, item_shape(file))
    except DataError:
        return None
    digest = _md5(idx.header(content))
    digest.update(content.data)
    return digest.hexdigest()


def _md5(data: bytes = b"") -> "hashlib._Hash":
    return hashlib.md5(data, usedforsecurity=False)


def _form(folder: Path, file: File) -> Path | None:
    extracted, gz = folder / file.name, folder / file.gz_name
    if _is_file(extracted) and (idx.is_whole(extracted, item_shape(file)) or not _is_file(gz)):
        return extracted
    return gz if _is_file(gz) else None


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise idx.unreadable(path, error) from None


def _check_pair(images_path: Path, images: int, labels_path: Path, labels: int) -> None:
    if images != labels:
        raise DataError(
            f"{images_path} holds {images:,} images but {labels_path.name} {labels:,} labels: they are not of one set; "
            "fetch both again with fmnist-tui data --download, or use --dataset demo"
        )


def _check_labels(path: Path, labels: Bytes) -> None:
    highest = int(labels.max(initial=0))
    if highest >= len(CLASSES):
        raise DataError(f"{path} holds the label {highest}, where 0 to {len(CLASSES) - 1} are known; {AGAIN}")
