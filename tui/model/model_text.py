"""What stands in the borders of *Model*'s panel. No widgets."""

from engine.inspection.model_requests import ModelSummary
from tui import format as fmt

VALUELESS = "It has shapes but no values (PyTorch's meta device). Press o to open its weights from a file."
VALUELESS_SHORT = "no values: o opens weights"


def totals(summary: ModelSummary) -> str:
    """The whole network in figures."""
    found = summary.totals
    trainable = "" if found.trainable == found.parameters else f", {fmt.count(found.trainable)} trainable"
    image = " × ".join(map(str, summary.shape))
    return (
        f"{fmt.count(found.parameters)} parameters{trainable} · {fmt.size(found.bytes)} · "
        f"{fmt.amount(found.multiply_adds)} multiply-adds for {image}"
    )


def state(shown: int, of: int, word: str, filter_text: str, order: str, freeze: str) -> str:
    """How much of a table is shown, and in which order: `3 of 7 modules · filter: relu · by norm`."""
    parts = [f"{fmt.count(shown)} of {fmt.counted(of, word)}" if shown != of else fmt.counted(of, word)]
    parts += [f"filter: {filter_text}"] if filter_text else []
    parts += [order] if order else []
    parts += [f"frozen: {freeze}"] if freeze else []
    return " · ".join(parts)
