"""What the worker process is asked about a network's modules and parameters. No torch."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from engine.home import RunFolder
from engine.inspection.tensor_refs import OptimizerState, Parameter
from engine.inspection.tensor_stats import TensorStats
from engine.sources import NetworkRef, Source
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class SummaryRequest(Request["ModelSummary"]):
    """A network's modules."""

    handler = "engine.inspection.summary:compute"
    network: NetworkRef


@dataclass(frozen=True)
class ModuleRow:
    """One module. `own` and `parameters`: numbers in its own parameters, and with those of the modules inside."""

    name: str
    type: str
    extra: str  # its arguments, as PyTorch prints them
    depth: int
    own: int
    parameters: int
    trainable: int
    training: bool
    device: str
    dtype: str
    leaf: bool  # it has no modules inside
    inputs: str | None = None  # shapes of a batch of one; None: the image did not reach it
    outputs: str | None = None
    multiply_adds: int = 0  # of one image; torch's own flop counter counts two operations for each
    calls: int = 0


@dataclass(frozen=True)
class Totals:
    """Over the whole network."""

    parameters: int
    trainable: int
    buffers: int  # numbers in them
    bytes: int  # of parameters and buffers
    multiply_adds: int


@dataclass(frozen=True)
class ModelSummary:
    """A network's modules, in the order of `named_modules`."""

    title: str
    printed: str  # as PyTorch prints the model
    shape: tuple[int, ...]  # of one image: channels, height, width
    classes: tuple[str, ...]
    modules: tuple[ModuleRow, ...]
    totals: Totals
    problem: str  # why an image does not pass through it, or empty
    valueless: bool  # on the meta device
    freeze: str  # what is frozen, as in `TrainConfig.freeze`
    folder: RunFolder | None  # of its run

    def to_dict(self) -> dict[str, Any]:
        """For JSON (docs/events.md)."""
        return asdict(self) | {"folder": str(self.folder or "")}


@dataclass(frozen=True)
class ParametersRequest(Request["ParameterTable"]):
    """Every parameter and buffer of a network."""

    handler = "engine.inspection.parameters:compute"
    network: NetworkRef
    before: Source | None = None  # the same network's earlier weights, to tell the change


@dataclass(frozen=True)
class TensorRow:
    """One tensor of a network."""

    name: str
    kind: str  # "parameter", "buffer", "optimizer"
    dtype: str
    device: str
    stats: TensorStats | None = None  # None: a lazy module's, that has no shape yet
    same_as: str = ""  # the name under which this tensor stands above already
    change: float | None = None  # |after - before| / |before| (L2), against the earlier weights
    state_of: str = ""  # of an optimizer's state: the parameter,
    state_key: str = ""  # and the key, such as exp_avg

    def ref(self, network: NetworkRef) -> Parameter | OptimizerState:
        """What to open it by."""
        if self.kind == "optimizer":
            return OptimizerState(network, self.state_of, self.state_key)
        return Parameter(network, self.name)

    def to_dict(self) -> dict[str, Any]:
        """Flat, for JSON and CSV."""
        stats = {"shape": None} if self.stats is None else asdict(self.stats)
        flat = {"name": self.name, "kind": self.kind, "same_as": self.same_as, "dtype": self.dtype, **stats}
        return flat | {"device": self.device} | ({} if self.change is None else {"change": self.change})


@dataclass(frozen=True, eq=False)
class ParameterTable:
    """Parameters first, in the order of `named_parameters`, then buffers, then a checkpoint's optimizer state."""

    title: str
    tensors: tuple[TensorRow, ...]
    valueless: bool
    histograms: "npt.NDArray[np.int64]"  # [tensors, BINS]

    def to_dict(self) -> dict[str, Any]:
        """For JSON (docs/events.md)."""
        tensors = [tensor.to_dict() for tensor in self.tensors]
        return {"title": self.title, "tensors": tensors, "valueless": self.valueless}
