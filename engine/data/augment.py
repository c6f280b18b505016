"""Random changes to whole batches of training images, where the images are: what `engine.data.augmentations` parses.

They draw from the device's global generator, whose state every checkpoint holds.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from engine.data.augmentations import Augmentation


def flip(X: torch.Tensor) -> torch.Tensor:
    """Images [B, C, H, W], each mirrored left to right with probability 0.5."""
    chosen = torch.rand(len(X), device=X.device) < 0.5
    return torch.where(chosen[:, None, None, None], X.flip(-1), X)


def flip_alternate(X: torch.Tensor, first: torch.Tensor, epoch: int) -> torch.Tensor:
    """Images [B, C, H, W]: mirrored in odd epochs those that `first` (bool [B]) names, in even ones the others."""
    return torch.where((first ^ (epoch % 2 == 0))[:, None, None, None], X.flip(-1), X)


def shift(X: torch.Tensor, most: int) -> torch.Tensor:
    """Images [B, C, H, W], each moved by -`most` to `most` pixels along both axes; what comes in is 0."""
    rows, columns = (torch.randint(2 * most + 1, (len(X),), device=X.device) for _ in range(2))
    windows = F.pad(X, (most,) * 4).unfold(2, X.shape[2], 1).unfold(3, X.shape[3], 1)
    return windows[torch.arange(len(X), device=X.device), :, rows, columns]


def cutout(X: torch.Tensor, size: int) -> torch.Tensor:
    """Images [B, C, H, W] with a square of `size` pixels set to 0 (DeVries and Taylor 2017, arXiv 1708.04552): its
    centre is any pixel, so that it may lie partly outside."""
    inside = []
    for length in X.shape[2:]:
        begin = torch.randint(length, (len(X), 1), device=X.device) - size // 2
        place = torch.arange(length, device=X.device)
        inside.append((place >= begin) & (place < begin + size))
    return X.masked_fill((inside[0][:, :, None] & inside[1][:, None, :]).unsqueeze(1), 0)


class Augment:
    """The augmentations of a training, one after another."""

    def __init__(self, steps: Sequence[Augmentation]) -> None:
        self._steps = tuple(steps)
        self._halves: tuple[tuple[int, int, torch.device], torch.Tensor] | None = None

    def __call__(self, X: torch.Tensor, index: torch.Tensor, *, epoch: int, seed: int, samples: int) -> torch.Tensor:
        """Images [B, C, H, W] changed; float32 in [0, 1] stays so. `index`: int64 [B], which of the set's `samples`
        they are, on the same device; `seed`: of the epoch's order."""
        for step in self._steps:
            match step.name:
                case "flip" if step.word:
                    X = flip_alternate(X, self._first(seed, samples, X.device)[index], epoch)
                case "flip":
                    X = flip(X)
                case "shift":
                    X = shift(X, step.amount)
                case "cutout":
                    X = cutout(X, step.amount)
        return X

    def _first(self, seed: int, samples: int, device: torch.device) -> torch.Tensor:
        """Which images are mirrored first: bool [samples]."""
        key = (seed, samples, device)
        if self._halves is None or self._halves[0] != key:
            self._halves = key, first_half(seed, samples).to(device)
        return self._halves[1]


def first_half(seed: int, samples: int) -> torch.Tensor:
    """Half of a set's images, drawn with the seed: bool [samples], on the CPU."""
    drawn = torch.randperm(samples, generator=torch.Generator().manual_seed(seed))
    return drawn < samples // 2
