"""Which samples of a split are shown, and in what order: filters, sorting, the tutorial's random figure. No torch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.data import holdout
from engine.errors import DataError

if TYPE_CHECKING:  # numpy comes with the first data, after the first frame
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Split

    Indices = npt.NDArray[np.int64]

SORTS = ("index", "class", "brightness")
SCORED_SORTS = (*SORTS, "loss", "margin")  # where a model's predictions are known


@dataclass(frozen=True)
class Selection:
    """What of a split is wanted. As it stands: everything, in the order of the files."""

    classes: frozenset[int] = frozenset()  # empty: all of them
    marked: bool = False  # only samples that the person marked
    wrong: bool = False  # only samples that a model predicts wrongly
    predicted_as: int | None = None  # only samples that a model predicts as this class
    held_out: str = ""  # only training images that are held out so, as `holdout.parse` reads it
    suspects: str = ""  # only samples of a list of suspects, by the list's name; in its order where not sorted
    sort: str = "index"  # of SORTS or SCORED_SORTS; what is equal stays in the order of the files
    descending: bool = False
    sample: int | None = None  # the seed of the tutorial's random figure, which then is all that is shown

    @property
    def plain(self) -> bool:
        """Whether this is the whole split in its own order."""
        return self == Selection()


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's predictions for a split, [N] each."""

    predicted: "npt.NDArray[np.uint8]"  # the class it finds most probable
    loss: "npt.NDArray[np.float32]"
    margin: "npt.NDArray[np.float32]"  # the label's probability less the highest of the others, -1 to 1


def order(
    split: "Split",
    selection: Selection,
    *,
    marks: Collection[int] = (),
    brightness: "npt.NDArray[np.float32] | None" = None,
    scores: Scores | None = None,
    suspects: "Indices | None" = None,
) -> "Indices":
    """The indices of the samples that are shown, in their order: int64 [n], n up to the split's length.

    `brightness`, [N], `scores` and `suspects` are needed where they sort or filter. Under 10 ms for 60,000 samples.
    Raises ConfigError where `held_out` asks for more images than there are.
    """
    import numpy as np

    if selection.sample is not None:
        return tutorial_figure(len(split), selection.sample)
    chosen = np.ones(len(split), bool)
    if selection.classes:
        chosen = np.isin(split.labels, sorted(selection.classes))
    if selection.marked:
        among = np.zeros(len(split), bool)
        among[np.fromiter(marks, np.int64, len(marks))] = True
        chosen &= among
    if selection.wrong and scores is not None:
        chosen &= scores.predicted != split.labels
    if selection.predicted_as is not None and scores is not None:
        chosen &= scores.predicted == selection.predicted_as
    if (wanted := holdout.parse(selection.held_out)) is not None:
        among = np.zeros(len(split), bool)
        among[holdout.indices_of(split.labels, wanted)] = True
        chosen &= among
    listed = suspects if selection.suspects else None
    found = np.flatnonzero(chosen) if listed is None else listed[chosen[listed]]
    if selection.sort == "class":
        found = found[np.argsort(split.labels[found], kind="stable")]
    elif selection.sort == "brightness" and brightness is not None:
        found = found[np.argsort(brightness[found], kind="stable")]
    elif selection.sort in SCORED_SORTS[len(SORTS) :] and scores is not None:
        by = scores.loss if selection.sort == "loss" else scores.margin
        found = found[np.argsort(by[found], kind="stable")]
    return found[::-1] if selection.descending else found


def tutorial_figure(samples: int, seed: int, count: int = 9) -> "Indices":
    """The indices of the tutorial's 3×3 figure: `torch.manual_seed(seed)`, then nine times
    `torch.randint(samples, size=(1,)).item()`, drawn without torch.

    Torch's CPU generator and NumPy's RandomState are the same Mersenne Twister (MT19937, seeded alike from 32 bits); of
    fewer than 2^32 values torch takes the next 32 bits modulo their number (`random_from_to` in ATen).
    """
    import numpy as np

    drawn = np.random.RandomState(seed % 2**32).randint(0, 2**32, size=count, dtype=np.uint32)
    return (drawn.astype(np.int64)) % samples


def parse_classes(text: str, names: Sequence[str]) -> frozenset[int]:
    """The classes that a text names: `bag, 5, ank`: names or parts of them, in any case, or numbers, separated by
    commas.

    Empty for an empty text: all of them. Raises DataError for what is not a class.
    """
    found: set[int] = set()
    for word in (part.strip() for part in text.split(",")):
        if not word:
            continue
        if word.isdecimal():
            if int(word) >= len(names):
                raise DataError(f"there is no class {word}; they are numbered 0 to {len(names) - 1}")
            found.add(int(word))
            continue
        same = [label for label, name in enumerate(names) if name.casefold() == word.casefold()]
        fitting = same or [label for label, name in enumerate(names) if word.casefold() in name.casefold()]
        if not fitting:
            raise DataError(f"no class is called {word!r}; there are {', '.join(names)}")
        found.update(fitting)
    return frozenset(found)
