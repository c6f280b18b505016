"""Every parameter and buffer of a network, and the state of a checkpoint's optimizer, with statistics."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.inspection.model_requests import ParametersRequest, ParameterTable, TensorRow
from engine.inspection.networks import Network, network
from engine.inspection.stats import histogram, stats_of
from engine.inspection.summary import made
from engine.inspection.tensor_refs import OptimizerState
from engine.inspection.tensor_stats import BINS
from engine.progress import Progress


def compute(home: Path, request: ParametersRequest, progress: Progress) -> ParameterTable:
    """The worker process's part. Raises EngineError."""
    found = network(home, request.network)
    before: Mapping[str, torch.Tensor] = {}
    if request.before is not None:
        before = dict(network(home, replace(request.network, source=request.before)).model.named_parameters())
    named = _named(found, request)
    rows: list[TensorRow] = []
    histograms = np.zeros((len(named), BINS), np.int64)
    first_names: dict[int, str] = {}
    for at, (row, tensor) in enumerate(named):
        progress(at, len(named))
        row = replace(row, same_as=first_names.get(id(tensor), ""))
        first_names.setdefault(id(tensor), row.name)
        if made(tensor):
            row = replace(row, stats=stats_of(tensor))
            if row.name in before and before[row.name].shape == tensor.shape and not tensor.is_meta:
                row = replace(row, change=_change(before[row.name], tensor))
            if not tensor.is_meta:
                histograms[at] = histogram(tensor)
        rows.append(row)
    progress(len(named), len(named))
    return ParameterTable(found.title, tuple(rows), found.valueless, histograms)


def _named(found: Network, request: ParametersRequest) -> list[tuple[TensorRow, torch.Tensor]]:
    model = found.model
    named: list[tuple[TensorRow, torch.Tensor]] = [
        (_row(name, "parameter", tensor), tensor) for name, tensor in model.named_parameters(remove_duplicate=False)
    ]
    named += [(_row(name, "buffer", tensor), tensor) for name, tensor in model.named_buffers(remove_duplicate=False)]
    for parameter, state in found.optimizer.items():
        for key, tensor in state.items():
            name = str(OptimizerState(request.network, parameter, key))
            named.append((replace(_row(name, "optimizer", tensor), state_of=parameter, state_key=key), tensor))
    return named


def _row(name: str, kind: str, tensor: torch.Tensor) -> TensorRow:
    return TensorRow(name, kind, str(tensor.dtype).removeprefix("torch."), str(tensor.device))


def _change(before: torch.Tensor, after: torch.Tensor) -> float | None:
    """|after - before| / |before| (L2): the update-to-weight ratio; None where there were no weights."""
    old = before.detach().double()
    length = float(torch.linalg.vector_norm(old))
    return float(torch.linalg.vector_norm(after.detach().double() - old)) / length if length else None
