"""`state.json` and `summary.json` in a run's folder: what its log was folded to, so that nobody has to read it again.

Both are caches. A reader believes one only where it is whole (a SHA-256), of this version, typed and within bounds, and
where the log is still the one that it is of: of the same length and time, or with the same beginning and the same bytes
before where it ended. Else it is as if it were not there. They are not fsynced: what a power cut leaves of them is not
whole. Imports no torch.
"""

import contextlib
import hashlib
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, BinaryIO

import msgspec
from msgspec import Meta

from engine import atomic, plain_file
from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.runs import log, results
from engine.runs.curve import CURVE_POINTS, GrowingCurve, SavedCurve, even
from engine.runs.state import CURVES, LOG_LINES, Fold, FoldData, Mark, RunState
from engine.training import event_json
from engine.training import events as ev
from engine.training.typed_settings import mistyped

VERSION = 2  # another one's files are not read: raise it when the fold changes
MOST_BYTES = 256 << 20  # of state.json
MOST_SUMMARY = 1 << 20
SUMMARY_POINTS = 48  # values of the training loss in a summary
ENDS = 4096  # bytes at the log's beginning, and before where it was read to, that are compared

Count = Annotated[int, Meta(ge=0, le=2**62)]
Status = Annotated[str, Meta(pattern="^(starting|training|paused|finished|stopped|failed)$")]
Text = Annotated[str, Meta(max_length=100_000)]


class Stamp(msgspec.Struct, frozen=True):
    """Of which log a file is."""

    end: Count  # bytes of the log that were read
    changed_ns: int  # when the log was changed last, Unix time, if that was all of it; 0: it was longer already
    first: str  # SHA-256 of its first bytes, up to ENDS of them
    last: str  # and of those before `end`

    @classmethod
    def of(cls, file: BinaryIO, end: int) -> "Stamp":
        status = os.fstat(file.fileno())
        changed_ns = status.st_mtime_ns if status.st_size == end else 0
        return cls(end, changed_ns, *_ends(file, end))

    def fits(self, file: BinaryIO) -> bool:
        """Whether the log begins with what was read. One that has that length and was changed since has been written
        anew: a log only grows."""
        status = os.fstat(file.fileno())
        if status.st_size == self.end and self.changed_ns:
            return status.st_mtime_ns == self.changed_ns
        return status.st_size >= self.end and (self.first, self.last) == _ends(file, self.end)


class Summary(msgspec.Struct, frozen=True):
    """What a list shows of a run, from its events alone; None: not known."""

    status: Status = "starting"
    config: dict[str, ev.SettingValue] = {}
    title: Text = ""  # of the data set
    demo: bool = False
    epoch: ev.Count = 0
    epochs: ev.Count = 0
    accuracy: ev.Fraction | None = None
    best_accuracy: ev.Fraction | None = None
    test_accuracy: ev.Fraction | None = None
    started: ev.Seconds = 0.0
    loss: float | None = None
    training_s: ev.Seconds = 0.0
    checkpoints: ev.Count = 0
    curve: Annotated[tuple[float, ...], Meta(max_length=1000)] = ()
    seq: Count = 0


class _Now(msgspec.Struct):
    """The fields of a state that are no list."""

    status: Status
    reason: Text
    config: dict[str, ev.SettingValue]
    dataset: ev.DatasetFacts
    device: Text
    device_name: Text
    threads: Count
    loader: Text
    parameters: Count
    epochs: ev.Count
    steps: ev.Count
    epoch: ev.Count
    step: ev.Count
    loss: float | None  # None: NaN
    lr: float | None
    samples_per_s: float
    started: ev.Seconds
    last: ev.Seconds
    training_s: Annotated[float, Meta(ge=0, le=1e13)]
    seq: Count
    skipped: Count


class _Saved(msgspec.Struct):
    """The content of the fold's file."""

    stamp: Stamp
    now: _Now
    curve: SavedCurve
    curves: dict[str, SavedCurve]
    steps_before: tuple[Count, Count] | None
    epoch_losses: list[float | None]
    marks: list[Mark]
    events: dict[str, list[msgspec.Raw]]  # by their names in FoldData; of _ONE, one or none
    up: float | None
    resumed_at: float


class _SavedSummary(msgspec.Struct):
    """The content of the summary's file."""

    stamp: Stamp
    summary: Summary


class _Sealed(msgspec.Struct):
    """A file: what it holds, and how to tell that it is whole."""

    v: int
    sha256: str
    content: msgspec.Raw


