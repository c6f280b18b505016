"""What a pickle describes as plain Python: dictionaries, lists, texts, numbers, and tensors with their values.

Nothing is unpickled; whatever is more than that is refused by its name.
"""

from typing import Any

import torch

from engine.errors import CheckpointError
from engine.weights import tensors
from engine.weights.contents import Contents
from engine.weights.problems import repeats
from engine.weights.records import Called, Dict, Elements, Global, Tensor

DEEPEST = 60  # containers in one another


def load(contents: Contents, record: Any) -> Any:
    """A record of the file (`Contents.root`, or one below it). Tensors are copies, on the CPU, and those that share a
    storage do not share it any more.

    Raises CheckpointError where there is anything that plain Python has no word for, by its class; and for numbers
    that are not there.
    """
    return _Making(contents).make(record, ())


class _Making:
    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._made: dict[int, Any] = {}  # what stands in several places is made once

    def make(self, record: Any, above: tuple[int, ...]) -> Any:
        match record:
            case str() | bool() | int() | float() | bytes() | None:
                return record
            case Global(module="torch", name=name) if isinstance(getattr(torch, name, None), torch.dtype):
                return getattr(torch, name)
            case Called() | Global():
                what = record.class_name if isinstance(record, Called) else record.full
                raise CheckpointError(f"{self._contents.path} contains {what}: refused")
        if id(record) in self._made:
            return self._made[id(record)]
        if id(record) in above or len(above) > DEEPEST:
            raise CheckpointError(f"{self._contents.path}: it contains itself or is nested too deeply")
        found = self._container(record, (*above, id(record)))
        self._made[id(record)] = found
        return found

    def _container(self, record: Any, above: tuple[int, ...]) -> Any:
        match record:
            case Tensor():
                return self._tensor(record)
            case Dict():
                return {self._key(key): self.make(value, above) for key, value in record.last()}
            case tuple():
                return tuple(self.make(value, above) for value in record)
            case Elements(kind="list", items=items):
                return [self.make(value, above) for value in items]
        kind = record.kind if isinstance(record, Elements) else type(record).__name__
        raise CheckpointError(f"{self._contents.path} contains a {kind}: refused")

    def _tensor(self, record: Tensor) -> torch.Tensor:
        if repeats(record):
            raise CheckpointError(f"{self._contents.path}: a tensor repeats a few stored values: not expanded")
        return tensors.numbers(self._contents, record, "a tensor").clone()

    def _key(self, key: Any) -> Any:
        if isinstance(key, str | int | float | None):
            return key
        raise CheckpointError(f"{self._contents.path} contains a key that is neither text nor a number: refused")
