"""A stretch of a run's training loss, read from its log anew: what the state's curve has thinned. The log is bisected
by the events' `seq`, which counts without gaps, so that neither its length nor the place in it matters; what is kept in
memory is bounded however many events the stretch has. Imports no numpy."""

import os
from collections.abc import Callable
from typing import BinaryIO

from engine import plain_file
from engine.home import RunFolder
from engine.runs.curve import Point, begun_after
from engine.runs.state import place
from engine.runs.unreadable import UnreadableError
from engine.training.event_json import decode, decode_seq
from engine.training.events import Progress, Resumed

MOST_POINTS = 2048  # of a stretch, or twice as many
CLOSE_BYTES = 64 * 1024  # of the log, below which it is read on and bisected no further


def read_stretch(
    folder: RunFolder,
    before: Point | None,
    last: Point,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda part: None,
) -> tuple[Point, ...]:
    """The points after `before` (None: from the beginning) up to and with `last`, both of the state's curve: each event
    a point where they are few, and smoothed as the whole curve. What a resume made void is left out. `progress` gets
    the part that is read. Nothing more is read once it is `cancelled`. Raises UnreadableError."""
    first_seq = before.seq if before is not None else 0
    step, seconds = (before.step, before.seconds) if before is not None else (0, 0.0)
    rate = (last.seconds - seconds) / max(1, last.seq - first_seq)
    steps = passed = 0  # of an epoch; done before the epochs of that length
    curve = begun_after(before, MOST_POINTS)
    newest = before.x if before is not None else -1.0
    events = max(1, last.seq - first_seq)
    try:
        with plain_file.opened(folder.events) as file:
            file.seek(_offset_of(file, first_seq + 1))
            for line in file:
                event = decode(line)
                if event is None or event.seq <= first_seq:
                    continue
                if event.seq > last.seq or cancelled():
                    break
                if isinstance(event, Resumed):
                    newest = place(event.epoch, event.step, event.steps)
                    curve.rewind(newest)
                if not isinstance(event, Progress):
                    continue
                x = place(event.epoch, event.step, event.steps)
                if x <= newest:  # of before a resume whose event is not in the stretch
                    curve.rewind(x - 1e-9)
                if event.steps != steps:
                    steps, passed = event.steps, step - round(max(0.0, newest) * event.steps)
                newest, step = x, passed + round(x * steps)
                curve.add(x, event.loss, step=step, seconds=seconds + rate * (event.seq - first_seq), seq=event.seq)
                if event.seq % 16384 == 0:
                    progress((event.seq - first_seq) / events)
    except OSError as error:
        raise UnreadableError(folder.events, error, run=folder.id) from None
    return curve.points()


def _offset_of(file: BinaryIO, seq: int) -> int:
    """Where a line begins that is not after the event `seq`, close before it."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while high - low > CLOSE_BYTES:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()  # the rest of a line
        begin, found = file.tell(), 0
        for line in iter(file.readline, b""):
            if found := decode_seq(line):
                break
            begin = file.tell()
        if found and found <= seq:
            low = begin
        else:
            high = middle
    return low
