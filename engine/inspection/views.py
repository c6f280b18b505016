"""What is typed about a tensor, as in Python: `[0, :, 3:9, ::2]`, `.reshape(28, 28).T`, `t @ t.T`, `torch.cat([t, t])`.

Only what is listed here can be asked for: nothing that is typed is run as Python, and nothing changes the tensor.
"""

import ast
import contextlib
import operator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from engine.errors import InspectionError
from engine.inspection.expressions import spelled

# Methods that give another view, or something new of the same kind; what they take is PyTorch's to judge.
METHODS = {
    "transpose", "permute", "reshape", "view", "flatten", "squeeze", "unsqueeze", "t", "expand", "narrow", "select",
    "diagonal", "unfold", "contiguous", "clone", "flip", "roll", "sort", "repeat", "tril", "triu", "float", "double",
    "half", "bfloat16", "int", "long", "bool", "sum", "mean", "std", "var", "amax", "amin", "argmax", "argmin", "norm",
    "prod", "cumsum", "median", "topk", "all", "any", "abs", "sign", "neg", "exp", "log", "sqrt", "square", "sigmoid",
    "tanh", "relu", "softmax", "log_softmax", "clamp", "round", "floor", "ceil", "isnan", "isinf", "isfinite", "real",
    "imag", "angle", "add", "sub", "mul", "div", "pow", "matmul", "item",
}  # fmt: skip
VIEWS = {"transpose", "permute", "t", "squeeze", "unsqueeze", "narrow", "select", "diagonal", "real", "imag", "T", "mT"}
FUNCTIONS = {
    "cat", "stack", "matmul", "ones_like", "zeros_like", "rand_like", "randn_like", "abs", "sum", "mean", "std", "exp",
    "log", "relu", "sigmoid", "tanh", "softmax", "argmax", "dot", "outer",
}  # fmt: skip
FRACTIONS = {"mean", "std", "var", "softmax", "log_softmax", "norm"}  # of whole numbers too
ATTRIBUTES = {"T", "mT", "H", "real", "imag"}
OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.MatMult: operator.matmul,
    ast.Gt: operator.gt, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.LtE: operator.le, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
}  # fmt: skip
KEYWORDS = {"dim", "dims", "keepdim", "correction", "min", "max", "descending", "k"}
EXAMPLE = "[0, :, 3:9, ::2] or .transpose(0, 1)[..., -1] or t @ t.T"
LARGEST = 1 << 28  # elements that something new may have


@dataclass(frozen=True, eq=False)
class View:
    """What an expression gives, and what autograd says of it."""

    tensor: torch.Tensor  # detached; of a Python number a tensor without dimensions
    requires_grad: bool
    grad_fn: str  # the class of the backward function that made it; "" for none
    leaf: bool
    number: bool | int | float | None = None  # the expression gives this Python number, no tensor


def apply(tensor: torch.Tensor, text: str) -> torch.Tensor:
    """What `text` describes of `tensor`, detached, as `evaluate` has it."""
    return evaluate(tensor, text).tensor


