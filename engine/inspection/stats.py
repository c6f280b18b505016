"""The statistics of a tensor's values: mean, standard deviation, extremes, norm, and a histogram."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.inspection.tensor_stats import BINS, TensorStats

if TYPE_CHECKING:
    import numpy.typing as npt

IN_DOUBLE = 1 << 22  # fewer finite values than this are summed in float64


def stats_of(tensor: torch.Tensor) -> TensorStats:
    """The statistics of all of a tensor's values. See `running_stats` for a large tensor."""
    known = without_values(tensor)
    if tensor.is_meta or not tensor.numel():
        return known
    real = as_real(tensor)
    finite = real[torch.isfinite(real)]
    zeros = float((real == 0).double().mean())
    nan, inf = int(real.isnan().sum()), int(real.isinf().sum())
    if not finite.numel():
        return known.with_values(zeros=zeros, nan=nan, inf=inf)
    low, high = finite.aminmax()
    exact = finite.double() if finite.numel() < IN_DOUBLE else finite
    variance, mean = torch.var_mean(exact, correction=0)
    return known.with_values(
        mean=float(mean),
        std=math.sqrt(max(0.0, float(variance))),
        min=float(low),
        max=float(high),
        norm=float(torch.linalg.vector_norm(exact)),
        zeros=zeros,
        nan=nan,
        inf=inf,
    )


def without_values(tensor: torch.Tensor) -> TensorStats:
    """What is known of a tensor before its values are read."""
    return TensorStats(
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        device=str(tensor.device),
        layout=str(tensor.layout).removeprefix("torch."),
        requires_grad=tensor.requires_grad,
        count=tensor.numel(),
        bytes=tensor.numel() * tensor.element_size(),
    )


def as_real(tensor: torch.Tensor) -> torch.Tensor:
    """The values as float32 or float64, one after another: of a complex tensor the magnitudes, of a sparse one all
    elements, of a quantized one the dequantized values."""
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


def histogram(tensor: torch.Tensor, bins: int = BINS) -> "npt.NDArray[np.int64]":
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
