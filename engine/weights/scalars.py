"""One number of a tensor in a file, read without torch."""

import struct

from engine.weights.contents import Contents
from engine.weights.records import ITEM_BYTES, Tensor
from engine.weights.safe_open import FileStamp, opened

_FORMATS = {
    "float64": "<d", "float32": "<f", "float16": "<e", "int64": "<q", "int32": "<i", "int16": "<h", "int8": "<b",
    "uint8": "<B",
}  # fmt: skip


def number(contents: Contents, tensor: Tensor) -> float | None:
    """The value of a tensor of one element; None where it has more, or it can't be read like this."""
    record = contents.records.get(tensor.storage.key) if tensor.storage is not None else None
    spelled = _FORMATS.get(tensor.dtype)
    if record is None or spelled is None or tensor.count != 1 or tensor.layout != "strided" or tensor.neg:
        return None
    in_place = record.held is None and not (record.spelled or record.swapped or record.pieces)
    size = ITEM_BYTES[tensor.dtype]
    if not in_place or tensor.offset < 0 or (tensor.offset + 1) * size > record.size:
        return None
    with opened(record.file) as file:
        if contents.stamps.get(record.file) != FileStamp.of_open(file):
            return None
        file.seek(record.offset + tensor.offset * size)
        data = file.read(size)
    return float(struct.unpack(spelled, data)[0]) if len(data) == size else None
