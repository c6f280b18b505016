"""Making lists of suspicious images. No torch."""

import numpy as np
import numpy.typing as npt

from engine.evaluation.requests import Suspects


def listed(
    kind: str,
    split: str,
    scores: npt.NDArray[np.float32],
    suspicious: npt.NDArray[np.bool_],
    others: npt.NDArray[np.int64] | None = None,
) -> Suspects:
    """The suspicious samples of a split in the split's order. `scores`, `suspicious`, `others`: of all N samples."""
    indices = np.flatnonzero(suspicious)
    return Suspects(
        kind,
        split,
        indices,
        np.asarray(scores[indices], np.float32),
        np.full(len(indices), -1) if others is None else np.asarray(others[indices], np.int64),
        np.zeros(len(indices), bool),
    )


def by_score(found: Suspects, *, lowest_first: bool) -> Suspects:
    """The same samples, sorted by their scores; equal ones stay in their order."""
    order = np.argsort(found.scores if lowest_first else -found.scores, kind="stable")
    return Suspects(
        found.kind, found.split, found.indices[order], found.scores[order], found.others[order], found.elsewhere[order]
    )
