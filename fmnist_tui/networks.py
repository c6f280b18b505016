"""Networks with the weights of runs, and the tensors of files."""

from copy import deepcopy

import torch
from torch import nn

from engine import sources
from engine.inspection.networks import network
from engine.models.trusted_code import name_typed
from engine.sources import NetworkRef
from engine.weights import reading, tensors
from fmnist_tui.places import PathLike, folder_of, home_of, path_of, text_of
from fmnist_tui.spoken import in_python


@in_python
def load(source: str = "last", *, data_dir: PathLike | None = None, home: PathLike | None = None) -> nn.Module:
    """A network in evaluation mode, on the CPU. `source`: a run's checkpoint ("last", "RUN@best", "RUN@3"), a model
    with new weights ("mlp", "cnn", "model.py:Net"), or weights of any file ("mlp=FILE").

    No file is unpickled but those that `torch.load(weights_only=True)` takes; a file of a class is Python, and is
    executed: the one that `source` names, and of a run's only one that you trust, as it is now (`fmnist-tui trust`).
    Each call returns a module of its own. Raises Error where there is no such source, or its weights do not fit.
    """
    named = sources.parse(text_of(source, 'a network, such as "last@best",'))
    name_typed(sources.model_of(named))
    found = network(home_of(home), NetworkRef(named, data_dir=folder_of(data_dir)))
    return deepcopy(found.model).eval()


@in_python
def tensor(file: PathLike, name: str) -> torch.Tensor:
    """A tensor of a file of weights (PyTorch, safetensors, …) by its name, on the CPU. Nothing of the file is executed.
    It is a copy. Raises Error where the file has no such tensor, or can't be read."""
    return tensors.load(reading.read(path_of(file, "file").expanduser()), text_of(name, "a tensor")).clone()
