"""What a run has written down."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import log, store
from engine.training.event_json import encode
from engine.training.events import KINDS
from engine.training.events import Event as LogEvent
from fmnist_tui.places import PathLike, home_of, text_of
from fmnist_tui.spoken import in_python

Event = dict[str, Any]
PART = 1 << 20  # bytes of a log that are read at once


@in_python
def events(run: str = "last", *kinds: str, home: PathLike | None = None) -> Iterator[Event]:
    """The events of a run from its beginning on, each a dict as a line of its log is JSON: its `kind`, its time `t`
    (Unix seconds) and the fields that docs/events.md describes. A resume voids those that came after its checkpoint; it
    is an event itself. `run`: an id, the beginning of one, a name, or "last". `kinds`: those that are wanted, such as
    "epoch_finished"; none: all. A log of any length is read in parts.

    Raises Error where there is no such run or kind, or the log can't be read.
    """
    for kind in kinds:
        if text_of(kind, 'a kind of event, such as "epoch_finished",') not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(KINDS)}"
            raise RunError(f"there is no event {kind!r}; {hint}")
    folder = store.find(home_of(home), text_of(run, 'a run, such as "last",'))
    return _read(folder, [KINDS[kind] for kind in kinds] if kinds else None)


def _read(folder: RunFolder, kinds: list[type[LogEvent]] | None) -> Iterator[Event]:
    since, reading = 0, log.Reading()
    while True:
        part = _part(folder, since, kinds, reading)
        yield from (json.loads(encode(event)) for event in part.events)
        if part.end == since:
            return
        since = part.end


@in_python
def _part(folder: RunFolder, since: int, kinds: list[type[LogEvent]] | None, reading: log.Reading) -> log.LogPart:
    return log.read(folder, since, kinds=kinds, most=PART, reading=reading)
