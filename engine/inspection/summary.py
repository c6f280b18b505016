"""A network's modules: what each is made of, what goes in and comes out, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils.flop_counter import FlopCounterMode

from engine.inspection.model_requests import ModelSummary, ModuleRow, SummaryRequest, Totals
from engine.inspection.networks import Network, network
from engine.progress import Progress


def compute(home: Path, request: SummaryRequest, progress: Progress) -> ModelSummary:
    """The worker process's part. Raises EngineError."""
    found = network(home, request.network)
    modules, problem = walk(found)
    return ModelSummary(
        title=found.title,
        printed=str(found.model),
        shape=found.shape,
        classes=found.classes,
        modules=tuple(modules),
        totals=totals(found.model, modules),
        problem=problem,
        valueless=found.valueless,
        freeze=found.config.freeze,
        folder=found.folder,
    )


def walk(found: Network) -> tuple[list[ModuleRow], str]:
    """A row for each module, and why an image does not pass through them, or empty."""
    rows = {name: _row(name, module) for name, module in found.model.named_modules()}
    passed, problem = _send(found, rows, "meta")
    if problem and not found.valueless:  # perhaps it looks at values on its way
        passed, problem = _send(found, rows, "cpu")
    return list(passed.values()), problem


def _row(name: str, module: nn.Module) -> ModuleRow:
    own = [parameter for parameter in module.parameters(recurse=False) if made(parameter)]
    inside = [parameter for parameter in module.parameters() if made(parameter)]
    first = next(iter(inside), None)
    return ModuleRow(
        name=name,
        type=type(module).__name__,
        extra=_extra(module),
        depth=name.count(".") + 1 if name else 0,
        own=sum(parameter.numel() for parameter in own),
        parameters=sum(parameter.numel() for parameter in inside),
        trainable=sum(parameter.numel() for parameter in inside if parameter.requires_grad),
        training=module.training,
        device=str(first.device) if first is not None else "",
        dtype=str(first.dtype).removeprefix("torch.") if first is not None else "",
        leaf=not any(True for _ in module.children()),
    )


def totals(model: nn.Module, modules: Sequence[ModuleRow]) -> Totals:
    """Over the whole network."""
    parameters = [parameter for parameter in model.parameters() if made(parameter)]
    buffers = [buffer for buffer in model.buffers() if made(buffer)]
    return Totals(
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        buffers=sum(buffer.numel() for buffer in buffers),
        bytes=sum(tensor.numel() * tensor.element_size() for tensor in (*parameters, *buffers)),
        multiply_adds=modules[0].multiply_adds if modules else 0,
    )


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


def _send(found: Network, rows: Mapping[str, ModuleRow], device: str) -> tuple[dict[str, ModuleRow], str]:
    """Send one image through the network. The rows with what each module got and gave, and what went wrong."""
    model, entered = found.model, list[str]()
    counter = FlopCounterMode(display=False)
    before: dict[str, int] = {}
    passed = dict(rows)
    hooks = []

    def enter(name: str, args: Any) -> None:
        entered.append(name)
        passed[name] = replace(passed[name], inputs=", ".join(map(described, args)))
        before[name] = counter.get_total_flops()

    def leave(name: str, result: Any) -> None:
        entered.pop()
        row = passed[name]
        passed[name] = replace(
            row,
            outputs=described(result),
            calls=row.calls + 1,
            multiply_adds=row.multiply_adds + (counter.get_total_flops() - before[name]) // 2,
        )

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
        row = passed[name]
        return passed, f"{name or 'the network'} ({row.type}({row.extra})) got {row.inputs}: {why}"
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return passed, ""


def made(tensor: torch.Tensor) -> bool:
    """Whether it has a shape already: a lazy module's has none before its first image."""
    return not isinstance(tensor, UninitializedParameter | UninitializedBuffer)


def _extra(module: nn.Module) -> str:
    try:
        return " ".join(module.extra_repr().split())
    except Exception:  # a person's own, or a lazy module's
        return ""
