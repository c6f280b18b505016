"""Images that are nearly the same as another one: from the correlations of all pairs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from engine.data.dataset import Dataset
from engine.errors import InspectionError
from engine.evaluation import distances
from engine.evaluation.requests import LabelErrorSettings, Suspects
from engine.progress import Progress

SAME = 0.99  # two images are near-duplicates from this correlation on
MOST_PAIRS = 2_000_000  # more than this many: nearly all images are the same


@dataclass(frozen=True, eq=False)
class Pairs:
    """Near-duplicates among N images."""

    first: npt.NDArray[np.int64]  # [n], an index less than
    second: npt.NDArray[np.int64]  # [n], this one
    correlation: npt.NDArray[np.float32]  # [n], SAME to 1


def find(data: Dataset, settings: LabelErrorSettings, progress: Progress) -> dict[str, Suspects]:
    """The near-duplicates of each split: groups stand together, the closest first. Each pair is named once, at its
    second image: of a group every image but its first, with the one of the group that it is like. Without those that
    are named, one of each group is left."""
    images, border = distances.all_images(data), len(data.train)
    with distances.every_core():
        Z = distances.standardized(images)
        pairs = near_pairs(Z, distances.components(Z), progress)
    group, partner, correlation = spanning_pairs(pairs, len(images))
    closest = np.full(len(images), -1.0, np.float32)  # the highest correlation within a group
    np.maximum.at(closest, group, correlation)
    members = np.flatnonzero(partner >= 0)
    members = members[np.lexsort((members, group[members], -closest[group[members]]))]
    found = {}
    for name, inside, offset in (("train", members < border, 0), ("test", members >= border, border)):
        mine = members[inside]
        others = partner[mine]
        elsewhere = (others >= border) != (mine >= border)
        others = np.where(others >= border, others - border, others)
        found[name] = Suspects("duplicates", name, mine - offset, correlation[mine], others, elsewhere)
    return found


def near_pairs(Z: torch.Tensor, P: torch.Tensor, progress: Progress, least: float = SAME) -> Pairs:
    """All pairs of rows of Z whose correlation (zero-mean normalised cross-correlation) is at least `least`.

    None is missed: for vectors of length 1 it is 1 - d²/2 of their distance d, and a projection P on orthonormal
    directions makes no distance larger, so pairs that are far apart in P need no closer look. 8 s for 70,000 images on
    2 cores. Images without any contrast correlate with none. Raises InspectionError where nearly all images are the
    same.
    """
    count, limit = len(P), 2 * (1 - least) + 1e-6
    squares = (P * P).sum(dim=1)
    contrast = Z.abs().amax(dim=1) > 0
    found: list[torch.Tensor] = []
    pairs = 0
    for at in range(0, count, distances.ROWS):
        block = P[at : at + distances.ROWS] @ P[at:].T
        block.mul_(-2).add_(squares[at : at + distances.ROWS, None]).add_(squares[None, at:])
        i, j = torch.nonzero(block <= limit, as_tuple=True)
        later = j > i
        i, j = i[later] + at, j[later] + at
        chunks = zip(torch.split(i, 65536), torch.split(j, 65536), strict=True)
        exact = torch.cat([(Z[a] * Z[b]).sum(dim=1) for a, b in chunks])
        near = (exact >= least) & contrast[i] & contrast[j]
        found.append(torch.stack([i[near].double(), j[near].double(), exact[near].double()]))
        pairs += int(near.sum())
        progress(min(at + distances.ROWS, count), count)
        if pairs > MOST_PAIRS:
            raise InspectionError(f"more than {MOST_PAIRS:,} pairs of images are near-duplicates: they are all alike")
    whole = torch.cat(found, dim=1) if found else torch.zeros(3, 0).double()
    return Pairs(whole[0].long().numpy(), whole[1].long().numpy(), whole[2].float().clamp(max=1.0).numpy())


def spanning_pairs(
    pairs: Pairs, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Which images belong together, each pair of them once, as a maximum spanning tree of each group (Kruskal).

    Returns, of each image: the least index of its group, int64 [N]; which image it is like, on the way to that first
    one of its group, int64 [N], -1 for the first; and the correlation with it, float32 [N], -1 for the first.
    """
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    neighbours: dict[int, list[tuple[int, float]]] = {}
    for at in np.argsort(-pairs.correlation, kind="stable"):
        first, second = int(pairs.first[at]), int(pairs.second[at])
        a, b = sorted((root(first), root(second)))
        if a != b:
            parent[b] = a
            neighbours.setdefault(first, []).append((second, float(pairs.correlation[at])))
            neighbours.setdefault(second, []).append((first, float(pairs.correlation[at])))
    group = np.array([root(index) for index in range(count)], np.int64)
    partner, correlation = np.full(count, -1, np.int64), np.full(count, -1.0, np.float32)
    for start in sorted(index for index in neighbours if group[index] == index):
        to_visit = [start]
        while to_visit:
            here = to_visit.pop()
            for other, value in neighbours[here]:
                if other != start and partner[other] < 0:
                    partner[other], correlation[other] = here, value
                    to_visit.append(other)
    return group, partner, correlation
