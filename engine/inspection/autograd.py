"""Forward, loss, backward, optimizer step, one at a time, and what each leaves behind: the graph and the gradients.

A request names the steps so far, and they are done again from the start: nothing is kept between two requests, and
taking a step back is leaving it out.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection.autograd_requests import (
    KINDS,
    AutogradRequest,
    AutogradState,
    CentralDifference,
    Element,
    GradientCheck,
    GradientCheckRequest,
    GradientRow,
    GraphNode,
    Moved,
    Step,
    StepReport,
    Watched,
    Workbench,
)
from engine.inspection.image_requests import ImagesRef
from engine.inspection.networks import Network, network
from engine.inspection.samples import batch
from engine.inspection.stats import histogram, stats_of
from engine.inspection.tensor_stats import BINS
from engine.progress import Progress
from engine.training.losses import LOSSES, make_loss
from engine.training.optimizers import make_optimizer

MOST_NODES = 2000  # of a graph that are reported
WIDTHS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # h of a central difference


@dataclass(eq=False)
class Bench:
    """A copy of a network with a batch, an optimizer, and what the steps have made."""

    found: Network
    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss_fn: nn.Module
    X: torch.Tensor
    y: torch.Tensor
    logits: torch.Tensor | None = None
    loss: torch.Tensor | None = None
    used: bool = False  # a backward has freed the graph
    forwards: int = 0
    before: dict[str, torch.Tensor] = field(default_factory=dict)  # the weights before the last optimizer step
    done: list[StepReport] = field(default_factory=list)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.model.named_parameters())


def compute(home: Path, request: AutogradRequest, progress: Progress) -> AutogradState:
    """The worker process's part. Raises EngineError."""
    found, steps = network(home, request.bench.network), request.bench.steps
    bench = replay(found, request.bench)
    earlier = replay(found, replace(request.bench, steps=steps[:-1])) if steps else bench
    rows, histograms = [], []
    for name, parameter in bench.parameters.items():
        rows.append(_row(bench, earlier, name, parameter))
        gradient = parameter.grad
        histograms.append(histogram(gradient) if gradient is not None else np.zeros(BINS, np.int64))
    root = bench.loss if bench.loss is not None else bench.logits
    return AutogradState(
        title=found.title,
        optimizer=_words(bench.optimizer),
        shape=tuple(bench.X.shape),
        classes=len(found.classes),
        steps=tuple(bench.done),
        loss=None if bench.loss is None else float(bench.loss.detach()),
        loss_now=_loss_now(bench) if bench.before else None,
        graph=tuple(graph_of(root, bench.parameters)),
        freed=bench.used,
        parameters=tuple(rows),
        modules=tuple(name for name, module in found.model.named_modules() if not any(module.children())),
        watched=_watched(bench, request.watch) if request.watch is not None else None,
        histograms=np.stack(histograms) if histograms else np.zeros((0, BINS), np.int64),
    )


def check_gradient(home: Path, request: GradientCheckRequest, progress: Progress) -> GradientCheck:
    """One gradient against central differences. The network is in training mode, with the same dropout each time.

    Raises InspectionError where the loss can't be computed in float64.
    """
    found, element = network(home, request.network), request.element
    steps = (Step("forward"), Step("loss"), Step("backward"))
    bench = replay(found, Workbench(request.network, request.images, steps))
    for step in bench.done:
        if step.error:
            raise InspectionError(f"{step.kind}: {step.error}")
    gradient = bench.parameters[element.parameter].grad
    if gradient is None:
        raise InspectionError(f"{element.parameter} has no gradient: it is frozen, or the loss does not depend on it")
    model = copy.deepcopy(found.model).double().train()
    X, y = bench.X.double(), bench.y
    weight = dict(model.named_parameters())[element.parameter]

    def loss() -> torch.Tensor:
        with _chance(found, 0):
            made: torch.Tensor = bench.loss_fn(model(X), y)
        return made

    try:
        torch.autograd.backward(loss())
    except Exception as error:
        raise InspectionError(f"it can't be computed in float64: {_first_line(error)}") from error
    assert weight.grad is not None
    exact = float(weight.grad[element.index])
    differences = []
    with torch.no_grad():
        middle = float(weight[element.index])
        for done, width in enumerate(WIDTHS):
            progress(done, len(WIDTHS))
            weight[element.index] = middle + width
            above = float(loss())
            weight[element.index] = middle - width
            slope = (above - float(loss())) / (2 * width)
            weight[element.index] = middle
            scale = max(abs(exact), abs(slope), 1e-300)
            differences.append(CentralDifference(width, slope, abs(slope - exact) / scale))
    return GradientCheck(float(gradient[element.index]), exact, tuple(differences))


