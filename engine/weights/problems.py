"""What does not fit together in a file of weights: sizes that it claims and does not have, names that stand twice."""

from dataclasses import replace

from engine.weights.contents import Contents, Named
from engine.weights.records import Tensor

MOST_PROBLEMS = 50
REPEATED = 64 << 20  # bytes above which a tensor that repeats its stored numbers is a problem


def number_doubles(contents: Contents) -> None:
    """Number the tensors that have one name: different ways may read the same, `{"a.b": …, "a": {"b": …}}`."""
    seen: dict[str, int] = {}
    for at, one in enumerate(contents.tensors):
        seen[one.name] = number = seen.get(one.name, 0) + 1
        if number > 1:
            contents.tensors[at] = replace(one, name=f"{one.name} ({number})")
    doubled = [name for name, number in seen.items() if number > 1]
    if doubled:
        more = len(doubled) - 1
        others = f" (and {more} other name{'s' if more > 1 else ''})" if more else ""
        contents.problems.append(f"several tensors have the name {doubled[0]}{others}: numbered here")


def check(contents: Contents) -> None:
    """What does not fit together: sizes that are claimed and not there."""
    for one in contents.tensors:
        wrong = _wrong(contents, one)
        if wrong:
            contents.problems.append(wrong)
        if len(contents.problems) > MOST_PROBLEMS:
            contents.problems.append("… and more")
            return


def _wrong(contents: Contents, one: Named) -> str:
    tensor, storage = one.tensor, one.tensor.storage
    if storage is None:
        return ""
    record = contents.records.get(storage.key)
    if tensor.offset < 0:
        return f"{one.name} begins {-tensor.offset:,} element{'s' * (tensor.offset < -1)} before its storage"
    if tensor.end > storage.count and storage.dtype:
        return f"{one.name} reaches element {tensor.end:,} of a storage that has {storage.count:,}"
    if record is None:
        return f"{one.name}: its values are not in the file" if storage.count else ""
    if record.size < storage.size:
        return (
            f"{one.name} claims {storage.size:,} bytes, but the file has {record.size:,}: loading it would fail, or "
            "allocate memory without values"
        )
    if repeats(tensor):
        return f"{one.name} repeats {storage.size:,} stored bytes until they are {tensor.bytes:,}: not expanded here"
    return ""


def repeats(tensor: Tensor) -> bool:
    """Whether the tensor, by strides of zero or the like, is far larger than what is stored of it."""
    stored = tensor.storage.size if tensor.storage is not None else 0
    return tensor.bytes > REPEATED and tensor.bytes > 4 * stored
