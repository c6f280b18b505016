"""What `inspect`, `eval` and `convert` print."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import garbage
from engine.digits import significant
from engine.errors import CheckpointError
from engine.terminal_text import printable
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from tui.cli.output import console, say, say_json, say_line_of_json, say_text
from tui.columns import column, width_of
from tui.evaluation_text import comparison_lines, evaluation_text
from tui.format import count, counted, percent, shape, size

if TYPE_CHECKING:
    from engine.evaluation.requests import EvaluationSettings
    from engine.inspection.tensor_stats import TensorStats
    from engine.sources import WeightsFile
    from engine.weights.comparison import Difference
    from engine.weights.key_mapping import KeyMapping
    from engine.weights.records import Tensor

SHOWN = 60  # tensors, and values, that are listed without --tensors
MOST_REPEATED = 64 << 20  # bytes of a tensor that repeats few stored numbers, of which --values goes through all


def run(path: Path, *, as_json: bool, tensors: bool, values: str, checked: bool = False) -> int:
    """Print what is in the file, or some numbers of one tensor. `checked`: read all of it and compare the checksums.
    Raises EngineError where it can't be read."""
    if values:
        return _values(path, values, as_json=as_json)
    contents = contents_of(path)
    verification = None
    if checked:
        from engine.checkpoints.verify import verify

        verification = verify(contents)
        contents = replace(
            contents, problems=[*contents.problems, *verification.damage]
        )  # the cache's own stays as it is
    if as_json:
        with garbage.not_collected():
            say_json(contents.to_dict(), finite=True)
    else:
        _print(contents, whole=tensors)
        if verification is not None and not verification.damage:
            say()
            say(f"{verification.method}")
    return 0


def _print(contents: Contents, *, whole: bool) -> None:
    numbers = sum(one.tensor.count for one in contents.tensors)
    say(f"{printable(str(contents.path))}: {contents.format}, {size(contents.bytes)}")
    say(contents.safety)
    for note in contents.notes:
        say(note)
    say(f"{counted(len(contents.tensors), 'tensor')}, {counted(numbers, 'element')}")
    for problem in contents.problems:
        say(f"problem: {problem}")
    if contents.modules:
        say()
        say("modules")
        for module in contents.modules:
            made = ", ".join(f"{name}={value}" for name, value in list(module.attributes.items())[:8])
            indent = "  " * (module.name.count(".") + bool(module.name))
            say(f"{indent}{module.name or '(root)'}: {module.type}({made})")
    listed = contents.tensors if whole else contents.tensors[:SHOWN]
    if listed:
        say()
    width, kinds = width_of(one.name for one in listed), max((len(one.tensor.dtype) for one in listed), default=0)
    for one in listed:
        tensor = one.tensor
        stride = "" if tensor.contiguous or tensor.storage is None else f"stride {tensor.stride}"
        layout = "  ".join(["", *filter(None, (tensor.about, stride))])
        columns = f"{shape(tensor.shape):<16}  {tensor.dtype.ljust(max(9, kinds))}  {size(tensor.bytes):>10}{layout}"
        say(f"{column(one.name, width)}  {columns}".rstrip())
    if len(listed) < len(contents.tensors):
        say(f"… and {count(len(contents.tensors) - len(listed))} more: --tensors lists all")
    for names in contents.shared.values():
        say(f"shared storage: {', '.join(names)}")
    if contents.metadata:
        say()
        values = list(contents.metadata.items())
        for name, value in values if whole else values[:SHOWN]:
            say(f"{name} = {value}")
        if len(values) > SHOWN and not whole:
            say(f"… and {count(len(values) - SHOWN)} more: --tensors lists all")


def _values(path: Path, asked: str, *, as_json: bool) -> int:
    """`NAME` or `NAME[SLICE]`: the numbers, as PyTorch prints them."""
    from engine.inspection import views
    from engine.inspection.stats import stats_of
    from engine.weights import tensors

    contents = contents_of(path)
    name = max(
        (one.name for one in contents.tensors if asked.startswith(one.name) and _ends(asked[len(one.name) :])),
        key=len, default="",
    )  # fmt: skip
    if not any(one.name == name for one in contents.tensors):
        raise CheckpointError(f"{path} has no tensor {asked.partition('[')[0]!r}; --tensors lists them")
    tensor = tensors.find(contents, name).tensor
    if tensor.parts and asked == name and not as_json:
        say(f"{asked} {list(tensor.shape)} {tensor.dtype}, {tensor.about}")
        say_text(str(tensors.sparse(contents, tensor, name)))
        return 0
    view = views.apply(tensors.load(contents, name), asked[len(name) :])
    shown = _shown_as(tensor)
    if view.nbytes > MOST_REPEATED and view.nbytes > 4 * view.untyped_storage().nbytes():
        stored = f"{view.untyped_storage().nbytes():,} stored bytes until they are {view.nbytes:,}"
        raise CheckpointError(f"{asked} repeats {stored}: print a slice of it")
    if as_json:
        if view.numel() > 1_000_000:
            raise CheckpointError(f"{asked} has {view.numel():,} values: print a slice of it")
        values = {
            "name": name,
            "shape": list(view.shape),
            "dtype": str(view.dtype).removeprefix("torch."),
            "shown_as": shown,
            **_statistics(stats_of(view)),
            "values": view.tolist(),
        }
        say_line_of_json(json.dumps(values))
        return 0
    say(f"{asked} {list(view.shape)} {str(view.dtype).removeprefix('torch.')}{shown and f', {shown}'}")
    stats = _statistics(stats_of(view))
    if stats["mean"] is not None:
        figures = [(key, stats[key]) for key in ("mean", "std", "min", "max", "norm")]
        words = ", ".join(f"{key} {significant(value)}" for key, value in figures if value is not None)
        say(f"{words}, zeros {100 * (stats['zeros'] or 0):.1f}%, NaN {stats['nan']}, infinite {stats['inf']}")
    say_text(str(view))
    return 0


