"""Which samples of a custom data set are for training, and which for testing."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.custom.samples import Sample
from engine.data.custom.spec import Spec

# What people call the parts of a data set. The validation set stands in for the test set where there is no such set.
WORDS = {
    "train": ("train", "training", "trn"),
    "test": ("test", "testing", "tst", "t10k"),
    "val": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation", "holdout"),
}
ENDINGS = re.compile(r"(?:sets?|data|split|images?|imgs?|folder|dir)$")


def split_of(name: str) -> str:
    """ "train", "test" or "val" where a name is a word for that, in any case, alone; else empty."""
    word = name.strip().lower()
    return next((split for split, words in WORDS.items() if word in words), "")


def split_in(name: str) -> str:
    """The same where it is one part of the name: `seg_train`, `Train-Images`, `testset`, `val2017`; empty where it is
    none, or more than one."""
    parts = re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    found = {
        split for part in parts if (split := split_of(part) or split_of(ENDINGS.sub("", part.rstrip("0123456789"))))
    }
    return found.pop() if len(found) == 1 else ""


def split_word(text: str) -> str:
    """Either of both: of a cell in a column of splits."""
    return split_of(text) or split_in(text)


def testing_mask(samples: Sequence[Sample], spec: Spec) -> npt.NDArray[np.bool_]:
    """Whether each sample is for testing, bool [n]: as the data set says, or else drawn."""
    if any(sample.split for sample in samples):
        return np.array([sample.split == "test" for sample in samples])
    return drawn_mask(len(samples), spec)


def drawn_mask(count: int, spec: Spec) -> npt.NDArray[np.bool_]:
    """Which of so many samples are drawn for testing, bool [n]."""
    drawn = np.random.default_rng(spec.seed).permutation(count) < round(spec.share * count)
    return np.asarray(drawn)
