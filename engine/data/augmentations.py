"""The random changes that whole batches of training images go through, on the device: what can be typed for them.

    flip; shift(2); cutout(8)

`engine.data.augment` does them. Imports no torch.
"""

import re
from dataclasses import dataclass

EXAMPLE = "flip; shift(2); cutout(8)"
MOST = 16  # in one text


@dataclass(frozen=True)
class AugmentationEntry:
    """One of them."""

    about: str  # for people
    amount: tuple[int, int] | None = None  # the least and the most pixels that it takes; None: it takes no number
    words: tuple[str, ...] = ()  # what it takes in place of a number


AUGMENTATIONS: dict[str, AugmentationEntry] = {
    "flip": AugmentationEntry(
        "mirrors each image left to right with probability 0.5; flip(alternate) mirrors one half of the images in "
        "every other epoch, and the other half in the epochs between",
        words=("alternate",),
    ),
    "shift": AugmentationEntry(
        "shift(2) moves each image by up to 2 pixels along both axes; what comes in is 0", amount=(1, 64)
    ),
    "cutout": AugmentationEntry(
        "cutout(8) sets a square of 8×8 pixels in each image to 0, at a place that may lie partly outside",
        amount=(1, 1000),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Augmentation:
    """One, as it was typed."""

    name: str  # in AUGMENTATIONS
    amount: int = 0  # pixels; 0: it takes none
    word: str = ""

    def __str__(self) -> str:
        given = self.word or (str(self.amount) if self.amount else "")
        return f"{self.name}({given})" if given else self.name


def parse(text: str) -> tuple[Augmentation, ...]:
    """Those of a text, in their order; none for an empty one. Raises ValueError, naming the part that is wrong."""
    parts = [part for piece in text.split(";") if (part := piece.strip())]
    if len(parts) > MOST:
        raise ValueError(f"it has {len(parts)} augmentations; at most {MOST} are possible")
    return tuple(_one(part) for part in parts)


def spelled(text: str) -> str:
    """The text in one spelling."""
    return "; ".join(map(str, parse(text)))


def known() -> str:
    """What there is, a sentence each, for people."""
    return ". ".join(f"{name}: {entry.about}" for name, entry in AUGMENTATIONS.items())


def _one(part: str) -> Augmentation:
    found = re.fullmatch(r"([A-Za-z_]+)\s*(?:\(\s*([A-Za-z0-9_+-]*)\s*\))?", part)
    if found is None:
        raise ValueError(f"{part!r} is not of the form NAME or NAME(PIXELS), such as {EXAMPLE}")
    name, given = found[1].lower(), found[2] or ""
    if name not in AUGMENTATIONS:
        hint = "; torchvision's transforms belong to --transform" if found[1][:1].isupper() else ""
        raise ValueError(f"{found[1]!r} is unknown; choose from {', '.join(AUGMENTATIONS)}{hint}")
    return _made(name, given, AUGMENTATIONS[name])


def _made(name: str, given: str, entry: AugmentationEntry) -> Augmentation:
    if entry.amount is None:
        if given and given not in entry.words:
            allowed = " or ".join([name, *(f"{name}({word})" for word in entry.words)])
            raise ValueError(f"{name}({given}): write {allowed}")
        return Augmentation(name, word=given)
    low, high = entry.amount
    if not (given.isascii() and given.isdigit() and len(given) < 6):
        raise ValueError(f"{name} takes a number of pixels, such as {name}({4 * low})")
    if not low <= int(given) <= high:
        raise ValueError(f"{name}({given}): the pixels must be from {low} to {high}")
    return Augmentation(name, int(given))