def _shown_as(tensor: "Tensor") -> str:
    """What stands between what is stored of a tensor and the values that are shown; "": nothing."""
    if tensor.quantizer is not None:
        return f"dequantized from {tensor.dtype} ({tensor.quantizer})"
    return f"all elements of {tensor.about}" if tensor.parts else tensor.about


def _statistics(stats: "TensorStats") -> dict[str, float | None]:
    keys = ("mean", "std", "min", "max", "norm", "zeros", "nan", "inf")
    return {key: getattr(stats, key) for key in keys}


def _ends(rest: str) -> bool:
    """Whether a name ends here: an index follows, or nothing."""
    return not rest or (rest[0] in "[." and (rest[0] == "[" or "(" in rest or rest in (".T", ".mT")))


def diff(a: Path, b: Path, *, as_json: bool) -> int:
    """What two files differ in. Returns 0 where nothing does, 1 where something does. Raises EngineError."""
    from engine.weights.compare import compare

    found = compare(contents_of(a), contents_of(b))
    if as_json:
        say_json(found.to_dict())
        return int(found.differs)
    say(f"{printable(str(a))} and {printable(str(b))}: {found.alignment}")
    for kind, words in KINDS.items():
        ones = [one for one in found.tensors if one.kind == kind]
        if ones and kind == "same":
            say()
            say(f"{counted(len(ones), 'tensor')} {'is' if len(ones) == 1 else 'are'} identical")
        elif ones:
            say()
            say(f"{words}")
            width = width_of(one.name for one in ones)
            parts = list(dict.fromkeys(one.section for one in ones))
            for one in sorted(ones, key=lambda one: (parts.index(one.section), -(one.relative or 0))):
                shapes = one.a if one.a == one.b else f"{one.a or 'missing'} → {one.b or 'missing'}"
                say(f"  {column(one.name, width)}  {shapes:<20}{_figures(one)}".rstrip())
    if found.metadata:
        say()
        say("metadata")
        for name, (before, after) in found.metadata.items():
            was, is_ = ("missing" if value is None else value for value in (before, after))
            say(f"  {name}: {was} → {is_}")
    return int(found.differs)


KINDS = {
    "removed": "only in the first", "added": "only in the second", "shape": "with another shape",
    "dtype": "with another dtype", "unread": "can't be read", "changed": "changed", "same": "",
}  # fmt: skip


def _figures(one: "Difference") -> str:
    if one.max_abs is None:
        return ""
    text = f"  max |Δ| {significant(one.max_abs, 3)}, |Δ| {significant(one.l2 or 0, 3)}"
    text += "" if one.relative is None else f", |Δ|/|a| {significant(one.relative, 3)}"
    text += "" if one.cosine is None else f", cosine {one.cosine:.6f}"
    return text + f", {percent(one.changed or 0)} changed"


def convert(files: list[Path], target: Path, mapping: "KeyMapping") -> int:
    """Write the weights of a file, or the mean of several, as a bare state_dict or safetensors. Raises EngineError."""
    from engine.weights.convert import convert as write

    found = write(files, target, mapping)
    what = f"the mean of {len(files)} files" if len(files) > 1 else printable(str(files[0]))
    say(f"{printable(str(target))}: {counted(found.tensors, 'tensor')} of {what}, {size(found.bytes)}")
    for note in found.notes:
        say(note)
    return 0


def evaluate(
    source: "WeightsFile",
    settings: "EvaluationSettings",
    home: Path,
    data_dir: Path | None,
    *,
    trust: str,
    as_json: bool,
) -> int:
    """Print what the weights of a file reach on the test set. `trust`: the SHA-256 of a file whose code may run; empty:
    none. Raises EngineError."""
    from rich.progress import Progress

    from engine.evaluation import evaluate as evaluation
    from engine.evaluation import trusted
    from engine.weights.state_dict import forms

    screen = console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("test images", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if trust:
            path = source.path
            found = trusted.evaluate(path, trust, settings, home=home, data_dir=data_dir, progress=progress)
        else:
            found = evaluation.evaluate(source, settings, home=home, data_dir=data_dir, progress=progress)
    if as_json:
        say_json(found.to_dict())
        return 0
    say_text(f"{printable(found.file)}: {evaluation_text(found)}")
    for note in [] if trust else forms(contents_of(source.path), source.mapping):
        say(note)
    return 0


def compare_evaluations(
    first: "WeightsFile",
    second: "WeightsFile",
    settings: "EvaluationSettings",
    home: Path,
    data_dir: Path | None,
    *,
    as_json: bool,
) -> int:
    """Print which test images only one of two files classifies correctly. Raises EngineError."""
    from engine.evaluation.evaluate import compare

    found = compare(first, second, settings, home=home, data_dir=data_dir)
    if as_json:
        say_json(found.to_dict())
    else:
        say_text("\n".join(comparison_lines(found)))
    return 0
