"""Test-time augmentation: one entry each way. The entries import no torch; `evaluated` does."""

from typing import TYPE_CHECKING

from engine.training.setting import Choice

if TYPE_CHECKING:
    from torch import nn

TTA: dict[str, Choice] = {
    "none": Choice(about="each image as it is"),
    "flip": Choice(about="the mean of the logits for the image and for its mirror image"),
}


def evaluated(network: "nn.Module", tta: str) -> "nn.Module":
    """The module that gives the logits that are evaluated. `tta`: a key of TTA."""
    if tta == "none":
        return network
    from engine.training.mirrored import Mirrored

    return Mirrored(network)


def words(tta: str) -> str:
    """What a figure says of it: `flip TTA`; empty where it used none."""
    return "" if tta in ("", "none") else f"{tta} TTA"
