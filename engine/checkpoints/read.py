"""Reading a run's own checkpoints: only files with the SHA-256 in the manifest, always with `weights_only=True`."""

import contextlib
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from engine import plain_file
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import CheckpointError
from engine.home import CHECKPOINTS, RunFolder
from engine.training.finite import was_finite
from engine.training.resume import check

MOST_TOLD = 5  # bad checkpoints in an error's line


def load(run_folder: RunFolder, entry: Entry) -> dict[str, Any]:
    """The content of one checkpoint, its tensors on the CPU. Raises CheckpointError with what is wrong with it."""
    path = run_folder.checkpoint(entry.file)
    try:
        with plain_file.opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read() if size == entry.bytes else b""
    except OSError as error:
        raise CheckpointError(f"it can't be read ({error.strerror})") from None
    if size != entry.bytes:
        raise CheckpointError(f"it has {size:,} bytes, and {entry.bytes:,} were written")
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise CheckpointError("its SHA-256 is not the one that was written: the file is damaged")
    try:
        return check(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
    except CheckpointError:
        raise
    except Exception as error:  # its text advises to load it without weights_only: never shown
        raise CheckpointError(f"PyTorch can't load it ({type(error).__name__})") from error


def weights_after(run_folder: RunFolder, epoch: int) -> Mapping[str, torch.Tensor] | None:
    """The network's weights at the end of an epoch: its state_dict, on the CPU; None where no checkpoint has them."""
    with contextlib.suppress(CheckpointError):
        for entry in manifest.read(run_folder):
            if entry.epoch == entry.epochs_done == epoch:
                weights: Mapping[str, torch.Tensor] = load(run_folder, entry)["model"]
                return weights
    return None


def newest_good(
    run_folder: RunFolder, entries: Sequence[Entry] | None = None
) -> tuple[Entry, dict[str, Any], list[str]] | None:
    """The checkpoint that is furthest on, whole and finite, its content, and what is wrong with those further on, a
    line each.

    `entries`: the checkpoints, where the manifest is lost.
    None where none was ever written. Raises CheckpointError where there are some and every one is bad.
    """
    bad, broken = list[str](), 0
    entries = manifest.read(run_folder) if entries is None else entries
    for entry in sorted(entries, key=lambda entry: entry.place, reverse=True):
        try:
            content = load(run_folder, entry) if entry.finite else {}
            if content and was_finite(content):
                return entry, content, bad
            bad.append(f"{CHECKPOINTS}/{entry.file}: its weights or its loss are NaN or infinite")
        except CheckpointError as error:
            bad.append(f"{CHECKPOINTS}/{entry.file}: {error}")
            broken += 1
    if bad and not broken:
        raise CheckpointError(
            f"{run_folder.id} can't be resumed: the weights or the loss of each of its checkpoints are NaN or "
            "infinite; start a new run, with a smaller learning rate, say: fmnist-tui train --lr LR"
        )
    if bad:
        more = f"; and {len(bad) - MOST_TOLD} more" if len(bad) > MOST_TOLD else ""
        raise CheckpointError(f"no checkpoint of {run_folder.id} can be used: {'; '.join(bad[:MOST_TOLD])}{more}")
    return None
