"""Source code of this program's modules, as a script of its own can hold it."""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Any


def of(*objects: Callable[..., Any] | type) -> str:
    """The source of functions and classes, one after another. They must need nothing else of their modules."""
    return "\n\n".join(textwrap.dedent(inspect.getsource(one)).rstrip() + "\n" for one in objects)


def of_module(name: str) -> tuple[set[str], str]:
    """Of a module that imports nothing of this program: its import lines, and its text without them and without its
    docstring."""
    text = inspect.getsource(importlib.import_module(name))
    imports, lines = set[str](), text.splitlines(keepends=True)
    for at, node in enumerate(ast.parse(text).body):
        docstring = at == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.add(ast.unparse(node))
        elif not docstring:
            continue
        lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return imports, "".join(lines).strip("\n") + "\n"


def import_block(imports: Iterable[str]) -> str:
    """Import lines in the usual order: the standard library, the others; each by `import`, then by `from`, a line for
    each module."""
    import sys

    def module(line: str) -> str:
        return line.split()[1]

    def block(lines: Iterable[str]) -> str:
        return "\n".join(sorted(lines, key=lambda line: (line.startswith("from"), module(line), line)))

    names: dict[str, set[str]] = {}
    wanted = set[str]()
    for line in imports:
        if line.startswith("from") and " as " not in line:
            names.setdefault(module(line), set()).update(line.partition(" import ")[2].split(", "))
        else:
            wanted.add(line)
    wanted |= {f"from {of} import {', '.join(sorted(which))}" for of, which in names.items()}
    own = {line for line in wanted if module(line).partition(".")[0] in sys.stdlib_module_names}
    return "\n\n".join(part for part in (block(own), block(wanted - own)) if part) + "\n"
