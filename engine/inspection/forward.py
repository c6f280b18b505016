"""One image through a network, module by module: what goes in, what comes out, and what the network says."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from engine.errors import InspectionError
from engine.inspection.forward_requests import (
    ActivationPicture,
    ActivationRequest,
    ForwardPass,
    ForwardRequest,
    StageRow,
)
from engine.inspection.image_requests import ImagesRef
from engine.inspection.networks import Network, network
from engine.inspection.samples import batch, sample
from engine.inspection.stats import stats_of
from engine.inspection.summary import described
from engine.progress import Progress
from engine.training.layer_stats import RELU_LIKE, dead_units

MANY = 256  # images of the test set; a unit that is 0 for all of them is called dead
LARGEST_CELL = 16  # cells of a picture along a side of one value, where there is room
LARGEST = 5  # units whose values are reported


@dataclass(frozen=True, eq=False)
class Stage:
    """One call of a module without modules in it."""

    name: str
    module: nn.Module
    before: torch.Tensor | None  # its first input, None where that is not a tensor
    after: torch.Tensor | None  # its output, or the first tensor in it
    given: str  # the input's shape, in words
    made: str  # the output's


def compute(home: Path, request: ForwardRequest, progress: Progress) -> ForwardPass:
    """The worker process's part. Raises EngineError."""
    found = network(home, request.network)
    one = sample(found, request.image)
    stages, result = trace(found.model, one.X)
    dead = _dead(found)
    passed = ForwardPass(
        title=found.title,
        split=one.split,
        index=one.index,
        label=one.label,
        classes=found.classes,
        shape=tuple(one.X.shape),
        stages=tuple(_row(stage, dead.get(at)) for at, stage in enumerate(stages)),
        image=one.image,
    )
    logits = logits_of(result, len(found.classes))
    if logits is None:
        problem = f"the network gives {described(result)}, not the logits of {len(found.classes)} classes"
        return replace(passed, problem=problem)
    return replace(
        passed,
        logits=tuple(logits.tolist()),
        probabilities=tuple(logits.softmax(0).tolist()),
        prediction=int(logits.argmax()),
        loss=float(functional.cross_entropy(logits[None], torch.tensor([one.label]))),
    )


def picture(home: Path, request: ActivationRequest, progress: Progress) -> ActivationPicture:
    """The worker process's part. Raises EngineError."""
    found = network(home, request.network)
    stages, _ = trace(found.model, sample(found, request.image).X)
    stage = stages[request.stage]
    tensor = stage.before if request.side == "input" else stage.after
    if tensor is None or not tensor.numel():
        return ActivationPicture("not a tensor", np.zeros((1, 1), np.float32))
    values, description = mosaic(of_image(tensor[0], found.shape), request.rows, request.columns)
    return ActivationPicture(description, values)


