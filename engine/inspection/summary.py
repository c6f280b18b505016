"""A network's modules: what each is made of, what goes in and comes out, and what it costs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils.flop_counter import FlopCounterMode

from engine.inspection.networks import Network, network
from engine.progress import Progress
from engine.worker.request import Answer


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`source` and what `networks.network` takes. The answer: `title`, `printed` (as PyTorch prints it), `shape`,
    `classes`, `modules` (a list, in the order of `named_modules`), `totals`, and `problem`, where an image does not go
    through it; `folder` of its run, and what is frozen, `freeze`."""
    found = network(home, values)
    modules, problem = walk(found)
    return Answer(
        {
            "title": found.title, "printed": str(found.model), "shape": list(found.shape),
            "classes": list(found.classes), "modules": modules, "totals": totals(found.model, modules),
            "problem": problem, "valueless": found.valueless, "freeze": found.config.freeze,
            "folder": str(found.folder or ""),
        }
    )  # fmt: skip


def walk(found: Network) -> tuple[list[dict[str, Any]], str]:
    """A row for each module, and what went wrong on the way of one image through them, empty if nothing.

    Of each: `name`, `type`, `extra` (its arguments as PyTorch prints them), `depth`, `inputs` and `outputs` (shapes, a
    batch of one), `own` and `parameters` (with what is in it), `trainable`, `multiply_adds` (of one image, by torch's
    own flop counter, which counts two operations each), `training`, `device`, `dtype`, `calls`.
    """
    model = found.model
    rows: dict[str, dict[str, Any]] = {}
    for name, module in model.named_modules():
        own = [parameter for parameter in module.parameters(recurse=False) if made(parameter)]
        inside = [parameter for parameter in module.parameters() if made(parameter)]
        first = next(iter(inside), None)
        rows[name] = {
            "name": name, "type": type(module).__name__, "extra": _extra(module),
            "depth": name.count(".") + 1 if name else 0, "inputs": None, "outputs": None,
            "own": sum(parameter.numel() for parameter in own),
            "parameters": sum(parameter.numel() for parameter in inside),
            "trainable": sum(parameter.numel() for parameter in inside if parameter.requires_grad),
            "multiply_adds": 0, "training": module.training, "device": str(first.device) if first is not None else "",
            "dtype": str(first.dtype).removeprefix("torch.") if first is not None else "", "calls": 0,
            "leaf": not any(True for _ in module.children()),
        }  # fmt: skip
    problem = _send(found, rows, "meta")
    if problem and not found.valueless:  # perhaps it looks at values on its way
        for row in rows.values():
            row |= {"inputs": None, "outputs": None, "multiply_adds": 0, "calls": 0}
        problem = _send(found, rows, "cpu")
    return list(rows.values()), problem


def totals(model: nn.Module, modules: list[dict[str, Any]]) -> dict[str, int]:
    """Over the whole network: `parameters`, `trainable`, `buffers` (numbers), `bytes` of both, `multiply_adds`."""
    parameters = [parameter for parameter in model.parameters() if made(parameter)]
    buffers = [buffer for buffer in model.buffers() if made(buffer)]
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trainable": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "buffers": sum(buffer.numel() for buffer in buffers),
        "bytes": sum(tensor.numel() * tensor.element_size() for tensor in (*parameters, *buffers)),
        "multiply_adds": modules[0]["multiply_adds"] if modules else 0,
    }


def described(value: Any) -> str:
    """The shape of a tensor, or of what a forward gives else: `[1, 10]`, `([1, 4], [1, 2])`, `{logits: [1, 10]}`."""
    if isinstance(value, torch.Tensor):
        return str(list(value.shape))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {described(part)}" for name, part in value.items()) + "}"
    if isinstance(value, tuple | list):
        inside = ", ".join(map(described, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    return type(value).__name__


def _send(found: Network, rows: dict[str, dict[str, Any]], device: str) -> str:
    """Send one image through the network and fill in what each module saw. What went wrong, in words."""
    model, entered = found.model, list[str]()
    counter = FlopCounterMode(display=False)
    before: dict[str, int] = {}
    hooks = []

    def enter(name: str, args: Any) -> None:
        entered.append(name)
        rows[name]["inputs"] = ", ".join(map(described, args))
        before[name] = counter.get_total_flops()

    def leave(name: str, result: Any) -> None:
        entered.pop()
        rows[name]["outputs"] = described(result)
        rows[name]["calls"] += 1
        rows[name]["multiply_adds"] += (counter.get_total_flops() - before[name]) // 2

    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda _m, args, name=name: enter(name, args)))
        hooks.append(module.register_forward_hook(lambda _m, _args, result, name=name: leave(name, result)))
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    image = torch.zeros(1, *found.shape, device=device)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), counter:
            if device == "meta" and not found.valueless:
                meta = {
                    name: torch.empty_like(tensor, device="meta")
                    for name, tensor in (*model.named_parameters(), *model.named_buffers())
                }
                torch.func.functional_call(model, meta, (image,))
            else:
                model(image)
    except Exception as error:
        lines = str(error).strip().splitlines()
        why = f"{type(error).__name__}: {lines[0] if lines else ''}"
        name = entered[-1] if entered else ""
        row = rows[name]
        where = f"{name or 'the network'} ({row['type']}({row['extra']}))"
        return f"{where} got {row['inputs']}: {why}"
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return ""


def made(tensor: torch.Tensor) -> bool:
    """Whether it has a shape already: a lazy module's has none before its first image."""
    return not isinstance(tensor, UninitializedParameter | UninitializedBuffer)


def _extra(module: nn.Module) -> str:
    try:
        return " ".join(module.extra_repr().split())
    except Exception:  # a person's own, or a lazy module's
        return ""
