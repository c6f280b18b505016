"""What a custom data set lists before its images are read: files with their classes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import plain_file
from engine.errors import DataError
from engine.terminal_text import path_text, printable

CLASS_NAMES = "classes.txt"  # one class name a line, beside the annotations or the IDX files
MOST_CLASSES = 256  # labels are bytes
LONGEST_CLASS = 255  # characters of a class's name; a folder's has no more bytes
MOST_NAMED = 4  # names in a line for people
LONGEST_NAME = 60  # characters of such a name
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)


@dataclass(slots=True, unsafe_hash=True)  # never changed; making a frozen one takes three times as long
class Sample:
    """An image file with its class, and its split where the data set says that."""

    path: str  # hundreds of thousands of Path objects would take longer than reading what is kept of their images
    label: int
    split: str  # "train", "test", or empty: to be drawn


@dataclass(frozen=True)
class Listing:
    """The samples, the names of the classes, and what was found on the way."""

    samples: list[Sample]
    classes: tuple[str, ...]
    left_out: tuple[str, ...] = ()  # what can't be read, each with the reason
    notes: tuple[str, ...] = ()  # what else was passed over or decided, a line each
    fixed: bool = False  # whether each class has its number, also one without a sample


def class_names(path: Path) -> tuple[str, ...]:
    """The names in a classes.txt; none where there is no such file. Raises DataError where it can't be read."""
    try:
        names = [line.strip() for line in plain_file.read(path).decode("utf-8-sig").splitlines()]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path_text(path)} can't be read ({type(error).__name__})") from None
    _check_lengths(path_text(path), names)
    return tuple(name for name in names if name)


def is_number(label: str) -> bool:
    """Whether a label is a number of any kind, such as 3, 3.0 or -1."""
    return NUMBER.fullmatch(label) is not None


def numbers_of(labels: Sequence[str]) -> list[int] | None:
    """The labels as class numbers; None where any is none. `3.0`, as pandas writes it where a column has gaps, is 3."""
    numbers = []
    for label in labels:
        if not is_number(label) or not (value := float(label)).is_integer() or value < 0:
            return None
        numbers.append(int(value))
    return numbers


def counted(number: int, noun: str, verbs: tuple[str, str] = ("", "")) -> str:
    """`1 file is` or `1,200 files are`, of the verbs for one and for several."""
    words = f"{number:,} {noun}{'' if number == 1 else 's'}"
    return f"{words} {verbs[number != 1]}" if verbs[0] else words


def named(names: Sequence[str]) -> str:
    """The first names, each as one line, and how many more there are."""
    more = len(names) - MOST_NAMED
    first = ", ".join(printable(name, LONGEST_NAME) for name in names[:MOST_NAMED])
    return f"{first} and {more:,} more" if more > 0 else first


def quoted(text: str) -> str:
    """A cell of a table, in quotes and as one line."""
    return repr(text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…")


def check_classes(where: str, classes: Sequence[str]) -> None:
    """Raises DataError where there are more classes than labels can tell apart, or one has no name but a text."""
    if len(classes) > MOST_CLASSES:
        raise DataError(f"{where} has {len(classes):,} classes; at most {MOST_CLASSES} are possible here")
    _check_lengths(where, classes)


def _check_lengths(where: str, classes: Sequence[str]) -> None:
    if longest := next((name for name in classes if len(name) > LONGEST_CLASS), ""):
        words = f"the class {quoted(longest)} has a name of {len(longest):,} characters"
        raise DataError(f"{where}: {words}; at most {LONGEST_CLASS} are possible")


def without_samples(labels: Sequence[int], classes: Sequence[str]) -> tuple[str, ...]:
    """A note about the classes that no sample has; none where there are no such classes."""
    present = set(labels)
    empty = [name for number, name in enumerate(classes) if number not in present]
    return (f"no sample of {named(empty)}: the network has an output for it all the same",) if empty else ()
