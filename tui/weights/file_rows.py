"""What is in a file of weights, as `Contents.to_dict` gives it, as rows of tables."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from tui import format as fmt
from tui.widgets.heatmap import bars
from tui.widgets.rows import Column, Row

TENSOR_COLUMNS = (
    Column("tensor", -28, ends=True),
    Column("shape", 13),
    Column("dtype", 9),
    Column("size", 9, right=True),
    Column("mean", 9, right=True),
    Column("std", 9, right=True),
    Column("histogram", 12, style="train"),
    Column("min", 9, right=True),
    Column("max", 9, right=True),
    Column("zeros", 6, right=True),
    Column("not finite", 10, right=True, style="bad"),
    Column("norm", 9, right=True),
)
COLUMNS = {
    "tensors": TENSOR_COLUMNS,
    "values": (Column("name", -30, ends=True), Column("value", -40)),
    "imports": (Column("what it would import", -40), Column("on weights_only's allow-list?", 30)),
    "modules": (Column("module", -20), Column("type", 36), Column("made with", 40)),
    "problems": (Column("problem", -70),),
}
SORTS = {  # by the titles of columns
    "": "the file's order", "tensor": "name", "size": "size", "norm": "norm", "std": "std", "zeros": "share of zeros",
    "not finite": "what is not finite",
}  # fmt: skip

Figures = Mapping[str, Mapping[str, Any] | None]  # by the tensor's name, as far as they are there


def tensors(contents: Mapping[str, Any], figures: Figures, histograms: Mapping[str, Any], sort: str) -> list[Row]:
    """A row a tensor. `sort`: one of SORTS; the largest first, what is not known yet last."""
    ones = list(contents["tensors"])
    if sort == "tensor":
        ones.sort(key=lambda one: str(one["name"]))
    elif sort == "size":
        ones.sort(key=lambda one: -int(one["bytes"]))
    elif sort:
        ones.sort(key=lambda one: _falling(figures.get(one["name"]) or {}, sort))
    return [_tensor(one, figures.get(one["name"]) or {}, histograms.get(one["name"])) for one in ones]


def _falling(figures: Mapping[str, Any], sort: str) -> float:
    value = _wrong(figures) if sort == "not finite" and figures else figures.get(sort)
    return math.inf if value is None or math.isnan(value) else -value


def _wrong(figures: Mapping[str, Any]) -> int:
    return int(figures.get("nan") or 0) + int(figures.get("inf") or 0)


def _tensor(one: Mapping[str, Any], figures: Mapping[str, Any], histogram: Any) -> Row:
    wrong, zeros = _wrong(figures), figures.get("zeros")
    cells = (
        one["name"], "×".join(map(str, one["shape"])) or "one number", one["dtype"], fmt.size(one["bytes"]),
        _number(figures.get("mean")), _number(figures.get("std")),
        bars(histogram) if histogram is not None and figures else "",
        _number(figures.get("min")), _number(figures.get("max")), "" if zeros is None else f"{100 * zeros:.1f}%",
        fmt.count(wrong) if wrong else "", _number(figures.get("norm")),
    )  # fmt: skip
    return Row(one["name"], cells, "warning" if zeros == 1 else "")


def _values(contents: Mapping[str, Any]) -> list[Row]:
    return [Row(name, (name, str(value))) for name, value in contents["metadata"].items()]


def _imports(contents: Mapping[str, Any]) -> list[Row]:
    judged = {True: ("yes", ""), False: ("no: needs your trust", "warning")}
    ones = sorted(contents["globals"], key=lambda one: one["known"])
    return [Row(one["name"], (one["name"], judged[one["known"]][0]), judged[one["known"]][1]) for one in ones]


def _modules(contents: Mapping[str, Any]) -> list[Row]:
    rows = []
    for one in contents["modules"]:
        deep, last = one["name"].count(".") + bool(one["name"]), one["name"].rpartition(".")[2]
        made = ", ".join(f"{key}={value}" for key, value in one["attributes"].items())
        rows.append(Row(one["name"], ("  " * deep + (last or "(whole)"), one["type"], made)))
    return rows


def _problems(contents: Mapping[str, Any]) -> list[Row]:
    return [Row(str(number), (words,), "bad") for number, words in enumerate(contents["problems"])]


LISTED: Mapping[str, Callable[[Mapping[str, Any]], list[Row]]] = {
    "values": _values, "imports": _imports, "modules": _modules, "problems": _problems,
}  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