def evaluate(tensor: torch.Tensor, text: str) -> View:
    """What `text` describes of `tensor`; itself for an empty text. Raises InspectionError with one line.

    It goes on behind the tensor (`[0].T`), is an index (`0, 1`), or a whole expression of which `t` is the tensor.
    """
    text = text.strip()
    if not text:
        return _view(tensor)
    try:
        tree = ast.parse(spelled("t", text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise InspectionError(f"{text} is not Python: {what}; type for example {EXAMPLE}") from None
    given = tensor
    drawn = [given.device] if given.device.type == "cuda" else []  # whose generators stay as they are
    with torch.enable_grad(), torch.random.fork_rng(devices=drawn):  # its result says whether gradients flow through it
        if given.layout == torch.strided and not given.is_meta and not given.is_quantized:
            # First with shapes alone: how large would it become?
            shapes = torch.empty_strided(given.shape, given.stride(), dtype=given.dtype, device="meta")
            with contextlib.suppress(NotImplementedError):
                _Expression(shapes, text).of(tree)
        made = _Expression(given, text).of(tree)
    if isinstance(made, tuple) and made and isinstance(made[0], torch.Tensor):
        made = made[0]  # of sort, topk, median: the values
    if isinstance(made, bool | int | float):
        dtype = torch.float64 if isinstance(made, float) else None  # a Python float has 64 bits
        return View(torch.tensor(made, dtype=dtype), False, "", True, made)
    if not isinstance(made, torch.Tensor):
        raise InspectionError(f"{text} is not a tensor")
    return _view(made)


def _view(made: torch.Tensor) -> View:
    grad_fn = type(made.grad_fn).__name__ if made.grad_fn is not None else ""
    return View(made.detach(), made.requires_grad, grad_fn, made.is_leaf)


class _Expression:
    """Evaluates what is allowed of Python, and nothing else."""

    def __init__(self, tensor: torch.Tensor, text: str) -> None:
        self._tensor, self._text = tensor, text

    def of(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id="t"):
                return self._tensor
            case ast.Constant(value=value) if isinstance(value, bool | int | float) or value is None:
                return value
            case ast.UnaryOp(op=ast.USub(), operand=inside):
                return self._tried(node, lambda: -self.of(inside))
            case ast.UnaryOp(op=ast.Invert(), operand=inside):
                return self._tried(node, lambda: ~self.of(inside))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                a, b = self.of(left), self.of(right)
                if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor):
                    self._refuse(node)
                return self._tried(node, lambda: OPERATORS[type(op)](a, b), a)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                a, b = self.of(left), self.of(right)
                return self._tried(node, lambda: OPERATORS[type(op)](a, b), a)
            case ast.Subscript(value=inside, slice=index):
                base = self.of(inside)
                chosen = self._index(index)
                if isinstance(chosen, torch.Tensor) and chosen.is_meta:
                    return base.reshape(-1)  # where a mask is, as many at most
                return self._tried(node, lambda: base[chosen], base, view=not isinstance(chosen, list))
            case ast.Attribute(value=inside, attr=name) if name in ATTRIBUTES:
                base = self.of(inside)
                return self._tried(node, lambda: getattr(base, name), base, view=True)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name)) if name in FUNCTIONS:
                return self._called(node, getattr(torch, name), None, name)
            case ast.Call(func=ast.Attribute(value=inside, attr=name)) if name in METHODS:
                base = self.of(inside)
                if not isinstance(base, torch.Tensor):
                    self._refuse(node)
                if name in ("real", "imag"):
                    return self._tried(node, lambda: getattr(base, name), base, view=True)
                if name in FRACTIONS and not base.is_floating_point() and not base.is_complex():
                    base = base.float()
                if name == "item" and base.is_meta and base.numel() == 1:
                    return 1.0
                return self._called(node, getattr(base, name), base, name)
            case ast.Call(func=ast.Attribute(attr=name)) if name.endswith("_") and not name.startswith("_"):
                raise InspectionError(
                    f"{self._text}: .{name}() works in place, it would change the tensor: leave the _ out"
                )
        return self._refuse(node)

    def _called(self, node: ast.Call, function: Any, base: Any, name: str) -> Any:
        keywords = {}
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS:
                self._refuse(node)
            keywords[keyword.arg] = self._argument(keyword.value)
        arguments = [self._argument(one) for one in node.args]
        return self._tried(node, lambda: function(*arguments, **keywords), base, view=name in VIEWS)

    def _argument(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple | ast.List):
            return [self._argument(part) for part in node.elts]
        return self.of(node)

    def _tried(self, node: ast.expr, make: Any, base: Any = None, *, view: bool = False) -> Any:
        try:
            made = make()
        except (InspectionError, NotImplementedError):
            raise
        except Exception as error:
            lines = str(error).strip().splitlines()
            shape = f" of shape {list(base.shape)}" if isinstance(base, torch.Tensor) else ""
            what = f"{self._text}{shape}: {type(error).__name__}: {lines[0] if lines else ''}"
            raise InspectionError(what) from None
        if isinstance(made, torch.Tensor) and made.is_meta and not view and made.numel() > LARGEST:
            words = ast.unparse(node)
            raise InspectionError(
                f"{self._text}: {words} would have {made.numel():,} elements; take a slice of it first"
            )
        return made

    def _index(self, node: ast.expr) -> Any:
        match node:
            case ast.Tuple(elts=parts):
                return tuple(self._index(part) for part in parts)
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if part is None else self._number(part) for part in (lower, upper, step)))
            case ast.Constant(value=value) if value is None or value is Ellipsis:
                return value
            case ast.List(elts=parts):
                return [self._number(part) for part in parts]
            case ast.Compare() | ast.UnaryOp(op=ast.Invert()):
                return self.of(node)
        return self._number(node)

    def _number(self, node: ast.expr) -> int:
        try:
            value = ast.literal_eval(node)
        except ValueError:
            value = None
        if isinstance(value, bool) or not isinstance(value, int):
            words = ast.unparse(node)
            raise InspectionError(f"{self._text}: {words} is not a whole number, a slice, ... or None")
        return value

    def _refuse(self, node: ast.expr) -> NoReturn:
        words = ast.unparse(node)
        raise InspectionError(f"{self._text}: {words} can't be asked for; type for example {EXAMPLE}")
