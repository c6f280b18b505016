"""Small wrong changes to a Python module, one at a time: what `tools.mutants` tries."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LARGEST = 100  # a whole number past this is a limit or a size, and one more or less of it means nothing

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}

Site = tuple[ast.AST, str, int | None]  # where a node stands: its parent, the field, the place in it if it is a list


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    line: int
    last_line: int  # of the statement that was changed, or of its head
    before: str
    after: str
    source: str  # of the whole module

    @property
    def change(self) -> str:
        """In one line."""
        return f"{_short(self.before)}  →  {_short(self.after) or '(deleted)'}"


def mutants(source: str) -> list[Mutant]:
    """All of them, by line; none is the module as it was, and none is there twice."""
    tree = ast.parse(source)
    found: dict[str, Mutant] = {}
    same = ast.unparse(tree)
    for number, (node, _) in enumerate(_sites(tree)):
        for change in range(len(_changes(node))):
            changed = copy.deepcopy(tree)
            target, site = list(_sites(changed))[number]
            before, after = ast.unparse(target), _changes(target)[change]()
            _put(site, after)
            ast.fix_missing_locations(changed)
            text = ast.unparse(changed)
            if text != same and text not in found:
                new = "" if isinstance(after, ast.Pass) else ast.unparse(after)
                first, last = _lines(node)
                found[text] = Mutant(first, last, before, new, text)
    return sorted(found.values(), key=lambda one: one.line)


def _sites(tree: ast.AST) -> Iterator[tuple[ast.AST, Site]]:
    """The nodes that may be changed, in the source's order: no annotation, docstring, decorator, or import."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "format_spec", "type_params"):
            continue
        for place, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or _passed_over(tree, child):
                continue
            yield child, (tree, name, place)
            yield from _sites(child)


def _passed_over(parent: ast.AST, node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal | ast.Pass):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring, or `...`
        return True
    if isinstance(node, ast.If):  # what no test runs
        return "TYPE_CHECKING" in (head := ast.unparse(node.test)) or "__name__" in head
    if isinstance(node, ast.Assign) and isinstance(parent, ast.Module):  # a name for a type
        return isinstance(node.value, ast.Subscript) or (
            isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr)
        )
    return False


def _put(site: Site, new: ast.AST) -> None:
    parent, name, place = site
    if place is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[place] = new


def _lines(node: ast.AST) -> tuple[int, int]:
    """The first and the last line of a node; of a statement with others in it those of its head."""
    if isinstance(node, ast.comprehension):
        return node.target.lineno, node.ifs[-1].end_lineno or node.target.lineno
    first = getattr(node, "lineno", 0)
    last = getattr(node, "end_lineno", None) or first
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        last = max(first, body[0].lineno - 1)
    return first, last


def _changes(node: ast.AST) -> list[Callable[[], ast.AST]]:
    """What the node may be replaced by; each is called once, and may use and change the node."""
    match node:
        case ast.Compare():
            return [
                lambda at=at, op=op: _with_op(node, at, op)  # type: ignore[misc]
                for at, old in enumerate(node.ops)
                for op in _COMPARE[type(old)]
            ]
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not _is_text(node):
            return [lambda: ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)]
        case ast.AugAssign() if type(node.op) in _ARITHMETIC:
            return [lambda: ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value), ast.Pass]
        case ast.BoolOp():
            return [lambda: ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)]
        case ast.UnaryOp(op=ast.Not()):
            return [lambda: node.operand]
        case ast.Constant(value=bool()):
            return [lambda: ast.Constant(not node.value)]
        case ast.Constant(value=value) if isinstance(value, float) or (
            isinstance(value, int) and abs(value) <= LARGEST
        ):
            number = value + 1
            return [lambda: ast.Constant(number)]
        case ast.Name(id=name) if name in _NAMES and isinstance(node.ctx, ast.Load):
            return [lambda: ast.Name(_NAMES[name], ast.Load())]
        case ast.Call():
            return _changes_of_call(node)
        case ast.IfExp():
            return [lambda: ast.IfExp(node.test, node.orelse, node.body)]
        case ast.If() | ast.While() if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
            return [lambda: _with_test(node)]
        case ast.comprehension(ifs=[_, *_]):
            return [lambda: ast.comprehension(node.target, node.iter, [], node.is_async)]
        case ast.Return(value=value) if value is not None and not (
            isinstance(value, ast.Constant) and value.value is None
        ):
            return [lambda: ast.Return(ast.Constant(None))]
        case ast.Break():
            return [ast.Continue]
        case ast.Continue() | ast.Raise():
            return [ast.Pass]
        case ast.Expr(value=ast.Call() | ast.Await()):
            return [ast.Pass]
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return [ast.Pass]
    return []


def _changes_of_call(node: ast.Call) -> list[Callable[[], ast.AST]]:
    found: list[Callable[[], ast.AST]] = []
    symmetric = isinstance(node.func, ast.Name) and node.func.id in _NAMES
    if not symmetric and not any(isinstance(argument, ast.Starred) for argument in node.args):
        for at in range(len(node.args) - 1):
            swapped = [*node.args[:at], node.args[at + 1], node.args[at], *node.args[at + 2 :]]
            found.append(lambda swapped=swapped: ast.Call(node.func, swapped, node.keywords))  # type: ignore[misc]
    for at, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            left = node.keywords[:at] + node.keywords[at + 1 :]
            found.append(lambda left=left: ast.Call(node.func, node.args, left))  # type: ignore[misc]
    return found


def _with_op(node: ast.Compare, at: int, op: type[ast.cmpop]) -> ast.Compare:
    return ast.Compare(node.left, [*node.ops[:at], op(), *node.ops[at + 1 :]], node.comparators)


def _with_test(node: ast.If | ast.While) -> ast.AST:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _is_text(node: ast.BinOp) -> bool:
    """Whether it plainly joins texts: the change would only raise a TypeError."""
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= 90 else f"{line[:89]}…"
