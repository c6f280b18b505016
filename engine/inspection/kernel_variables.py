"""The variables of a lab's kernel: what each is, what the last cell has changed, and which share memory.

Only numbers are kept between two requests, never one of the person's objects.

A variable is "changed" where its name means another object, or another number or text, and "in place" where the same
object has other contents: of a tensor PyTorch's version counter is higher, or its values differ (through an array that
shares its memory, which PyTorch does not see). Of arrays, and of tensors on the CPU, the values are compared by a
checksum: of all bytes up to 1 MB, of evenly spaced samples beyond. A change of a large array that the samples miss is
still seen where a tensor shares its memory and has counted it. Views share their base's counter. Of a list
the length and the first and last items count, of a dictionary or a set the first ones; of a module its parameters and
buffers.
"""

import contextlib
import itertools
import weakref
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.inspection.kernel_memory import WHOLE, Region, checksum, region_of, shared
from engine.inspection.kernel_namespace import has_gradient, persons, shell, version_of
from engine.inspection.kernel_requests import Mark, Variable, Variables, VariablesRequest
from engine.inspection.kernel_text import text_of, type_of
from engine.progress import Progress

MOST = 500  # names that are listed
ENDS = 64  # items at each end of a list that are compared
VALUES = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True)
class _Seen:
    """How a variable was. Holds nothing of it."""

    identity: int
    value: bool  # of VALUES: another one is another value, never a change in place
    alive: "weakref.ref[Any] | None"  # another object may get the number of one that is gone
    version: int | None
    contents: int | None  # of a value or a container: a number that stands for it
    sum: tuple[int, bool] | None  # of the values in memory; whether of all


@dataclass
class Marks:
    """What the variables were like, to compare with."""

    after: int | None = None  # of the last request
    before: dict[str, _Seen] | None = None  # None: not known
    now: dict[str, _Seen] = field(default_factory=dict)

    def turn(self, after: int, *, fresh: bool) -> None:
        """A request begins. `fresh`: at most one cell has run, before which there was nothing."""
        if self.after is None:
            self.before = {} if fresh else None
        elif after > self.after:
            self.before = self.now
        self.after = max(after, self.after or 0)


_marks = Marks()


def compute(home: Path, request: VariablesRequest, progress: Progress) -> Variables:
    """The kernel's part. Raises InspectionError outside a kernel."""
    found = shell()
    _marks.turn(request.after, fresh=found.execution_count <= 2)
    return listed(persons(found.user_ns, found.user_ns_hidden), _marks, found.execution_count - 1)


