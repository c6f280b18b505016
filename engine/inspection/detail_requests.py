"""What the worker process is asked about the thing under a cursor: its first values as PyTorch prints them, and a
picture. No torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.inspection.image_requests import ImageRef
from engine.inspection.tensor_refs import FileTensor, TensorRef
from engine.inspection.tensor_stats import TensorStats
from engine.sources import NetworkRef
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class TensorDetailRequest(Request["Detail"]):
    """Of a tensor, such as a parameter or one of a file. The picture has at most `rows` × `columns` values, the printed
    lines `width` characters."""

    handler = "engine.inspection.detail:of_tensor"
    tensor: TensorRef
    rows: int = 0
    columns: int = 0
    width: int = 80


@dataclass(frozen=True)
class ModuleDetailRequest(Request["Detail"]):
    """Of a module's output for one image. The picture has at most `rows` × `columns` values, the printed lines `width`
    characters."""

    handler = "engine.inspection.detail:of_module"
    network: NetworkRef
    image: ImageRef
    module: str  # its name; empty: the whole network
    rows: int = 0
    columns: int = 0
    width: int = 80


@dataclass(frozen=True)
class DifferenceDetailRequest(Request["Detail"]):
    """Of a tensor of one file and its counterpart of another: a DifferenceDetail. The picture has at most `rows` ×
    `columns` values, the printed lines `width` characters."""

    handler = "engine.inspection.difference_detail:compute"
    first: FileTensor
    second: FileTensor
    rows: int = 0
    columns: int = 0
    width: int = 80


@dataclass(frozen=True, eq=False)
class Detail:
    """What is shown of it."""

    expression: str  # in Python: what is printed
    printed: str  # as PyTorch prints it
    description: str  # of the picture
    values: "npt.NDArray[np.float32]"  # the picture, [rows, columns]; NaN: nothing there
    shape: tuple[int, ...] = ()
    stats: TensorStats | None = None  # of a module's output, or of a difference
    histogram: tuple[int, ...] = ()  # of a difference: how many values lie in each part from its lowest to its highest


@dataclass(frozen=True, eq=False)
class DifferenceDetail(Detail):
    """Of the second less the first; and what the two are themselves."""

    first: TensorStats | None = None
    second: TensorStats | None = None
    largest: tuple[int, ...] | None = None  # the index of the largest finite difference; None: there is none
    there: tuple[float, float] | None = None  # the values of the first and the second there; None: complex