_LISTS: dict[str, tuple[type[ev.Event], ...]] = {
    "tests": (ev.Evaluated,),
    "vals": (ev.Evaluated,),
    "log": (ev.BatchLoss, ev.Evaluated, ev.Edited, ev.Resumed, ev.Branched),
    "warnings": (ev.Warned,),
    "checkpoints": (ev.CheckpointSaved,),
    "edits": (ev.Edited,),
    "resumes": (ev.Resumed,),
    "layer_stats": (ev.LayerStats,),
    "readings": (ev.Readings,),
    "parent": (ev.Branched,),
}
_ONE = ("readings", "parent")
_UNSOUND = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)


@dataclass(frozen=True)
class Folded:
    """A fold, and how far in the log it has come."""

    fold: Fold
    end: int  # bytes
    reading: log.Reading = field(default_factory=log.Reading)  # of what was read of it since it was begun


def read(folder: RunFolder, most_points: int = CURVE_POINTS) -> Folded | None:
    """The fold that state.json holds, to go on from; None where there is none that can be used. `most_points`: of each
    curve, or twice as many."""
    with contextlib.suppress(OSError, *_UNSOUND):
        saved = _unsealed(plain_file.read(folder.state_json, MOST_BYTES), _Saved)
        with plain_file.opened(folder.events) as file:
            if not saved.stamp.fits(file):
                return None
        return Folded(Fold(_data(saved, most_points)), saved.stamp.end)
    return None


def begun(folder: RunFolder) -> Folded:
    """The fold to go on from: what state.json holds, or an empty one."""
    return read(folder) or Folded(Fold(), 0)


def read_all(folder: RunFolder, progress: Progress = silent) -> Fold:
    """The fold of the whole log as it is now. `progress`: in bytes of the log. Raises UnreadableError."""
    folded, total = begun(folder), log.size(folder)
    while True:
        before, folded = folded.end, read_on(folder, folded, log.PART_BYTES)
        if folded.end == before:
            return folded.fold
        progress(folded.end, max(total, folded.end))


def read_on(folder: RunFolder, folded: Folded, most: int | None = None) -> Folded:
    """The fold with what the log has beyond it, `most` bytes of that or all; of a log that was cut short or written
    anew since, the fold from its beginning. Raises UnreadableError."""
    try:
        return _read_on(folder, folded, most)
    except log.RewrittenError:
        return _read_on(folder, begun(folder), most)


def _read_on(folder: RunFolder, folded: Folded, most: int | None) -> Folded:
    left, at_once = most, log.PART_BYTES if most is None else min(most, log.PART_BYTES)
    for part in log.parts(folder, folded.end, most=at_once, reading=folded.reading):
        folded.fold.add_all(part.events)
        folded.fold.skip(part.skipped)
        left = None if left is None else left - (part.end - folded.end)
        folded = Folded(folded.fold, part.end, folded.reading)
        if left is not None and left <= 0:
            break
    return folded


def write(folder: RunFolder, folded: Folded) -> None:
    """Keep a fold. Where that can't be done there is none: it is a cache."""
    with contextlib.suppress(OSError, ValueError), plain_file.opened(folder.events) as file:
        content = msgspec.json.encode(_saved(folded.fold.data, Stamp.of(file, folded.end)))
        atomic.write_cache(folder.state_json, _sealed(content))


def keep(folder: RunFolder, folded: Folded) -> None:
    """Write a fold, and its summary."""
    write(folder, folded)
    write_summary(folder, summary_of(folded.fold.snapshot()), folded.end)


def read_summary(folder: RunFolder, status: os.stat_result) -> Summary | None:
    """What summary.json holds of the log with that `status`; None where there is none. Opens one file."""
    with contextlib.suppress(OSError, *_UNSOUND):
        saved = _unsealed(plain_file.read(folder.summary_json, MOST_SUMMARY), _SavedSummary)
        same = saved.stamp.end == status.st_size and saved.stamp.changed_ns == status.st_mtime_ns
        return saved.summary if same and not mistyped(saved.summary.config) else None
    return None


def write_summary(folder: RunFolder, summary: Summary, end: int) -> None:
    """Keep a summary of the first `end` bytes of the log, if these are all."""
    with contextlib.suppress(OSError), plain_file.opened(folder.events) as file:
        stamp = Stamp.of(file, end)
        if stamp.changed_ns:
            atomic.write_cache(folder.summary_json, _sealed(msgspec.json.encode(_SavedSummary(stamp, summary))))


