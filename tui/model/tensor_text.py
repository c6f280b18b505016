"""What is said above a tensor's values: its shape, where it lies in memory, its statistics."""

from typing import TYPE_CHECKING

from textual.content import Content

from engine.digits import significant
from engine.inspection.tensor_requests import TensorWindow
from engine.inspection.tensor_stats import TensorStats
from tui import format as fmt
from tui.widgets.heatmap import spark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VALUELESS = "It has shapes but no values (PyTorch's meta device). On Model, o opens its weights from a file."


def about(window: TensorWindow, view: str, statistics: str) -> Content:
    """`view`: the slice that is shown, as typed; empty: all of it."""
    facts = window.about
    if facts.number:
        what = f"a Python {facts.number}, not a tensor: it has no dtype, no device and no gradient\n"
        return Content.assemble((f"{window.expression}  {facts.number}\n", "bold"), what)
    shape = ", ".join(map(str, window.shape))
    stride = "" if facts.stride is None else f", stride {facts.stride}, offset {facts.offset}"
    storage = "" if facts.storage_bytes is None else f", storage {fmt.size(facts.storage_bytes)}"
    shares = ", a view of it" if view and facts.shares else ", a copy" if view else ""
    gradient = f", grad_fn {facts.grad_fn}" if facts.grad_fn else ""
    contiguous = f"{'' if facts.contiguous else 'not '}contiguous"
    return Content.assemble(
        (f"{window.expression}  [{shape}]\n", "bold"),
        f"{facts.dtype}, {facts.device}{stride}, {contiguous}{storage}{shares}, "
        f"requires_grad {facts.requires_grad}{gradient}\n{statistics}",
    )


def statistics(stats: TensorStats | None, share: float, histogram: "npt.NDArray[np.int64] | None") -> str:
    """In a line. `share`: how much of the work for them is done, where they are not there yet."""
    if stats is None:
        return f"computing the statistics: {100 * share:.0f}%"
    if stats.mean is None:
        return VALUELESS if stats.device == "meta" else "no finite values"
    numbers = (
        ("mean", stats.mean),
        ("std", stats.std),
        ("min", stats.min),
        ("max", stats.max),
        ("norm", stats.norm),
    )
    text = ", ".join(f"{name} {significant(value, 4)}" for name, value in numbers if value is not None)
    odd = "".join(f", {number} {name}" for name, number in (("nan", stats.nan), ("inf", stats.inf)) if number)
    return f"{text}, zeros {fmt.percent(stats.zeros)}{odd}  {spark(histogram)}"
