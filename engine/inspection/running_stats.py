"""The statistics of a large tensor, a few blocks at a time: between them the worker process answers other requests."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from engine.inspection.stats import as_real, without_values
from engine.inspection.tensor_stats import BINS, TensorStats

BLOCK = 1 << 19  # elements that are looked at in one go: some milliseconds
TURN_S = 0.015  # seconds of work in a turn, about


class RunningStats:
    """Goes twice through a tensor: for its statistics, then for its histogram."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor.detach()
        self._blocks = blocks(self._tensor)
        self._second = False
        self._seen = 0
        self._count = 0  # of finite values
        self._mean = self._squares = 0.0  # squares: sum of the squared distances from the mean
        self._total = 0.0  # sum of squares
        self._low, self._high = math.inf, -math.inf
        self._zeros = self._nan = self._inf = 0
        self._histogram = np.zeros(BINS, np.int64)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self._seen / max(1, 2 * self._tensor.numel())

    @property
    def histogram(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        return self._histogram

    @torch.no_grad()
    def turn(self) -> bool:
        """Work for TURN_S. Gives whether all is done."""
        until = time.monotonic() + TURN_S
        while time.monotonic() < until:
            block = next(self._blocks, None)
            if block is None:
                if self._second:
                    return True
                self._second, self._blocks = True, blocks(self._tensor)
                continue
            self._seen += block.numel()
            (self._count_in if self._second else self._add)(as_real(block))
        return False

    def stats(self) -> TensorStats:
        """As `stats.stats_of` gives them, once all is done."""
        found = without_values(self._tensor).with_values(
            zeros=self._zeros / max(1, self._tensor.numel()), nan=self._nan, inf=self._inf
        )
        if not self._count:
            return found
        return found.with_values(
            mean=self._mean,
            std=math.sqrt(self._squares / self._count),
            min=self._low,
            max=self._high,
            norm=math.sqrt(self._total),
        )

    def _add(self, real: torch.Tensor) -> None:
        finite = real
        mean = float(real.mean())
        self._zeros += real.numel() - int(torch.count_nonzero(real))
        if not math.isfinite(mean):
            self._nan += int(real.isnan().sum())
            self._inf += int(real.isinf().sum())
            finite = real[torch.isfinite(real)]
        if not finite.numel():
            return
        variance, middle = (float(value) for value in torch.var_mean(finite.double(), correction=0))
        low, high = (float(value) for value in finite.aminmax())
        count = finite.numel()
        # Chan, Golub & LeVeque 1979: the mean and the squares of two parts together.
        delta, both = middle - self._mean, self._count + count
        self._squares += variance * count + delta * delta * self._count * count / both
        self._mean += delta * count / both
        self._count = both
        self._total += (variance + middle * middle) * count
        self._low, self._high = min(self._low, low), max(self._high, high)

    def _count_in(self, real: torch.Tensor) -> None:
        if not self._count:
            return
        if self._low == self._high:
            self._histogram[BINS // 2] = self._count
            return
        # What is not finite lies outside, and is left out.
        counts = torch.histc(real.float().nan_to_num(nan=math.inf), BINS, self._low, self._high)
        self._histogram += counts.to(torch.int64).cpu().numpy()


def blocks(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The parts of a tensor, of BLOCK elements at most, without copying it."""
    if tensor.numel() <= BLOCK or tensor.ndim == 0:
        yield tensor
        return
    each = tensor.numel() // max(1, tensor.shape[0])
    if each >= BLOCK:
        for part in tensor:
            yield from blocks(part)
        return
    yield from torch.split(tensor, max(1, BLOCK // max(1, each)))