def summary_of(run: RunState) -> Summary:
    """The little of a state that a list shows."""
    return Summary(
        status=run.status,
        config=run.config,
        title=str(run.dataset.get("title", "")),
        demo=bool(run.dataset.get("demo", False)),
        epoch=run.epoch,
        epochs=run.epochs,
        accuracy=run.results[-1].accuracy if run.results else None,
        best_accuracy=run.best.accuracy if run.best else None,
        test_accuracy=run.tested.accuracy if run.tested else None,
        started=run.started,
        loss=_number(run.loss) if run.step else None,
        training_s=run.training_s,
        checkpoints=len(run.checkpoints),
        curve=even(((point.x, point.mean) for point in run.curve), SUMMARY_POINTS),
        seq=run.seq,
    )


def _sealed(content: bytes) -> bytes:
    return msgspec.json.encode(_Sealed(VERSION, hashlib.sha256(content).hexdigest(), msgspec.Raw(content)))


def _unsealed(data: bytes, kind: type[Any]) -> Any:
    """Raises ValueError, or another of _UNSOUND."""
    sealed = msgspec.json.decode(data, type=_Sealed)
    content = bytes(sealed.content)
    if sealed.v != VERSION or sealed.sha256 != hashlib.sha256(content).hexdigest():
        raise ValueError("not whole, or of another version")
    return msgspec.json.decode(content, type=kind)


def _ends(file: BinaryIO, end: int) -> tuple[str, str]:
    """The SHA-256 of the first bytes of the first `end`, and of the last of them."""
    first = os.pread(file.fileno(), min(ENDS, end), 0)
    last = os.pread(file.fileno(), min(ENDS, end), max(0, end - ENDS))
    return hashlib.sha256(first).hexdigest(), hashlib.sha256(last).hexdigest()


def _saved(data: FoldData, stamp: Stamp) -> _Saved:
    lists = {name: [data.now[name]] if data.now[name] else [] for name in _ONE}
    lists |= {name: list(getattr(data, name)) for name in _LISTS if name not in _ONE}
    now = {one.name: data.now[one.name] for one in msgspec.structs.fields(_Now)}
    now |= {name: _number(now[name]) for name in ("loss", "lr")}
    return _Saved(
        stamp=stamp,
        now=msgspec.convert(now, _Now),
        curve=data.curve.saved(),
        curves={name: curve.saved() for name, curve in data.curves.items()},
        steps_before=data.steps_before,
        epoch_losses=[_number(loss) for loss in data.epoch_losses],
        marks=data.marks,
        events={name: [_encoded(one) for one in found] for name, found in lists.items()},
        up=data.up,
        resumed_at=data.resumed_at,
    )  # fmt: skip


def _data(saved: _Saved, most_points: int) -> FoldData:
    """Raises ValueError, or another of _UNSOUND, where the parts do not go together."""
    if not all(curve.fits for curve in (saved.curve, *saved.curves.values())):
        raise ValueError("a curve that is none")
    if mistyped(saved.now.config) or set(saved.curves) != set(CURVES):
        raise ValueError("not of this version")
    lists = {name: list(_events(saved.events[name], kinds)) for name, kinds in _LISTS.items()}
    values = msgspec.structs.asdict(saved.now)
    now = values | {name: lists[name][-1] if lists[name] else None for name in _ONE}
    now |= {name: math.nan for name in ("loss", "lr") if values[name] is None}
    data = FoldData(
        curve=GrowingCurve.of(saved.curve, most_points),
        curves={name: GrowingCurve.of(saved.curves[name], most_points) for name in CURVES},
        steps_before=saved.steps_before,
        epoch_losses=[math.nan if loss is None else loss for loss in saved.epoch_losses],
        marks=saved.marks,
        up=saved.up,
        resumed_at=saved.resumed_at,
    )
    data.now |= now
    for name in _LISTS:
        if name not in _ONE:
            setattr(data, name, deque(lists[name], maxlen=LOG_LINES) if name == "log" else lists[name])
    data.cells = results.cells_of(data.vals, data.tests)
    return data


def _encoded(event: ev.Event) -> msgspec.Raw:
    """As a line of a log, but for the order of its fields; NaN is null, too."""
    return msgspec.Raw(f'{{"kind":"{event.kind}",'.encode() + msgspec.json.encode(event)[1:])


def _events(lines: Iterable[msgspec.Raw], kinds: tuple[type[ev.Event], ...]) -> Iterator[ev.Event]:
    for line in lines:
        event = event_json.decode(bytes(line))
        if not isinstance(event, kinds):
            raise ValueError("not an event of these kinds")
        yield event


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
