"""The person's names in a lab's kernel, and what an expression of names, attributes and indices means there."""

import ast
import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection.views import LARGEST
from engine.terminal_text import printable

EXAMPLE = "w, w.grad, model.fc.weight, batch[0] or Out[7]"
NATIVE = "=|"  # byte orders, as numpy writes them


def shell() -> Any:
    """IPython's shell of this process. Raises InspectionError where there is none: outside a kernel."""
    ipython = sys.modules.get("IPython.core.getipython")
    found = ipython.get_ipython() if ipython is not None else None
    if found is None:
        raise InspectionError("it is of a lab's kernel, and can be looked at there alone")
    return found


def persons(names: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """The names that the person made, in the order in which they came, functions and classes last. `hidden`: those
    that IPython made, as long as they mean what IPython had them mean."""
    nothing = object()
    found = {
        name: value for name, value in list(names.items())
        if name.isidentifier() and not name.startswith("_") and hidden.get(name, nothing) is not value
        and not issubclass(type(value), types.ModuleType)
    }  # fmt: skip
    last = (types.FunctionType, type)
    return {name: value for name, value in found.items() if not issubclass(type(value), last)} | {
        name: value for name, value in found.items() if issubclass(type(value), last)
    }


def value_of(names: Mapping[str, Any], expression: str) -> Any:
    """What `w.grad`, `model[0].weight` or `Out[7]` is. Calls nothing that is written there. Raises InspectionError."""
    try:
        return _value(names, ast.parse(expression.strip(), mode="eval").body, expression)
    except InspectionError:
        raise
    except (SyntaxError, RecursionError, MemoryError):
        raise _not_allowed(expression) from None
    except Exception as error:  # from the person's own code too
        what = " ".join(str(error).split())
        if isinstance(error, KeyError):
            what = f"there is no {what}"
        raise InspectionError(printable(f"{expression}: {what or type(error).__name__}", 300)) from None


def tensor_in(names: Mapping[str, Any], expression: str) -> torch.Tensor:
    """The tensor, or an array's memory as one: of a read-only array, or one in another byte order, a copy. Raises
    InspectionError where it is neither, or has no values to show."""
    value = value_of(names, expression)
    if issubclass(type(value), np.ndarray):
        return of_array(value, expression)
    if value is None:
        why = "no gradient has come to it" if expression.endswith(".grad") else "it is no tensor"
        raise InspectionError(f"{expression} is None: {why}")
    if not issubclass(type(value), torch.Tensor):
        raise InspectionError(f"{expression} is of type {type(value).__name__}, not a tensor")
    if nn.parameter.is_lazy(value):
        raise InspectionError(f"{expression} is of a lazy module: it has no shape before the first forward")
    tensor: torch.Tensor = value
    if tensor.is_nested:
        raise InspectionError(f"{expression} is a nested tensor, whose parts have different shapes: take one, as [0]")
    if tensor.layout != torch.strided and tensor.numel() > LARGEST:
        raise InspectionError(f"{expression} would have {tensor.numel():,} elements as a dense tensor")
    if tensor.layout == torch.strided and not tensor.is_meta and not readable(tensor):
        raise InspectionError(f"the memory of {expression} has been given back")
    return tensor


def of_array(array: "np.ndarray[Any, Any]", expression: str) -> torch.Tensor:
    """A tensor of the array's memory. Raises InspectionError where PyTorch has no such dtype."""
    plain = np.ndarray.view(array, np.ndarray)
    if plain.dtype.byteorder not in NATIVE:
        plain = plain.astype(plain.dtype.newbyteorder("="))
    try:
        if not plain.flags.writeable or any(step < 0 for step in plain.strides):
            plain = plain.copy()
        return torch.from_numpy(plain)
    except TypeError:
        raise InspectionError(f"{expression} has the dtype {array.dtype}, which no tensor has") from None
    except ValueError:  # strides that are no multiple of an element
        return torch.from_numpy(plain.copy())


def readable(tensor: torch.Tensor) -> bool:
    """Whether a strided tensor's storage has all that the tensor refers to: it may have been resized."""
    if not tensor.numel():
        return True
    last = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.untyped_storage().nbytes() >= (tensor.storage_offset() + last + 1) * tensor.element_size()


def has_gradient(tensor: torch.Tensor) -> bool:
    """Whether `.grad` is there. PyTorch warns where it is asked of a tensor that can't have one."""
    return (tensor.is_leaf or tensor.retains_grad) and tensor.grad is not None


def version_of(tensor: torch.Tensor) -> int | None:
    """How often it has been changed in place; None: made in inference mode, where nobody counts."""
    return None if tensor.is_inference() else tensor._version


def spelled_in(variable: str, name: str) -> str:
    """How a parameter `name` of the module `variable` is written in Python."""
    path = variable
    for part in name.split("."):
        path += f"[{part}]" if part.isdecimal() else f".{part}"
    return path


def _value(names: Mapping[str, Any], node: ast.expr, expression: str) -> Any:
    match node:
        case ast.Name(id=name):
            if name not in names:
                raise InspectionError(f"there is no variable {name}")
            return names[name]
        case ast.Attribute(value=inside, attr=name):
            value = _value(names, inside, expression)
            if name == "grad" and issubclass(type(value), torch.Tensor):
                return value.grad if has_gradient(value) else None
            return getattr(value, name)
        case ast.Subscript(value=inside, slice=index):
            return _value(names, inside, expression)[_index(index, expression)]
    raise _not_allowed(expression)


def _index(node: ast.expr, expression: str) -> Any:
    match node:
        case ast.Tuple(elts=parts):
            return tuple(_index(part, expression) for part in parts)
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if part is None else _index(part, expression) for part in (lower, upper, step)))
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _not_allowed(expression) from None


def _not_allowed(expression: str) -> InspectionError:
    return InspectionError(printable(f"{expression} can't be looked at; name a variable, such as {EXAMPLE}", 300))
