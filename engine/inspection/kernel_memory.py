"""Which of a kernel's tensors and arrays share memory, and whether its bytes have changed."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.inspection.kernel_namespace import readable
from engine.inspection.kernel_requests import Storage

WHOLE = 1 << 20  # bytes of a value up to which all of them are summed up


@dataclass(frozen=True)
class Region:
    """The memory behind a value, from `begin` up to `end`: of a tensor its storage, of an array its owner's buffer."""

    device: str
    begin: int
    end: int


def plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor's values lie in its storage, and reading them runs nobody's code."""
    own = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    return not own and not tensor.is_nested and tensor.layout == torch.strided and not tensor.is_quantized


def region_of(value: Any) -> tuple[Region, int] | None:
    """The memory, and the address of the value's first element; None: it has none that can be told."""
    if issubclass(type(value), np.ndarray):
        owner, below = value, value.base
        while issubclass(type(below), np.ndarray):
            owner, below = below, below.base
        if issubclass(type(below), torch.Tensor) and (found := region_of(below)) is not None:
            region = found[0]
        else:
            region = Region("cpu", *_bounds(owner))
        at = int(value.__array_interface__["data"][0])
        return (region, at) if value.nbytes else None
    if not plain(value) or value.is_meta or not value.numel():
        return None
    storage = value.untyped_storage()
    if not storage.nbytes() or not storage.data_ptr():
        return None
    begin = storage.data_ptr()
    return Region(str(value.device), begin, begin + storage.nbytes()), value.data_ptr()


def shared(regions: Mapping[str, Region]) -> tuple[list[Storage], dict[str, tuple[int | None, int]]]:
    """The storages of more than one name, in the order of their first names; and of each name which one it is, or None,
    and the address at which its memory begins."""
    order = {name: at for at, name in enumerate(regions)}
    groups: list[tuple[Region, list[str]]] = []
    for name, region in sorted(regions.items(), key=lambda item: (item[1].device, item[1].begin, -item[1].end)):
        last = groups[-1][0] if groups else None
        if last is not None and last.device == region.device and region.begin < last.end:
            groups[-1] = (Region(last.device, last.begin, max(last.end, region.end)), [*groups[-1][1], name])
        else:
            groups.append((region, [name]))
    groups.sort(key=lambda group: min(order[name] for name in group[1]))
    storages: list[Storage] = []
    places: dict[str, tuple[int | None, int]] = {}
    for region, names in groups:
        at = len(storages) if len(names) > 1 else None
        if at is not None:
            sharing = tuple(sorted(names, key=order.__getitem__))
            storages.append(Storage(sharing, region.end - region.begin, region.device))
        places.update(dict.fromkeys(names, (at, region.begin)))
    return storages, places


def checksum(value: Any) -> tuple[int, bool] | None:
    """A CRC-32 of the values of a tensor on the CPU or of an array, and whether it is of all of them: of one larger
    than WHOLE it is of evenly spaced samples, and a change between them goes unseen. None: they can't be read."""
    if issubclass(type(value), np.ndarray):
        if value.dtype.hasobject:
            return None
        array = np.ndarray.view(value, np.ndarray)
        samples = array[_samples(array.shape, array.nbytes)]
        return zlib.crc32(samples.tobytes()), samples.size == array.size
    if not plain(value) or value.device.type != "cpu" or not readable(value):
        return None
    with torch.no_grad():
        tensor = value.detach()
        some = tensor[_samples(tuple(tensor.shape), tensor.numel() * tensor.element_size())]
        count = some.numel()
        flat = some.resolve_conj().resolve_neg().contiguous().reshape(-1)
        return zlib.crc32(flat.view(torch.uint8).numpy()), count == tensor.numel()


def _samples(shape: tuple[int, ...], size: int) -> tuple[slice, ...]:
    """Slices with steps, so that about WHOLE bytes are left of `size`."""
    left = math.ceil(size / WHOLE)
    slices = []
    for side in shape:
        step = max(1, min(left, side))
        slices.append(slice(None, None, step))
        left = math.ceil(left / step)
    return tuple(slices)


def _bounds(array: "np.ndarray[Any, Any]") -> tuple[int, int]:
    """The first address of an array's elements, and the one behind the last."""
    low = high = int(array.__array_interface__["data"][0])
    for side, step in zip(array.shape, array.strides, strict=True):
        low, high = min(low, low + (side - 1) * step), max(high, high + (side - 1) * step)
    return low, high + array.itemsize
