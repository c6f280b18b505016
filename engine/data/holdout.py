"""Images that are held out of a training set for validation: how many a person asked for, and which they are.

`5000` is a number of images, `0.1` or `10%` a share of the training set; `:SEED` after it chooses other ones.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.digits import significant
from engine.errors import ConfigError

if TYPE_CHECKING:  # numpy comes with the first data, after the first frame
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Split

    Indices = npt.NDArray[np.int64]

SPELLED = re.compile(r"(?P<amount>[0-9]*\.?[0-9]+(?:e-?[0-9]+)?)\s*(?P<percent>%?)\s*(?::\s*(?P<seed>[0-9]+))?", re.I)
MOST_SEED = 2**32 - 1  # numpy.random.RandomState's
EXAMPLES = "5000 (images), 0.1 (of the training set), or 5000:1 (drawn with the seed 1)"


@dataclass(frozen=True)
class HoldOut:
    """What a person asked for."""

    count: int = 0  # images; 0: `share` says how many
    share: float = 0.0  # of the training set, between 0 and 1
    seed: int = 0

    def images(self, samples: int) -> int:
        """How many of so many training images."""
        return self.count or round(self.share * samples)

    def __str__(self) -> str:
        """The same however it was typed: `5,000`, `10%`, `10%:1` with the seed 1."""
        amount = f"{self.count:,}" if self.count else f"{significant(100 * self.share, 9)}%"
        return f"{amount}:{self.seed}" if self.seed else amount


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A training set in two parts."""

    train: "Split"
    val: "Split"
    indices: "Indices"  # those of the validation images in the whole training set, int64 [n], ascending

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the indices as little-endian 64-bit integers."""
        return hashlib.sha256(self.indices.astype("<i8").tobytes()).hexdigest()


def parse(text: str) -> HoldOut | None:
    """`text` as it was typed; None where it is empty or 0. Raises ValueError, saying what is wrong."""
    text = text.strip()
    if text in ("", "0"):
        return None
    found = SPELLED.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an amount of training images, such as {EXAMPLES}")
    amount, seed = float(found["amount"]), int(found["seed"] or 0)
    if seed > MOST_SEED:
        raise ValueError(f"the seed {seed} is out of range; it must be from 0 to {MOST_SEED}")
    if found["percent"]:
        amount /= 100
    if found["percent"] or "." in found["amount"] or "e" in found["amount"].lower():
        if not 0 < amount < 1:
            raise ValueError(f"{text!r}: a share must be more than 0 and less than 1, such as 0.1")
        return HoldOut(share=amount, seed=seed)
    if not 1 <= amount <= 10**9:
        raise ValueError(f"{text!r}: the number of images must be from 1 to 1000000000")
    return HoldOut(count=int(found["amount"]), seed=seed)


def split_off(train: "Split", wanted: HoldOut) -> HeldOut:
    """Draw the validation images, from each class its share (stratified), and give both parts in the files' order.

    By the labels and the seed alone (see `draw`). Raises ConfigError where no image of a class would be left to train
    on.
    """
    import numpy as np

    from engine.data.dataset import Split

    indices = indices_of(train.labels, wanted)
    rest = np.ones(len(train), np.bool_)
    rest[indices] = False
    val = Split("val", train.images[indices], train.labels[indices])
    return HeldOut(Split("train", train.images[rest], train.labels[rest]), val, indices)


def indices_of(labels: "npt.NDArray[np.uint8]", wanted: HoldOut) -> "Indices":
    """The indices of the images that are held out, int64 [n], ascending. Raises ConfigError as `split_off` does."""
    import numpy as np

    samples, count = len(labels), wanted.images(len(labels))
    there = np.flatnonzero(np.bincount(labels))
    if count < 1 or count > samples - len(there):
        raise ConfigError(
            "val",
            f"--val: {count} of {samples} training images can't be held out; choose from 1 to {samples - len(there)}, "
            "so that each class keeps an image",
        )
    return draw(labels, count, wanted.seed)


def draw(labels: "npt.NDArray[np.uint8]", count: int, seed: int) -> "npt.NDArray[np.int64]":
    """The indices of `count` held-out images, ascending, from each class its share (stratified).

    The same in every version of NumPy: `RandomState`'s stream never changes (NEP 19). Of each class its exact share is
    taken, rounded down; what is left goes to the largest remainders, the first of equal ones.
    """
    import numpy as np

    in_class = np.bincount(labels)
    there = np.flatnonzero(in_class)
    sizes = in_class[there]
    exact = count * sizes.astype(object)  # Python's integers: no product is too large
    most = sizes - 1  # a class keeps an image
    quotas = np.minimum((exact // len(labels)).astype(np.int64), most)
    in_turn = sorted(range(len(there)), key=lambda at: (-(exact[at] % len(labels)), at))
    while (left := count - int(quotas.sum())) > 0:
        for at in [at for at in in_turn if quotas[at] < most[at]][:left]:
            quotas[at] += 1
    random = np.random.RandomState(seed)
    drawn = [
        random.permutation(np.flatnonzero(labels == label))[:quota] for label, quota in zip(there, quotas, strict=True)
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)
