"""The autograd graph of a tensor in a lab's kernel: what each node has saved, and what has come to the leaves."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection.autograd import leaf_of, nodes_of
from engine.inspection.autograd_requests import GraphNode
from engine.inspection.kernel_memory import plain, region_of
from engine.inspection.kernel_namespace import has_gradient, persons, shell, spelled_in, tensor_in, value_of
from engine.inspection.kernel_requests import (
    KernelGraph,
    KernelGraphNode,
    KernelGraphRequest,
    LeafGradient,
    SavedTensor,
)
from engine.inspection.kernel_text import text_of
from engine.inspection.stats import stats_of, without_values
from engine.inspection.tensors import AT_ONCE
from engine.progress import Progress

SAVED = "_saved_"  # how the attributes of a node begin that are what it keeps for backward
RAW = "_raw_saved_"
UNNAMED = "a leaf"

Place = tuple[Any, ...]  # what tells a view of a memory from another


def compute(home: Path, request: KernelGraphRequest, progress: Progress) -> KernelGraph:
    """The kernel's part. Raises InspectionError where the name means no tensor, or outside a kernel."""
    found = shell()
    return graph(request.name, found.user_ns, persons(found.user_ns, found.user_ns_hidden))


def graph(name: str, names: Mapping[str, Any], own: Mapping[str, Any]) -> KernelGraph:
    """The graph of what `name` means among all `names`. Leaves and saved tensors are called as in `own`."""
    if issubclass(type(value_of(names, name)), np.ndarray):
        raise InspectionError(f"{name} is an array of NumPy's, which has no graph")
    root = tensor_in(names, name)
    if root.grad_fn is None:
        return KernelGraph(name, (), _leaf(root, name) if root.requires_grad else (), why=_why(root, name))
    called: dict[int, str] = {}
    places: dict[Place, str] = {}
    for expression, tensor in tensors_of(own):
        called.setdefault(id(tensor), expression)
        if (place := _place(tensor)) is not None:
            places.setdefault(place, expression)
    storages: dict[tuple[str, int], int] = {}
    nodes, leaves = [], list[LeafGradient]()
    for node, row in nodes_of(root, called):
        nodes.append(_read(node, row, places, storages))
        variable = leaf_of(node)
        if variable is not None and not row.again:
            leaves += _leaf(variable, row.leaf)
    return KernelGraph(
        name, tuple(nodes), tuple(leaves), sum(storages.values()), freed=any(node.freed for node in nodes)
    )


def tensors_of(own: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """The variables that are tensors, then the parameters and buffers of those that are modules, each with the
    expression that means it."""
    for name, value in own.items():
        if issubclass(type(value), torch.Tensor):
            yield name, value
    for name, value in own.items():
        if issubclass(type(value), nn.Module):
            try:
                found = [*value.named_parameters(), *value.named_buffers()]
            except Exception:  # a module that was not set up, or whose own code raises
                continue
            for inside, tensor in found:
                yield spelled_in(name, inside), tensor


def _why(tensor: torch.Tensor, name: str) -> str:
    if tensor.requires_grad:
        return f"{name} is a leaf: it has no grad_fn, as nothing computed it. What is computed from it has a graph"
    if tensor.is_inference():
        return f"{name} was made under torch.inference_mode(), which keeps no graph"
    return (
        f"{name}.requires_grad is False: nothing that it was computed from requires a gradient, or it was computed "
        f"under no_grad() or detached"
    )


def _read(
    node: Any, row: GraphNode, places: Mapping[Place, str], storages: dict[tuple[str, int], int]
) -> KernelGraphNode:
    saved: list[SavedTensor] = []
    freed = False
    for name, read in () if row.again else _kept(node):
        try:
            if _hooked(node, name):
                saved.append(SavedTensor(name, (), "", 0, hooked=True))
                continue
            values = read()
        except RuntimeError as error:
            if "inplace" in str(error) or "in-place" in str(error):
                saved.append(SavedTensor(name, (), "", 0, modified=True))
            freed = freed or "freed" in str(error)
            continue
        except Exception:  # of a kind that PyTorch has no object for in Python
            continue
        several = isinstance(values, tuple | list)
        for at, value in enumerate(values if several else (values,)):
            if issubclass(type(value), torch.Tensor):
                _count(value, storages)
                written = f"{name}[{at}]" if several else name
                dtype = str(value.dtype).removeprefix("torch.")
                size = value.numel() * value.element_size()
                variable = places.get(_place(value) or (), "")
                saved.append(SavedTensor(written, tuple(value.shape), dtype, size, variable))
    return KernelGraphNode(row, tuple(saved), freed)


def _kept(node: Any) -> Iterator[tuple[str, Any]]:
    """The names of what a node keeps, and how to read it."""
    if issubclass(type(node), torch.autograd.function.BackwardCFunction):
        yield "saved_tensors", lambda: node.saved_tensors
        return
    for attribute in dir(node):
        if attribute.startswith(SAVED):
            yield attribute.removeprefix(SAVED), lambda attribute=attribute: getattr(node, attribute)


def _hooked(node: Any, name: str) -> bool:
    """Whether the person's own code gives back what was saved (`saved_tensors_hooks`): it may copy or load it."""
    raw = getattr(node, f"{RAW}{name.removeprefix('saved_')}", None)
    return any(
        getattr(one, "unpack_hook", None) is not None for one in (raw if isinstance(raw, tuple | list) else (raw,))
    )


def _count(tensor: torch.Tensor, storages: dict[tuple[str, int], int]) -> None:
    """Add the memory of a tensor, unless it is there already."""
    with contextlib.suppress(Exception):  # a tensor that only seems to be one
        if (found := region_of(tensor)) is not None:
            region, _ = found
            storages[region.device, region.begin] = region.end - region.begin


def _place(tensor: torch.Tensor) -> Place | None:
    try:
        if not plain(tensor) or tensor.is_meta or not tensor.numel():
            return None
        shape = (tuple(tensor.shape), tuple(tensor.stride()))
        return (str(tensor.device), tensor.data_ptr(), tensor.dtype, *shape)
    except Exception:  # a tensor that only seems to be one
        return None


def _leaf(tensor: torch.Tensor, name: str) -> tuple[LeafGradient, ...]:
    gradient = tensor.grad if has_gradient(tensor) else None
    if gradient is None:
        return (LeafGradient(name, tuple(tensor.shape), "None"),)
    large = gradient.numel() > AT_ONCE or not plain(gradient)
    stats = without_values(gradient) if large else stats_of(gradient)
    opens = "" if name == UNNAMED else f"{name}.grad"
    return (LeafGradient(name, tuple(tensor.shape), text_of(gradient), stats, opens),)
