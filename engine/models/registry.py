"""Models by name: the program's own, and `path/to/file.py:ClassName` for the person's."""

import difflib
import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from engine.errors import ModelError
from engine.models.names import MODELS, TORCHVISION, known
from engine.models.user_code import describe, load_name


def build(name: str, classes: int = 10, shape: Sequence[int] = (1, 28, 28)) -> nn.Module:
    """A new model on the CPU, its weights drawn from torch's global generator. `classes`: how many outputs a model of
    this program gets, and `shape`: channels, height and width of its images; the person's has its own. Raises
    ModelError."""
    if name in MODELS:
        try:
            model: nn.Module = _class_of(name)(classes=classes, shape=tuple(shape))
            return model
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"--model {name}: it can't be made for images of shape {list(shape)}: {error}") from error
    if name.startswith(TORCHVISION):
        return _of_torchvision(name, classes)
    if ":" not in name:
        raise ModelError(f"--model: {name!r} is unknown; choose from {known()}")
    found = load_name(name)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise ModelError(f"{name} is not a class made from torch.nn.Module")
    _refuse_arguments(name, found)
    try:
        return found()
    except Exception as error:
        raise ModelError(f"{name}: building it raised {describe(error)}") from error


def _class_of(name: str) -> Any:
    module, _, cls = MODELS[name].target.partition(":")
    return getattr(importlib.import_module(module), cls)


def _of_torchvision(name: str, classes: int) -> nn.Module:
    """One of torchvision's classification models, with new weights: nothing is downloaded."""
    from torchvision import models

    listed = models.list_models(module=models)
    wanted = name.removeprefix(TORCHVISION)
    if wanted not in listed:
        near = difflib.get_close_matches(wanted, listed, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ", such as resnet18 or vgg16"
        raise ModelError(f"--model: torchvision has no classification model {wanted!r}{hint}")
    try:
        made: nn.Module = models.get_model(wanted, weights=None, num_classes=classes)
    except Exception as error:
        raise ModelError(f"--model {name}: building it raised {describe(error)}") from error
    return made


def check_fit(name: str, model: nn.Module, images: torch.Tensor, classes: int) -> None:
    """Send `images`, [batch, channels, height, width] float, through `model` and check that logits come out, [batch,
    `classes`].

    In evaluation mode, so that no running statistic moves, and with the generators put back. Raises ModelError.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []), torch.no_grad():
            logits = model(images)
    except Exception as error:
        shape = list(images.shape)
        raise ModelError(f"--model {name}: a batch of shape {shape} raised {describe(error)}") from error
    finally:
        model.train(was_training)
    wanted = [images.shape[0], classes]
    if not isinstance(logits, torch.Tensor):
        raise ModelError(f"--model {name}: its forward gave a {type(logits).__name__}, not a tensor of logits {wanted}")
    if list(logits.shape) != wanted:
        raise ModelError(
            f"--model {name}: its output has shape {list(logits.shape)}, but must be {wanted}: a logit a class"
        )
    if not logits.is_floating_point():
        raise ModelError(f"--model {name}: its output is {logits.dtype}, but logits must be floating point")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ModelError(f"--model {name}: it has no parameter to train")


def _refuse_arguments(name: str, found: type[nn.Module]) -> None:
    needed = [
        parameter.name
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        plural = "argument" if len(needed) == 1 else "arguments"
        raise ModelError(f"{name} needs {plural} {', '.join(needed)}; give them defaults, or a class without")
