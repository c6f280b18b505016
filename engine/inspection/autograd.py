"""Forward, loss, backward, optimizer step, one at a time, and what each leaves behind: the graph and the gradients.

A request names the steps so far, and they are done again from the start: nothing is kept between two requests, and
taking a step back is leaving it out.
"""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection.networks import Network, network
from engine.inspection.parameters import BINS, figures, histogram
from engine.inspection.samples import batch
from engine.progress import Progress
from engine.training.losses import make_loss
from engine.training.optimizers import make_optimizer
from engine.worker.request import Answer

KINDS = ("forward", "loss", "backward", "vjp", "zero_grad", "step")
BATCH = ("split", "index", "count")  # what says which images are meant
MOST_NODES = 2000  # of a graph that are told
WIDTHS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # of a central difference

# A kind, and for forward {"no_grad", "detach"}, for backward {"retain_graph"}, for vjp that and {"vector"}.
Step = Sequence[Any]


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
    done: list[dict[str, Any]] = field(default_factory=list)  # of each step: kind, told, error

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.model.named_parameters())


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`source` and what `networks.network` takes; `split`, `index`, `count` (see `samples.batch`); `steps`: a list of
    Step; `watch`: [parameter's name, index as a list] or None.

    The answer: `title`, `optimizer` (in words), `shape` of X, `classes` (how many), `steps` (of each `kind`, `told`,
    `error`: PyTorch's own words), `loss`, `loss_now` (of the same batch after an optimizer step), `graph` (see
    `graph_of`), `freed` (by a backward), `parameters` (see `_row`), `modules` (names of those whose output can be
    detached), `watched` (`before`, `now`, `gradient`). Array `histograms` int64 [parameters, BINS] of the gradients.
    """
    found = network(home, values)
    steps: list[Step] = list(values["steps"])
    bench = replay(found, values, steps)
    earlier = replay(found, values, steps[:-1]) if steps else bench
    rows, histograms = [], []
    for name, parameter in bench.parameters.items():
        rows.append(_row(bench, earlier, name, parameter))
        gradient = parameter.grad
        histograms.append(histogram(gradient) if gradient is not None else np.zeros(BINS, np.int64))
    root = bench.loss if bench.loss is not None else bench.logits
    return Answer(
        {
            "title": found.title, "optimizer": _words(bench.optimizer), "shape": list(bench.X.shape),
            "classes": len(found.classes),
            "steps": bench.done, "loss": None if bench.loss is None else float(bench.loss.detach()),
            "loss_now": _loss_now(bench) if bench.before else None,
            "graph": graph_of(root, bench.parameters), "freed": bench.used, "parameters": rows,
            "modules": [name for name, module in found.model.named_modules() if not any(module.children())],
            "watched": _watched(bench, values["watch"]) if values.get("watch") else None,
        },
        {"histograms": np.stack(histograms) if histograms else np.zeros((0, BINS), np.int64)},
    )  # fmt: skip


def difference(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """Check one gradient: `source` …, `split`, `index`, `count`, `watch`: [parameter's name, index as a list].

    The answer: `gradient` (float32, of one backward), `exact` (the same in float64), `differences`: a list of [h,
    (loss(w + h) - loss(w - h)) / 2h in float64, its relative error against `exact`]. The network as it is before any
    step, in training mode, the same dropout each time. Raises InspectionError where it can't be computed in float64.
    """
    found = network(home, values)
    name, index = str(values["watch"][0]), tuple(int(at) for at in values["watch"][1])
    bench = replay(found, values, [["forward", {}], ["loss", {}], ["backward", {}]])
    for step in bench.done:
        if step["error"]:
            raise InspectionError(f"{step['kind']}: {step['error']}")
    gradient = bench.parameters[name].grad
    if gradient is None:
        raise InspectionError(f"{name} has no gradient: it is frozen, or the loss does not depend on it")
    model = copy.deepcopy(found.model).double().train()
    X, y = bench.X.double(), bench.y
    weight = dict(model.named_parameters())[name]

    def loss() -> torch.Tensor:
        with _chance(found, 0):
            made: torch.Tensor = bench.loss_fn(model(X), y)
        return made

    try:
        torch.autograd.backward(loss())
    except Exception as error:
        raise InspectionError(f"it can't be computed in float64: {_first_line(error)}") from error
    assert weight.grad is not None
    exact = float(weight.grad[index])
    told = []
    with torch.no_grad():
        middle = float(weight[index])
        for done, width in enumerate(WIDTHS):
            tell(done, len(WIDTHS))
            weight[index] = middle + width
            above = float(loss())
            weight[index] = middle - width
            found_slope = (above - float(loss())) / (2 * width)
            weight[index] = middle
            scale = max(abs(exact), abs(found_slope), 1e-300)
            told.append([width, found_slope, abs(found_slope - exact) / scale])
    return Answer({"gradient": float(gradient[index]), "exact": exact, "differences": told})


def replay(found: Network, values: Mapping[str, Any], steps: Sequence[Step]) -> Bench:
    """Do the steps on a copy of the network. What PyTorch refuses is in `done`, and changes nothing."""
    bench = _begin(found, values)
    for kind, options in steps:
        entry: dict[str, Any] = {"kind": kind, "told": "", "error": ""}
        try:
            entry["told"] = _do(bench, kind, options)
        except Exception as error:
            entry["error"] = _first_line(error)
        bench.done.append(entry)
    return bench


@lru_cache(maxsize=4)
def kept(found: Network, asked: str) -> Bench:
    """`replay` of a request as JSON, for whoever asks for its tensors one after another."""
    values = json.loads(asked)
    return replay(found, values, values["steps"])


def graph_of(root: torch.Tensor | None, parameters: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
    """The graph that leads to a tensor, from it on backwards, a row a node: `op`, `shape` (of what it made), `leaf`
    (the parameter's name, where it ends in one), `indent`, `again` (it stands above already). The longest way goes on
    at the same indent; what else meets in a node stands before it, one further in. Empty: no graph."""
    if root is None or root.grad_fn is None:
        return []
    names = {id(parameter): name for name, parameter in parameters.items()}
    heights = _heights(root.grad_fn)
    rows: list[dict[str, Any]] = []
    seen: set[Any] = set()
    stack: list[tuple[Any, int]] = [(root.grad_fn, 0)]
    while stack and len(rows) < MOST_NODES:
        node, indent = stack.pop()
        variable = getattr(node, "variable", None)
        leaf = names.get(id(variable), "a leaf") if variable is not None else ""
        again = node in seen
        rows.append({"op": node.name(), "shape": _shape(node), "leaf": leaf, "indent": indent, "again": again})
        if again:
            continue
        seen.add(node)
        below = [child for child, _ in node.next_functions if child is not None]
        below.sort(key=lambda child: heights[child])
        way_on = below[-1] if below and heights[below[-1]] > 2 else None
        stack += [(child, indent + (child is not way_on)) for child in reversed(below)]
    return rows


def _begin(found: Network, values: Mapping[str, Any]) -> Bench:
    X, y = batch(found, values)
    model = copy.deepcopy(found.model).train()
    parameters = dict(model.named_parameters())
    trained = [
        parameter for name, parameter in parameters.items() if parameter.requires_grad or name in found.optimizer
    ]
    if not trained:
        raise InspectionError(f"{found.title} has no parameter that trains")
    optimizer = make_optimizer(found.config, trained, torch.device("cpu"))
    for name, state in found.optimizer.items():
        if name in parameters:
            optimizer.state[parameters[name]] = {key: value.clone() for key, value in state.items()}
    return Bench(found, model, optimizer, make_loss(found.config.loss), X, y)


def _do(bench: Bench, kind: str, options: Mapping[str, Any]) -> str:
    match kind:
        case "forward":
            return _forward(bench, bool(options.get("no_grad")), str(options.get("detach") or ""))
        case "loss":
            if bench.logits is None:
                raise RuntimeError("there are no logits yet: forward comes first")
            bench.loss = bench.loss_fn(bench.logits, bench.y)
            return f"loss {float(bench.loss.detach()):.6f}"
        case "backward":
            if bench.loss is None:
                raise RuntimeError("there is no loss yet: forward and loss come first")
            retain = bool(options.get("retain_graph"))
            torch.autograd.backward(bench.loss, retain_graph=retain)
            bench.used = bench.used or not retain
            return f"added to the .grad of each leaf; the graph {'stays' if retain else 'is freed'}"
        case "vjp":
            if bench.logits is None:
                raise RuntimeError("there are no logits yet: forward comes first")
            vector = torch.tensor(options["vector"], dtype=bench.logits.dtype).expand_as(bench.logits)
            retain = bool(options.get("retain_graph"))
            torch.autograd.backward(bench.logits, vector, retain_graph=retain)
            bench.used = bench.used or not retain
            return f"vᵀ · Jacobian added to the .grad of each leaf; the graph {'stays' if retain else 'is freed'}"
        case "zero_grad":
            bench.optimizer.zero_grad()
            return "every .grad is None again"
        case "step":
            if all(parameter.grad is None for parameter in bench.parameters.values()):
                raise RuntimeError("there are no gradients: a step would change nothing")
            bench.before = {name: parameter.detach().clone() for name, parameter in bench.parameters.items()}
            bench.optimizer.step()
            return "the optimizer has changed the weights"
    raise InspectionError(f"{kind!r} is no step; there are {', '.join(KINDS)}")


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
    told = f"logits {list(logits.shape)}"
    if no_grad:
        return f"{told}, no graph (torch.no_grad)"
    return f"{told}, detached after {detach}" if detach else told


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


def _row(bench: Bench, earlier: Bench, name: str, parameter: nn.Parameter) -> dict[str, Any]:
    """Of a parameter: `name`, `shape`, `requires_grad`, `weight` (its norm), `gradient` (the `figures` of .grad, None
    where there is none), `before` (the gradient's norm before the last step, None: there was none), `largest` (the
    index of the largest gradient), `ratio` (|Δw| / |w| of the last optimizer step), `moved` ([index, before, after] of
    the number that it moved most)."""
    gradient, was = parameter.grad, earlier.parameters[name].grad
    row: dict[str, Any] = {
        "name": name, "shape": list(parameter.shape), "requires_grad": parameter.requires_grad,
        "weight": float(parameter.detach().norm()), "gradient": None if gradient is None else figures(gradient),
        "before": None if was is None else float(was.norm()), "largest": None, "ratio": None, "moved": None,
    }  # fmt: skip
    if gradient is not None and gradient.numel():
        row["largest"] = _place(gradient.abs())
    if name in bench.before and parameter.numel():
        old = bench.before[name]
        change = parameter.detach() - old
        place = _place(change.abs())
        length = float(old.norm())
        row["ratio"] = float(change.norm()) / length if length else None
        row["moved"] = [place, float(old[tuple(place)]), float(parameter.detach()[tuple(place)])]
    return row


def _watched(bench: Bench, watch: Sequence[Any]) -> dict[str, Any]:
    """One number of a parameter: `name`, `index`, `before` (the last optimizer step), `now`, `gradient`."""
    name, index = str(watch[0]), tuple(int(at) for at in watch[1])
    parameter = bench.parameters[name]
    try:
        now = parameter.detach()[index]
        if now.ndim:
            raise IndexError(f"{list(index)} is not one number of {list(parameter.shape)}")
    except IndexError as error:
        raise InspectionError(f"{name}{list(index)}: {_first_line(error)}") from error
    gradient = parameter.grad
    return {
        "name": name, "index": list(index), "before": float(bench.before[name][index]) if bench.before else None,
        "now": float(now), "gradient": None if gradient is None else float(gradient[index]),
    }  # fmt: skip


def _loss_now(bench: Bench) -> float:
    """The loss of the same batch with the weights as they are now; nothing else changes."""
    model = copy.deepcopy(bench.model)
    with torch.no_grad(), _chance(bench.found, max(0, bench.forwards - 1)):
        return float(bench.loss_fn(model(bench.X), bench.y))


def _place(magnitudes: torch.Tensor) -> list[int]:
    """The index of the largest number."""
    found = torch.unravel_index(magnitudes.nan_to_num(nan=-1.0).argmax(), magnitudes.shape)
    return [int(at) for at in found]


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


def _shape(node: Any) -> list[int] | None:
    metadata = getattr(node, "_input_metadata", None)
    return [int(size) for size in metadata[0].shape] if metadata else None


def _words(optimizer: torch.optim.Optimizer) -> str:
    group = optimizer.param_groups[0]
    told = ", ".join(f"{key}={group[key]:g}" for key in ("lr", "momentum", "weight_decay") if group.get(key))
    return f"{type(optimizer).__name__}({told})"


def _first_line(error: BaseException) -> str:
    """PyTorch's words: the first sentence or two."""
    text = " ".join(str(error).split()) or type(error).__name__
    sentences = re.split(r"(?<=[.!?]) ", text)
    return " ".join(sentences[:2])[:300]
