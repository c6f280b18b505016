"""The labels of a table as class numbers, and the names of the classes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.custom.samples import (
    CLASS_NAMES,
    MOST_CLASSES,
    check_classes,
    class_names,
    is_number,
    named,
    numbers_of,
    quoted,
)
from engine.errors import DataError
from engine.terminal_text import printable

FEW = 0.2  # of the labels: so many that are not numbers among numbers are taken for mistakes, not for names


@dataclass(frozen=True)
class Labels:
    """What the labels of some samples come to."""

    numbers: list[int]  # of each sample
    classes: tuple[str, ...]
    fixed: bool  # whether each class has its number, also one without a sample: by numbers, or by classes.txt


def of_table(labels: Sequence[str], folder: Path, where: str, place: Callable[[int], str]) -> Labels:
    """The classes of labels as they stand in a table. Labels that are all numbers from 0 are these numbers; others are
    names, which classes.txt in `folder` puts into an order, or else their own.

    `where`: the table, for errors; `place`: where the label of an index stands. Raises DataError.
    """
    names = class_names(folder / CLASS_NAMES)
    numbers = numbers_of(labels)
    fixed = bool(names) or numbers is not None
    if numbers is not None:
        classes = names or _numbered(numbers, where)
    else:
        classes = names or _named(labels, where, place)
        index = {name: number for number, name in enumerate(classes)}
        numbers = [index.get(label, len(classes)) for label in labels]
    for at, number in enumerate(numbers):
        if number >= len(classes):
            raise DataError(
                f"{place(at)}: the label {quoted(labels[at])} is not a class of {CLASS_NAMES}: {named(classes)}"
            )
    return Labels(numbers, tuple(map(printable, classes)), fixed)


def _numbered(numbers: Sequence[int], where: str) -> tuple[str, ...]:
    if max(numbers) >= MOST_CLASSES:
        raise DataError(
            f"{where}: its labels go up to {max(numbers)}; 0 to {MOST_CLASSES - 1} are possible here, as a network has "
            "an output for each number from 0"
        )
    return tuple(f"class {number}" for number in range(max(numbers) + 1))


def _named(labels: Sequence[str], where: str, place: Callable[[int], str]) -> tuple[str, ...]:
    """The different labels, numbers by their value and before the others."""
    odd = [at for at, label in enumerate(labels) if not is_number(label)]
    if 0 < len(odd) < FEW * len(labels):
        label = quoted(labels[odd[0]])
        raise DataError(
            f"{place(odd[0])}: the label {label} is not a number, as {len(labels) - len(odd):,} others are; "
            f"if all are names, list them in a {CLASS_NAMES} beside the file"
        )
    classes = tuple(sorted(set(labels), key=_order))
    check_classes(where, classes)
    return classes


def _order(label: str) -> tuple[float, str]:
    return (float(label) if is_number(label) else math.inf), label
