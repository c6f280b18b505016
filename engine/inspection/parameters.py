"""Every parameter and buffer of a network, in figures."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.inspection.networks import network
from engine.inspection.summary import made
from engine.progress import Progress
from engine.worker.request import Answer

BINS = 24  # of a histogram


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`source` and what `networks.network` takes; `before`: the source of the same network's earlier weights, or empty.

    The answer: `title`, `tensors` (a list of `figures`; `kind`: parameters first, in the order of `named_parameters`,
    then buffers, then the state of a checkpoint's optimizer; with `change` against `before`); array `histograms` int64
    [tensors, BINS].
    """
    found = network(home, values)
    model = found.model
    named: list[tuple[str, str, torch.Tensor]] = [
        ("parameter", name, tensor) for name, tensor in model.named_parameters(remove_duplicate=False)
    ]
    named += [("buffer", name, tensor) for name, tensor in model.named_buffers(remove_duplicate=False)]
    named += [
        ("optimizer", f"optimizer.state[{name}].{key}", tensor)
        for name, state in found.optimizer.items()
        for key, tensor in state.items()
    ]
    seen: dict[int, str] = {}
    before = dict(network(home, {**values, "source": values["before"]}).model.named_parameters()) if values.get(
        "before"
    ) else {}  # fmt: skip
    told, histograms = [], np.zeros((len(named), BINS), np.int64)
    for at, (kind, name, tensor) in enumerate(named):
        tell(at, len(named))
        row: dict[str, Any] = {"name": name, "kind": kind, "same_as": seen.get(id(tensor), "")}
        seen.setdefault(id(tensor), name)
        if not made(tensor):
            told.append(row | {"shape": None, "dtype": str(tensor.dtype), "device": str(tensor.device)})
            continue
        row |= figures(tensor)
        if name in before and before[name].shape == tensor.shape and not tensor.is_meta:
            row["change"] = _change(before[name], tensor)
        if not tensor.is_meta:
            histograms[at] = histogram(tensor)
        told.append(row)
    tell(len(named), len(named))
    return Answer({"title": found.title, "tensors": told, "valueless": found.valueless}, {"histograms": histograms})


def figures(tensor: torch.Tensor) -> dict[str, Any]:
    """Of a tensor: `shape`, `dtype`, `device`, `layout`, `requires_grad`, `count`, `bytes`; and of its values `mean`,
    `std` (of all elements, without Bessel's correction), `min`, `max`, `norm` (L2), `zeros` (fraction of 1), `nan`,
    `inf` (numbers); None where it has no values, or none of that kind. Those that are not finite count in no other."""
    told: dict[str, Any] = {
        "shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), "device": str(tensor.device),
        "layout": str(tensor.layout).removeprefix("torch."), "requires_grad": tensor.requires_grad,
        "count": tensor.numel(), "bytes": tensor.numel() * tensor.element_size(),
        **dict.fromkeys(("mean", "std", "min", "max", "norm", "zeros", "nan", "inf")),
    }  # fmt: skip
    if tensor.is_meta or not tensor.numel():
        return told
    real = as_real(tensor)
    finite = real[torch.isfinite(real)]
    told |= {
        "zeros": float((real == 0).double().mean()), "nan": int(real.isnan().sum()), "inf": int(real.isinf().sum()),
    }  # fmt: skip
    if finite.numel():
        low, high = finite.aminmax()
        variance, mean = torch.var_mean(finite.double() if finite.numel() < 1 << 22 else finite, correction=0)
        told |= {
            "mean": float(mean), "std": math.sqrt(max(0.0, float(variance))), "min": float(low), "max": float(high),
            "norm": float(torch.linalg.vector_norm(finite.double() if finite.numel() < 1 << 22 else finite)),
        }  # fmt: skip
    return told


def _change(before: torch.Tensor, after: torch.Tensor) -> float | None:
    """|after - before| / |before| (L2): the update-to-weight ratio; None where there were no weights."""
    old = before.detach().double()
    length = float(torch.linalg.vector_norm(old))
    return float(torch.linalg.vector_norm(after.detach().double() - old)) / length if length else None


def as_real(tensor: torch.Tensor) -> torch.Tensor:
    """The values as float32 or float64, one after another: of a complex tensor the magnitudes, of a sparse one all
    elements, of a quantized one what they stand for."""
    values = tensor.detach()
    if values.is_quantized:
        values = values.dequantize()
    if values.layout != torch.strided:
        values = values.to_dense()
    if values.is_complex():
        values = values.abs()
    if values.dtype != torch.float64:
        values = values.to(torch.float64 if values.dtype in (torch.int64, torch.int32) else torch.float32)
    return values.reshape(-1)


def histogram(tensor: torch.Tensor, bins: int = BINS) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """How many of the finite values lie in each of `bins` equal parts from the lowest to the highest: int64 [bins]."""
    real = as_real(tensor)
    finite = real[torch.isfinite(real)]
    if not finite.numel():
        return np.zeros(bins, np.int64)
    low, high = (float(value) for value in finite.aminmax())
    if low == high:
        counts = np.zeros(bins, np.int64)
        counts[bins // 2] = finite.numel()
        return counts
    found = torch.histc(finite.float().cpu(), bins, low, high)
    return found.to(torch.int64).numpy()
