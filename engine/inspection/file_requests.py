"""What the worker process is asked about the values in a file of weights. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.inspection.tensor_stats import TensorStats
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class FileStatsRequest(Request["FileStatsProgress"]):
    """Some milliseconds of work on the statistics of a file's tensors: to be asked again until `done`, so that other
    requests are answered in between."""

    handler = "engine.inspection.file_stats:continue_stats"
    file: Path
    filter: str = ""  # only tensors with this in their names
    restart: bool = False  # begin with the first tensor again


@dataclass(frozen=True, eq=False)
class FileStatsProgress:
    """How far the work is, and what is new since the last request."""

    done: bool
    share: float  # of the tensors, 0 to 1
    stats: Mapping[str, TensorStats | None]  # of n tensors by their names; None: the values can't be read
    histograms: "npt.NDArray[np.int64]"  # [n, BINS], in the order of `stats`
