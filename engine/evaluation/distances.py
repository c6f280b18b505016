"""Images as points: standardized, projected, and a torch that may use every core while it compares all pairs."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from engine import device
from engine.data.dataset import Bytes, Dataset

COMPONENTS = 64  # principal components in which neighbours are looked for
ROWS = 2048  # images that are compared with all others at a time: 570 MB of distances for 70,000


def all_images(data: Dataset) -> Bytes:
    """The images of both splits, training first."""
    return np.concatenate([split.images for split in data.splits.values()])


def standardized(images: Bytes) -> torch.Tensor:
    """Each image less its mean and of length 1: float32 [N, pixels]; zeros for one without contrast."""
    Z = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
    Z -= Z.mean(dim=1, keepdim=True)
    Z /= Z.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return Z


def components(Z: torch.Tensor) -> torch.Tensor:
    """The principal components of Z with the largest variance: float32 [N, at most COMPONENTS]."""
    _, vectors = torch.linalg.eigh(Z.T @ Z)
    projected: torch.Tensor = Z @ vectors[:, -COMPONENTS:]
    return projected


@contextmanager
def every_core() -> Iterator[None]:
    """As many torch threads as there are cores: large matrix products gain from each."""
    before = torch.get_num_threads()
    torch.set_num_threads(device.usable_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)
