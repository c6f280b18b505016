"""What the worker process is asked about one image's forward pass: its stages, sums, and saliency. No torch."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from engine.inspection.image_requests import ImageRef
from engine.inspection.tensor_stats import TensorStats
from engine.sources import NetworkRef
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Bytes

Side = Literal["input", "output"]  # of a call of a module: its first input, or its output


@dataclass(frozen=True)
class ForwardRequest(Request["ForwardPass"]):
    """One image through a network in evaluation mode."""

    handler = "engine.inspection.forward:compute"
    network: NetworkRef
    image: ImageRef


@dataclass(frozen=True)
class StageRow:
    """One call of a module without modules inside."""

    name: str
    type: str
    extra: str  # its arguments, as PyTorch prints them
    before: str  # the input's shape
    after: str  # the output's
    stats: TensorStats | None = None  # of the output; None: no tensor
    largest: tuple[tuple[tuple[int, ...], float], ...] = ()  # the output's five largest: index, value
    silent: float | None = None  # after a ReLU and its like: the fraction of units that are 0 for this image,
    dead: float | None = None  # and for all of `forward.MANY` test images


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What happens to the image on its way. Without logits, they and what follows from them are None."""

    title: str
    split: str
    index: int
    label: int
    classes: tuple[str, ...]
    shape: tuple[int, ...]  # of X
    stages: tuple[StageRow, ...]
    image: "Bytes"  # [H, W] or [H, W, 3] uint8, as edited
    problem: str = ""  # what the network gives instead of logits
    logits: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None  # softmax
    prediction: int | None = None
    loss: float | None = None  # cross-entropy

    def to_dict(self) -> dict[str, Any]:
        """For JSON (docs/events.md): without the image, and with `figures` for a stage's `stats`."""
        found = asdict(replace(self, image=()))  # type: ignore[arg-type]
        del found["image"]
        for stage in found["stages"]:
            stage["figures"] = stage.pop("stats")
        return found


@dataclass(frozen=True)
class ActivationRequest(Request["ActivationPicture"]):
    """A stage's input or output as a picture of at most `rows` × `columns` values."""

    handler = "engine.inspection.forward:picture"
    network: NetworkRef
    image: ImageRef
    stage: int
    side: Side
    rows: int
    columns: int


@dataclass(frozen=True, eq=False)
class ActivationPicture:
    """A convolution's channels side by side, a vector in lines."""

    description: str
    values: "npt.NDArray[np.float32]"  # [rows, columns]; NaN: nothing there


@dataclass(frozen=True)
class SaliencyRequest(Request["Saliency"]):
    """What the image's pixels do to the network's answer."""

    handler = "engine.inspection.saliency:compute"
    network: NetworkRef
    image: ImageRef
    target: int | None = None  # the class to explain; None: the predicted one


@dataclass(frozen=True, eq=False)
class Saliency:
    """By the gradient, and by occlusion. See `saliency.gradient` and `saliency.occlusion`."""

    target: int
    patch: int  # pixels along a side of the occluded square
    stride: int  # pixels between two squares
    gradient: "npt.NDArray[np.float32]"  # [H, W]
    occlusion: "npt.NDArray[np.float32]"  # [H, W]


@dataclass(frozen=True)
class ContributionsRequest(Request["Contributions"]):
    """The sum behind one output of a linear or convolution layer."""

    handler = "engine.inspection.contributions:compute"
    network: NetworkRef
    image: ImageRef
    stage: int
    output: int | None = None  # its number in the flattened output; None: the largest
    rows: int = 28  # of the picture of the products, at most
    columns: int = 78


@dataclass(frozen=True)
class Contribution:
    """One input, times its weight."""

    input: str  # its index
    value: float
    weight: float
    product: float


@dataclass(frozen=True, eq=False)
class Contributions:
    """value = positive + negative + bias, where the layer computed it so."""

    name: str
    type: str
    output: int
    outputs: int  # how many there are
    shape: tuple[int, ...]  # of the output, without the batch
    place: tuple[int, ...]  # the output's index in it
    largest: tuple[Contribution, ...]  # by magnitude, at most `contributions.MOST`
    count: int  # of products
    positive: float  # the sum of the products above 0
    negative: float
    bias: float
    sum: float
    value: float  # what the network computed
    products: "npt.NDArray[np.float32]"  # as a picture
