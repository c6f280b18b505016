"""`fmnist-tui model`: a network's modules, its parameters, or one image through it, without the app."""

from pathlib import Path

from engine.inspection.forward_requests import ForwardPass, ForwardRequest
from engine.inspection.image_requests import ImageRef
from engine.inspection.model_requests import ModelSummary, ParametersRequest, SummaryRequest
from engine.progress import silent
from engine.sources import NetworkRef
from tui.cli.output import complain, say, say_json, say_text
from tui.columns import column, width_of
from tui.format import count, percent, size
from tui.tensor_table import as_text

BAR = 30  # cells


def summary(home: Path, network: NetworkRef, *, as_json: bool) -> int:
    """The modules. Returns 0, or 2 where an image does not pass through the network. Raises EngineError."""
    from engine.inspection.summary import compute

    found = compute(home, SummaryRequest(network), silent)
    if as_json:
        say_json(found.to_dict())
    else:
        _print_summary(found)
    return _report(found.problem)


def parameters(home: Path, network: NetworkRef, *, as_json: bool) -> int:
    """Every parameter and buffer. Returns 0. Raises EngineError."""
    from engine.inspection.parameters import compute

    found = compute(home, ParametersRequest(network), silent)
    if as_json:
        say_json(found.to_dict())
    else:
        say(found.title)
        say_text(as_text(found.tensors).removesuffix("\n"))
    return 0


def image(home: Path, network: NetworkRef, image: ImageRef, *, as_json: bool) -> int:
    """One image's forward pass. Returns 0, or 2 where the network gives no logits. Raises EngineError."""
    from engine.inspection.forward import compute

    found = compute(home, ForwardRequest(network, image), silent)
    if as_json:
        say_json(found.to_dict())
    else:
        _print_pass(found)
    return _report(found.problem)


def _report(problem: str) -> int:
    if problem:
        complain(problem)
    return 2 if problem else 0


def _print_summary(found: ModelSummary) -> None:
    totals = found.totals
    shape = " × ".join(map(str, found.shape))
    say(found.title)
    say_text(f"\n{found.printed}\n")
    rows = [("module", "type", "in", "out", "parameters", "multiply-adds")]
    for module in found.modules:
        rows.append(
            (
                module.name or "(all)",
                module.type,
                module.inputs or "",
                module.outputs or "",
                count(module.parameters) if module.parameters else "",
                count(module.multiply_adds) if module.multiply_adds else "",
            )
        )
    widths = [width_of(row[at] for row in rows) for at in range(6)]
    for row in rows:
        cells = [column(text, width, right=at > 3) for at, (text, width) in enumerate(zip(row, widths, strict=True))]
        say("  ".join(cells).rstrip())
    say()
    say(
        f"{count(totals.parameters)} parameters, {count(totals.trainable)} trainable, "
        f"{count(totals.buffers)} numbers in buffers, {size(totals.bytes)}; "
        f"{count(totals.multiply_adds)} multiply-adds for an image of {shape}"
    )


def _print_pass(found: ForwardPass) -> None:
    classes = found.classes
    say(found.title)
    say(f"{found.split} image {found.index}, {classes[found.label]}, {list(found.shape)}")
    say()
    width = width_of(f"{stage.name} {stage.type}" for stage in found.stages)
    for stage in found.stages:
        name = column(f"{stage.name} {stage.type}", width)
        silent_units = "" if stage.silent is None else f"  {percent(stage.silent)} zeros"
        say(f"{name}  {stage.before} → {stage.after}{silent_units}")
    if found.logits is None or found.probabilities is None or found.prediction is None:
        return
    say()
    names = width_of(classes)
    for at, (name, logit, chance) in enumerate(zip(classes, found.logits, found.probabilities, strict=True)):
        mark = "✓" if at == found.label else " "
        share = f"{100 * chance:6.2f}%  {'█' * round(BAR * chance)}"
        say(f"{mark} {column(name, names)}  {logit:9.4f}  {share}".rstrip())
    correct = "correct" if found.prediction == found.label else "wrong"
    say()
    say(f"{classes[found.prediction]}, {correct}; loss {found.loss:.6f}")
