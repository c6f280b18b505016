"""Weights in several files: with an index that says which tensor is in which, or a folder of them.

A folder of Hugging Face's or diffusers' may hold the same weights several times: as safetensors and as PyTorch files,
and in variants ("fp16"). One set of files is read, the one that is complete; the others are named.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError
from engine.terminal_text import identifier, printable
from engine.weights import reading
from engine.weights.budget import Budget
from engine.weights.contents import TEXT, Contents, Named
from engine.weights.formats.registry import is_index, is_pytorch_file
from engine.weights.problems import forms, number_doubles
from engine.weights.records import Tensor
from engine.weights.safe_open import MOST_HEADER, FileStamp, opened

MOST_FILES = 10_000  # of a folder
MOST_PROBLEMS = 200  # of all files together
_POINTER = b"version https://git-lfs"
_VARIANTS = {"fp16", "bf16", "fp32", "fp8", "int8", "int4", "8bit", "4bit", "ema", "non_ema"}
# Weights of their own: an adapter is not part of the model beside it. Other files are one set together.
_STEMS = (
    "model", "pytorch_model", "diffusion_pytorch_model", "open_clip_model", "open_clip_pytorch_model", "",
    "consolidated", "adapter_model", "pytorch_lora_weights",
)  # fmt: skip
_SHARD = re.compile(r"-(\d+)-of-(\d+)(?=\.|$)")


@dataclass(frozen=True)
class _Set:
    """Files that are the weights together."""

    files: tuple[str, ...]
    missing: tuple[str, ...] = ()
    variant: str = ""
    index: Path | None = None
    place: int = 0  # of its stem in _STEMS

    @property
    def safe(self) -> bool:
        return all(name.endswith(".safetensors") for name in self.files)

    @property
    def rank(self) -> tuple[Any, ...]:
        """The one that is read comes first."""
        plainest = (self.place, self.variant != "", not self.safe, self.index is None)
        return (bool(self.missing), *plainest, self.variant, self.files)

    def __str__(self) -> str:
        name = self.index.name if self.index is not None else self.files[0]
        more = f" and {len(self.files) - 1} more" if self.index is None and len(self.files) > 1 else ""
        lacks = f"{len(self.missing)} of {_files(len(self.files))} missing, or not fetched by Git LFS"
        gone = f" ({lacks})" if self.missing else ""
        return printable(name, 100) + more + gone


def read_index(path: Path, budget: Budget) -> Contents:
    """The shards that an index lists."""
    where, metadata = _index(path)
    files = sorted(set(where.values()))
    if len(files) > MOST_FILES:
        raise CheckpointError(f"it lists {len(files):,} files: too many to read")
    stamp = FileStamp.of(path)
    contents = Contents(path, "", stamp.size, stamps={path: stamp}, budget=budget)
    budget.read(stamp.size)
    parts, known = list[Contents](), dict[tuple[int, int], str]()
    for name in files:
        try:
            if not _beside(path.parent, name):
                problem = f"{printable(name, 100)}: not a file next to the index"
            elif (other := _same_as(path.parent / name, known)) != name:
                problem = f"{printable(name, 100)} and {printable(other, 100)} are one file, which is read once"
            else:
                parts.append(reading.read(path.parent / name, budget))
                continue
        except CheckpointError as error:
            problem = str(error)
        if len(contents.problems) < MOST_PROBLEMS:
            contents.problems.append(problem)
    _take(contents, parts)
    contents.format = f"{parts[0].format if parts else 'weights'} in {_files(len(files))}"
    here = {one.name for one in contents.tensors}
    gone = [name for name in where if identifier(name, TEXT) not in here]
    for name in gone[:10]:
        contents.problems.append(f"{printable(name, 100)} is in the index but not in {printable(where[name], 100)}")
    if len(gone) > 10:
        contents.problems.append(f"… and {len(gone) - 10:,} more that are in the index only")
    contents.metadata.update(metadata)
    return contents


def read_folder(folder: Path, budget: Budget) -> Contents:
    """The weights of a folder: the set of files that is complete, in the plain variant if there is one, as safetensors
    rather than PyTorch's files. Raises CheckpointError where two files hold the same tensors otherwise."""
    sets, bad = _sets(folder)
    if not sets:
        raise CheckpointError("; ".join(bad))
    first, *others = sorted(sets, key=lambda one: one.rank)
    if first.index is not None:
        contents = read_index(first.index, budget)
    else:
        contents = Contents(folder, "", 0, budget=budget)
        gone = [name for name in first.files if not (folder / name).exists()]
        parts = [reading.read(folder / name, budget) for name in first.files if name not in gone]
        _refuse_doubles(parts)
        _take(contents, parts)
        contents.format = f"{parts[0].format if parts else 'weights'} in {_files(len(parts))}"
        contents.problems += [f"{printable(name, 100)} is missing" for name in gone[:10]]
    if left := [*map(str, others), *bad]:
        contents.choice = f"read: {first}; not read: {', '.join(left[:4])}{', …' * (len(left) > 4)}"
        contents.notes.append(contents.choice)
    return contents


