"""The JSON lines that events are written as (docs/events.md), and the door that the lines of a log come in by.

A log may be anybody's: a line is an event only where every field has its type and lies within its bounds (the
annotations in `engine.training.events`), so that nothing behind this has to ask again. Imports no torch. JSON has no
NaN or infinity: a loss that is not finite is written as null, and read back as NaN.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import msgspec

from engine.training.events import (
    KINDS,
    ActivationStats,
    Evaluated,
    Event,
    LayerStats,
    ParameterStats,
    Progress,
    Readings,
    Resumed,
    RunStarted,
)
from engine.training.typed_settings import mistyped

VERSION = 1
OLD_KINDS = {"vitals": "layer_stats"}  # as earlier versions called them
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)  # msgspec's errors are ValueErrors


class _Head(msgspec.Struct):
    """What every line has."""

    kind: str
    seq: int = 0


_WHERE_KNOWN = {  # the fields that a line has only where they are known; of every event `up`
    Readings.kind: ("up", *(field.name for field in fields(Readings) if field.default is None and field.name != "up")),
}
_HEAD = msgspec.json.Decoder(_Head)
_DECODERS = {kind.encode(): msgspec.json.Decoder(cls) for kind, cls in KINDS.items()}


def encode(event: Event) -> str:
    """The event as one line of JSON, without the line's end."""
    body = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
    for name in _WHERE_KNOWN.get(event.kind, ("up",)):
        if body[name] is None:
            del body[name]
    return json.dumps({"v": VERSION, "seq": body.pop("seq"), "t": body.pop("t"), "kind": event.kind, **body})


def decode(line: str | bytes, kind: bytes = b"") -> Event | None:
    """The event of one line; None for a kind or a shape this version does not know (older readers read newer runs).
    `kind`: as `decode_kind` has found it; empty: it is looked for."""
    line = line.encode() if isinstance(line, str) else line
    decoder = _DECODERS.get(kind or decode_kind(line))
    try:
        event: Event = decoder.decode(line) if decoder is not None else _rewritten(line)
    except _MALFORMED:
        try:
            event = _rewritten(line)
        except _MALFORMED:
            return None
    return event if isinstance(event, Progress) or _fits(event) else None


def decode_kind(line: bytes) -> bytes:
    """The `kind` of one line, known or not; empty where it is not an event."""
    head = line.split(b'"', 10)  # as `encode` begins a line: {"v": 1, "seq": 7, "t": 1.5, "kind": "progress", …
    if len(head) > 10 and head[7] == b"kind":
        return head[9]
    try:
        return _HEAD.decode(line).kind.encode()
    except _MALFORMED:
        return b""


def is_known(kind: bytes) -> bool:
    """Whether this version knows events of that kind."""
    return kind in _DECODERS or kind.decode("utf-8", "replace") in OLD_KINDS


def decode_seq(line: bytes) -> int:
    """The `seq` of one line, of whatever kind; 0 where it is not an event."""
    try:
        return _HEAD.decode(line).seq
    except _MALFORMED:
        return 0


def _rewritten(line: bytes) -> Event:
    """The event of a line that the types do not say as it stands: a loss that is not finite, or an earlier version's
    spelling. Raises one of _MALFORMED."""
    values = msgspec.json.decode(line, type=dict[str, Any])
    kind = OLD_KINDS.get(values["kind"], values["kind"])
    if values.get("loss", 0) is None:
        values["loss"] = math.nan
    if kind == LayerStats.kind:
        for name, stats in (("parameters", ParameterStats), ("activations", ActivationStats)):
            values[name] = {key: _named(stats, value) for key, value in values[name].items()}
    event: Event = msgspec.convert(values, KINDS[kind])
    return event


def _named(stats: type, value: Any) -> Any:
    """One entry of `layer_stats`: an object, or a list of the same numbers in the fields' order, as `vitals` had."""
    if isinstance(value, list):
        return dict(zip((field.name for field in fields(stats)), value, strict=True))
    return value


def _fits(event: Event) -> bool:
    """Whether the fields go together."""
    match event:
        case RunStarted() | Resumed():
            return not mistyped(event.config)
        case Evaluated():
            classes = len(event.confusion)
            # Of an old epoch of a long run no matrix is kept.
            return not classes or (
                len(event.per_class) == classes and all(len(row) == classes for row in event.confusion)
            )
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, ParameterStats | ActivationStats):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
