"""One tensor in two files: the figures of both, the largest difference and where it is, and a picture of it."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from engine.errors import InspectionError
from engine.inspection import detail
from engine.inspection.detail_requests import Detail, DifferenceDetail, DifferenceDetailRequest, TensorDetailRequest
from engine.inspection.running_stats import BLOCK, RunningStats
from engine.inspection.tensor_lookup import tensor_of
from engine.inspection.tensor_refs import FileDifference
from engine.inspection.tensor_stats import TensorStats
from engine.progress import Progress
from engine.weights import tensors as files
from engine.weights.contents_cache import contents_of

MOST = 1 << 25  # numbers: a second's work


@torch.no_grad()
def compute(home: Path, request: DifferenceDetailRequest, progress: Progress) -> DifferenceDetail:
    """The worker process's part. Raises EngineError where their values can't be read, have two shapes, or are so many
    that other questions would wait for long."""
    count = files.find(contents_of(request.first.path), request.first.name).tensor.count
    if count > MOST:
        raise InspectionError(f"It has {count:,} numbers: Enter shows their difference.")
    apart = FileDifference(request.first, request.second)
    shown = detail.of_tensor(
        home, TensorDetailRequest(apart, request.rows, request.columns, request.width), progress
    )  # fmt: skip
    change = tensor_of(home, apart)[0]
    a, b = (tensor_of(home, one)[0] for one in (request.first, request.second))
    (first, _), (second, _), (stats, histogram) = (_stats(one, progress) for one in (a, b, change))
    at = _largest(change, progress)
    there = None if at is None or change.is_complex() else (float(a[at]), float(b[at]))
    known = {one.name: getattr(shown, one.name) for one in fields(Detail)} | {"stats": stats, "histogram": histogram}
    return DifferenceDetail(**known, first=first, second=second, largest=at, there=there)


def _stats(tensor: torch.Tensor, progress: Progress) -> tuple[TensorStats, tuple[int, ...]]:
    running = RunningStats(tensor)
    while not running.turn():
        progress(int(100 * running.share), 100)  # raises where nobody wants it any more
    return running.stats(), tuple(int(count) for count in running.histogram)


def _largest(change: torch.Tensor, progress: Progress) -> tuple[int, ...] | None:
    """The index of the value with the largest magnitude, among the finite ones."""
    flat, most, at = change.reshape(-1), -1.0, None
    for start in range(0, len(flat), BLOCK):
        progress(start, len(flat))
        magnitudes = flat[start : start + BLOCK].abs().nan_to_num(nan=-1.0, posinf=-1.0)
        value, index = magnitudes.max(0)
        if float(value) > most:
            most, at = float(value), start + int(index)
    if at is None:
        return None
    return tuple(int(index) for index in np.unravel_index(at, tuple(change.shape)))