def _sets(folder: Path) -> tuple[list[_Set], list[str]]:
    """The sets of files in the folder, and the indexes that are none, in words."""
    names = sorted(one.name for one, _ in zip(folder.iterdir(), range(MOST_FILES), strict=False) if one.is_file())
    own = [name for name in names if name.endswith(".safetensors") or is_pytorch_file(name)]
    here = {name for name in names if name not in own or not _is_pointer(folder / name)}
    sets, bad, listed = list[_Set](), list[str](), set[str]()
    for name in filter(is_index, names):
        try:
            where, _ = _index(folder / name)
        except CheckpointError as error:
            bad.append(f"{printable(name, 100)} ({error})")
            continue
        files = tuple(sorted(set(where.values())))
        listed |= set(files)
        base, _, variant = name.removesuffix(".json").partition(".index")
        variant = variant.strip(".") or _variant(base, names)
        missing = tuple(file for file in files if file not in here)
        sets.append(_Set(files, missing, variant, folder / name, _place(base, variant)))
    by_kind: dict[tuple[bool, str, int], list[str]] = {}
    for name in own:
        if name not in listed:
            variant = _variant(name, own)
            key = (name.endswith(".safetensors"), variant, _place(name, variant))
            by_kind.setdefault(key, []).append(name)
    for (_, variant, place), kind in by_kind.items():
        files = tuple(sorted([*kind, *_missing(kind)]))
        missing = tuple(file for file in files if file not in here)
        sets.append(_Set(files, missing, variant, place=place))
    return sets, bad


def _is_pointer(path: Path) -> bool:
    """Whether it only stands for a file that Git LFS has not fetched."""
    try:
        with opened(path) as file:
            return file.read(len(_POINTER)) == _POINTER
    except (OSError, CheckpointError):
        return False


def _place(name: str, variant: str) -> int:
    stem = _SHARD.sub("", name).rpartition(".")[0].removesuffix(f".{variant}" if variant else "")
    return _STEMS.index(stem if stem in _STEMS else "")


def _variant(name: str, others: Sequence[str]) -> str:
    """What distinguishes it from other files of the same weights: "fp16" of model.fp16.safetensors, and of
    model.fp16-00001-of-00002.safetensors or model-00001-of-00002.fp16.safetensors."""
    stem, _, ending = _SHARD.sub("", name).rpartition(".")
    base, dot, last = stem.rpartition(".")
    return last if dot and (last in _VARIANTS or f"{base}.{ending}" in others) else ""


def _missing(names: Sequence[str]) -> Iterator[str]:
    """The shards that are not among the names, by "-00001-of-00003"."""
    here = set(names)
    for name in names:
        found = _SHARD.search(name)
        if found is None or not 0 < int(found[2]) <= MOST_FILES:
            continue
        for number in range(1, int(found[2]) + 1):
            wanted = f"{name[: found.start(1)]}{number:0{len(found[1])}}{name[found.end(1) :]}"
            if wanted not in here:
                here.add(wanted)
                yield wanted


def _same_as(path: Path, known: dict[tuple[int, int], str]) -> str:
    """The name of the file, or of the one before it that is the same one, by another link. `known`: those before, by
    device and inode."""
    try:
        status = path.stat()
    except OSError:
        return path.name
    return known.setdefault((status.st_dev, status.st_ino), path.name)


def _refuse_doubles(parts: Sequence[Contents]) -> None:
    seen: dict[str, Path] = {}
    for part in parts:
        for one in part.tensors:
            if (other := seen.setdefault(one.name, part.path)) is not part.path:
                names = f"{printable(other.name, 60)} and {printable(part.path.name, 60)}"
                raise CheckpointError(f"{names} hold the same tensors ({one.name}): name one of the files")


def _beside(folder: Path, name: str) -> bool:
    return not ("/" in name or name.startswith("..") or "\0" in name or is_index(name) or (folder / name).is_dir())


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


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
            raise ValueError("files are not texts")
        plain = {
            f"index.{printable(key, TEXT)}": value if isinstance(value, int | float) else printable(str(value)[:TEXT])
            for key, value in metadata.items()
        }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise CheckpointError("it is not an index of sharded weights") from error
    return where, plain


def _take(contents: Contents, parts: Sequence[Contents]) -> None:
    """Add the shards' tensors. Their storages have their file's name before their own."""
    left = 0
    for part in parts:
        contents.bytes += part.bytes
        contents.stamps |= part.stamps
        contents.zips += part.zips
        start = printable(part.path.name, TEXT)
        contents.records |= {f"{start}:{key}": record for key, record in part.records.items()}
        contents.tensors += [Named(one.name, _moved(one.tensor, start)) for one in part.tensors]
        contents.globals = list(dict.fromkeys([*contents.globals, *part.globals]))
        room = max(0, MOST_PROBLEMS - len(contents.problems))
        left += len(part.problems[room:])
        contents.problems += part.problems[:room]
        contents.metadata.update(part.metadata)
        contents.header.update(part.header)
        contents.notes += [note for note in part.notes[:1] if note not in contents.notes]
    if left:
        contents.problems.append(f"and {left:,} more problems of these files")
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
