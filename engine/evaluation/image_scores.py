"""Images that are suspicious by their pixels alone: dark, bright, or nearly empty. No torch.

The three scores and their limits are CleanVision's (github.com/cleanlab/cleanvision, as used by cleanlab's Datalab):
each is 0 to 1, and the lower, the more suspicious.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.data.dataset import Bytes, Dataset, Split, luminance
from engine.evaluation.requests import LabelErrorSettings, Suspects
from engine.evaluation.suspects import listed
from engine.progress import Progress

Scores = npt.NDArray[np.float32]

DARK = 0.32  # below: its brightest pixels are dark
BRIGHT = 0.05  # below: its darkest pixels are bright
LOW_INFORMATION = 0.15  # below: its grey levels hold fewer than 1.5 bits
CHUNK = 4096  # images at a time


def find_dark(data: Dataset, settings: LabelErrorSettings, progress: Progress) -> dict[str, Suspects]:
    """Images whose brightest pixels are dark."""
    return _below("dark", DARK, darkness, data, progress)


def find_bright(data: Dataset, settings: LabelErrorSettings, progress: Progress) -> dict[str, Suspects]:
    """Images whose darkest pixels are bright."""
    return _below("bright", BRIGHT, brightness, data, progress)


def find_low_information(data: Dataset, settings: LabelErrorSettings, progress: Progress) -> dict[str, Suspects]:
    """Images whose grey levels hold little information."""
    return _below("low-information", LOW_INFORMATION, information, data, progress)


def darkness(split: Split) -> Scores:
    """The 99th percentile of an image's pixels, divided by 255: float32 [N]."""
    return _chunked(split, lambda pixels: np.percentile(pixels, 99, axis=1) / 255)


def brightness(split: Split) -> Scores:
    """1 less the 5th percentile of an image's pixels, divided by 255: float32 [N]."""
    return _chunked(split, lambda pixels: 1 - np.percentile(pixels, 5, axis=1) / 255)


def information(split: Split) -> Scores:
    """A tenth of the Shannon entropy of an image's grey levels in bits, at most 1: float32 [N]."""

    def entropy(pixels: Bytes) -> npt.NDArray[np.float64]:
        rows = np.arange(len(pixels), dtype=np.int64)[:, None] * 256
        counts = np.bincount((rows + pixels).ravel(), minlength=256 * len(pixels)).reshape(-1, 256)
        share = counts / pixels.shape[1]
        logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
        bits: npt.NDArray[np.float64] = -(share * logs).sum(axis=1)
        return np.minimum(1, 0.1 * bits)

    return _chunked(split, entropy)


def _below(
    kind: str, limit: float, score: Callable[[Split], Scores], data: Dataset, progress: Progress
) -> dict[str, Suspects]:
    found = {}
    for done, (name, split) in enumerate(data.splits.items()):
        progress(done, len(data.splits))
        scores = score(split)
        found[name] = listed(kind, name, scores, scores < limit)
    return found


def _chunked(split: Split, score: Callable[[Bytes], npt.NDArray[np.floating]]) -> Scores:
    """`score` of the grey pixels, uint8 [n, pixels], of all images, some at a time."""
    parts = []
    for at in range(0, len(split), CHUNK):
        images = luminance(split.images[at : at + CHUNK])
        parts.append(np.asarray(score(images.reshape(len(images), -1)), np.float32))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
