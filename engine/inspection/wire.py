"""Messages between the program and its inspector: a line of JSON, then the bytes of the arrays that it lists."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    Arrays = dict[str, np.ndarray[Any, Any]]

LISTED = "arrays"  # the key of the list: name, dtype, shape


def send(
    stream: BinaryIO, values: Mapping[str, Any], arrays: "Mapping[str, np.ndarray[Any, Any]] | None" = None
) -> None:
    """Write one message. `values` is of plain JSON; `arrays` are of any dtype that numpy can name."""
    plain = {}
    if arrays:
        import numpy as np

        plain = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    listed = [(name, array.dtype.str, array.shape) for name, array in plain.items()]
    stream.write(json.dumps({**values, LISTED: listed}).encode() + b"\n")
    for array in plain.values():
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> "tuple[dict[str, Any], Arrays] | None":
    """The next message; None at the end of the stream, also in the middle of a message."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    values = json.loads(line)
    arrays: Arrays = {}
    for name, dtype, shape in values.pop(LISTED):
        import numpy as np

        kind = np.dtype(dtype)
        length = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        data = stream.read(length)
        if len(data) < length:
            return None
        arrays[name] = np.frombuffer(data, kind).reshape(shape)
    return values, arrays
