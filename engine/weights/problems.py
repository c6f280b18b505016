"""What does not fit together in a file of weights: sizes that it claims and does not have, names that stand twice."""

from collections.abc import Iterable
from dataclasses import replace

from engine.weights.contents import Contents, Named
from engine.weights.records import Tensor

MOST_PROBLEMS = 50
REPEATED = 64 << 20  # bytes above which a tensor that repeats its stored numbers is a problem


def number_doubles(contents: Contents) -> None:
    """Number the tensors that have one name: different ways may read the same, `{"a.b": …, "a": {"b": …}}`."""
    seen: dict[str, int] = {}
    if len({one.name for one in contents.tensors}) == len(contents.tensors):
        return
    for at, one in enumerate(contents.tensors):
        seen[one.name] = number = seen.get(one.name, 0) + 1
        if number > 1:
            contents.tensors[at] = replace(one, name=f"{one.name} ({number})")
    doubled = [name for name, number in seen.items() if number > 1]
    if doubled:
        more = len(doubled) - 1
        others = f" (and {more} other name{'s' if more > 1 else ''})" if more else ""
        contents.problems.append(f"several tensors have the name {doubled[0]}{others}: numbered here")


def forms(tensors: Iterable[Named]) -> list[str]:
    """The tensors that are used in another form than they are saved in, and those whose values can't be read here: how
    many, and which, a line each."""
    ones, lines = list(tensors), []
    for layout, use in (("quantized", "used dequantized, as float32"), ("sparse", "used as dense tensors")):
        found = [one for one in ones if one.tensor.layout.startswith(layout) and one.tensor.readable]
        if found:
            lines.append(f"{_many(found, layout)}: {use}")
    hidden = [one for one in ones if not one.tensor.readable]
    if hidden:
        lines.append(f"{_many(hidden)} can't be read here: {_first_words(hidden)}")
    return lines


def _many(ones: list[Named], kind: str = "") -> str:
    names = ", ".join(one.name for one in ones[:3]) + (", …" if len(ones) > 3 else "")
    return f"{len(ones):,} {kind} tensor{'s' * (len(ones) > 1)}".replace("  ", " ") + f" ({names})"


def _first_words(ones: list[Named]) -> str:
    return "; ".join(dict.fromkeys(one.tensor.about for one in ones[:3])) + ("; …" if len(ones) > 3 else "")


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
    if tensor.parts:
        wrong = (_wrong(contents, Named(f"{one.name}, part {at}", part)) for at, part in enumerate(tensor.parts))
        return next(filter(None, wrong), "")
    if storage is None:
        return ""
    record, end = contents.records.get(storage.key), tensor.end
    if tensor.offset < 0:
        return f"{one.name} begins {-tensor.offset:,} element{'s' * (tensor.offset < -1)} before its storage"
    if end > storage.count and storage.dtype:
        return f"{one.name} reaches element {end:,} of a storage that has {storage.count:,}"
    if record is None:
        return f"{one.name}: its values are not in the file" if storage.count else ""
    if record.size < (size := storage.size):
        return (
            f"{one.name} claims {size:,} bytes, but the file has {record.size:,}: loading it would fail, or "
            "allocate memory without values"
        )
    if repeats(tensor):
        return f"{one.name} repeats {size:,} stored bytes until they are {tensor.bytes:,}: not expanded here"
    return ""


def repeats(tensor: Tensor) -> bool:
    """Whether the tensor, by strides of zero or as a sparse one, is far larger than what is stored of it."""
    return (size := tensor.bytes) > REPEATED and tensor.readable and size > 4 * tensor.stored
