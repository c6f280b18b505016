"""Anybody's files for the screens: what is in one, its tensors' figures a few at a time, and two beside each other."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import CheckpointError
from engine.home import Home
from engine.progress import Progress
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import KeyMapping, parse_mapping
from engine.worker.request import Answer

if TYPE_CHECKING:
    from engine.evaluation.evaluate import EvaluationOptions

MOST_SENT = 3000  # parts of one list that a screen gets at once
TURN_S = 0.03  # seconds of work for one asking, about


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`file`, and of its parts only those with `filter` in their names. The answer: `contents` as `Contents.to_dict`,
    of each list at most MOST_SENT; `counts`, how many there are, by the name of the list; `numbers` of all tensors
    together; `told` (what reading it needed); `trusted`: whether it is a module that was pickled whole, and the person
    has typed their trust for it before."""
    contents = contents_of(Path(values["file"]))
    told, part = contents.to_dict(), str(values.get("filter", ""))
    lists = ("tensors", "globals", "modules")
    counts = {name: len(told[name]) for name in (*lists, "metadata", "shared", "problems")}
    for name in lists:
        told[name] = [one for one in told[name] if part in one["name"]][:MOST_SENT]
    told["metadata"] = dict([pair for pair in told["metadata"].items() if part in pair[0]][:MOST_SENT])
    told["shared"] = told["shared"][:MOST_SENT]
    numbers = sum(one.tensor.count for one in contents.tensors)
    return Answer(
        {
            "contents": told, "counts": counts, "numbers": numbers, "told": contents.told(),
            "trusted": _trusted(home, contents),
        }
    )  # fmt: skip


def figures(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`file` and `filter`, as above. Some of these tensors' figures, to be asked again until `done`; between two
    askings others are answered.

    The answer: `done`, `share` of the work (0 to 1), `found`: for each tensor that is new since the last asking its
    `figures` by name, None where its numbers can't be read; array `histograms` int64 [found, BINS] in that order.
    """
    work = _work(Path(values["file"]), str(values.get("filter", "")), bool(values.get("again")))
    found, histograms = work.turn()
    return Answer(
        {"done": work.done, "share": work.share, "found": found},
        {"histograms": np.stack(histograms) if histograms else np.zeros((0, 1), np.int64)},
    )


def difference(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`file` and `other`. The answer: as `Comparison.to_dict`, and `model`: which network the first says it is of."""
    from engine.weights.compare import compare

    first, second = contents_of(Path(values["file"])), contents_of(Path(values["other"]))
    return Answer(compare(first, second, tell).to_dict() | {"model": str(first.metadata.get("config.model", ""))})


def evaluation(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`file`, `data_dir`, and what `_way` takes; `trusted`: the person has typed their trust for the file,
    a module that was pickled whole. The answer: the fields of `evaluating.Result`."""
    from dataclasses import asdict

    from engine.checkpoints.verify import sha256 as sha256_of
    from engine.evaluation import trusted
    from engine.evaluation.evaluate import evaluate

    path, way, data_dir = Path(values["file"]), _way(values), _data_dir(values)
    if values.get("trusted"):
        sha256 = sha256_of(path)
        trusted.trust(home, sha256)
        return Answer(asdict(trusted.evaluate(path, sha256, way, home=home, data_dir=data_dir, tell=tell)))
    return Answer(asdict(evaluate(path, way, home=home, data_dir=data_dir, tell=tell)))


def versus(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`file`, `other`, `data_dir`, and what `_way` takes. The answer: those of `evaluating.Versus`."""
    from dataclasses import asdict

    from engine.evaluation.evaluate import versus as compute

    first, second = Path(values["file"]), Path(values["other"])
    return Answer(asdict(compute(first, second, _way(values), home=home, data_dir=_data_dir(values), tell=tell)))


def _way(values: Mapping[str, Any]) -> "EvaluationOptions":
    """Of the request's `model`, `dataset`, `transform`, and `how`, as `typed.how` takes it. Raises CheckpointError."""
    from engine.evaluation.evaluate import EvaluationOptions

    given = {name: values[name] for name in ("model", "dataset", "transform") if name in values}
    return EvaluationOptions(how=_how(values), **given)


def _how(values: Mapping[str, Any]) -> KeyMapping:
    text = str(values.get("how", ""))
    if (said := parse_mapping(text.split())) is None:
        raise CheckpointError(f"{text!r}: give a prefix such as module., NEW=OLD, or section:NAME")
    return said


def _data_dir(values: Mapping[str, Any]) -> Path | None:
    return Path(values["data_dir"]) if values.get("data_dir") else None


def conversion(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`files` and `target`: their weights, of several the mean, as a file of their own; `how`, as `typed.how` takes it.
    The answer: `tensors` and `bytes` that were written."""
    from engine.weights import convert, matching

    several = [matching.mapped(contents_of(Path(file)), _how(values)) for file in values["files"]]
    found = convert.average(several) if len(several) > 1 else several[0]
    return Answer({"tensors": len(found), "bytes": convert.write(found, Path(values["target"]))})


def checked(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`file`: all of it is read. The answer: `how` it was compared, and the `damage`, a line each."""
    from engine.checkpoints.verify import verify

    found = verify(contents_of(Path(values["file"])), tell)
    return Answer({"how": found.how, "damage": list(found.damage)})


def _trusted(home: Path, contents: Contents) -> bool:
    if not contents.modules or contents.modules[0].name or not Home(home).trusted.is_file():
        return False
    from engine.checkpoints.verify import sha256 as sha256_of
    from engine.evaluation import trusted

    return trusted.trusts(home, sha256_of(contents.path))


class _Work:
    """Goes through a file's tensors."""

    def __init__(self, contents: Contents, part: str) -> None:
        self._contents = contents
        self._left = [one.name for one in contents.tensors if part in one.name][:MOST_SENT]
        self._total = max(1, len(self._left))
        self._large: Any = None  # the Running of a large tensor, and its name

    @property
    def done(self) -> bool:
        return not self._left and self._large is None

    @property
    def share(self) -> float:
        return 1 - (len(self._left) + (self._large is not None)) / self._total

    def turn(self) -> tuple[dict[str, Any], list[Any]]:
        from dataclasses import asdict

        from engine.inspection.running_stats import RunningStats
        from engine.inspection.tensor_stats import BINS
        from engine.weights import tensors

        found: dict[str, Any] = {}
        histograms: list[Any] = []
        until = time.monotonic() + TURN_S
        while not self.done and time.monotonic() < until:
            if self._large is None:
                name = self._left.pop(0)
                try:
                    self._large = name, RunningStats(tensors.whole(self._contents, name))
                except CheckpointError:
                    found[name] = None
                    histograms.append(np.zeros(BINS, np.int64))
                    continue
            name, work = self._large
            if work.turn():
                found[name] = asdict(work.stats())
                histograms.append(work.histogram)
                self._large = None
        return found, histograms


_works: dict[tuple[Path, str], _Work] = {}


def _work(path: Path, part: str, again: bool) -> _Work:
    if again or (path, part) not in _works:
        _works.clear()
        _works[path, part] = _Work(contents_of(path), part)
    return _works[path, part]
