"""What the worker process is asked about a training step, done one call at a time. No torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.inspection.image_requests import ImagesRef
from engine.inspection.tensor_stats import TensorStats
from engine.sources import NetworkRef
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

KINDS = ("forward", "loss", "backward", "vjp", "zero_grad", "step")


@dataclass(frozen=True)
class Step:
    """One call. `kind`: one of KINDS; the other fields belong to the kinds named beside them."""

    kind: str
    no_grad: bool = False  # forward
    detach: str = ""  # forward: after which module
    retain_graph: bool = False  # backward, vjp
    vector: tuple[float, ...] = ()  # vjp: one number a class


@dataclass(frozen=True)
class Workbench:
    """A copy of a network with a batch, after these steps from the start."""

    network: NetworkRef
    images: ImagesRef
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Element:
    """One number of a parameter."""

    parameter: str
    index: tuple[int, ...]


@dataclass(frozen=True)
class AutogradRequest(Request["AutogradState"]):
    """What the steps leave behind."""

    handler = "engine.inspection.autograd:compute"
    bench: Workbench
    watch: Element | None = None


@dataclass(frozen=True)
class StepReport:
    """What a step did, or why PyTorch refused it, in PyTorch's own words."""

    kind: str
    result: str = ""
    error: str = ""


@dataclass(frozen=True)
class GraphNode:
    """A node of the autograd graph."""

    op: str
    shape: tuple[int, ...] | None  # of what it made
    leaf: str  # the parameter's name, where the graph ends in one
    indent: int
    again: bool  # the node stands above already


@dataclass(frozen=True)
class Moved:
    """The number that the last optimizer step changed most."""

    index: tuple[int, ...]
    before: float
    after: float


@dataclass(frozen=True)
class GradientRow:
    """A parameter and its gradient."""

    name: str
    shape: tuple[int, ...]
    requires_grad: bool
    weight: float  # its L2 norm
    gradient: TensorStats | None  # None: .grad is None
    before: float | None = None  # the gradient's norm before the last step
    largest: tuple[int, ...] | None = None  # index of the gradient's largest magnitude
    ratio: float | None = None  # |Δw| / |w| of the last optimizer step
    moved: Moved | None = None


@dataclass(frozen=True)
class Watched:
    """One number that is watched."""

    element: Element
    before: float | None  # before the last optimizer step
    now: float
    gradient: float | None


@dataclass(frozen=True, eq=False)
class AutogradState:
    """The graph, and every parameter's gradient."""

    title: str
    optimizer: str  # as PyTorch writes it
    shape: tuple[int, ...]  # of X
    classes: int
    steps: tuple[StepReport, ...]
    loss: float | None
    loss_now: float | None  # of the same batch, after an optimizer step
    graph: tuple[GraphNode, ...]  # see `autograd.graph_of`
    freed: bool  # by a backward
    parameters: tuple[GradientRow, ...]
    modules: tuple[str, ...]  # whose output can be detached
    watched: Watched | None
    histograms: "npt.NDArray[np.int64]"  # [parameters, BINS], of the gradients


@dataclass(frozen=True)
class GradientCheckRequest(Request["GradientCheck"]):
    """One gradient against central differences, of the network before any step."""

    handler = "engine.inspection.autograd:check_gradient"
    network: NetworkRef
    images: ImagesRef
    element: Element


@dataclass(frozen=True)
class CentralDifference:
    """(loss(w + h) - loss(w - h)) / 2h, in float64."""

    h: float
    slope: float
    relative_error: float  # against the gradient in float64


@dataclass(frozen=True)
class GradientCheck:
    """The gradient that backward() gives, and its check."""

    gradient: float  # float32
    exact: float  # float64
    differences: tuple[CentralDifference, ...]
