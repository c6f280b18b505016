"""What *Autograd* shows, as text and table rows."""

from typing import TYPE_CHECKING

from textual.content import Content

from engine.inspection.autograd_requests import AutogradState, Element, GradientCheck, GradientRow, GraphNode
from tui import format as fmt
from tui.widgets.heatmap import bars
from tui.widgets.rows import Column, Row

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GRAPH_COLUMNS = (Column("graph, from the loss back", -34), Column("shape", 12))
PARAMETER_COLUMNS = (
    Column("parameter", -24, ends=True),
    Column("|gradient|", 10, right=True),
    Column("before", 9, right=True),
    Column("|Δw|/|w|", 8, right=True, style="test"),
    Column("zeros", 5, right=True),
    Column("histogram", 12, style="train"),
    Column("|w|", 8, right=True),
)
ORDER = ("forward", "loss", "backward", "step", "zero_grad")  # of a training step
CODE = {
    "forward": "pred = model(X)", "loss": "loss = loss_fn(pred, y)", "backward": "loss.backward()",
    "step": "optimizer.step()", "zero_grad": "optimizer.zero_grad()", "vjp": "pred.backward(v)",
}  # fmt: skip
NEXT = {"": "forward", "vjp": "zero_grad", **dict(zip(ORDER, (*ORDER[1:], ORDER[0]), strict=True))}


def steps_text(answer: AutogradState) -> Content:
    """The last steps, and the next one."""
    lines = Content("")
    for number, step in enumerate(answer.steps[-3:], max(0, len(answer.steps) - 3) + 1):
        lines += Content.assemble(
            (f"{number} {CODE[step.kind]}  ", "bold"),
            (step.error, "$text-error") if step.error else (step.result, ""),
            "\n",
        )
    if answer.loss_now is not None and answer.loss is not None:
        change = answer.loss_now - answer.loss
        lines += Content(f"the same batch: loss {answer.loss:.6f} → {answer.loss_now:.6f} ({change:+.2e})\n")
    return lines + Content.styled(f"space: {CODE[NEXT[answer.steps[-1].kind if answer.steps else '']]}", "dim")


def describe_gradient(row: GradientRow) -> str:
    gradient, head = row.gradient, f"{row.name} {list(row.shape)}: "
    if gradient is None:
        return f"{head}.grad is None"
    largest = f", largest at {list(row.largest)}" if row.largest is not None else ""
    text = f"{head}gradient mean {fmt.short(gradient.mean)}, std {fmt.short(gradient.std)}{largest}"
    if row.before and gradient.norm is not None and abs(gradient.norm / row.before - 1) > 1e-3:
        text += f"; its norm is {gradient.norm / row.before:.3g}× the one before"
    return text


def describe_check(element: Element, check: GradientCheck) -> str:
    best = min(check.differences, key=lambda difference: difference.relative_error)
    return (
        f"∂ loss / ∂ {element.parameter}{list(element.index)}: {check.gradient:.7g} by backward() (float32), "
        f"{check.exact:.9g} in float64; (loss(w + h) − loss(w − h)) / 2h = {best.slope:.9g} with h = {best.h:g}: "
        f"relative error {best.relative_error:.1e}"
    )


def graph_row(at: int, node: GraphNode) -> Row:
    op = node.op.removeprefix("torch::autograd::")
    leaf = f"  {node.leaf}" if node.leaf else ""
    again = "  (again, see above)" if node.again else ""
    shape = "" if node.shape is None else fmt.shape(node.shape)
    return Row(str(at), (f"{'  ' * node.indent}{op}{leaf}{again}", shape), "test" if leaf else "")


def parameter_row(row: GradientRow, counts: "npt.NDArray[np.int64]") -> Row:
    gradient = row.gradient
    cells = (
        row.name if row.requires_grad else f"{row.name} (frozen)",
        "None" if gradient is None else fmt.short(gradient.norm),
        fmt.short(row.before),
        fmt.short(row.ratio),
        "" if gradient is None else f"{100 * (gradient.zeros or 0):.0f}%",
        bars(counts),
        fmt.short(row.weight),
    )
    return Row(row.name, cells, "dim" if gradient is None else "")
