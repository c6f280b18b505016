"""The thing under a cursor: of a tensor its first values and a picture, of a module its output for one image."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection.detail_requests import Detail, ModuleDetailRequest, TensorDetailRequest
from engine.inspection.forward import first_tensor, in_evaluation, mosaic, of_image
from engine.inspection.networks import network
from engine.inspection.samples import NO_VALUES, sample
from engine.inspection.stats import stats_of
from engine.inspection.tensor_lookup import tensor_of
from engine.inspection.tensor_refs import FileDifference, FileTensor, TensorRef
from engine.inspection.tensors import parts_of, small
from engine.progress import Progress
from engine.weights import tensors as files
from engine.weights.contents_cache import contents_of

MOST_PRINTED = 1000  # numbers of which all are printed, as PyTorch's own default


def of_tensor(home: Path, request: TensorDetailRequest, progress: Progress) -> Detail:
    """The worker process's part. Raises InspectionError where it has no values."""
    _refuse_repeated(request.tensor)
    tensor, written, image = tensor_of(home, request.tensor)
    if tensor.is_meta:
        raise InspectionError(NO_VALUES)
    first = tensor[:2] if tensor.ndim else tensor
    written = f"({written})" if isinstance(request.tensor, FileDifference) and tensor.ndim else written
    values, description = _picture(tensor.detach(), image, request.rows, request.columns)
    return Detail(
        expression=f"{written}[:2]" if tensor.ndim else written,
        printed=printed(first, request.width),
        description=description,
        values=values,
        shape=tuple(tensor.shape),
    )


def _refuse_repeated(ref: TensorRef) -> None:
    """Of a file's tensor that repeats few stored numbers over and over, and may claim any size, no picture is made.
    Raises CheckpointError."""
    match ref:
        case FileTensor(path, name):
            files.whole(contents_of(path), name)
        case FileDifference(first, second):
            _refuse_repeated(first)
            _refuse_repeated(second)


def of_module(home: Path, request: ModuleDetailRequest, progress: Progress) -> Detail:
    """The worker process's part. Raises EngineError where no image passes through the network."""
    found = network(home, request.network)
    output = _output(found.model, request.module, sample(found, request.image).X)
    if output is None or not output.numel():
        return Detail("output", "", "its output is not a tensor", np.zeros((1, 1), np.float32))
    drawn = of_image(output[0], found.shape) if output.ndim > 1 else output
    values, description = mosaic(drawn, request.rows, request.columns)
    return Detail(
        expression="output[0]" if output.ndim > 1 else "output",
        printed=printed(output[0] if output.ndim > 1 else output, request.width),
        description=description,
        values=values,
        shape=tuple(output.shape),
        stats=stats_of(output),
    )


def printed(tensor: torch.Tensor, width: int) -> str:
    """A tensor as PyTorch prints it, in lines of `width` characters. PyTorch's settings stay as they are."""
    before = dict(vars(torch._tensor_str.PRINT_OPTS))
    torch.set_printoptions(  # type: ignore[no-untyped-call]
        profile="default", linewidth=max(20, width), threshold=MOST_PRINTED
    )
    try:
        return str(tensor)
    finally:
        vars(torch._tensor_str.PRINT_OPTS).update(before)


@torch.no_grad()
def _output(model: nn.Module, name: str, X: torch.Tensor) -> torch.Tensor | None:
    """What a module gives the first time that it is called for X; None where that is no tensor. Raises InspectionError
    where X does not reach it."""
    module = dict(model.named_modules(remove_duplicate=False)).get(name)
    if module is None:
        raise InspectionError(f"the network has no module {name!r}")
    given: list[torch.Tensor | None] = []

    def keep(_module: nn.Module, _args: Any, result: Any) -> None:
        tensor = first_tensor(result)
        given.append(None if tensor is None else tensor.detach().clone())

    hook = module.register_forward_hook(keep)
    try:
        in_evaluation(model, X)
    except InspectionError:
        if not given:
            raise
    finally:
        hook.remove()
    if not given:
        raise InspectionError("the image does not reach it")
    return given[0]


def _picture(
    tensor: torch.Tensor, image: tuple[int, ...], rows: int, columns: int
) -> tuple["np.ndarray[Any, np.dtype[np.float32]]", str]:
    """Kernels, or rows as images, where it has such parts; else a map of a matrix, or its numbers in lines."""
    if not tensor.numel():
        return np.zeros((1, 1), np.float32), "no elements"
    try:
        parts, _ = parts_of(tensor, image)
    except InspectionError:
        if tensor.ndim == 2:
            return small(tensor, rows, columns), f"map of {tensor.shape[0]:,} × {tensor.shape[1]:,}"
        return mosaic(tensor.reshape(-1), rows, columns, unit="number")
    return mosaic(parts, rows, columns, unit="row" if tensor.ndim == 2 else "kernel" if tensor.ndim == 4 else "part")
