"""Images that are far from all others: their mean distance to their nearest neighbours is unusual."""

import numpy as np
import numpy.typing as npt
import torch

from engine.data.dataset import Dataset
from engine.evaluation import distances
from engine.evaluation.requests import LabelErrorSettings, Suspects
from engine.evaluation.suspects import listed
from engine.progress import Progress

NEAREST = 10  # neighbours
UNUSUAL = 3.5  # modified z-score above which a distance is unusual


def find(data: Dataset, settings: LabelErrorSettings, progress: Progress) -> dict[str, Suspects]:
    """The outliers among all images of both splits, of each split."""
    with distances.every_core():
        P = distances.components(distances.standardized(distances.all_images(data)))
        scores = modified_z_scores(mean_distances(P, progress))
    parts = zip(data.splits, np.split(scores, [len(data.train)]), strict=True)
    return {name: listed("outliers", name, part, part > UNUSUAL) for name, part in parts}


def mean_distances(P: torch.Tensor, progress: Progress) -> npt.NDArray[np.float32]:
    """The mean distance of each row to its NEAREST nearest others: float32 [N]. 15 s for 70,000 on 2 cores.

    The k-nearest-neighbour score for what is out of distribution (Kuan & Mueller, 2022, "Back to the Basics").
    """
    count = len(P)
    nearest = min(NEAREST, count - 1)
    squares = (P * P).sum(dim=1)
    mean = torch.zeros(count)
    for at in range(0, count, distances.ROWS):
        block = P[at : at + distances.ROWS] @ P.T
        block.mul_(-2).add_(squares[at : at + distances.ROWS, None]).add_(squares[None])
        closest = block.topk(nearest + 1, largest=False).values.clamp_min(0).sqrt()
        mean[at : at + distances.ROWS] = closest[:, 1:].mean(dim=1)  # the closest is the image itself
        progress(min(at + distances.ROWS, count), count)
    found: npt.NDArray[np.float32] = mean.numpy()
    return found


def modified_z_scores(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """0.6745 (x - median) / MAD, float32 [N]; zeros where the MAD is 0 (Iglewicz & Hoaglin, 1993: unusual from 3.5)."""
    median = np.median(values)
    spread = np.median(np.abs(values - median))
    if spread == 0:
        return np.zeros(len(values), np.float32)
    return np.asarray(0.6745 * (values - median) / spread, np.float32)
