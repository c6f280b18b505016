"""The value of a variable in one short line, without running any code of the person's: no `__repr__`, no property."""

import itertools
import math
import reprlib
import types
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.inspection.kernel_memory import plain
from engine.inspection.kernel_namespace import readable
from engine.inspection.tensors import cells, form_of
from engine.terminal_text import printable

LONGEST = 120  # characters
ITEMS = 6  # of a list, or numbers of a tensor
DEPTH = 2  # lists in lists
BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")")}
SHOWN_BITS = 1000  # of a whole number: Python refuses to write one of many thousand digits

_class_name = type.__dict__["__name__"].__get__  # of a class, whatever its metaclass says

_plain = reprlib.Repr()
_plain.maxstring = _plain.maxother = _plain.maxlong = LONGEST


def type_of(value: Any) -> str:
    """The name of its class."""
    return printable(_class_name(type(value)), LONGEST)


def text_of(value: Any) -> str:
    """The value; "" where its type says all that is known without asking the value itself."""
    return printable(_text(value), LONGEST)


def _text(value: Any) -> str:
    cls = type(value)
    if issubclass(cls, torch.Tensor):
        return _numbers(value)
    if issubclass(cls, np.ndarray):
        return _array(value)
    if issubclass(cls, nn.Module):
        return _module(value)
    if issubclass(cls, torch.optim.Optimizer):
        group = value.param_groups[0]
        return f"lr {group['lr']:g}" if type(group.get("lr")) in (int, float) else ""
    if cls is types.FunctionType:
        code = value.__code__
        return f"{value.__name__}({', '.join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])})"
    if issubclass(cls, type):
        return f"({', '.join(base.__name__ for base in value.__bases__ if base is not object)})".replace("()", "")
    module = cls.__module__.partition(".")[0]
    if module == "pandas" and cls.__name__ in ("DataFrame", "Series"):
        return " × ".join(f"{side:,}" for side in value.shape)
    if module == "PIL":
        return f"{value.mode} {value.size[0]} × {value.size[1]}"
    return short(value)


def short(value: Any, depth: int = DEPTH) -> str:
    """As Python writes it, cut short: numbers, text, and lists, tuples, sets and dictionaries of such; of another type
    its name."""
    cls: type = type(value)
    if cls is int and value.bit_length() > SHOWN_BITS:
        return f"a whole number of {value.bit_length():,} bits"
    if cls in (str, bytes):
        return _plain.repr(value[: 2 * LONGEST])
    if cls in (bool, int, float, complex, types.NoneType, range, torch.dtype, torch.device, types.EllipsisType):
        return repr(value)
    if cls is torch.Size:
        return repr(value)
    if issubclass(cls, np.generic) and not issubclass(cls, np.void) and cls.__module__ == "numpy":
        return repr(value)
    if issubclass(cls, PurePath) and cls.__module__.partition(".")[0] == "pathlib":
        return str(value)
    if cls is dict:
        pairs = [f"{short(key, 0)}: {short(one, depth - 1)}" for key, one in _first(value.items())] if depth else []
        return "{" + ", ".join(_rest(pairs, len(value))) + "}"
    if cls in (list, tuple, set, frozenset):
        left, right = BRACKETS.get(cls, ("{", "}"))
        items = _rest([short(one, depth - 1) for one in _first(value)] if depth else [], len(value))
        return left + ", ".join(items) + ("," if cls is tuple and len(value) == 1 and depth else "") + right
    if issubclass(cls, torch.Tensor | np.ndarray):
        return f"{cls.__name__}{list(value.shape)}"
    return type_of(value) if depth < DEPTH else ""


def _first(values: Any) -> list[Any]:
    return list(itertools.islice(values, ITEMS))


def _rest(items: list[str], count: int) -> list[str]:
    return items if len(items) == count else [*items, "…"]


def _numbers(tensor: torch.Tensor) -> str:
    """The first numbers of the first row, as PyTorch prints them."""
    if not plain(tensor) or tensor.is_meta or not readable(tensor):
        return ""
    row = tensor.detach()
    if not row.numel():
        return "[]"
    brackets = max(0, row.ndim - 1)
    while row.ndim > 1:
        row = row[0]
    some = row.reshape(1, -1)[:, :ITEMS].cpu()
    numbers = list(cells(some, form_of(some))[0])
    if not tensor.ndim:
        return numbers[0]
    inner = ", ".join(_rest(numbers, row.numel()))
    whole = tensor.numel() == row.numel()
    return "[" * (brackets + 1) + inner + "]" + ("]" * brackets if whole else ", …" + "]" * brackets)


def _array(array: "np.ndarray[Any, Any]") -> str:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        return ""
    array = np.ndarray.view(array, np.ndarray)
    some = array[tuple(slice(1) for _ in array.shape[:-1])][..., :ITEMS] if array.ndim else array
    if not array.size:
        return "[]"
    numbers = [f"{number:g}" if array.dtype.kind == "f" else str(number) for number in some.reshape(-1).tolist()]
    if not array.ndim:
        return numbers[0]
    closing = "]" * (array.ndim - 1)
    last = closing if array.size == array.shape[-1] else ", …" + closing
    return "[" * array.ndim + ", ".join(_rest(numbers, array.shape[-1])) + "]" + (last if closing else "")


def _module(module: nn.Module) -> str:
    shapes = [tuple(one.shape) for one in module.parameters() if not nn.parameter.is_lazy(one)]
    count = sum(math.prod(shape) for shape in shapes)
    return f"{count:,} parameters, {'training' if module.training else 'evaluation'} mode"