def replay(found: Network, asked: Workbench) -> Bench:
    """Do the steps on a copy of the network. What PyTorch refuses is in `done`, and changes nothing."""
    bench = _begin(found, asked.images)
    for step in asked.steps:
        try:
            bench.done.append(StepReport(step.kind, result=_do(bench, step)))
        except Exception as error:
            bench.done.append(StepReport(step.kind, error=_first_line(error)))
    return bench


@lru_cache(maxsize=4)
def kept(found: Network, asked: Workbench) -> Bench:
    """`replay`, for whoever asks for its tensors one after another."""
    return replay(found, asked)


def graph_of(root: torch.Tensor | None, parameters: Mapping[str, torch.Tensor]) -> list[GraphNode]:
    """The graph that leads to a tensor, from it on backwards. The longest path goes on at the same indent; what else
    meets in a node stands before it, one further in. Empty: no graph."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    return [row for _, row in nodes_of(root, names)]


def nodes_of(root: torch.Tensor | None, names: Mapping[int, str]) -> list[tuple[Any, GraphNode]]:
    """The rows of `graph_of`, each with PyTorch's own node. `names`: those of the leaves, by `id`."""
    if root is None or root.grad_fn is None:
        return []
    heights = _heights(root.grad_fn)
    rows: list[tuple[Any, GraphNode]] = []
    seen: set[Any] = set()
    stack: list[tuple[Any, int]] = [(root.grad_fn, 0)]
    while stack and len(rows) < MOST_NODES:
        node, indent = stack.pop()
        variable = leaf_of(node)
        leaf = names.get(id(variable), "a leaf") if variable is not None else ""
        again = node in seen
        rows.append((node, GraphNode(node.name(), _shape(node), leaf, indent, again)))
        if again:
            continue
        seen.add(node)
        below = [child for child, _ in node.next_functions if child is not None]
        below.sort(key=lambda child: heights[child])
        way_on = below[-1] if below and heights[below[-1]] > 2 else None
        stack += [(child, indent + (child is not way_on)) for child in reversed(below)]
    return rows


def leaf_of(node: Any) -> torch.Tensor | None:
    """The leaf to whose .grad a node adds; None: it is another one."""
    return node.variable if node.name().endswith("AccumulateGrad") else None


def _begin(found: Network, images: ImagesRef) -> Bench:
    X, y = batch(found, images)
    model = copy.deepcopy(found.model).train()
    parameters = dict(model.named_parameters())
    trained = [
        parameter for name, parameter in parameters.items() if parameter.requires_grad or name in found.optimizer
    ]
    if not trained:
        raise InspectionError(f"{found.title} has no parameter that trains")
    optimizer = make_optimizer(found.config, trained, torch.device("cpu"))
    smoothing = LOSSES[found.config.loss].arguments(found.config.to_dict())
    for group in optimizer.param_groups:
        group.update(found.options)
    for name, state in found.optimizer.items():
        if name in parameters:
            optimizer.state[parameters[name]] = {key: value.clone() for key, value in state.items()}
    return Bench(found, model, optimizer, make_loss(found.config.loss, **smoothing), X, y)


def _do(bench: Bench, step: Step) -> str:
    match step.kind:
        case "forward":
            return _forward(bench, step.no_grad, step.detach)
        case "loss":
            if bench.logits is None:
                raise RuntimeError("there are no logits yet: forward comes first")
            bench.loss = bench.loss_fn(bench.logits, bench.y)
            return f"loss {float(bench.loss.detach()):.6f}"
        case "backward":
            if bench.loss is None:
                raise RuntimeError("there is no loss yet: forward and loss come first")
            torch.autograd.backward(bench.loss, retain_graph=step.retain_graph)
            bench.used = bench.used or not step.retain_graph
            return f"added to the .grad of each leaf; the graph {'stays' if step.retain_graph else 'is freed'}"
        case "vjp":
            if bench.logits is None:
                raise RuntimeError("there are no logits yet: forward comes first")
            vector = torch.tensor(step.vector, dtype=bench.logits.dtype).expand_as(bench.logits)
            torch.autograd.backward(bench.logits, vector, retain_graph=step.retain_graph)
            bench.used = bench.used or not step.retain_graph
            graph = "stays" if step.retain_graph else "is freed"
            return f"vᵀ · Jacobian added to the .grad of each leaf; the graph {graph}"
        case "zero_grad":
            bench.optimizer.zero_grad()
            return "every .grad is None again"
        case "step":
            if all(parameter.grad is None for parameter in bench.parameters.values()):
                raise RuntimeError("there are no gradients: a step would change nothing")
            bench.before = {name: parameter.detach().clone() for name, parameter in bench.parameters.items()}
            bench.optimizer.step()
            return "the optimizer has changed the weights"
    raise InspectionError(f"{step.kind!r} is not a step; there are {', '.join(KINDS)}")


