"""What is in a file of weights, as rows of tables."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.inspection.tensor_stats import TensorStats
from engine.weights.contents import Named
from engine.weights.requests import FileListing
from tui import format as fmt
from tui.widgets.rows import Column, Row

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VIEWS = ("tensors", "values", "imports", "modules", "problems")  # the lists of a FileListing, in turn
TENSOR_COLUMNS = (  # the last ones, which the panel of the chosen tensor says too, are the first to have no room
    Column("tensor", -24, ends=True),
    Column("shape", 13),
    Column("dtype", 9),
    Column("size", 9, right=True),
    Column("mean", 9, right=True),
    Column("std", 9, right=True),
    Column("histogram", 12, style="train"),
    Column("zeros", 6, right=True),
    Column("not finite", 10, right=True, style="bad"),
    Column("norm", 9, right=True),
    Column("min", 9, right=True),
    Column("max", 9, right=True),
)
OF_VALUES = ("mean", "std", "histogram", "zeros", "not finite", "norm", "min", "max")  # columns
COLUMNS = {
    "tensors": TENSOR_COLUMNS,
    "values": (Column("name", -30, ends=True), Column("value", -40)),
    "imports": (Column("import", -40), Column("allowed by weights_only?", 30)),
    "modules": (Column("module", -20), Column("type", 36), Column("attributes", 40)),
    "problems": (Column("problem", -70),),
}
SORTS = {  # by the titles of columns
    "": "order in the file", "tensor": "name", "size": "size", "norm": "norm", "std": "std", "zeros": "zeros",
    "not finite": "non-finite values",
}  # fmt: skip

Stats = Mapping[str, TensorStats | None]  # by the tensor's name, as far as they are known; None: can't be read
Histograms = Mapping[str, "npt.NDArray[np.int64]"]


def tensors(listing: FileListing, stats: Stats, drawn: Mapping[str, str], sort: str) -> list[Row]:
    """A row per tensor. `drawn`: the histograms by the tensors' names, as `bars` draws them. `sort`: one of SORTS; the
    largest first, what is not known yet last."""
    ones = list(listing.tensors)
    if sort == "tensor":
        ones.sort(key=lambda one: one.name)
    elif sort == "size":
        ones.sort(key=lambda one: -one.tensor.bytes)
    elif sort:
        ones.sort(key=lambda one: _falling(stats.get(one.name), sort))
    known = [stats.get(one.name) for one in ones]
    figures = [
        fmt.alike([None if each is None else getattr(each, name) for each in known])
        for name in ("mean", "std", "min", "max", "norm")
    ]
    return [
        _tensor(one, each, drawn.get(one.name, ""), texts)
        for one, each, *texts in zip(ones, known, *figures, strict=True)
    ]


def tensor_titles(listing: FileListing, stats: Stats, sort: str) -> list[str]:
    """The titles of the columns of tensors: nothing about values where there are none (PyTorch's meta device), and
    nothing about those that are not finite before there is one, unless they are sorted by that."""
    valueless = bool(listing.tensors) and all(one.tensor.layout == "meta" for one in listing.tensors)
    some = sort == "not finite" or any(one is not None and one.not_finite for one in stats.values())
    return [
        title
        for title in (column.title for column in TENSOR_COLUMNS)
        if title == sort or not ((valueless and title in OF_VALUES) or (title == "not finite" and not some))
    ]


def describe_tensor(listing: FileListing, name: str, stats: Stats) -> str:
    """A line about one tensor."""
    one = next(one for one in listing.tensors if one.name == name)
    tensor = one.tensor
    storage = tensor.storage.key if tensor.storage is not None else None
    about = f"{tensor.about}; " if tensor.about else ""
    text = f"{name}: {about}stride {tensor.stride}, offset {tensor.offset}, storage {storage}"
    shared = next((names for names in listing.shared if name in names), ())
    text += f"; shares its storage with {', '.join(other for other in shared if other != name)}" if shared else ""
    known = stats.get(name)
    text += "; all values are 0" if known is not None and known.zeros == 1 else ""
    return text + ("; its values can't be read" if name in stats and known is None else "")


def describe_module(listing: FileListing, name: str) -> str:
    """A line about one module."""
    one = next(one for one in listing.modules if one.name == name)
    attributes = ", ".join(f"{key}={value}" for key, value in one.attributes.items())
    return f"{name or '(root)'}: {one.type}({attributes})"


def _falling(stats: TensorStats | None, sort: str) -> float:
    value = None
    if stats is not None:
        value = {
            "norm": stats.norm, "std": stats.std, "zeros": stats.zeros, "not finite": stats.not_finite,
        }[sort]  # fmt: skip
    return math.inf if value is None or math.isnan(value) else -value


def _tensor(one: Named, stats: TensorStats | None, histogram: str, figures: Sequence[str]) -> Row:
    """`figures`: its mean, std, min, max and norm, as the columns have them."""
    tensor = one.tensor
    cells = [one.name, fmt.shape(tensor.shape), tensor.dtype, fmt.size(tensor.bytes)]
    if stats is None:
        return Row(one.name, (*cells, *[""] * (len(TENSOR_COLUMNS) - len(cells))))
    mean, std, low, high, norm = figures
    cells += [
        mean, std, histogram,
        "" if stats.zeros is None else fmt.percent(stats.zeros),
        fmt.count(stats.not_finite) if stats.not_finite else "", norm, low, high,
    ]  # fmt: skip
    return Row(one.name, tuple(cells), "warning" if stats.zeros == 1 else "")


def _values(listing: FileListing) -> list[Row]:
    return [Row(name, (name, str(value))) for name, value in listing.values.items()]


def _imports(listing: FileListing) -> list[Row]:
    words = {True: ("yes", ""), False: ("no (untrusted)", "warning")}
    ones = sorted(listing.imports, key=lambda one: one.allowed)
    return [Row(one.name, (one.name, words[one.allowed][0]), words[one.allowed][1]) for one in ones]


def _modules(listing: FileListing) -> list[Row]:
    rows = []
    for one in listing.modules:
        depth, last = one.name.count(".") + bool(one.name), one.name.rpartition(".")[2]
        attributes = ", ".join(f"{key}={value}" for key, value in one.attributes.items())
        rows.append(Row(one.name, ("  " * depth + (last or "(root)"), one.type, attributes)))
    return rows


def _problems(listing: FileListing) -> list[Row]:
    return [Row(str(number), (words,), "bad") for number, words in enumerate(listing.problems)]


LISTED: Mapping[str, Callable[[FileListing], list[Row]]] = {
    "values": _values, "imports": _imports, "modules": _modules, "problems": _problems,
}  # fmt: skip
