"""Which tensor is meant: a network's parameter, an optimizer's state, an activation, a batch, a file's. No torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.inspection.autograd_requests import Workbench
from engine.inspection.batch_requests import BatchRequest
from engine.inspection.forward_requests import Side
from engine.inspection.image_requests import ImageRef
from engine.sources import NetworkRef


@dataclass(frozen=True)
class Parameter:
    """A network's parameter or buffer."""

    network: NetworkRef
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class OptimizerState:
    """What a checkpoint's optimizer keeps for a parameter."""

    network: NetworkRef
    parameter: str
    key: str  # such as exp_avg

    def __str__(self) -> str:
        return f"optimizer.state[{self.parameter}].{self.key}"


@dataclass(frozen=True)
class ModelInput:
    """An image as the network gets it: X [1, C, H, W]."""

    network: NetworkRef
    image: ImageRef

    def __str__(self) -> str:
        return "X"


@dataclass(frozen=True)
class Activation:
    """The input or output of a call of a module, for one image."""

    network: NetworkRef
    image: ImageRef
    stage: int  # which call, of those of modules without modules inside
    side: Side

    def __str__(self) -> str:
        return f"{self.side} of stage {self.stage}"


@dataclass(frozen=True)
class BatchTensor:
    """Of a batch: `X`, or `y`."""

    batch: BatchRequest
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class StepTensor:
    """A parameter, after the steps on a workbench. `which`: "grad", "now", or "before" (the last optimizer step)."""

    bench: Workbench
    which: str
    parameter: str

    def __str__(self) -> str:
        return f"{self.parameter}.grad" if self.which == "grad" else self.parameter


@dataclass(frozen=True)
class FileTensor:
    """A tensor of a file of weights."""

    path: Path
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class FileDifference:
    """The tensor of the second file less that of the first, in float32; in complex64 where one is complex."""

    first: FileTensor
    second: FileTensor

    def __str__(self) -> str:
        return self.second.name


@dataclass(frozen=True)
class KernelTensor:
    """Of a lab's kernel, where alone it can be found. `expression`: as the person writes it, such as `w.grad`."""

    expression: str

    def __str__(self) -> str:
        return self.expression


TensorRef = (
    Parameter
    | OptimizerState
    | ModelInput
    | Activation
    | BatchTensor
    | StepTensor
    | FileTensor
    | FileDifference
    | KernelTensor
)
