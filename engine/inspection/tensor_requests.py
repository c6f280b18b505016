"""What the worker process is asked about one tensor: a window of its values, a map, statistics, pictures. No torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.inspection.tensor_refs import TensorRef
from engine.inspection.tensor_stats import TensorStats
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class TensorRequest(Request["TensorWindow"]):
    """A window of a tensor, or of a view of it."""

    handler = "engine.inspection.tensors:compute"
    tensor: TensorRef
    view: str = ""  # as typed, see `views.evaluate`
    page: int = 0  # which of the matrices in the last two dimensions
    row: int = 0  # the window of that matrix
    column: int = 0
    rows: int = 0
    columns: int = 0
    map_rows: int = 0  # the size of its map, at most; 0: no map
    map_columns: int = 0
    whole: bool = False  # also the statistics and the histogram


@dataclass(frozen=True)
class TensorAbout:
    """What PyTorch knows of a tensor besides its values. None: not of this layout."""

    dtype: str
    device: str
    layout: str
    stride: tuple[int, ...] | None
    offset: int | None
    contiguous: bool | None
    storage_bytes: int | None
    shares: bool  # the storage of the tensor that it is a view of
    requires_grad: bool
    grad_fn: str  # the class of the backward function that made it; "" for none
    leaf: bool
    number: str = ""  # the expression gives a Python number of this type, no tensor: "float", "int" or "bool"


@dataclass(frozen=True)
class ExactNumber:
    """A number of a tensor that has few, or one part of a complex one. What is empty does not apply to its type."""

    index: tuple[int, ...]
    part: str  # "real" or "imag"; empty: all of it
    value: str  # in the fewest decimal digits that are read back as it
    exact: str = ""  # all decimal digits of a float
    bits: tuple[str, ...] = ()  # of a float its sign, exponent and fraction; else all of them in one
    code: str = ""  # the bits in hexadecimal
    hexadecimal: str = ""  # a float as C's %a writes it
    below: str = ""  # the next smaller value that the type has
    above: str = ""
    step: str = ""  # from it to the next larger one
    limits: str = ""  # the values of the type
    others: tuple[tuple[str, str, str], ...] = ()  # in other types: the type, the value there, how far that is off
    around: tuple[tuple[str, str], ...] = ()  # values of the type around it, the largest first, with their bits


@dataclass(frozen=True, eq=False)
class TensorWindow:
    """The window, and what is known of the whole view."""

    shape: tuple[int, ...]
    pages: int  # matrices
    height: int  # of the matrix
    width: int
    expression: str  # in Python
    about: TensorAbout
    cells: tuple[tuple[str, ...], ...]  # the window's values, rounded as PyTorch rounds them
    stats: TensorStats | None = None  # None: not asked for, or large (ask a StatsRequest)
    histogram: "npt.NDArray[np.int64] | None" = None  # [BINS]
    map: "npt.NDArray[np.float32] | None" = None  # [rows, columns]
    numbers: tuple[ExactNumber, ...] = ()  # all, where the view has one or two


@dataclass(frozen=True)
class StatsRequest(Request["StatsProgress"]):
    """Some milliseconds of work on the statistics of a large tensor: to be asked again until `done`."""

    handler = "engine.inspection.tensors:continue_stats"
    tensor: TensorRef
    view: str = ""


@dataclass(frozen=True, eq=False)
class StatsProgress:
    """How far the work is."""

    done: bool
    share: float  # 0 to 1
    stats: TensorStats | None  # once done
    histogram: "npt.NDArray[np.int64]"  # [BINS], so far


@dataclass(frozen=True)
class PicturesRequest(Request["TensorPictures"]):
    """Little pictures of the parts of a tensor, or of a view of it, from `first` on: a convolution's kernels, the
    matrices of three dimensions, or rows that have as many numbers as an image has pixels."""

    handler = "engine.inspection.tensors:pictures"
    tensor: TensorRef
    first: int
    count: int
    view: str = ""  # as typed, see `views.evaluate`


@dataclass(frozen=True, eq=False)
class TensorPictures:
    """The parts as pictures."""

    total: int
    captions: tuple[str, ...]
    limit: float  # the largest finite magnitude of all parts, so that all pictures get the same scale
    signed: bool  # some value of some part is below 0, or not finite: for all pictures the same colours
    odd: bool  # some value of some part is not finite
    pictures: "npt.NDArray[np.float32]"  # [n, h, w]
