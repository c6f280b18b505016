"""What a custom data set lists before its images are read: files with their classes."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError

CLASS_NAMES = "classes.txt"  # one class name a line, beside the annotations or the IDX files
MOST_CLASSES = 256  # labels are bytes


@dataclass(frozen=True)
class Sample:
    """An image file with its class, and its split where the data set says that."""

    path: Path
    label: int
    split: str  # "train", "test", or empty: to be drawn


Listed = tuple[list[Sample], tuple[str, ...]]  # the samples, and the names of the classes


def class_names(path: Path) -> tuple[str, ...]:
    """The names in a classes.txt; none where there is no such file. Raises DataError where it can't be read."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read ({type(error).__name__})") from None
    return tuple(name for name in names if name)