def _forward(bench: Bench, no_grad: bool, detach: str) -> str:
    hooks = []
    if detach:
        module = dict(bench.model.named_modules())[detach]
        hooks.append(module.register_forward_hook(lambda _module, _args, result: result.detach()))
    try:
        with _chance(bench.found, bench.forwards), torch.set_grad_enabled(not no_grad):
            logits = bench.model(bench.X)
    finally:
        for hook in hooks:
            hook.remove()
    bench.forwards += 1
    bench.logits, bench.loss, bench.used = logits, None, False
    if not isinstance(logits, torch.Tensor):
        bench.logits = None
        raise TypeError(f"the network gives a {type(logits).__name__}, not a tensor of logits")
    result = f"logits {list(logits.shape)}"
    if no_grad:
        return f"{result}, no graph (torch.no_grad)"
    return f"{result}, detached after {detach}" if detach else result


class _chance:  # noqa: N801
    """Draws the same in each replay, and leaves the generator as it was."""

    def __init__(self, found: Network, number: int) -> None:
        self._seed = found.config.seed + number
        self._fork = torch.random.fork_rng(devices=[])

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._seed % 2**63)

    def __exit__(self, *error: Any) -> None:
        self._fork.__exit__(*error)


def _row(bench: Bench, earlier: Bench, name: str, parameter: nn.Parameter) -> GradientRow:
    gradient, was = parameter.grad, earlier.parameters[name].grad
    row = GradientRow(
        name=name,
        shape=tuple(parameter.shape),
        requires_grad=parameter.requires_grad,
        weight=float(parameter.detach().norm()),
        gradient=None if gradient is None else stats_of(gradient),
        before=None if was is None else float(was.norm()),
    )
    if gradient is not None and gradient.numel():
        row = replace(row, largest=_place(gradient.abs()))
    if name in bench.before and parameter.numel():
        old, new = bench.before[name], parameter.detach()
        change = new - old
        place = _place(change.abs())
        length = float(old.norm())
        moved = Moved(place, float(old[place]), float(new[place]))
        row = replace(row, ratio=float(change.norm()) / length if length else None, moved=moved)
    return row


def _watched(bench: Bench, element: Element) -> Watched:
    """The number as it was before the last optimizer step, and as it is."""
    name, index = element.parameter, element.index
    parameter = bench.parameters[name]
    try:
        now = parameter.detach()[index]
        if now.ndim:
            raise IndexError(f"{list(index)} is not one number of {list(parameter.shape)}")
    except IndexError as error:
        raise InspectionError(f"{name}{list(index)}: {_first_line(error)}") from error
    before = float(bench.before[name][index]) if bench.before else None
    gradient = parameter.grad
    return Watched(element, before, float(now), None if gradient is None else float(gradient[index]))


def _loss_now(bench: Bench) -> float:
    """The loss of the same batch with the weights as they are now; nothing else changes."""
    model = copy.deepcopy(bench.model)
    with torch.no_grad(), _chance(bench.found, max(0, bench.forwards - 1)):
        return float(bench.loss_fn(model(bench.X), bench.y))


def _place(magnitudes: torch.Tensor) -> tuple[int, ...]:
    """The index of the largest number."""
    found = torch.unravel_index(magnitudes.nan_to_num(nan=-1.0).argmax(), magnitudes.shape)
    return tuple(int(at) for at in found)


def _heights(root: Any) -> dict[Any, int]:
    """The longest way from each node to a leaf."""
    heights: dict[Any, int] = {}
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, entered = stack.pop()
        if node in heights:
            continue
        below = [child for child, _ in node.next_functions if child is not None]
        if entered:
            heights[node] = 1 + max((heights[child] for child in below), default=0)
        else:
            stack.append((node, True))
            stack += [(child, False) for child in below if child not in heights]
    return heights


def _shape(node: Any) -> tuple[int, ...] | None:
    metadata = getattr(node, "_input_metadata", None)
    return tuple(int(size) for size in metadata[0].shape) if metadata else None


def _words(optimizer: torch.optim.Optimizer) -> str:
    group = optimizer.param_groups[0]
    words = ", ".join(f"{key}={group[key]:g}" for key in ("lr", "momentum", "weight_decay") if group.get(key))
    return f"{type(optimizer).__name__}({words})"


def _first_line(error: BaseException) -> str:
    """PyTorch's words: the first sentence or two."""
    text = " ".join(str(error).split()) or type(error).__name__
    sentences = re.split(r"(?<=[.!?]) ", text)
    return " ".join(sentences[:2])[:300]
