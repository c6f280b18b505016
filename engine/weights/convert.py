"""The weights of a file, or the mean of several, written as a bare state_dict or as safetensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from engine import atomic
from engine.errors import CheckpointError
from engine.progress import Progress
from engine.terminal_text import original, printable
from engine.weights import state_dict
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.formats import registry
from engine.weights.key_mapping import KeyMapping
from engine.weights.requests import Converted, ConvertRequest


def compute(home: Path, request: ConvertRequest, progress: Progress) -> Converted:
    """The worker process's part."""
    return convert(request.files, request.target, request.mapping)


def convert(files: Sequence[Path], target: Path, mapping: KeyMapping) -> Converted:
    """Write the weights of a file, or the mean of several, to `target`. Raises CheckpointError."""
    opened = [contents_of(file) for file in files]
    several = [state_dict.mapped(contents, mapping) for contents in opened]
    found = average(several) if len(several) > 1 else several[0]
    notes = dict.fromkeys(note for contents in opened for note in state_dict.forms(contents, mapping))
    header, lost = _common(opened)
    if header and not registry.to_write(target).has_header:
        header, lost = {}, {name for contents in opened for name in contents.header}
    if lost - {"format"}:
        notes[_left_out(lost - {"format"}, target)] = None
    return Converted(len(found), write(found, target, header, opened), tuple(notes))


def _common(several: Sequence[Contents]) -> tuple[dict[str, str], set[str]]:
    """What the headers of all files have alike, and the names of the rest."""
    first = several[0].header
    alike = {name: text for name, text in first.items() if all(one.header.get(name) == text for one in several)}
    return alike, {name for one in several for name in one.header} - alike.keys()


def _left_out(names: set[str], target: Path) -> str:
    shown = ", ".join(printable(name, 60) for name in sorted(names)[:4]) + (", …" if len(names) > 4 else "")
    return f"metadata that is not in {printable(target.name, 100)}: {shown}"


def average(several: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of several weights of one network, of the widest dtype among them; single whole numbers, such as counts
    of batches, as the last one has them.

    Raises CheckpointError where they are not of the same names, shapes and kinds of numbers, and for other integers
    that differ: a mean of what is quantized is none of what it stands for.
    """
    first, *rest = several
    for number, other in enumerate(rest, 2):
        if other.keys() != first.keys():
            (name, *_) = sorted(other.keys() ^ first.keys())
            raise CheckpointError(f"the files can't be averaged: {name} is missing in one of them (see file {number})")
        for name, tensor in other.items():
            if tensor.shape != first[name].shape:
                shapes = f"{list(first[name].shape)} and {list(tensor.shape)}"
                raise CheckpointError(f"the files can't be averaged: {name} has the shapes {shapes}")
            if _kind(tensor) != _kind(first[name]):
                both = f"{_dtype(first[name])} and {_dtype(tensor)}"
                raise CheckpointError(f"the files can't be averaged: {name} has the dtypes {both}")
            if _kind(tensor) == "whole" and tensor.ndim and not torch.equal(tensor, first[name]):
                words = f"{name} is {_dtype(tensor)}, and differs"
                raise CheckpointError(f"the files can't be averaged: {words}: dequantize it if it is quantized")
    found = {}
    for name, tensor in several[-1].items():
        if tensor.is_floating_point() or tensor.is_complex():
            wide = torch.complex128 if tensor.is_complex() else torch.float64
            mean = sum((each[name].to(wide) for each in several), torch.zeros((), dtype=wide))
            widest = max((each[name].dtype for each in reversed(several)), key=lambda dtype: dtype.itemsize)
            found[name] = (mean / len(several)).to(widest)
        else:
            found[name] = tensor
    return found


def _kind(tensor: torch.Tensor) -> str:
    return "complex" if tensor.is_complex() else "float" if tensor.is_floating_point() else "whole"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def write(
    weights: Mapping[str, torch.Tensor],
    target: Path,
    header: Mapping[str, str] | None = None,
    sources: Sequence[Contents] = (),
) -> int:
    """Write a state_dict in the format that the name's ending asks for, whole or not at all. `header`: the metadata of
    a safetensors file. `sources`: the files that the weights are of. Returns its bytes.

    Raises CheckpointError where the file exists already, its format is only read, or it can't be written, and where a
    source has changed.
    """
    target_format = registry.to_write(target)
    if target.exists():
        raise CheckpointError(f"{target} exists already; nothing is overwritten")
    own = {original(name): tensor.contiguous().clone() for name, tensor in weights.items()}
    for contents in sources:
        contents.refuse_changed()
    try:
        with atomic.whole(target, shared=True) as beside:
            target_format.write(own, beside, header or {})
    except OSError as error:
        raise CheckpointError(f"{target} can't be written: {error.strerror or error}") from error
    return target.stat().st_size