def listed(names: Mapping[str, Any], marks: Marks, count: int) -> Variables:
    """Those of the names that are the last MOST."""
    chosen = list(names)[-MOST:]
    variables, regions, starts = [], dict[str, Region](), dict[str, int]()
    now: dict[str, _Seen] = {}
    for name in chosen:
        value = names[name]
        variables.append(_described(name, value))
        now[name] = _seen(value)
        if (found := _region(value)) is not None:
            regions[name], starts[name] = found
    storages, places = shared(regions)
    marked = {name: _mark(name, now, marks.before) for name in chosen}
    if marks.before is not None:
        _count_along(marked, names, now, storages)
    marks.now = now
    for at, variable in enumerate(variables):
        variable = replace(variable, mark=marked[variable.name])
        if variable.name in places:
            storage, begin = places[variable.name]
            step = max(1, _item_size(names[variable.name]))
            variable = replace(variable, storage=storage, offset=(starts[variable.name] - begin) // step)
        variables[at] = variable
    return Variables(count, tuple(variables), tuple(storages), len(names) - len(chosen))


def _described(name: str, value: Any) -> Variable:
    found = Variable(name, type_of(value))
    with contextlib.suppress(Exception):  # numbers that can't be printed, or a device that has failed
        found = replace(found, text=text_of(value))
    try:
        if issubclass(type(value), torch.Tensor):
            return _tensor(found, value)
        if issubclass(type(value), np.ndarray):
            return replace(
                found, shape=tuple(value.shape), dtype=str(value.dtype), device="cpu",
                strides=tuple(step // max(1, value.itemsize) for step in value.strides),
                size=int(value.nbytes), opens=name if value.dtype.kind in "biufc" and value.itemsize <= 16 else "",
            )  # fmt: skip
        if type(value).__module__.partition(".")[0] == "pandas" and type(value).__name__ in ("DataFrame", "Series"):
            return replace(found, shape=tuple(int(side) for side in value.shape))
    except Exception:  # a broken object: its type is known
        return found
    return found


def _tensor(found: Variable, tensor: torch.Tensor) -> Variable:
    if nn.parameter.is_lazy(tensor):
        return replace(found, text="no shape before the first forward", dtype=str(tensor.dtype).removeprefix("torch."))
    function = tensor.grad_fn
    return replace(
        found,
        shape=None if tensor.is_nested else tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        device=str(tensor.device),
        requires_grad=tensor.requires_grad,
        has_grad=has_gradient(tensor),
        grad_fn=type(function).__name__ if function is not None else "",
        leaf=tensor.is_leaf,
        version=version_of(tensor),
        strides=tuple(tensor.stride()) if tensor.layout == torch.strided and not tensor.is_nested else None,
        size=tensor.numel() * tensor.element_size(),
        opens=found.name,
    )


def _region(value: Any) -> tuple[Region, int] | None:
    if not issubclass(type(value), torch.Tensor | np.ndarray):
        return None
    try:
        return region_of(value)
    except Exception:  # a tensor that only seems to be one
        return None


def _item_size(value: Any) -> int:
    return int(value.itemsize if issubclass(type(value), np.ndarray) else value.element_size())


def _seen(value: Any) -> _Seen:
    version = contents = summed = alive = None
    with contextlib.suppress(Exception):  # a broken object, or bytes that can't be read
        if issubclass(type(value), torch.Tensor):
            version = version_of(value)
        else:
            contents = _contents(value)
        if issubclass(type(value), torch.Tensor | np.ndarray):
            summed = checksum(value)
    if type(value) not in VALUES:
        with contextlib.suppress(TypeError):
            alive = weakref.ref(value)
    return _Seen(id(value), type(value) in VALUES, alive, version, contents, summed)


def _contents(value: Any) -> int | None:
    """A number that stands for a plain value, or for what a container or module holds."""
    cls = type(value)
    if cls in VALUES:
        return hash((cls.__name__, value))
    if cls in (list, tuple, bytearray):
        return hash((len(value), tuple(_token(one) for one in (*value[:ENDS], *value[-ENDS:]))))
    if cls in (dict, set, frozenset):
        items = value.items() if cls is dict else value
        return hash((len(value), tuple(_token(one) for one in itertools.islice(items, ENDS))))
    if issubclass(cls, nn.Module):
        tensors = [*value.parameters(), *value.buffers()]
        return hash((value.training, tuple((id(tensor), version_of(tensor)) for tensor in tensors)))
    module = cls.__module__.partition(".")[0]
    if module == "PIL":
        loaded = not getattr(value, "tile", None) and value.size[0] * value.size[1] <= WHOLE // 4
        return hash((value.mode, tuple(value.size), zlib.crc32(value.tobytes()) if loaded else 0))
    if module == "pandas" and cls.__name__ in ("DataFrame", "Series"):
        return hash(tuple(value.shape))
    return None


def _token(item: Any) -> Any:
    if type(item) in VALUES:
        return item
    if type(item) is tuple and len(item) == 2:
        return tuple(one if type(one) in VALUES else id(one) for one in item)
    return id(item)


def _mark(name: str, now: Mapping[str, _Seen], before: Mapping[str, _Seen] | None) -> Mark:
    if before is None:
        return ""
    was, is_ = before.get(name), now[name]
    if was is None:
        return "new"
    if was.value and is_.value:
        return "" if was.contents == is_.contents else "changed"
    if was.identity != is_.identity or (was.alive is not None and was.alive() is None):
        return "changed"
    if (was.version or 0) < (is_.version or 0) or was.contents != is_.contents:
        return "in place"
    if was.sum is not None and is_.sum is not None and was.sum != is_.sum:
        return "in place"
    return ""


def _count_along(marks: dict[str, Mark], names: Mapping[str, Any], now: Mapping[str, _Seen], storages: Any) -> None:
    """Mark large arrays whose memory a tensor shares that has counted a change."""
    for storage in storages:
        counted = any(
            marks[name] == "in place" and issubclass(type(names[name]), torch.Tensor) for name in storage.names
        )
        for name in storage.names if counted else ():
            summed = now[name].sum
            if not marks[name] and summed is not None and not summed[1]:
                marks[name] = "in place"
