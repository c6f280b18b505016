"""validation.json: the record of which training images a run holds out for validation. A run's folder may be anybody's,
so it is typed and bounded where it is read. Imports no torch."""

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine import atomic, plain_file
from engine.data.holdout import HeldOut
from engine.home import RunFolder
from engine.runs.run_json import words
from engine.runs.unreadable import UnreadableError

MOST_BYTES = 128 << 20  # of the file: some 12 million images
Index = Annotated[int, Meta(ge=0, le=2**62)]


class _Content(msgspec.Struct):
    v: Literal[1]
    images: Annotated[int, Meta(ge=1, le=2**62)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    indices: Annotated[list[Index], Meta(min_length=1)]


@dataclass(frozen=True)
class Record:
    """Which images are held out."""

    images: int  # of the whole training set
    held_out: int  # of these
    sha256: str  # (hex) of their indices, as `HeldOut.sha256`


def write(folder: RunFolder, held_out: HeldOut) -> None:
    """Put on record which training images are held out. Raises OSError."""
    content = {
        "v": 1,
        "images": len(held_out.train) + len(held_out.val),
        "sha256": held_out.sha256,
        "indices": held_out.indices.tolist(),
    }
    atomic.write_text(folder.validation_json, json.dumps(content) + "\n")


def read(folder: RunFolder) -> Record | None:
    """What is on record; None where nothing is. Raises UnreadableError where that is not as `write` leaves it: another
    type, indices that are out of range, repeated or out of order, or not those of the SHA-256 beside them."""
    path = folder.validation_json
    try:
        data = plain_file.read(path, MOST_BYTES)
        found = msgspec.json.decode(data, type=_Content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(path, error, run=folder.id) from None
    except msgspec.ValidationError as error:
        raise UnreadableError(path, words(error), run=folder.id) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UnreadableError(path, "no JSON", run=folder.id) from None
    if wrong := _wrong(found):
        raise UnreadableError(path, wrong, run=folder.id)
    return Record(found.images, len(found.indices), found.sha256)


def _wrong(found: _Content) -> str:
    """What does not fit together in it, in words; "": nothing."""
    indices = found.indices
    for before, after in pairwise(indices):
        if after <= before:
            how = "is there twice" if after == before else "is out of order"
            return f"the index {after} {how}: they must ascend"
    if indices[-1] >= found.images:
        return f"the index {indices[-1]} is beyond its {found.images:,} images"
    if len(indices) == found.images:
        return "it holds out every image"
    if _sha256(indices) != found.sha256:
        return "its indices are not those of its SHA-256"
    return ""


def _sha256(indices: list[int]) -> str:
    import numpy as np

    return hashlib.sha256(np.array(indices, "<i8").tobytes()).hexdigest()
