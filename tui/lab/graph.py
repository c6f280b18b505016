"""The autograd graph of one of the kernel's tensors, and the gradients of its leaves, as rows."""

from engine.inspection.kernel_requests import KernelGraph
from tui import format as fmt
from tui.lab.blocks import shape_text
from tui.lab.words import ENGLISH, LabWords
from tui.widgets.rows import Column, Row

COLUMNS = (Column("operation", -21), Column("saved for backward", 22), Column("shape", 10))
LEAF = "leaf:"  # begins the key of a leaf's row


def rows(found: KernelGraph, words: LabWords = ENGLISH) -> list[Row]:
    """The tree from the tensor back to its leaves, then each leaf with its gradient."""
    made = []
    if found.freed:
        made.append(Row("freed", (words.has_freed, "", ""), "warning"))
    for at, one in enumerate(found.nodes):
        node = one.node
        op = node.op.removeprefix("torch::autograd::")
        what = f"{node.leaf}  {op}" if node.leaf else op
        again = f"  ({words.again})" if node.again else ""
        shape = "" if node.shape is None else shape_text(node.shape)
        saved = words.freed if one.freed else ", ".join(_saved(tensor.name, tensor.variable, tensor.shape)
                                                     for tensor in one.saved)  # fmt: skip
        style = "test" if node.leaf else "dim" if one.freed else ""
        made.append(Row(str(at), (f"{'  ' * node.indent}{what}{again}", saved, shape), style))
    for leaf in found.leaves:
        known = leaf.gradient is not None
        cells = (f"{leaf.name}.grad = {leaf.text}", "", shape_text(leaf.shape))
        made.append(Row(f"{LEAF}{leaf.opens or leaf.name}", cells, "changed" if known else "dim"))
    return made


def opens(found: KernelGraph, key: str | None) -> str:
    """The expression that a row opens in the tensor view; "" for none."""
    if key is None or not key.startswith(LEAF):
        return ""
    return next((leaf.opens for leaf in found.leaves if key == f"{LEAF}{leaf.opens}"), "")


def _saved(name: str, variable: str, shape: tuple[int, ...]) -> str:
    return f"{variable or name} {shape_text(shape)}"


def title(found: KernelGraph, words: LabWords = ENGLISH) -> str:
    return words.graph_of.format(found.name) if found.name else words.graph


def summary(found: KernelGraph, words: LabWords = ENGLISH) -> str:
    """For the border."""
    if not found.nodes:
        return ""
    return words.freed if found.freed else words.saved_bytes.format(fmt.size(found.saved_bytes))
