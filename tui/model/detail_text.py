"""What *Model*'s detail panel says of a module or a parameter. No widgets."""

from collections.abc import Sequence

from engine.inspection.model_requests import ModelSummary, ModuleRow, TensorRow
from tui import format as fmt
from tui.detail.subject import Subject, stats_facts


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


def _trainable(module: ModuleRow) -> str:
    if module.trainable == module.parameters:
        return "all of them"
    return f"{fmt.count(module.trainable)} of them" if module.trainable else "none: frozen"
