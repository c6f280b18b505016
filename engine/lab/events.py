"""What a lab's host tells: frozen dataclasses, one JSON object a line in the lab's log."""

import json
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import msgspec

VERSION = 1
MOST_OF_OUTPUT, MOST_DEEP = 60, 80  # objects and lists in one another, of a kernel's message, and of an event
KernelPhase = Literal["starting", "ready", "busy", "ended", "died"]
RunStatus = Literal["ok", "error", "interrupted", "died", "skipped"]  # skipped: a cell before it failed


@dataclass(frozen=True, kw_only=True)
class LabEvent:
    """Base of all. `seq` counts up from 1 in one log; 0: it is not in the log, but for who follows at the time."""

    kind: ClassVar[str] = ""
    seq: int = 0
    t: float = 0.0  # Unix seconds


@dataclass(frozen=True, kw_only=True)
class KernelChanged(LabEvent):
    """The kernel is in another phase. `died`: it ended by itself; `ended`: as it was asked for, or by being idle."""

    kind = "kernel"
    phase: KernelPhase
    generation: int  # kernels that this lab has had, from 1; with another one its variables are gone
    name: str = ""  # of the kernel, such as python3
    why: str = ""  # in one line, of `ended` and `died`
    pid: int = 0


@dataclass(frozen=True, kw_only=True)
class RunQueued(LabEvent):
    """A cell is to be run. `run`: the number of this run of it, which counts up from 1 in a lab."""

    kind = "queued"
    run: int
    cell: str  # as the app calls it
    source: str


@dataclass(frozen=True, kw_only=True)
class RunStarted(LabEvent):
    """A run's turn has come."""

    kind = "started"
    run: int
    generation: int  # of the kernel


@dataclass(frozen=True, kw_only=True)
class RunOutput(LabEvent):
    """An output as the kernel's message has it (`engine.lab.outputs.Outputs.take`); parts of a stream that come within
    a moment are joined."""

    kind = "output"
    run: int
    type: str  # of the message: stream, execute_result, display_data, update_display_data, clear_output, error
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunOutputs(LabEvent):
    """All outputs so far, as nbformat has them: of a run whose many lines are not told one by one any more."""

    kind = "outputs"
    run: int
    nodes: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class InputAsked(LabEvent):
    """The code calls input(), and waits."""

    kind = "input"
    run: int
    prompt: str
    password: bool = False


@dataclass(frozen=True, kw_only=True)
class InputAnswered(LabEvent):
    """It has got its line."""

    kind = "answered"
    run: int


@dataclass(frozen=True, kw_only=True)
class RunFinished(LabEvent):
    """A run has ended, or will not begin (`skipped`)."""

    kind = "finished"
    run: int
    status: RunStatus
    count: int | None = None  # of the kernel's executions
    seconds: float = 0.0
    error: str = ""  # in one line, where the status is not "ok"
    line: int | None = None  # of the cell, from 1


@dataclass(frozen=True, kw_only=True)
class RunsForgotten(LabEvent):
    """The outputs were cleared: of the runs so far, nothing belongs to the document any more."""

    kind = "forgotten"
    last: int  # the number of the last of those runs


EVENTS: dict[str, type[LabEvent]] = {
    event.kind: event
    for event in (
        KernelChanged, RunQueued, RunStarted, RunOutput, RunOutputs, InputAsked, InputAnswered, RunFinished,
        RunsForgotten,
    )
}  # fmt: skip


def encode(event: LabEvent) -> str:
    """One line of JSON, without its end."""
    content = {field.name: getattr(event, field.name) for field in fields(event)}
    return json.dumps({"v": VERSION, "kind": event.kind, **content}, ensure_ascii=False)


def decode(line: bytes | str) -> LabEvent | None:
    """The event of a line; None for one of an unknown kind, whose fields have other types than theirs, or that is
    deeper than any that is written."""
    try:
        content = json.loads(line)
        event = msgspec.convert(content, EVENTS[content["kind"]])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if _is_deep(content, MOST_DEEP) else event


def shallow(value: Any, most: int = MOST_OF_OUTPUT) -> Any:
    """An output of a kernel, which may be as deep as JSON can be read, and then can't be written again: what is deeper
    than `most` objects or lists in one another is "…"."""
    if not _is_deep(value, most):
        return value
    if most <= 0:
        return "…"
    if isinstance(value, dict):
        return {key: shallow(one, most - 1) for key, one in value.items()}
    return [shallow(one, most - 1) for one in value]


def _is_deep(value: Any, most: int) -> bool:
    """Whether more than `most` objects or lists lie in one another."""
    if not isinstance(value, dict | list):
        return False
    if most <= 0:
        return True
    return any(_is_deep(one, most - 1) for one in (value.values() if isinstance(value, dict) else value))
