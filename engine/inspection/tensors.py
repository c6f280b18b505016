"""Any tensor of a network or a file: a window of its values, a map of all, statistics, and pictures of its parts."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.errors import InspectionError
from engine.inspection import tensor_lookup, views
from engine.inspection.exact_numbers import exact_numbers, of_python
from engine.inspection.expressions import spelled
from engine.inspection.kernel_namespace import version_of
from engine.inspection.running_stats import RunningStats
from engine.inspection.samples import NO_VALUES
from engine.inspection.stats import as_real, histogram, stats_of
from engine.inspection.tensor_lookup import tensor_of
from engine.inspection.tensor_requests import (
    PicturesRequest,
    StatsProgress,
    StatsRequest,
    TensorAbout,
    TensorPictures,
    TensorRequest,
    TensorWindow,
)
from engine.progress import Progress

AT_ONCE = 1 << 20  # elements whose statistics come with the tensor itself
MAP_PARTS = 8  # numbers along each side that a cell of a map of a large matrix is the mean of
MAP_MOST = 512  # rows and columns of a map
LONG = 4  # times as many rows as columns, or as many columns as rows
LARGEST_CELL = 16  # pixels along a side of one number of a small matrix


def compute(home: Path, request: TensorRequest, progress: Progress) -> TensorWindow:
    """The worker process's part. Raises EngineError."""
    tensor, written, _ = tensor_of(home, request.tensor)
    evaluated = _evaluated(tensor, version_of(tensor), request.view)
    view = evaluated.tensor
    matrix, pages = page(view, request.page)
    height, width = matrix.shape
    window = matrix[request.row : request.row + request.rows, request.column : request.column + request.columns]
    found = TensorWindow(
        shape=tuple(view.shape),
        pages=pages,
        height=height,
        width=width,
        expression=spelled(written, request.view),
        about=about(tensor, evaluated),
        cells=() if view.is_meta else _cells_of(evaluated, window),
        numbers=exact_numbers(view) if evaluated.number is None else of_python(evaluated.number),
    )
    if request.whole:
        large = view.numel() > AT_ONCE and not view.is_meta and view.layout == torch.strided
        counts = np.zeros(1, np.int64) if large or view.is_meta else histogram(view)
        found = replace(found, stats=None if large else stats_of(view), histogram=counts)
    if request.map_rows and not view.is_meta and matrix.numel():
        found = replace(found, map=small(matrix, request.map_rows, request.map_columns))
    return found


def continue_stats(home: Path, request: StatsRequest, progress: Progress) -> StatsProgress:
    """Some milliseconds of the work on the statistics of a tensor that is too large for them to come at once."""
    tensor, _, _ = tensor_of(home, request.tensor)
    work = _running(tensor, version_of(tensor), request.view)
    done = work.turn()
    return StatsProgress(done, work.share, work.stats() if done else None, work.histogram)


def pictures(home: Path, request: PicturesRequest, progress: Progress) -> TensorPictures:
    """Little pictures of the parts of a tensor or of a view: of a convolution's kernels, [out, in, h, w], one for each
    output and input; of [n, h, w] each matrix; of a matrix [n, pixels] whose pixels are those of an image, one a row;
    of an image's own shape [h, w], or of its pixels in a row, that one. Raises InspectionError where it has no such
    parts."""
    tensor, _, image = tensor_of(home, request.tensor)
    if tensor.is_meta:
        raise InspectionError(f"there are no pictures of it: {NO_VALUES}")
    parts, caption = parts_of(_evaluated(tensor, version_of(tensor), request.view).tensor, image)
    chosen = parts[request.first : request.first + request.count].float()
    odd = not bool(parts.isfinite().all())
    return TensorPictures(
        total=len(parts),
        captions=tuple(caption(at) for at in range(request.first, request.first + len(chosen))),
        limit=float(parts.nan_to_num(0.0, 0.0, 0.0).abs().max()) if parts.numel() else 0.0,
        signed=odd or bool((parts < 0).any()),
        odd=odd,
        pictures=chosen.cpu().numpy(),
    )


def forget() -> None:
    """Keep nothing of the tensors of a lab's kernel."""
    _evaluated.cache_clear()
    _running.cache_clear()
    tensor_lookup.forget()


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


def about(tensor: torch.Tensor, evaluated: views.View) -> TensorAbout:
    """What PyTorch knows of a view of a tensor besides its values."""
    view = evaluated.tensor
    strided = view.layout == torch.strided
    return TensorAbout(
        dtype=str(view.dtype),
        device=str(view.device),
        layout=str(view.layout),
        stride=view.stride() if strided else None,
        offset=int(view.storage_offset()) if strided else None,
        contiguous=view.is_contiguous() if strided else None,
        storage_bytes=view.untyped_storage().nbytes() if strided and not view.is_meta else None,
        shares=strided and not view.is_meta and _shares(tensor, view),
        requires_grad=evaluated.requires_grad,
        grad_fn=evaluated.grad_fn,
        leaf=evaluated.leaf,
        number="" if evaluated.number is None else type(evaluated.number).__name__,
    )


