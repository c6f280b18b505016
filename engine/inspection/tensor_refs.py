"""The tensors that can be opened, by name: parameters and buffers, optimizer state, activations, images, gradients."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from engine.errors import InspectionError
from engine.inspection import autograd, batches
from engine.inspection.forward import trace
from engine.inspection.networks import Network, network
from engine.inspection.samples import sample
from engine.inspection.summary import made
from engine.weights import tensors as files
from engine.weights.contents_cache import contents_of

STATE = re.compile(r"optimizer\.state\[(.+)\]\.(\w+)")
FILE = re.compile(r"(file|other|difference)\[(.*)\]")
BENCH = re.compile(r"autograd\.(grad|now|before)\[(.+)\]")
ACTIVATION = re.compile(r"activation\[(\d+)\]\.(before|after)")
IMAGE = ("split", "index", "edits")  # what says which images are meant


def tensor_of(home: Path, values: Mapping[str, Any]) -> tuple[torch.Tensor, str, tuple[int, ...]]:
    """The tensor `name` of a request, how it is written in Python, and the shape of the images it has to do with.

    A parameter's or buffer's own name; `optimizer.state[NAME].KEY` of a checkpoint; `activation[NUMBER].before` or
    `.after`, of a call of a module, for the image of the request (see `samples.sample`); `X`, that image as the
    network gets it; `batch.X`, `batch.y` of the `BatchRequest` `batch`; `autograd.grad[NAME]`, `.now[NAME]` and
    `.before[NAME]`: a parameter's gradient, values, and values before the last optimizer step (see `autograd.compute`);
    `file[NAME]` of the file `file`, `other[NAME]` of the file `other`, and `difference[NAME]`, the second less the
    first, where `names` may tell what each of the files calls it. Raises InspectionError where there is none.
    """
    name = str(values["name"])
    if match := FILE.fullmatch(name):
        return _of_file(match[1], match[2], str(values["file"]), str(values.get("other", "")), values.get("names", ()))
    if name in ("batch.X", "batch.y"):
        X, y = batches.tensors(home, values["batch"])
        return (X, "X", tuple(X.shape[1:])) if name == "batch.X" else (y, "y", tuple(X.shape[1:]))
    found = network(home, values)
    tensor, written = _of_network(found, name, values)
    return tensor, written, found.shape


def _of_network(found: Network, name: str, values: Mapping[str, Any]) -> tuple[torch.Tensor, str]:
    if match := STATE.fullmatch(name):
        state = found.optimizer.get(match[1], {})
        if match[2] not in state:
            raise InspectionError(f"{found.title} has no optimizer state {match[2]!r} of {match[1]!r}")
        return state[match[2]], f'optimizer.state[{spelled(match[1])}]["{match[2]}"]'
    if match := BENCH.fullmatch(name):
        bench = autograd.kept(found, json.dumps({key: values[key] for key in (*autograd.BATCH, "steps")}))
        if match[2] not in bench.parameters:
            raise InspectionError(f"{found.title} has no parameter {match[2]!r}")
        return _of_bench(bench, match[1], match[2])
    if name == "X" or ACTIVATION.fullmatch(name):
        return _passed(found, name, json.dumps({key: values[key] for key in IMAGE if key in values}))
    return parameter(found, name), spelled(name)


def _of_file(
    which: str, name: str, file: str, other: str, names: Sequence[str]
) -> tuple[torch.Tensor, str, tuple[int, ...]]:
    """A tensor of a file, of the other file, or other - file; `names`: what it is called in each, if not `name`."""
    place = Path(file).name
    if which == "file":
        return _loaded(Path(file), name, Path(file).stat().st_mtime_ns), f'{place}["{name}"]', (1, 28, 28)
    mine, found = names or (name, name)
    b = _loaded(Path(other), found, Path(other).stat().st_mtime_ns)
    if which == "other":
        return b, f'{Path(other).name}["{found}"]', (1, 28, 28)
    a = _loaded(Path(file), mine, Path(file).stat().st_mtime_ns)
    return _apart(a, b), f'{Path(other).name}["{found}"] - {place}["{mine}"]', (1, 28, 28)


@lru_cache(maxsize=4)
def _loaded(path: Path, name: str, _changed: int) -> torch.Tensor:
    return files.load(contents_of(path), name)


@lru_cache(maxsize=1)
def _apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if a.shape != b.shape:
        raise InspectionError(f"they have the shapes {list(a.shape)} and {list(b.shape)}")
    return b.to(torch.float32) - a.to(torch.float32)


def _of_bench(bench: autograd.Bench, which: str, name: str) -> tuple[torch.Tensor, str]:
    parameter = bench.parameters[name]
    if which == "now":
        return parameter, spelled(name)
    made = bench.before.get(name) if which == "before" else parameter.grad
    if made is None:
        raise InspectionError(f"{name} has no gradient now" if which == "grad" else "no optimizer step has been done")
    return made, f"{spelled(name)}.grad" if which == "grad" else f"{spelled(name)}, before the step"


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


@lru_cache(maxsize=8)
def _passed(found: Network, name: str, which: str) -> tuple[torch.Tensor, str]:
    values = json.loads(which)
    X = sample(found, values).X
    if name == "X":
        return X, "X"
    match = ACTIVATION.fullmatch(name)
    assert match is not None
    stages, _ = trace(found.model, X)
    if int(match[1]) >= len(stages):
        raise InspectionError(f"{found.title} calls {len(stages)} modules; there is no call {match[1]}")
    stage = stages[int(match[1])]
    tensor = stage.before if match[2] == "before" else stage.after
    if tensor is None:
        raise InspectionError(f"what {stage.name} {'gets' if match[2] == 'before' else 'gives'} is no tensor")
    words = "input" if match[2] == "before" else "output"
    return tensor, f"{words} of {spelled(f'{stage.name}.x')[:-2]}"
