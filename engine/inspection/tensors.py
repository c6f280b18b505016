"""Any tensor of a network: a window of its values, a map of all, its figures, and little pictures of its parts."""

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.errors import InspectionError
from engine.inspection import views
from engine.inspection.parameters import as_real, figures, histogram
from engine.inspection.running_stats import RunningStats
from engine.inspection.tensor_refs import tensor_of
from engine.progress import Progress
from engine.worker.request import Answer

AT_ONCE = 1 << 20  # elements whose figures come with the tensor itself
MAP_PARTS = 8  # numbers along each side that a cell of a map of a large matrix is the mean of
MAP_MOST = 512  # rows and columns of a map
LARGEST_CELL = 8  # pixels along a side of one number of a small matrix


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """One tensor of a network.

    `source` and what `networks.network` takes; `name` and what it needs (`subjects.subject`); `view`: as typed
    (`views.apply`); `page`: which of the matrices that lie in the last two dimensions; `row`, `column`, `rows`,
    `columns`: the window of that matrix; `map_rows`, `map_columns`: the size of its map, 0 for none; `whole`: also the
    figures, and the histogram.

    The answer: `shape`, `pages`, `height`, `width`, `expression`, `about` (what PyTorch knows of the view besides its
    values), `cells` (the window's values, as PyTorch rounds them), and with `whole` the `figures`. Arrays `map` float32
    [rows, columns] and `histogram` int64.
    """
    tensor, written, _ = tensor_of(home, values)
    view = _applied(tensor, tensor._version, str(values.get("view", "")))
    matrix, pages = page(view, int(values.get("page", 0)))
    height, width = matrix.shape
    row, column = int(values.get("row", 0)), int(values.get("column", 0))
    window = matrix[row : row + int(values.get("rows", 0)), column : column + int(values.get("columns", 0))]
    answer: dict[str, Any] = {
        "shape": list(view.shape), "pages": pages, "height": height, "width": width,
        "expression": views.spelled(written, str(values.get("view", ""))),
        "about": about(tensor, view), "cells": [] if view.is_meta else cells(window, form_of(view)),
    }  # fmt: skip
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    if values.get("whole"):
        large = view.numel() > AT_ONCE and not view.is_meta and view.layout == torch.strided
        answer["figures"] = None if large else figures(view)
        arrays["histogram"] = np.zeros(1, np.int64) if large or view.is_meta else histogram(view)
    if values.get("map_rows") and not view.is_meta and matrix.numel():
        arrays["map"] = small(matrix, int(values["map_rows"]), int(values["map_columns"]))
    return Answer(answer, arrays)


