"""Two files of weights, tensor by tensor."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.errors import CheckpointError
from engine.progress import Progress, silent
from engine.weights import tensors
from engine.weights.comparison import Comparison, Difference
from engine.weights.contents import Contents, Named
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import unwrapped, wrappers_in
from engine.weights.requests import CompareRequest

BLOCK = 1 << 20  # elements that are compared in one go


def compute(home: Path, request: CompareRequest, progress: Progress) -> Comparison:
    """The worker process's part."""
    return compare(contents_of(request.first), contents_of(request.second), progress)


def compare(a: Contents, b: Contents, progress: Progress = silent) -> Comparison:
    """Compare two files by the names of their tensors; where they have none in common, the weights of one (its first
    section) with those of the other, without a prefix that only one of them has."""
    left, right, alignment = _aligned(a, b)
    names = [*left, *(name for name in right if name not in left)]
    found = []
    for done, name in enumerate(names):
        progress(done, len(names))
        one, other = left.get(name), right.get(name)
        section = next(each.section for each in (one, other) if each is not None)
        own = (one.name if one is not None else "", other.name if other is not None else "")
        found.append(replace(_compared(a, b, name, one, other), section=section, names=own))
    progress(len(names), len(names))
    for contents in (a, b):
        contents.refuse_changed()
    metadata = {
        key: (a.metadata.get(key), b.metadata.get(key))
        for key in [*a.metadata, *(key for key in b.metadata if key not in a.metadata)]
        if not key.startswith("file.") and a.metadata.get(key) != b.metadata.get(key)
    }
    return Comparison(alignment, tuple(found), metadata, a.model)


def _aligned(a: Contents, b: Contents) -> tuple[dict[str, Named], dict[str, Named], str]:
    left, right = ({one.name: one for one in each.tensors} for each in (a, b))
    left, right, wrappers = _unwrapped(left, right)
    without = f", without {', '.join(wrappers)} in the names" if wrappers else ""
    if left.keys() & right.keys() or not left or not right:
        return left, right, f"by the names of all tensors{without}"
    parts, words = [], []
    for each in (a, b):
        section = each.state_dicts[0]
        part = {unwrapped(name, wrappers): one for name, one in each.section(section).items()}
        word = f"{section!r} of {each.path.name}" if section else f"all of {each.path.name}"
        if part and all(name.startswith("module.") for name in part):
            part = {name.removeprefix("module."): one for name, one in part.items()}
            word += " without the prefix module."
        parts.append(part)
        words.append(word)
    if not parts[0].keys() & parts[1].keys():
        for here, there in ((0, 1), (1, 0)):
            if prefix := _before(parts[here], parts[there]):
                parts[here] = {name.removeprefix(prefix): one for name, one in parts[here].items()}
                words[here] += f" without the prefix {prefix}"
                break
        else:
            return left, right, "by the names of all tensors: none is in both"
    return parts[0], parts[1], f"{words[0]} compared with {words[1]}"


def _unwrapped(
    left: dict[str, Named], right: dict[str, Named]
) -> tuple[dict[str, Named], dict[str, Named], tuple[str, ...]]:
    """Both without the parts that wrappers such as torch.compile have added to the names of one alone, and those."""
    there = [set(wrappers_in(each)) for each in (left, right)]
    only = tuple(sorted(there[0] ^ there[1]))
    plain = [{unwrapped(name, only): one for name, one in each.items()} for each in (left, right)]
    if not only or len(plain[0]) < len(left) or len(plain[1]) < len(right):
        return left, right, ()
    return plain[0], plain[1], only


def _before(part: Mapping[str, Named], other: Mapping[str, Named]) -> str:
    """What stands before the names of `part` that `other` has without it; "" where nothing does."""
    for wanted in list(other)[:5]:
        for name in part:
            if name.endswith(f".{wanted}"):
                return name.removesuffix(wanted)
    return ""


def _compared(a: Contents, b: Contents, name: str, one: Named | None, other: Named | None) -> Difference:
    if one is None or other is None:
        kind = "added" if one is None else "removed"
        return Difference(name, kind, _words(one), _words(other))
    described = (name, _words(one), _words(other))
    if one.tensor.shape != other.tensor.shape:
        return Difference(name, "shape", *described[1:])
    try:
        x, y = (tensors.computable(tensors.whole(each, part.name), part.name) for each, part in ((a, one), (b, other)))
    except CheckpointError:
        return Difference(name, "unread", *described[1:])
    kind = "dtype" if one.tensor.dtype != other.tensor.dtype else ""
    figures = figures_of(x, y)
    found = Difference(name, kind or ("changed" if figures["changed"] else "same"), *described[1:])
    return replace(found, **figures)


def figures_of(a: torch.Tensor, b: torch.Tensor) -> dict[str, Any]:
    """`max_abs`, `l2`, `relative`, `cosine` and `changed` of two tensors of one shape (see `Difference`)."""
    most = squares = product = norm_a = norm_b = 0.0
    changed = count = 0
    for x, y in _blocks(a, b):
        count += x.numel()
        both = torch.isfinite(x) & torch.isfinite(y)
        changed += int((~((x == y) | (x.isnan() & y.isnan()))).sum())
        if not bool(both.all()):
            x, y = x[both], y[both]
        if not x.numel():
            continue
        change = y - x
        most = max(most, float(change.abs().max()))
        squares += float((change * change).sum())
        product += float((x * y).sum())
        norm_a += float((x * x).sum())
        norm_b += float((y * y).sum())
    lengths = math.sqrt(norm_a) * math.sqrt(norm_b)
    return {
        "max_abs": most, "l2": math.sqrt(squares), "relative": math.sqrt(squares / norm_a) if norm_a else None,
        "cosine": max(-1.0, min(1.0, product / lengths)) if lengths else None,
        "changed": changed / count if count else 0.0,
    }  # fmt: skip


def _blocks(a: torch.Tensor, b: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Both, one after another, as float64; of complex numbers real and imaginary parts."""
    if a.is_complex() != b.is_complex():
        a, b = a.to(torch.complex128), b.to(torch.complex128)
    flat = [(torch.view_as_real(each) if each.is_complex() else each).reshape(-1) for each in (a, b)]
    for start in range(0, flat[0].numel(), BLOCK):
        x, y = (each[start : start + BLOCK].to(torch.float64) for each in flat)
        yield x, y


def _words(one: Named | None) -> str:
    if one is None:
        return ""
    return f"{'×'.join(map(str, one.tensor.shape)) or 'scalar'} {one.tensor.dtype}"
