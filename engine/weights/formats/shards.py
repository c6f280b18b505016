"""Weights in several files, with an index that says which tensor is in which, or without one."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError
from engine.terminal_text import printable
from engine.weights import reading
from engine.weights.contents import TEXT, Contents, Named
from engine.weights.formats.registry import SHARDS_INDEX
from engine.weights.problems import forms, number_doubles
from engine.weights.records import Tensor
from engine.weights.safe_open import MOST_HEADER, FileStamp, opened


def read_index(path: Path) -> Contents:
    """The shards that an index lists; `path`: the index, or the folder that it is in."""
    index = min(path.glob(f"*{SHARDS_INDEX}")) if path.is_dir() else path
    where, metadata = _index(index)
    files = sorted(set(where.values()))
    stamp = FileStamp.of(index)
    contents = Contents(index, "", stamp.size, stamps={index: stamp})
    parts = []
    for name in files:
        if "/" in name or name.startswith("..") or name.endswith(SHARDS_INDEX) or (index.parent / name).is_dir():
            contents.problems.append(f"{printable(name, 100)}: not a file next to the index")
            continue
        try:
            parts.append(reading.read(index.parent / name))
        except CheckpointError as error:
            contents.problems.append(str(error))
    _take(contents, parts)
    contents.format = f"{parts[0].format if parts else 'weights'} in {len(files)} files"
    here = {one.name for one in contents.tensors}
    gone = [name for name in where if printable(name, TEXT) not in here]
    for name in gone[:10]:
        contents.problems.append(f"{printable(name, 100)} is in the index but not in {printable(where[name], 100)}")
    if len(gone) > 10:
        contents.problems.append(f"… and {len(gone) - 10:,} more that are in the index only")
    contents.metadata.update(metadata)
    return contents


def read_folder(folder: Path) -> Contents:
    """All safetensors files of a folder without an index."""
    files = sorted(folder.glob("*.safetensors"))
    contents = Contents(folder, f"safetensors in {len(files)} files", 0)
    _take(contents, [reading.read(file) for file in files])
    return contents


def _index(index: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Which tensor is in which file, and what else it holds. Raises CheckpointError."""
    with opened(index) as file:
        data = file.read(MOST_HEADER + 1)
    if len(data) > MOST_HEADER:
        raise CheckpointError("it is too large for an index of sharded weights")
    try:
        values = json.loads(data)
        where, metadata = values["weight_map"], values.get("metadata") or {}
        if not all(isinstance(file, str) for file in where.values()):
            raise ValueError("files are no texts")
        plain = {
            f"index.{printable(key, TEXT)}": value if isinstance(value, int | float) else printable(str(value)[:TEXT])
            for key, value in metadata.items()
        }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise CheckpointError("it is not an index of sharded weights") from error
    return where, plain


def _take(contents: Contents, parts: Sequence[Contents]) -> None:
    """Add the shards' tensors. Their storages have their file's name before their own."""
    for part in parts:
        contents.bytes += part.bytes
        contents.stamps |= part.stamps
        contents.zips += part.zips
        start = printable(part.path.name, TEXT)
        contents.records |= {f"{start}:{key}": record for key, record in part.records.items()}
        contents.tensors += [Named(one.name, _moved(one.tensor, start)) for one in part.tensors]
        contents.globals += [one for one in part.globals if one not in contents.globals]
        contents.problems += part.problems
        contents.metadata.update(part.metadata)
        contents.notes += [note for note in part.notes[:1] if note not in contents.notes]
    number_doubles(contents)
    contents.notes += forms(contents.tensors)


def _moved(tensor: Tensor, start: str) -> Tensor:
    """With the storages' keys as they are among those of several files."""
    storage, how = tensor.storage, tensor.quantizer
    if how is not None:
        scale, zero_point = (
            _moved(one, start) if isinstance(one, Tensor) else one for one in (how.scale, how.zero_point)
        )
        how = replace(how, scale=scale, zero_point=zero_point)
    return replace(
        tensor,
        storage=replace(storage, key=f"{start}:{storage.key}") if storage is not None else None,
        parts=tuple(_moved(part, start) for part in tensor.parts),
        quantizer=how,
    )
