"""Messages between the program and its worker process: a line of JSON, then the bytes of the arrays in it.

Values are frozen dataclasses of the engine's, and what is in them: None, bool, int, float, str, list, tuple, dict, set,
Path, numpy arrays, and the engine's own errors. Each dataclass carries the name of its class, so that this module knows
none of them.
"""

import dataclasses
import importlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from engine.errors import EngineError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

TAG = "$"  # the key that says what a JSON object stands for; a dictionary with such a key is sent as pairs
OWN = "engine."  # only classes of this package are made from a message


def send(stream: BinaryIO, message: object) -> None:
    """Write one message. Raises TypeError for a value of a type that is not listed above."""
    arrays: list[Array] = []
    body = _encoded(message, arrays)
    head = {"body": body, "arrays": [(array.dtype.str, array.shape) for array in arrays]}
    stream.write(json.dumps(head).encode() + b"\n")
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message. Raises EOFError at the end of the stream, also in the middle of a message, and ValueError for
    what is not one."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    arrays: list[Array] = []
    for dtype, shape in head["arrays"]:
        import numpy as np

        kind = np.dtype(dtype)
        length = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        data = stream.read(length)
        if len(data) < length:
            raise EOFError
        arrays.append(np.frombuffer(data, kind).reshape(shape))
    return _decoded(head["body"], arrays)


def _encoded(value: Any, arrays: "list[Array]") -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_encoded(one, arrays) for one in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and TAG not in value:
            return {key: _encoded(one, arrays) for key, one in value.items()}
        return {TAG: "dict", "items": [[_encoded(key, arrays), _encoded(one, arrays)] for key, one in value.items()]}
    if isinstance(value, tuple | set | frozenset):
        return {TAG: type(value).__name__, "items": [_encoded(one, arrays) for one in value]}
    if isinstance(value, Path):
        return {TAG: "path", "path": str(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _encoded(getattr(value, field.name), arrays) for field in dataclasses.fields(value)}
        return {TAG: _name(type(value)), **fields}
    if isinstance(value, EngineError):
        state = {key: _encoded(one, arrays) for key, one in vars(value).items()}
        return {TAG: "error", "class": _name(type(value)), "args": _encoded(list(value.args), arrays), "state": state}
    return _encoded_numpy(value, arrays)


def _encoded_numpy(value: Any, arrays: "list[Array]") -> Any:
    import numpy as np

    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        raise TypeError(f"a {type(value).__name__} can't be sent to or from the worker process")
    arrays.append(np.ascontiguousarray(value).reshape(value.shape))
    return {TAG: "array", "at": len(arrays) - 1}


def _decoded(value: Any, arrays: "list[Array]") -> Any:
    if isinstance(value, list):
        return [_decoded(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    match value.get(TAG):
        case None:
            return {key: _decoded(one, arrays) for key, one in value.items()}
        case "dict":
            return {_decoded(key, arrays): _decoded(one, arrays) for key, one in value["items"]}
        case "tuple":
            return tuple(_decoded(one, arrays) for one in value["items"])
        case "set":
            return {_decoded(one, arrays) for one in value["items"]}
        case "frozenset":
            return frozenset(_decoded(one, arrays) for one in value["items"])
        case "path":
            return Path(value["path"])
        case "array":
            return arrays[value["at"]]
        case "error":
            cls = _class(value["class"])
            error = cls.__new__(cls, *_decoded(value["args"], arrays))  # BaseException.__new__ sets its args
            vars(error).update({key: _decoded(one, arrays) for key, one in value["state"].items()})
            return error
        case name:
            cls = _class(name)
            return cls(**{key: _decoded(one, arrays) for key, one in value.items() if key != TAG})


def _name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


@cache
def _class(name: str) -> Any:
    module, _, path = name.partition(":")
    if not module.startswith(OWN):
        raise ValueError(f"{name} is not a class of the engine's")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not isinstance(found, type) or not (dataclasses.is_dataclass(found) or issubclass(found, EngineError)):
        raise ValueError(f"{name} is neither a dataclass nor an error")
    return found