def form_of(window: torch.Tensor) -> str:
    """How PyTorch prints the numbers that it shows of a tensor, here those of a window: `.4e` where the largest
    magnitude is over 1e8 or 1000 times the least but 0, or the least below 1e-4; else `.0f` where all are whole, or
    `.4f` (`torch.set_printoptions`, its default)."""
    if not window.numel() or not window.is_floating_point():
        return ".4f"
    values = window.double()
    finite = values[torch.isfinite(values)]
    magnitudes = finite.abs()[finite != 0]
    if not magnitudes.numel():
        return ".0f"
    low, high = float(magnitudes.min()), float(magnitudes.max())
    if high / low > 1000 or high > 1e8 or low < 1e-4:
        return ".4e"
    return ".0f" if bool((finite == finite.ceil()).all()) else ".4f"


def cells(window: torch.Tensor, form: str) -> tuple[tuple[str, ...], ...]:
    """The values of a window, real ones in `form`, as `form_of` gives it."""
    if not window.numel():
        return ()
    if window.is_complex():
        return tuple(tuple(f"{value:.4f}" for value in row) for row in window.tolist())
    if not window.is_floating_point():
        return tuple(tuple(str(value) for value in row) for row in window.tolist())
    return tuple(tuple(_plain(value, form) for value in row) for row in window.double().tolist())


def small(matrix: torch.Tensor, rows: int, columns: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """The matrix in at most `rows` × `columns` cells, float32, each the mean of what it covers, or NaN: of a large one,
    of MAP_PARTS × MAP_PARTS numbers of that. A small one is enlarged by a whole number; one that is much longer than
    wide, or wider than long, by one of its own along each side, since it would be a thread."""
    if matrix.numel() > AT_ONCE:
        matrix = matrix[
            :: max(1, matrix.shape[0] // (MAP_PARTS * rows)), :: max(1, matrix.shape[1] // (MAP_PARTS * columns))
        ]
    real = as_real(matrix).reshape(matrix.shape).float()
    height, width = min(rows, MAP_MOST, matrix.shape[0]), min(columns, MAP_MOST, matrix.shape[1])
    found: np.ndarray[Any, np.dtype[np.float32]] = (
        functional.adaptive_avg_pool2d(real[None, None], (height, width))[0, 0].cpu().numpy()
    )
    down, across = (max(1, min(times, LARGEST_CELL)) for times in (rows // height, columns // width))
    if max(matrix.shape) < LONG * min(matrix.shape):
        down = across = min(down, across)
    return found.repeat(down, 0).repeat(across, 1)


def _cells_of(evaluated: views.View, window: torch.Tensor) -> tuple[tuple[str, ...], ...]:
    """A Python number as Python writes it, values as PyTorch prints those in view."""
    return ((repr(evaluated.number),),) if evaluated.number is not None else cells(window, form_of(window))


@lru_cache(maxsize=1)
def _evaluated(tensor: torch.Tensor, _version: int | None, text: str) -> views.View:
    """A view, made once for all the windows of it that are asked for."""
    return views.evaluate(tensor, text)


@lru_cache(maxsize=1)
def _running(tensor: torch.Tensor, version: int | None, text: str) -> RunningStats:
    return RunningStats(_evaluated(tensor, version, text).tensor)


def parts_of(tensor: torch.Tensor, image: tuple[int, ...]) -> tuple[torch.Tensor, Callable[[int], str]]:
    """The parts [n, h, w], and what each is called."""
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_complex():
        tensor = tensor.abs()
    if not tensor.is_floating_point() or tensor.element_size() < 2:
        tensor = tensor.float()
    shape = tuple(tensor.shape)
    if len(shape) == 4:
        outs, ins, height, width = shape
        flat = tensor.reshape(outs * ins, height, width)
        return flat, str if 1 in (ins, outs) else (lambda at: f"{at // ins}←{at % ins}")
    if len(shape) == 3:
        return tensor, str
    if len(image) == 3:
        channels, height, width = image
        if shape == (height, width):
            return tensor[None], str
        if 0 < len(shape) <= 2 and shape[-1] == math.prod(image):
            parts = tensor.reshape(-1, height, width)
            return parts, str if channels == 1 else (lambda at: f"{at // channels} {'RGB'[at % channels]}")
    raise InspectionError(
        f"a tensor of shape {list(shape)} is shown as pictures only where it has three or four dimensions, such as a "
        f"convolution's weight, or as many columns as an image has numbers"
    )


def _shares(tensor: torch.Tensor, view: torch.Tensor) -> bool:
    return tensor.layout == torch.strided and view.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()


def _plain(value: float, form: str) -> str:
    if math.isnan(value) or math.isinf(value):
        return str(value)
    return format(value, form) + ("." if form == ".0f" else "")
