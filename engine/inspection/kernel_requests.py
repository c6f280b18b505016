"""What a lab's kernel is asked about the person's own variables. No torch."""

from dataclasses import dataclass
from typing import Literal

from engine.inspection.autograd_requests import GraphNode
from engine.inspection.tensor_stats import TensorStats
from engine.worker.request import Request

Mark = Literal["", "new", "changed", "in place"]  # against how it was before the last cell


@dataclass(frozen=True)
class Variable:
    """A name of the person's. What does not apply is None, or empty."""

    name: str
    type: str  # such as Tensor, ndarray, int, Linear
    text: str = ""  # its value, in one short line
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    device: str = ""
    requires_grad: bool | None = None
    has_grad: bool | None = None
    grad_fn: str = ""
    leaf: bool | None = None
    version: int | None = None  # PyTorch's version counter, which counts changes in place
    mark: Mark = ""
    storage: int | None = None  # which of `Variables.storages`
    strides: tuple[int, ...] | None = None  # in elements
    offset: int | None = None  # in elements of its own dtype
    size: int | None = None  # bytes of its elements
    opens: str = ""  # the expression under which the tensor view opens it; "": it can't


@dataclass(frozen=True)
class Storage:
    """Memory that more than one name shares."""

    names: tuple[str, ...]
    size: int  # bytes
    device: str


@dataclass(frozen=True)
class Variables:
    """The kernel's names, the newest last, and the memory that they share."""

    count: int  # of the kernel's executions
    variables: tuple[Variable, ...]
    storages: tuple[Storage, ...]  # only those of several names
    left_out: int = 0  # names beyond those listed


@dataclass(frozen=True)
class VariablesRequest(Request[Variables]):
    """All names. Marks compare with the last request that had another `after`."""

    handler = "engine.inspection.kernel_variables:compute"
    after: int  # runs that have ended so far


@dataclass(frozen=True)
class SavedTensor:
    """What a node of the graph keeps for backward."""

    name: str  # such as self, or result
    shape: tuple[int, ...]
    dtype: str
    size: int  # bytes
    variable: str = ""  # the person's name for it
    modified: bool = False  # changed in place since: a backward would raise. Then only the name is known
    hooked: bool = False  # the person's own hooks keep it, such as save_on_cpu. Then only the name is known


@dataclass(frozen=True)
class KernelGraphNode:
    """A node of the autograd graph of a variable."""

    node: GraphNode
    saved: tuple[SavedTensor, ...] = ()
    freed: bool = False  # a backward has freed what it kept


@dataclass(frozen=True)
class LeafGradient:
    """A leaf of the graph, and its gradient."""

    name: str
    shape: tuple[int, ...]
    text: str  # of the gradient, in one short line; "None"
    gradient: TensorStats | None = None
    opens: str = ""  # the expression under which the tensor view opens the gradient


@dataclass(frozen=True)
class KernelGraph:
    """The graph that leads to a tensor. `why`: why there is none."""

    name: str
    nodes: tuple[KernelGraphNode, ...]
    leaves: tuple[LeafGradient, ...]
    saved_bytes: int = 0
    freed: bool = False
    why: str = ""


@dataclass(frozen=True)
class KernelGraphRequest(Request[KernelGraph]):
    """`name`: a variable's, or an expression as `Variable.opens`."""

    handler = "engine.inspection.kernel_graph:compute"
    name: str


@dataclass(frozen=True)
class EvaluateRequest(Request["Evaluated"]):
    """The value of an expression of the person's, which no count of executions and no `_` remembers."""

    handler = "engine.inspection.kernel_values:evaluate"
    expression: str


@dataclass(frozen=True)
class Evaluated:
    """`value`: as Python's repr spells it; None where it raised `error`, the exception's name, with `words`."""

    value: str | None
    error: str = ""
    words: str = ""
