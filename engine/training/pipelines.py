"""The transforms of a config's `transform`: a torchvision pipeline, or the user's callable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.data import transforms
from engine.data.transforms import Pipeline
from engine.errors import ConfigError, ModelError
from engine.models.user_code import load_name
from engine.training.config import is_file_reference


@dataclass(frozen=True)
class Transforms:
    """The callables for each PIL image, and for each batch on the device."""

    train: Callable[[Any], Any] | None = None  # None: ToTensor
    test: Callable[[Any], Any] | None = None
    after: Callable[[Any], Any] | None = None
    pipeline: Pipeline | None = None  # where it is one


def transforms_of(reference: str) -> Transforms:
    """The transforms of a pipeline, or of `path/to/file.py:NAME`. Raises ConfigError."""
    if not is_file_reference(reference):
        steps = transforms.parse(reference)
        if not steps:
            return Transforms()
        pipeline = Pipeline(steps)
        if pipeline.batchable:
            return Transforms(after=pipeline.batch, pipeline=pipeline)
        return Transforms(pipeline.train, pipeline.test, pipeline=pipeline)
    found = _custom_transform(reference)
    return Transforms(found, found)


def _custom_transform(reference: str) -> Any:
    try:
        found = load_name(reference)
    except ModelError as error:
        raise ConfigError("transform", f"--transform: {error}") from error
    if isinstance(found, type):  # a class: its instance is the transform
        try:
            found = found()
        except Exception as error:
            raise ConfigError("transform", f"--transform {reference}: building it raised {error}") from error
    if not callable(found):
        raise ConfigError("transform", f"--transform {reference} is a {type(found).__name__}, not callable")
    return found
