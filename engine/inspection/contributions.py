"""The sum behind one output of a linear or convolution layer: each input, its weight, their product."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from engine.errors import InspectionError
from engine.inspection.forward import Stage, mosaic, trace
from engine.inspection.forward_requests import Contribution, Contributions, ContributionsRequest
from engine.inspection.networks import network
from engine.inspection.samples import sample
from engine.progress import Progress

MOST = 200  # products that are reported, the largest ones


def compute(home: Path, request: ContributionsRequest, progress: Progress) -> Contributions:
    """The worker process's part. Raises EngineError; InspectionError for a module of another kind."""
    found = network(home, request.network)
    stages, _ = trace(found.model, sample(found, request.image).X)
    stage = stages[request.stage]
    if stage.after is None or not stage.after.numel():
        raise InspectionError(f"{stage.name} gives no numbers")
    made = stage.after[0].reshape(-1)
    output = int(made.argmax()) if request.output is None else request.output % len(made)
    place = tuple(int(at) for at in torch.unravel_index(torch.tensor(output), stage.after.shape[1:]))
    inputs, weights, bias, names = summands(stage, place)
    products = inputs.double() * weights.double()
    flat = products.reshape(-1)
    largest = tuple(
        Contribution(names(int(at)), float(inputs.reshape(-1)[at]), float(weights.reshape(-1)[at]), float(flat[at]))
        for at in flat.abs().argsort(descending=True)[:MOST]
    )
    picture, _ = mosaic(_in_place(products, found.shape), request.rows, request.columns)
    return Contributions(
        name=stage.name,
        type=type(stage.module).__name__,
        output=output,
        outputs=len(made),
        shape=tuple(stage.after.shape[1:]),
        place=place,
        largest=largest,
        count=len(flat),
        positive=float(flat.clamp_min(0).sum()),
        negative=float(flat.clamp_max(0).sum()),
        bias=bias,
        sum=float(flat.sum()) + bias,
        value=float(made[output]),
        products=picture,
    )


def summands(stage: Stage, place: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor, float, Any]:
    """Of the output at `place` of a stage with a batch of one: inputs and weights of one shape, the bias, and what
    names an input by its number. Raises InspectionError where the module is neither linear nor a convolution."""
    module, given = stage.module, stage.before
    if given is None or not isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        raise InspectionError(
            f"{stage.name or 'the network'} is a {type(stage.module).__name__}; only of Linear and Conv layers an "
            "output is a sum of inputs times weights"
        )
    weight = module.weight.detach()
    bias = (
        float(module.bias.detach()[place[-1 if isinstance(module, nn.Linear) else 0]])
        if module.bias is not None
        else 0.0
    )
    if isinstance(module, nn.Linear):
        return given[0][place[:-1]], weight[place[-1]], bias, str
    out, *where = place
    padded = _padded(module, given)[0]
    groups = int(module.groups)
    size = padded.shape[0] // groups
    first = out // (int(module.out_channels) // groups) * size
    window: Any = [slice(first, first + size)]
    for at, kernel, stride, dilation in zip(where, module.kernel_size, module.stride, module.dilation, strict=True):
        window.append(slice(at * stride, at * stride + dilation * (kernel - 1) + 1, dilation))
    shape = weight[out].shape

    def name(at: int) -> str:
        channel, *inside = (int(part) for part in torch.unravel_index(torch.tensor(at), shape))
        return f"channel {first + channel} {inside}"

    return padded[tuple(window)], weight[out], bias, name


def _padded(module: Any, given: torch.Tensor) -> torch.Tensor:
    """The input as the convolution sees it."""
    sides: list[int] = list(module._reversed_padding_repeated_twice)  # what Conv itself pads with, "same" worked out
    mode = module.padding_mode
    return functional.pad(given, sides) if mode == "zeros" else functional.pad(given, sides, mode=mode)


def _in_place(products: torch.Tensor, image: tuple[int, ...]) -> torch.Tensor:
    """The products [channels, height, width] where they are of an image's pixels or a window's."""
    if products.ndim == 1 and products.numel() == math.prod(image) and len(image) == 3:
        return products.reshape(image)
    return products
