"""Which samples of a custom data set are for training, and which for testing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.custom.samples import Sample
from engine.data.custom.spec import Spec


def testing_mask(samples: Sequence[Sample], spec: Spec) -> npt.NDArray[np.bool_]:
    """Whether each sample is for testing, bool [n]: as the data set says, or else drawn."""
    if any(sample.split for sample in samples):
        return np.array([sample.split == "test" for sample in samples])
    drawn = np.random.default_rng(spec.seed).permutation(len(samples)) < round(spec.share * len(samples))
    return np.asarray(drawn)