def of_image(drawn: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A flattened image, of [channels, height, width], is one still."""
    if drawn.ndim == 1 and len(shape) == 3 and drawn.numel() == math.prod(shape):
        return drawn.reshape(shape)
    return drawn


@torch.no_grad()
def trace(model: nn.Module, X: torch.Tensor) -> tuple[list[Stage], Any]:
    """Send a batch through a network in evaluation mode: the modules' calls in their order, and the result. Nothing
    of the model changes, and no generator. Raises InspectionError, naming the module, where it does not go through."""
    stages: list[Stage] = []
    inside: list[tuple[str, nn.Module]] = []  # the modules under way
    given: dict[int, tuple[torch.Tensor | None, str]] = {}
    hooks = []

    def enter(name: str, module: nn.Module, args: Any) -> None:
        inside.append((name, module))
        before = first_tensor(args)  # a copy: the module may work in place
        given[id(module)] = (None if before is None else before.detach().clone(), ", ".join(map(described, args)))

    def leave(name: str, module: nn.Module, result: Any) -> None:
        after = first_tensor(result)
        inside.pop()
        before, words = given.pop(id(module))
        after = None if after is None else after.detach().clone()
        stages.append(Stage(name, module, before, after, words, described(result)))

    for name, module in model.named_modules():
        if any(True for _ in module.children()):
            continue
        hooks.append(module.register_forward_pre_hook(lambda m, args, name=name: enter(name, m, args)))
        hooks.append(module.register_forward_hook(lambda m, _args, result, name=name: leave(name, m, result)))
    try:
        result = in_evaluation(
            model,
            X,
            lambda: f"{inside[-1][0]} ({inside[-1][1]}) got {given[id(inside[-1][1])][1]}" if inside else "its forward",
        )
    finally:
        for hook in hooks:
            hook.remove()
    return stages, result


def in_evaluation(model: nn.Module, X: torch.Tensor, where: Callable[[], str] = lambda: "its forward") -> Any:
    """Send a batch through a network in evaluation mode; its modules' modes and the generators are put back. Raises
    InspectionError, with `where` it stopped, where it does not go through."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            return model(X)
    except Exception as error:
        raise InspectionError(f"an image does not go through it: {where()}: {one_line(error)}") from error
    finally:
        for module, mode in modes:
            module.training = mode


def one_line(error: BaseException) -> str:
    """What an error is, and its first line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def first_tensor(value: Any) -> torch.Tensor | None:
    """The tensor, or the first in a tuple, list or dictionary."""
    if isinstance(value, torch.Tensor):
        return value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def logits_of(result: Any, classes: int) -> torch.Tensor | None:
    """The first image's logits, float32 [classes]; None where that is not what came out."""
    if not isinstance(result, torch.Tensor) or result.ndim != 2 or result.shape[1] != classes:
        return None
    return result[0].detach().float()


def mosaic(
    tensor: torch.Tensor, rows: int, columns: int, unit: str = ""
) -> tuple["np.ndarray[Any, np.dtype[np.float32]]", str]:
    """A tensor as one picture of at most `rows` × `columns` values, and how it is laid out. [C, H, W]: the channels
    side by side, a column of NaN between them; else its values one after another, line by line. Enlarged by a whole
    number where there is room; what does not fit is left out; a NaN among the values becomes inf. `unit`: what a
    part is called; empty: a channel, or a unit."""
    most = max(1, rows) * max(1, columns)  # parts or numbers that can be drawn: no others are looked at
    if tensor.ndim == 3 and tensor.shape[1] * tensor.shape[2] > 1:
        count, height, width = tensor.shape
        values = _drawn(tensor[:most])
        smaller = _smaller(count, height, width, rows, columns)
        if smaller != (height, width):
            values = functional.adaptive_avg_pool2d(values[None], smaller)[0]
            height, width = smaller
        scale = _scale(count, height, width, rows, columns)
        tiles = values.repeat_interleave(scale, 1).repeat_interleave(scale, 2)[:, :rows, :columns]
        height, width = tiles.shape[1:]
        across = max(1, (columns + 1) // (width + 1))
        down = min(max(1, (rows + 2) // (height + 2)), -(-count // across))
        shown = min(count, across * down)
        whole = torch.full((down * (height + 2) - 2, min(across, count) * (width + 1) - 1), float("nan"))
        for at in range(shown):
            top, left = at // across * (height + 2), at % across * (width + 1)
            whole[top : top + height, left : left + width] = tiles[at]
        description = f"{count:,} {unit or 'channel'}{'s' * (count != 1)} of {tensor.shape[1]} × {tensor.shape[2]}"
        description += f", each drawn as {smaller[0]} × {smaller[1]}" if smaller != tensor.shape[1:] else ""
        description += f", the first {shown} shown" if shown < count else ""
        return whole.numpy(), description
    count, flat = tensor.numel(), _drawn(tensor.reshape(-1)[:most])
    scale = 1
    while scale < LARGEST_CELL and -(-count // max(1, columns // (scale + 1))) * (scale + 1) <= rows:
        scale += 1
    across = max(1, columns // scale)
    lines = min(-(-count // across), max(1, rows // scale))
    shown = min(count, lines * across)
    whole = torch.full((lines * min(across, count),), float("nan"))
    whole[:shown] = flat[:shown]
    high = max(1, min(2 * scale, rows // max(1, lines)))  # higher than wide where that fills the picture
    whole = whole.reshape(lines, -1).repeat_interleave(high, 0).repeat_interleave(scale, 1)
    description = f"{count:,} {unit or 'unit'}{'s' * (count != 1)}, {min(across, count)} per row"
    description += f", the first {shown} shown" if shown < count else ""
    return whole.numpy(), description


def _drawn(values: torch.Tensor) -> torch.Tensor:
    """As float32; a NaN becomes inf."""
    return values.detach().float().nan_to_num(nan=float("inf"), posinf=float("inf"), neginf=float("-inf"))


def _scale(count: int, height: int, width: int, rows: int, columns: int) -> int:
    """The largest enlargement with which all channels fit."""
    scale = 1
    while scale < LARGEST_CELL and _room(height * (scale + 1), width * (scale + 1), rows, columns) >= count:
        scale += 1
    return scale


def _smaller(count: int, height: int, width: int, rows: int, columns: int) -> tuple[int, int]:
    """The size at which all channels fit, or as it is where they do; half of it at least, and not below 4."""
    least = max(4, height // 2)
    if min(height, width) < 8 or _room(height, width, rows, columns) >= count:
        return height, width
    for high in range(height - 1, least - 1, -1):
        wide = max(1, round(width * high / height))
        if _room(high, wide, rows, columns) >= count:
            return high, wide
    return least, max(1, round(width * least / height))


def _room(height: int, width: int, rows: int, columns: int) -> int:
    """How many pictures fit."""
    return (columns + 1) // (width + 1) * ((rows + 2) // (height + 2))


@lru_cache(maxsize=4)
def _dead(found: Network) -> dict[int, float]:
    """The fraction of units (of a convolution: channels) that are 0 for all of MANY test images, by the stage."""
    X, _ = batch(found, ImagesRef("test", 0, MANY))
    stages, _ = trace(found.model, X)
    return {
        at: float(dead_units(stage.after))
        for at, stage in enumerate(stages)
        if isinstance(stage.module, RELU_LIKE) and stage.after is not None and stage.after.ndim > 1
    }


def _row(stage: Stage, dead: float | None) -> StageRow:
    row = StageRow(
        name=stage.name,
        type=type(stage.module).__name__,
        extra=" ".join(stage.module.extra_repr().split()),
        before=stage.given,
        after=stage.made,
        dead=dead,
    )
    if stage.after is None:
        return row
    row = replace(row, stats=stats_of(stage.after))
    flat = stage.after.reshape(-1).float()
    if not len(flat):
        return row
    _, indices = flat.nan_to_num(nan=float("-inf")).topk(min(LARGEST, len(flat)))
    shape = stage.after.shape[1:] if stage.after.ndim > 1 else stage.after.shape
    places = [tuple(int(at) for at in torch.unravel_index(index, shape)) for index in indices]
    row = replace(row, largest=tuple((place, float(flat[at])) for place, at in zip(places, indices, strict=True)))
    if isinstance(stage.module, RELU_LIKE):
        row = replace(row, silent=float((flat == 0).double().mean()))
    return row
