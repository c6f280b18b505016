"""Finds the tensor that a `TensorRef` means."""

from functools import lru_cache
from pathlib import Path

import torch

from engine.errors import InspectionError
from engine.inspection import autograd, batches
from engine.inspection.forward import trace
from engine.inspection.kernel_namespace import shell, tensor_in
from engine.inspection.networks import Network, network
from engine.inspection.samples import sample
from engine.inspection.summary import made
from engine.inspection.tensor_refs import (
    Activation,
    BatchTensor,
    FileDifference,
    FileTensor,
    KernelTensor,
    ModelInput,
    OptimizerState,
    Parameter,
    StepTensor,
    TensorRef,
)
from engine.weights import tensors as files
from engine.weights.contents_cache import contents_of

GRAY = (1, 28, 28)  # the shape of images that a file's tensors are assumed to belong to


def tensor_of(home: Path, ref: TensorRef) -> tuple[torch.Tensor, str, tuple[int, ...]]:
    """The tensor, how it is written in Python, and the shape of the images it has to do with, [C, H, W]. Raises
    InspectionError where there is no such tensor."""
    match ref:
        case FileTensor(path, name):
            tensor = _loaded(path, name, path.stat().st_mtime_ns)
            return tensor, f'{path.name}["{name}"]{_made_plain(path, name)}', GRAY
        case FileDifference(first, second):
            written = f'{second.path.name}["{second.name}"] - {first.path.name}["{first.name}"]'
            return _difference(tensor_of(home, first)[0], tensor_of(home, second)[0]), written, GRAY
        case BatchTensor(batch, name):
            X, y = batches.tensors(home, batch)
            return X if name == "X" else y, name, tuple(X.shape[1:])
        case KernelTensor(expression):
            return _in_kernel(expression), expression, GRAY
        case StepTensor(bench):
            found = network(home, bench.network)
            tensor, written = _of_bench(autograd.kept(found, bench), ref)
        case Parameter() | OptimizerState() | ModelInput() | Activation():
            found = network(home, ref.network)
            tensor, written = _of_network(found, ref)
    return tensor, written, found.shape


def _of_network(
    found: Network, ref: Parameter | OptimizerState | ModelInput | Activation
) -> tuple[torch.Tensor, str]:  # fmt: skip
    match ref:
        case Parameter(name=name):
            return parameter(found, name), spelled(name)
        case OptimizerState(parameter=name, key=key):
            state = found.optimizer.get(name, {})
            if key not in state:
                raise InspectionError(f"{found.title} has no optimizer state {key!r} of {name!r}")
            return state[key], f'optimizer.state[{spelled(name)}]["{key}"]'
        case ModelInput(image=image):
            return sample(found, image).X, "X"
    return _activation(found, ref)


@lru_cache(maxsize=8)
def _activation(found: Network, ref: Activation) -> tuple[torch.Tensor, str]:
    stages, _ = trace(found.model, sample(found, ref.image).X)
    if ref.stage >= len(stages):
        raise InspectionError(f"{found.title} calls {len(stages)} modules; there is no call {ref.stage}")
    stage = stages[ref.stage]
    tensor = stage.before if ref.side == "input" else stage.after
    if tensor is None:
        raise InspectionError(f"the {ref.side} of {stage.name} is not a tensor")
    return tensor, f"{ref.side} of {spelled(f'{stage.name}.x')[:-2]}"


def _of_bench(bench: autograd.Bench, ref: StepTensor) -> tuple[torch.Tensor, str]:
    name = ref.parameter
    if name not in bench.parameters:
        raise InspectionError(f"{bench.found.title} has no parameter {name!r}")
    weight = bench.parameters[name]
    if ref.which == "now":
        return weight, spelled(name)
    tensor = bench.before.get(name) if ref.which == "before" else weight.grad
    if tensor is None:
        raise InspectionError(
            f"{name} has no gradient now" if ref.which == "grad" else "no optimizer step has been done"
        )
    return tensor, f"{spelled(name)}.grad" if ref.which == "grad" else f"{spelled(name)}, before the step"


@lru_cache(maxsize=4)
def _in_kernel(expression: str) -> torch.Tensor:
    """Kept until the next cell: statistics that come bit by bit are of one tensor, though `Out[7][0]` makes another
    each time."""
    return tensor_in(shell().user_ns, expression)


def forget() -> None:
    """Keep nothing of the tensors of a lab's kernel."""
    _in_kernel.cache_clear()


def parameter(found: Network, name: str) -> torch.Tensor:
    """A parameter or buffer. Raises InspectionError where there is none of this name, or no shape yet."""
    for tensors in (
        found.model.named_parameters(remove_duplicate=False), found.model.named_buffers(remove_duplicate=False)
    ):  # fmt: skip
        for other, tensor in tensors:
            if other == name:
                if not made(tensor):
                    raise InspectionError(f"{name} is of a lazy module: it has no shape before the first image")
                return tensor
    raise InspectionError(f"{found.title} has no tensor {name!r}")


def spelled(name: str) -> str:
    """How a parameter is written in Python."""
    module, _, last = name.rpartition(".")
    path = "model"
    for part in module.split(".") if module else []:
        path += f"[{part}]" if part.isdecimal() else f".{part}"
    return f"{path}.{last}"


def _made_plain(path: Path, name: str) -> str:
    """What PyTorch's method is called that makes a tensor of a file the strided one that is shown; "": none."""
    tensor = files.find(contents_of(path), name).tensor
    return ".dequantize()" if tensor.layout == "quantized" else ".to_dense()" if tensor.parts else ""


@lru_cache(maxsize=4)
def _loaded(path: Path, name: str, _changed: int) -> torch.Tensor:
    return files.load(contents_of(path), name)


@lru_cache(maxsize=1)
def _difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if a.shape != b.shape:
        raise InspectionError(f"they have the shapes {list(a.shape)} and {list(b.shape)}")
    dtype = torch.complex64 if a.is_complex() or b.is_complex() else torch.float32
    return b.to(dtype) - a.to(dtype)
