"""What an image's pixels do to a network's answer: by the gradient, and by occlusion."""

from pathlib import Path

import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection.forward import logits_of, one_line, trace
from engine.inspection.forward_requests import Saliency, SaliencyRequest
from engine.inspection.networks import network
from engine.inspection.samples import sample
from engine.progress import Progress, silent

PATCH, STRIDE = 4, 2  # pixels: the side of the occluded square, and between two squares, of an image of 28 × 28
AT_ONCE = 256  # occluded images in a batch


def compute(home: Path, request: SaliencyRequest, progress: Progress) -> Saliency:
    """The worker process's part. Raises EngineError."""
    found = network(home, request.network)
    X = sample(found, request.image).X
    _, result = trace(found.model, X)
    logits = logits_of(result, len(found.classes))
    if logits is None:
        raise InspectionError("the network gives no logits: there is no class to explain")
    target = int(logits.argmax()) if request.target is None else request.target
    scale = max(1, round(max(X.shape[2:]) / 28))
    falls = occlusion(found.model, X, target, PATCH * scale, STRIDE * scale, progress)
    try:
        slope = gradient(found.model, X, target)
    except RuntimeError as error:
        raise InspectionError(f"the network can't be differentiated by its pixels: {one_line(error)}") from error
    return Saliency(target, PATCH * scale, STRIDE * scale, slope.numpy(), falls.numpy())


def gradient(model: nn.Module, X: torch.Tensor, target: int) -> torch.Tensor:
    """|∂ logit of `target` / ∂ pixel|, the largest of the channels: float32 [H, W] of X [1, C, H, W] (Simonyan,
    Vedaldi & Zisserman 2013)."""
    given = X.detach().clone().requires_grad_()
    with torch.enable_grad():
        logit = model(given)[0, target]
        (found,) = torch.autograd.grad(logit, given)
    strongest: torch.Tensor = found[0].abs().amax(dim=0).float()
    return strongest


@torch.no_grad()
def occlusion(
    model: nn.Module, X: torch.Tensor, target: int, patch: int, stride: int, progress: Progress = silent
) -> torch.Tensor:
    """How much the probability of `target` falls when a square of `patch` × `patch` pixels is replaced by the image's
    lowest value, every `stride` pixels (Zeiler & Fergus 2014): of each pixel the mean over the squares that it is
    in, float32 [H, W]; below 0: occluding it makes the class more probable."""
    height, width = X.shape[2:]
    places = [(top, left) for top in _starts(height, patch, stride) for left in _starts(width, patch, stride)]
    whole = model(X).float().softmax(1)[0, target]
    fall, times = torch.zeros(height, width), torch.zeros(height, width)
    dark = X.min()
    for begin in range(0, len(places), AT_ONCE):
        progress(begin, len(places))
        some = places[begin : begin + AT_ONCE]
        occluded = X.repeat(len(some), 1, 1, 1)
        for at, (top, left) in enumerate(some):
            occluded[at, :, top : top + patch, left : left + patch] = dark
        falls = whole - model(occluded).float().softmax(1)[:, target]
        for (top, left), one in zip(some, falls, strict=True):
            fall[top : top + patch, left : left + patch] += one
            times[top : top + patch, left : left + patch] += 1
    return fall / times.clamp_min(1)


def _starts(size: int, patch: int, stride: int) -> list[int]:
    """Where the squares begin, the last one at the edge."""
    last = max(0, size - patch)
    return sorted({*range(0, last + 1, stride), last})
