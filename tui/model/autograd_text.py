"""What *Autograd* shows, as text and table rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content

from engine.digits import short_exponent, significant
from engine.inspection.autograd_requests import AutogradState, Element, GradientCheck, GradientRow, Watched
from engine.inspection.image_requests import ImagesRef
from tui import format as fmt
from tui.detail.subject import fact_lines
from tui.model.autograd_menu import Switches
from tui.widgets.heatmap import bars
from tui.widgets.lines import Line
from tui.widgets.rows import Column, Row

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GRAPH_COLUMNS = (Column("operation", -34), Column("shape", 12))
PARAMETER_COLUMNS = (
    Column("parameter", -20, ends=True),
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
DOES = {
    "forward": "The batch goes through the network. Autograd keeps a node of the graph for each operation.",
    "loss": "One number for the whole batch, the end of the graph: how wrong the predictions are.",
    "backward": "Goes through the graph from its end, and adds ∂ loss / ∂ w to the .grad of each parameter w.",
    "step": "Changes each parameter by its .grad.",
    "zero_grad": "Sets each .grad to None. Without it, the next backward() adds to what is there.",
}  # what each step of the loop is for
NEXT = {"": "forward", "vjp": "zero_grad", **dict(zip(ORDER, (*ORDER[1:], ORDER[0]), strict=True))}


def due(answer: AutogradState | None) -> str:
    """The kind of the step that a training loop does next."""
    return NEXT[answer.steps[-1].kind if answer is not None and answer.steps else ""]


def strip(answer: AutogradState | None, chosen: str, switches: Switches) -> Content:
    """The training loop, the step that space does in brackets, and its code."""
    done = set[str]()
    for step in answer.steps if answer is not None else ():
        done = set() if step.kind in ("zero_grad", "forward") else done
        done.add("backward" if step.kind == "vjp" else step.kind)
    text = Content("")
    for at, kind in enumerate(ORDER):
        text += Content.styled(" → ", "$text-muted") if at else Content("")
        if kind == chosen:
            text += Content.styled(f"[{kind}]", "bold $text-accent")
        else:
            text += Content.styled(kind, "" if kind in done else "$text-muted")
    return text + Content.assemble("    space: ", (code(chosen, switches), "bold"))


def code(kind: str, switches: Switches) -> str:
    """The step as it is written in Python."""
    if kind == "backward" and switches.retain_graph:
        return "loss.backward(retain_graph=True)"
    if kind == "forward" and switches.no_grad:
        return "with torch.no_grad(): pred = model(X)"
    return CODE[kind]


def loop_lines(width: int) -> list[Line]:
    """What each step of the loop is for, in so many cells, an empty line between two."""
    left = max(map(len, CODE.values())) + 2
    lines: list[Line] = []
    for kind in ORDER:
        lines += [[] for _ in lines[:1]] + fact_lines(CODE[kind], DOES[kind], width, left=left)
    return lines


def steps_text(answer: AutogradState, most: int = 3) -> Content:
    """The last steps, and what the last optimizer step did to the loss."""
    lines = list[Content]()
    for number, step in enumerate(answer.steps[-most:], max(0, len(answer.steps) - most) + 1):
        said = (step.error, "$text-error") if step.error else (step.result, "")
        lines.append(Content.assemble((f"{number} {CODE[step.kind]}  ", "bold"), said))
    if answer.loss_now is not None and answer.loss is not None:
        change = answer.loss_now - answer.loss
        lines.append(
            Content(
                f"the same batch: loss {answer.loss:.6f} → {answer.loss_now:.6f} ({short_exponent(f'{change:+.2e}')})"
            )
        )
    return Content("\n").join(lines) if lines else Content.styled("no step yet", "$text-muted")


def describe_gradient(row: GradientRow) -> str:
    gradient, head = row.gradient, f"{row.name} {list(row.shape)}: "
    if gradient is None:
        return f"{head}.grad is None"
    largest = f", largest at {list(row.largest)}" if row.largest is not None else ""
    text = f"{head}gradient mean {fmt.short(gradient.mean)}, std {fmt.short(gradient.std)}{largest}"
    if row.before and gradient.norm is not None and abs(gradient.norm / row.before - 1) > 1e-3:
        text += f"; its norm is {significant(gradient.norm / row.before, 3)}× the one before"
    return text


def describe_check(element: Element, check: GradientCheck) -> str:
    best = min(check.differences, key=lambda difference: difference.relative_error)
    error = short_exponent(f"{best.relative_error:.1e}")
    return (
        f"∂ loss / ∂ {element.parameter}{list(element.index)}: {significant(check.gradient, 7)} by backward() "
        f"(float32), {significant(check.exact, 9)} in float64; (loss(w + h) − loss(w − h)) / 2h = "
        f"{significant(best.slope, 9)} with h = {significant(best.h)}: relative error {error}"
    )


def watched_line(watched: Watched) -> str:
    """The number that is watched, before and after the last optimizer step, and its gradient."""
    before = "" if watched.before is None else f"{significant(watched.before, 7)} → "
    gradient = "None" if watched.gradient is None else significant(watched.gradient, 7)
    place = f"{watched.element.parameter}{list(watched.element.index)}"
    return f"{place} = {before}{significant(watched.now, 7)}, its gradient {gradient}"


def images_words(images: ImagesRef, answer: AutogradState) -> str:
    """The batch: `train images 0–63`."""
    if answer.shape[0] == 1:
        return f"{images.split} image {fmt.count(images.index)}"
    return f"{images.split} images {fmt.count(images.index)}–{fmt.count(images.index + answer.shape[0] - 1)}"


def no_graph(answer: AutogradState) -> str:
    """Why the steps have made none; "" where there is one, or no step yet."""
    return "No graph: no_grad, or everything is detached." if answer.steps and not answer.graph else ""


def graph_rows(answer: AutogradState, before: AutogradState | None) -> list[Row]:
    """What a step has added stands out."""
    known = {(node.op, node.shape, node.leaf) for node in before.graph} if before is not None else set()
    rows = []
    if answer.freed and answer.graph:
        rows.append(Row("freed", ("freed by backward(); only names remain", ""), "warning"))
    for at, node in enumerate(answer.graph):
        op = node.op.removeprefix("torch::autograd::")
        what = f"{node.leaf}  {op}" if node.leaf else op
        again = "  (again, see above)" if node.again else ""
        shape = "" if node.shape is None else fmt.shape(node.shape)
        new = before is not None and (node.op, node.shape, node.leaf) not in known
        style = "strong" if new else "test" if node.leaf else ""
        rows.append(Row(str(at), (f"{'  ' * node.indent}{what}{again}", shape), style))
    return rows


def gradient_rows(answer: AutogradState, before: Sequence[Row]) -> list[Row]:
    """A row a parameter, the numbers of a column in one format; the cells that differ from those `before` stand out."""
    every = answer.parameters
    norms = fmt.alike([None if row.gradient is None else row.gradient.norm for row in every])
    figures = [fmt.alike([getattr(row, name) for row in every]) for name in ("before", "ratio", "weight")]
    rows = [_gradient_row(*cells) for cells in zip(every, answer.histograms, norms, *figures, strict=True)]
    known = {row.key: row.cells for row in before}
    titles = [column.title for column in PARAMETER_COLUMNS]
    marked = []
    for row in rows:
        old = known.get(row.key, row.cells)
        changed = {title: "changed" for title, a, b in zip(titles, row.cells, old, strict=True) if not _alike(a, b)}
        marked.append(replace(row, styles=changed))
    return marked


def _alike(one: str, other: str) -> bool:
    """Whether two cells say the same, to three digits, whatever the formats of their columns are."""
    try:
        return fmt.short(float(one)) == fmt.short(float(other))
    except ValueError:
        return one == other


def _gradient_row(
    row: GradientRow, counts: "npt.NDArray[np.int64]", norm: str, earlier: str, ratio: str, weight: str
) -> Row:
    gradient = row.gradient
    cells = (
        row.name if row.requires_grad else f"{row.name} (frozen)",
        "None" if gradient is None else norm,
        earlier,
        ratio,
        "" if gradient is None else f"{100 * (gradient.zeros or 0):.0f}%",
        bars(counts),
        weight,
    )
    return Row(row.name, cells, "dim" if gradient is None else "")
