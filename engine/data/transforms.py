"""Pipelines of torchvision.transforms.v2, written as they are typed in Python:

    RandomCrop(28, padding=4); RandomHorizontalFlip(); Normalize(0.286, 0.353)

`parse` imports no torch; `build` does.
"""

import ast
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError

# What does the same to each image of a batch of tensors as to that image alone.
BATCHABLE = ("Normalize", "Resize", "CenterCrop", "Pad", "Identity")
DRAWS = (
    "AugMix", "AutoAugment", "ColorJitter", "ElasticTransform", "GaussianBlur", "GaussianNoise", "RandAugment",
    "ScaleJitter", "TrivialAugmentWide",
)  # fmt: skip
# Need a tensor of numbers between 0 and 1; what comes before the first of them sees the picture.
ON_TENSORS = ("Normalize", "RandomErasing", "ToDtype", "GaussianNoise")
CONVERTS = ("ToTensor", "ToImage", "ToDtype", "ToPureTensor")
EXAMPLE = "RandomCrop(28, padding=4); RandomHorizontalFlip()"


@dataclass(frozen=True)
class Step:
    """One transform with its arguments."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        given = [_spelled(value) for value in self.args] + [f"{name}={_spelled(value)}" for name, value in self.kwargs]
        return f"{self.name}({', '.join(given)})"

    @property
    def random(self) -> bool:
        """Whether it draws: it is left out for the test set."""
        return self.name.startswith("Random") or self.name in DRAWS


@dataclass(frozen=True)
class DType:
    """A torch dtype by its name."""

    name: str


def parse(text: str) -> tuple[Step, ...]:
    """The steps of a pipeline, with the conversion to a float tensor put in where it is not named: last, or before the
    first step that needs one. Empty for an empty text.

    Raises ConfigError, naming the step, for what is not a call with plain values.
    """
    steps = []
    for part in (piece.strip() for piece in text.replace("\n", ";").split(";")):
        if part:
            steps.append(_step(part))
    if steps and not any(step.name in ("ToTensor", "ToDtype") for step in steps):
        at = next((place for place, step in enumerate(steps) if step.name in ON_TENSORS), len(steps))
        steps.insert(at, Step("ToTensor"))
    return tuple(steps)


def spelled(steps: Sequence[Step]) -> str:
    """The pipeline as `parse` takes it."""
    return "; ".join(map(str, steps))


class Pipeline:
    """A pipeline that can be called. `train(image)` draws, `test(image)` leaves out what draws; both take a PIL image
    and give a float32 tensor [C, H, W].
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        """Raises ConfigError for a transform that torchvision does not have, or that takes other arguments."""
        self.steps = tuple(steps)
        self._made = [(step, _made(step)) for step in steps]

    @property
    def batchable(self) -> bool:
        """Whether it may be called with a batch that is on the device already: it begins with the conversion, and what
        follows does to a batch what it does to each image."""
        return self.steps[0].name == "ToTensor" and all(step.name in BATCHABLE for step in self.steps[1:])

    def train(self, image: Any) -> Any:
        return self._call(image, self._made)

    def trace(self, image: Any, steps: slice = slice(None)) -> list[tuple[Step, Any]]:
        """What each of these steps of `train` gives, in their order."""
        found = []
        for step, call in self._made[steps]:
            image = self._call(image, [(step, call)])
            found.append((step, image))
        return found

    def test(self, image: Any) -> Any:
        return self._call(image, [(step, call) for step, call in self._made if not step.random])

    def batch(self, images: Any) -> Any:
        """A batch of float32 images [B, C, H, W] in [0, 1] through what follows the conversion. Only if `batchable`."""
        return self._call(images, self._made[1:])

    @staticmethod
    def _call(image: Any, made: Sequence[tuple[Step, Callable[[Any], Any]]]) -> Any:
        for step, call in made:
            try:
                image = call(image)
            except Exception as error:
                lines = str(error).strip().splitlines()
                raise TransformFailedError(step, f"{type(error).__name__}: {lines[0] if lines else ''}") from error
        return image


class TransformFailedError(Exception):
    """A step that could not be done with an image."""

    def __init__(self, step: Step, why: str) -> None:
        super().__init__(f"{step} raised {why}")
        self.step = step
        self.sample = ""  # which image it was, where that is known

    def __str__(self) -> str:
        return super().__str__() + (f" ({self.sample})" if self.sample else "")


def _step(text: str) -> Step:
    try:
        call = ast.parse(text if "(" in text else f"{text}()", mode="eval").body
    except SyntaxError as error:
        raise _refusal(text, f"is not Python: {error.msg}") from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _refusal(text, f"is not of the form Name(arguments), such as {EXAMPLE}")
    if any(keyword.arg is None for keyword in call.keywords):
        raise _refusal(text, "has ** in it; write the arguments out")
    args = tuple(_value(text, node) for node in call.args)
    kwargs = tuple((str(keyword.arg), _value(text, keyword.value)) for keyword in call.keywords)
    return Step(call.func.id, args, kwargs)


def _value(text: str, node: ast.expr) -> Any:
    name = ast.unparse(node).removeprefix("torch.")
    if name in ("float32", "float16", "float64", "uint8", "int64"):
        return DType(name)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _refusal(text, f"has {ast.unparse(node)} in it, which is not a plain value") from None


def _made(step: Step) -> Callable[[Any], Any]:
    import torch
    from torchvision import transforms as v1
    from torchvision.transforms import v2

    if step.name == "ToTensor":  # the tutorial's: it divides by 255, where v2's ToDtype multiplies by 1/255
        converted: Callable[[Any], Any] = v1.ToTensor()
        return converted
    found = getattr(v2, step.name, None)
    if not (isinstance(found, type) and issubclass(found, v2.Transform)):
        near = difflib.get_close_matches(step.name, [name for name in dir(v2) if name[0].isupper()], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _refusal(str(step), f"is not in torchvision.transforms.v2{hint}")

    def meant(value: Any) -> Any:
        return getattr(torch, value.name) if isinstance(value, DType) else value

    args = [
        [value] if step.name == "Normalize" and isinstance(value, float | int) else meant(value) for value in step.args
    ]
    kwargs = {
        name: [value] if step.name == "Normalize" and isinstance(value, float) else meant(value)
        for name, value in step.kwargs
    }
    try:
        made: Callable[[Any], Any] = found(*args, **kwargs)
    except Exception as error:
        lines = str(error).strip().splitlines()
        raise _refusal(str(step), f"can't be made: {lines[0] if lines else type(error).__name__}") from error
    return made


def _spelled(value: Any) -> str:
    return value.name if isinstance(value, DType) else repr(value)


def _refusal(text: str, why: str) -> ConfigError:
    return ConfigError("transform", f"--transform: {text} {why}")
