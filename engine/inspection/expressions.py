"""A view of a tensor as text, as it is typed and shown. No torch: the screens need it too."""

import ast
import contextlib
import re

_NAME = re.compile(r"(?<![\w.])t(?!\w)")
_POSTFIX = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)  # what `.mT` can stand behind


def spelled(name: str, text: str) -> str:
    """The Python expression: behind the name, or with the name in the place of `t`."""
    text = text.strip()
    if not text or text[0] in "[.":
        return name + text
    return _NAME.sub(name, text) if _NAME.search(text) else f"{name}[{text}]"


def transposed(text: str) -> str:
    """The view of the whole of what `text` gives with its last two dimensions exchanged; where it already ends with
    `.mT`, without it."""
    text = text.strip()
    whole = spelled("t", text)
    node: ast.expr | None = None
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # `views.evaluate` says it
        node = ast.parse(whole, mode="eval").body
    if not isinstance(node, _POSTFIX):
        return f"({whole}).mT"  # `t @ t.T.mT` would be of the last t alone
    if isinstance(node, ast.Attribute) and node.attr == "mT" and whole.endswith(".mT"):
        return text.removesuffix(".mT")
    return f"{text if whole == 't' + text else whole}.mT"
