"""Weights out of anybody's file into one of their own: a bare state_dict or safetensors; several of them averaged."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from engine import atomic
from engine.errors import CheckpointError
from engine.patterns import matching
from engine.weights import tensors
from engine.weights.contents import Contents


def weights(
    contents: Contents, section: str | None = None, *, strip: str = "", without: Sequence[str] = ()
) -> dict[str, torch.Tensor]:
    """The tensors of a section (the first, the likeliest weights), by their names in it, less the prefix `strip`, and
    but for those that a pattern of `without` fits (by their names in the section).

    Raises CheckpointError where there is no such section, a pattern fits nothing, a name lacks the prefix, or numbers
    can't be read.
    """
    sections = contents.state_dicts
    if not sections:
        raise CheckpointError(f"{contents.path} has no tensors")
    chosen = sections[0] if section is None else section
    if chosen not in sections:
        names = ", ".join(repr(name) for name in sections[:8]) + (", …" if len(sections) > 8 else "")
        raise CheckpointError(f"{contents.path} has no part {chosen!r}; it has {names}")
    inside = contents.section(chosen)
    for pattern in without:
        if not matching([pattern], inside):
            raise CheckpointError(f"{contents.path}: no tensor fits {pattern!r}, which is to be left out")
    left_out, found = matching(without, inside), {}
    for name, one in inside.items():
        if name in left_out:
            continue
        if strip and not name.startswith(strip):
            raise CheckpointError(f"{contents.path}: {name} does not begin with {strip!r}")
        found[name.removeprefix(strip)] = tensors.whole(contents, one.name)
    return found


def average(several: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of several weights of one network; whole numbers, such as counts of batches, as the last one has them.

    Raises CheckpointError where they are not of the same names and shapes.
    """
    first, *rest = several
    for number, other in enumerate(rest, 2):
        if other.keys() != first.keys():
            (name, *_) = sorted(other.keys() ^ first.keys())
            raise CheckpointError(f"they can't be averaged: {name} is not in each of them (see number {number})")
        for name, tensor in other.items():
            if tensor.shape != first[name].shape:
                shapes = f"{list(first[name].shape)} and {list(tensor.shape)}"
                raise CheckpointError(f"they can't be averaged: {name} has the shapes {shapes}")
    found = {}
    for name, tensor in several[-1].items():
        if tensor.is_floating_point() or tensor.is_complex():
            mean = sum((each[name].to(torch.float64) for each in several), torch.zeros((), dtype=torch.float64))
            found[name] = (mean / len(several)).to(tensor.dtype)
        else:
            found[name] = tensor
    return found


def write(weights_: Mapping[str, torch.Tensor], target: Path) -> int:
    """Write a state_dict, `.safetensors` by its name, else as torch.save does; whole or not at all. Gives its bytes.

    Raises CheckpointError where the file is there already, or can't be written.
    """
    if target.exists():
        raise CheckpointError(f"{target} is there already; nothing is written over")
    own = {name: tensor.contiguous().clone() for name, tensor in weights_.items()}
    try:
        with atomic.whole(target) as beside:
            if target.suffix == ".safetensors":
                from safetensors.torch import save_file

                save_file(own, beside)
            else:
                torch.save(own, beside)
    except OSError as error:
        raise CheckpointError(f"{target} can't be written: {error.strerror or error}") from error
    return target.stat().st_size