def figures_of(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """The same request, of a tensor that is too large for its figures to come at once: some milliseconds of the work.

    To be asked again until `done`; `share` of the work, 0 to 1; then `figures`, and array `histogram`.
    """
    tensor, _, _ = tensor_of(home, values)
    work = _running(tensor, tensor._version, str(values.get("view", "")))
    done = work.turn()
    return Answer(
        {"done": done, "share": work.share, "figures": work.told() if done else None}, {"histogram": work.histogram}
    )


def pictures(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """Little pictures of a tensor's parts: of a convolution's kernels, [out, in, h, w], one for each output and input;
    of a matrix [n, pixels] whose pixels are those of an image, one a row.

    `source`, `name`, `first`, `count`. The answer: `total`, `captions`, `limit` (the largest magnitude: of all pictures
    the same scale); array `pictures` float32 [n, h, w]. Raises InspectionError where it has no such parts.
    """
    tensor, _, image = tensor_of(home, values)
    if tensor.is_meta:
        raise InspectionError("this network has no values: it is on the meta device")
    first, count = int(values["first"]), int(values["count"])
    parts, captions = _parts(tensor.detach(), image)
    chosen = parts[first : first + count].float()
    return Answer(
        {
            "total": len(parts), "captions": [captions(at) for at in range(first, first + len(chosen))],
            "limit": float(parts.abs().max()) if parts.numel() else 0.0,
        },
        {"pictures": chosen.numpy()},
    )  # fmt: skip


def page(view: torch.Tensor, number: int) -> tuple[torch.Tensor, int]:
    """The matrix `number` of the last two dimensions, and how many there are. A vector is one row, a number a cell."""
    if view.layout != torch.strided:
        view = view.to_dense()
    if view.is_quantized:
        view = view.dequantize()
    if view.ndim < 2:
        return view.reshape(1, -1), 1
    leading = view.shape[:-2]
    pages = math.prod(leading)
    if not pages:
        return view.reshape(-1, view.shape[-1])[:0], 1
    matrix = view
    for dimension, index in zip(leading, np.unravel_index(number % pages, leading) if leading else (), strict=True):
        assert dimension
        matrix = matrix[int(index)]
    return matrix, pages


def about(tensor: torch.Tensor, view: torch.Tensor) -> dict[str, Any]:
    """What PyTorch knows of a tensor besides its values."""
    strided = view.layout == torch.strided
    return {
        "dtype": str(view.dtype), "device": str(view.device), "layout": str(view.layout),
        "stride": list(view.stride()) if strided else None,
        "offset": view.storage_offset() if strided else None,
        "contiguous": view.is_contiguous() if strided else None,
        "storage_bytes": view.untyped_storage().nbytes() if strided and not view.is_meta else None,
        "shares": strided and not view.is_meta and _shares(tensor, view),
        "requires_grad": tensor.requires_grad, "grad_fn": type(tensor.grad_fn).__name__ if tensor.grad_fn else None,
        "leaf": tensor.is_leaf,
    }  # fmt: skip


def form_of(view: torch.Tensor) -> str:
    """How PyTorch prints the numbers of a tensor: `.4e` where the largest magnitude is over 1e8 or 1000 times the least
    but 0, or the least below 1e-4; else `.0f` where all are whole, or `.4f` (`torch.set_printoptions`, its default). It
    looks at all, or, of more than 1000, at the three first and last of each dimension."""
    if view.is_meta or not view.numel() or not (view.is_floating_point() or view.is_quantized):
        return ".4f"
    sample = view.detach()
    if sample.is_quantized:
        sample = sample.dequantize()
    if sample.layout != torch.strided:
        sample = sample.to_dense()
    if sample.numel() > 1000:
        for dimension, size in enumerate(sample.shape):
            if size > 6:
                ends = [sample.narrow(dimension, 0, 3), sample.narrow(dimension, size - 3, 3)]
                sample = torch.cat([end.double() for end in ends], dimension)
    values = sample.double()
    finite = values[torch.isfinite(values)]
    magnitudes = finite.abs()[finite != 0]
    if not magnitudes.numel():
        return ".0f"
    low, high = float(magnitudes.min()), float(magnitudes.max())
    if high / low > 1000 or high > 1e8 or low < 1e-4:
        return ".4e"
    return ".0f" if bool((finite == finite.ceil()).all()) else ".4f"


def cells(window: torch.Tensor, form: str) -> list[list[str]]:
    """The values of a window, real ones in `form`, as `form_of` gives it."""
    if not window.numel():
        return []
    if window.is_complex():
        return [[f"{value:.4f}" for value in row] for row in window.tolist()]
    if not window.is_floating_point():
        return [[str(value) for value in row] for row in window.tolist()]
    return [[_plain(value, form) for value in row] for row in window.double().tolist()]


def small(matrix: torch.Tensor, rows: int, columns: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """The matrix in at most `rows` × `columns` cells, float32, each the mean of what it covers, or NaN: of a large one,
    of MAP_PARTS × MAP_PARTS numbers of that. A small one is enlarged by a whole number."""
    if matrix.numel() > AT_ONCE:
        matrix = matrix[
            :: max(1, matrix.shape[0] // (MAP_PARTS * rows)), :: max(1, matrix.shape[1] // (MAP_PARTS * columns))
        ]
    real = as_real(matrix).reshape(matrix.shape).float()
    height, width = min(rows, MAP_MOST, matrix.shape[0]), min(columns, MAP_MOST, matrix.shape[1])
    found: np.ndarray[Any, np.dtype[np.float32]] = (
        functional.adaptive_avg_pool2d(real[None, None], (height, width))[0, 0].cpu().numpy()
    )
    scale = max(1, min(rows // height, columns // width, LARGEST_CELL))
    return found.repeat(scale, 0).repeat(scale, 1)


@lru_cache(maxsize=1)
def _applied(tensor: torch.Tensor, _version: int, text: str) -> torch.Tensor:
    """A view, made once for all the windows of it that are asked for."""
    return views.apply(tensor, text)


@lru_cache(maxsize=1)
def _running(tensor: torch.Tensor, version: int, text: str) -> RunningStats:
    return RunningStats(_applied(tensor, version, text))


def _parts(tensor: torch.Tensor, image: tuple[int, ...]) -> tuple[torch.Tensor, Any]:
    if tensor.ndim == 4:
        outs, ins, height, width = tensor.shape
        flat = tensor.reshape(outs * ins, height, width)
        return flat, (lambda at: str(at)) if 1 in (ins, outs) else (lambda at: f"{at // ins}←{at % ins}")
    if tensor.ndim == 2 and len(image) == 3 and tensor.shape[1] == math.prod(image):
        channels, height, width = image
        parts = tensor.reshape(len(tensor) * channels, height, width)
        return parts, (lambda at: str(at)) if channels == 1 else (lambda at: f"{at // channels} {'RGB'[at % channels]}")
    raise InspectionError(
        f"a tensor of shape {list(tensor.shape)} is shown as pictures only where it is a convolution's weight, "
        f"or a matrix with as many columns as an image has numbers"
    )


def _shares(tensor: torch.Tensor, view: torch.Tensor) -> bool:
    return tensor.layout == torch.strided and view.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()


def _plain(value: float, form: str) -> str:
    if math.isnan(value) or math.isinf(value):
        return str(value)
    return format(value, form) + ("." if form == ".0f" else "")
