"""What *Model*'s detail panel says of a module or a parameter, as lines. No widgets."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.inspection.detail_requests import Detail
from engine.inspection.model_requests import ModelSummary, ModuleRow, TensorRow
from engine.inspection.tensor_stats import TensorStats
from tui import format as fmt
from tui.model.value_histogram import histogram_lines
from tui.widgets.lines import Line, fit, padded

LABEL = 14  # cells
HISTOGRAM = 5  # lines
PRINTED = 8  # lines, where a picture stands below them


@dataclass(frozen=True)
class Subject:
    """What is known of the thing under the cursor before anything is asked."""

    title: str
    kind: str  # its type, or what it is
    facts: tuple[tuple[str, str], ...]  # each a label and what it says
    counts: Sequence[int] = ()  # of its histogram
    ends: tuple[float, float] = (0.0, 0.0)  # of the histogram's axis
    missing: str = ""  # why nothing more can be asked
    picture_of: str = ""  # what its picture shows, in words


def of_module(
    module: ModuleRow, summary: ModelSummary, tensors: Sequence[TensorRow], image: str, missing: str
) -> Subject:  # fmt: skip
    """`tensors`: all of the network. `image`: which one is sent through it, in words. `missing`: why it has no
    values."""
    share = module.parameters / max(1, summary.totals.parameters)
    facts = [("input", module.inputs or "the image does not reach it"), ("output", module.outputs or "–")]
    if module.calls > 1:
        facts.append(("called", f"{module.calls} times"))
    if module.parameters:
        own = "" if module.own in (0, module.parameters) else f", {fmt.count(module.own)} of its own"
        facts.append(("parameters", f"{fmt.count(module.parameters)} ({fmt.percent(share)}){own}"))
        facts.append(("trainable", _trainable(module)))
    if module.multiply_adds:
        facts.append(("multiply-adds", f"{fmt.amount(module.multiply_adds)} ({fmt.count(module.multiply_adds)})"))
    if module.extra:
        facts.append(("arguments", module.extra))
    for tensor in tensors:
        path, _, name = tensor.name.rpartition(".")
        if path == module.name and tensor.kind != "optimizer" and tensor.stats is not None:
            facts.append((name, f"{fmt.shape(tensor.stats.shape)}, {fmt.counted(tensor.stats.count, 'number')}"))
    kept = f"{module.dtype} on {module.device}, " if module.dtype else ""
    facts.append(("mode", f"{kept}{'training' if module.training else 'evaluation'}"))
    title = module.name or "the whole network"
    return Subject(title, module.type, tuple(facts), missing=missing, picture_of=f"output for {image}")


def of_tensor(tensor: TensorRow, counts: Sequence[int], missing: str) -> Subject:
    """Of a parameter, a buffer or an optimizer's state. `missing`: why it has no values."""
    stats = tensor.stats
    if stats is None:
        return Subject(tensor.name, tensor.kind, (), missing="It has no shape before the first image (a lazy module).")
    gradient = "yes" if stats.requires_grad else "no"
    facts = [
        ("shape", f"{fmt.shape(stats.shape)}, {fmt.counted(stats.count, 'number')}, {fmt.size(stats.bytes)}"),
        ("dtype", f"{stats.dtype} on {stats.device}, requires_grad {gradient}"),
    ]
    if tensor.same_as:
        facts.append(("same as", tensor.same_as))
    facts += stats_facts(stats)
    if tensor.change is not None:
        facts.append(("change", f"{fmt.short(tensor.change)} |Δ|/|before|, since the checkpoint before"))
    return Subject(tensor.name, tensor.kind, tuple(facts), tuple(counts), (stats.min or 0.0, stats.max or 0.0), missing)


def stats_facts(stats: TensorStats) -> list[tuple[str, str]]:
    """The statistics of a tensor's values; none where it has none."""
    if stats.mean is None:
        return []
    odd = f", {fmt.count(stats.not_finite)} not finite" if stats.not_finite else ""
    return [
        ("mean, std", f"{fmt.short(stats.mean)}, {fmt.short(stats.std)}"),
        ("min, max", f"{fmt.short(stats.min)}, {fmt.short(stats.max)}"),
        ("norm, zeros", f"{fmt.short(stats.norm)}, {fmt.percent(stats.zeros)}{odd}"),
    ]


def lines(subject: Subject, detail: Detail | None, width: int, height: int) -> list[Line]:
    """All of it in `height` lines of `width` cells; what is printed is cut where it is longer."""
    found: list[Line] = []
    for label, text in subject.facts:
        found += _fact(label, text, width)
    if detail is not None and detail.stats is not None:
        found.append([])
        for label, text in stats_facts(detail.stats):
            found += _fact(label, text, width)
    bars = histogram_lines(subject.counts, *subject.ends, width, HISTOGRAM)
    found += [[], *bars] if bars else []
    if detail is None or not detail.printed:
        return found
    found += [[], [(fit(detail.expression, width), "strong")]]
    printed: list[Line] = [[(fit(line, width), "")] for line in detail.printed.splitlines()]
    room = max(1, height - len(found))
    return [*found, *(printed if len(printed) <= room else [*printed[: room - 1], [("…", "dim")]])]


def height_above_a_picture(subject: Subject, width: int) -> int:
    """The lines that `lines` may have, once the answer is there, where a picture stands below."""
    return len(lines(subject, None, width, 0)) + (2 if subject.counts else 6) + PRINTED


def _fact(label: str, text: str, width: int) -> list[Line]:
    """In a line; where it is longer, in up to three, broken between words."""
    room = max(8, width - LABEL)
    rows, row = list[str](), ""
    for word in text.split(" "):
        if row and len(row) + 1 + len(word) > room:
            rows.append(row)
            row = word
        else:
            row = f"{row} {word}" if row else word
    rows.append(row)
    if len(rows) > 3:
        rows = [*rows[:2], fit(" ".join(rows[2:]), room - 1) + "…"]
    return [
        [(padded("" if at else label, LABEL), "dim"), (fit(one, room), "")] for at, one in enumerate(rows)
    ]  # fmt: skip


def _trainable(module: ModuleRow) -> str:
    if module.trainable == module.parameters:
        return "all of them"
    return f"{fmt.count(module.trainable)} of them" if module.trainable else "none: frozen"
