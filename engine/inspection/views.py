"""Views of a tensor, typed as in Python: `[0, :, 3:9, ::2]`, `.transpose(0, 1)`, `.reshape(28, 28)`, one after another.

Only what is listed here can be asked for: nothing that is typed is run as Python.
"""

import ast
from typing import Any

import torch

from engine.errors import InspectionError

# Methods that give another view or a copy of the same kind, with how many whole numbers they take; -1: any number.
METHODS = {
    "transpose": 2, "permute": -1, "reshape": -1, "view": -1, "flatten": -1, "squeeze": -1, "unsqueeze": 1, "t": 0,
    "abs": 0, "float": 0, "double": 0, "int": 0, "long": 0, "bool": 0, "sign": 0, "isnan": 0, "isinf": 0, "log": 0,
    "contiguous": 0, "sum": -1, "mean": -1, "std": -1, "amax": -1, "amin": -1, "argmax": -1, "diagonal": 0,
    "norm": 0, "exp": 0, "sigmoid": 0, "softmax": 1, "sort": 0, "flip": -1, "real": 0, "imag": 0,
}  # fmt: skip
ATTRIBUTES = ("T", "mT", "H", "real", "imag")
EXAMPLE = "[0, :, 3:9, ::2] or .transpose(0, 1)[..., -1]"
LARGEST = 1 << 28  # elements that a copy may have


def apply(tensor: torch.Tensor, text: str) -> torch.Tensor:
    """The view of `tensor` that `text` describes; itself for an empty text. Raises InspectionError with one line."""
    text = text.strip()
    if not text:
        return tensor
    try:
        tree = ast.parse("t" + (text if text[0] in "[." else f"[{text}]"), mode="eval").body
    except (SyntaxError, ValueError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InspectionError(f"{text} is not Python: {what}; type for example {EXAMPLE}") from None
    with torch.no_grad():
        return _evaluated(tree, tensor.detach(), text)


def spelled(name: str, text: str) -> str:
    """The Python expression that makes the view."""
    text = text.strip()
    return name + (text if not text or text[0] in "[." else f"[{text}]")


def _evaluated(node: ast.expr, tensor: torch.Tensor, text: str) -> torch.Tensor:
    match node:
        case ast.Name(id="t"):
            return tensor
        case ast.Subscript(value=inside, slice=index):
            base = _evaluated(inside, tensor, text)
            return _tried(text, base, lambda: base[_index(index, text)])
        case ast.Attribute(value=inside, attr=name) if name in ATTRIBUTES:
            base = _evaluated(inside, tensor, text)
            return _tried(text, base, lambda: getattr(base, name))
        case ast.Call(func=ast.Attribute(value=inside, attr=name), args=args, keywords=[]) if name in METHODS:
            base = _evaluated(inside, tensor, text)
            numbers = [_number(arg, text) for arg in args]
            if METHODS[name] >= 0 and len(numbers) != METHODS[name]:
                raise InspectionError(f"{text}: .{name}() takes {METHODS[name]} whole numbers, not {len(numbers)}")
            if name in ("real", "imag"):
                return _tried(text, base, lambda: getattr(base, name))
            if name == "sort":
                return _tried(text, base, lambda: base.sort().values)
            if base.dtype not in (torch.float32, torch.float64) and name in ("mean", "std", "softmax", "norm"):
                base = base.float()
            return _tried(text, base, lambda: getattr(base, name)(*numbers))
    what = ast.unparse(node)
    raise InspectionError(f"{text}: {what.removeprefix('t')} can't be asked for; type for example {EXAMPLE}")


def _tried(text: str, base: torch.Tensor, make: Any) -> torch.Tensor:
    if base.numel() > LARGEST and not base.is_meta:
        raise InspectionError(f"{text}: the tensor has {base.numel():,} elements; take a slice of it first")
    try:
        made = make()
    except Exception as error:
        lines = str(error).strip().splitlines()
        shape = list(base.shape)
        raise InspectionError(f"{text} of shape {shape}: {type(error).__name__}: {lines[0] if lines else ''}") from None
    if not isinstance(made, torch.Tensor):
        raise InspectionError(f"{text} is no tensor")
    return made


def _index(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Tuple(elts=parts):
            return tuple(_index(part, text) for part in parts)
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if part is None else _number(part, text) for part in (lower, upper, step)))
        case ast.Constant(value=value) if value is None or value is Ellipsis:
            return value
        case ast.List(elts=parts):
            return [_number(part, text) for part in parts]
    return _number(node, text)


def _number(node: ast.expr, text: str) -> int:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InspectionError(f"{text}: {ast.unparse(node)} is not a whole number, a slice, ... or None")
    return value
