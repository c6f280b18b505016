"""What a list of runs says of those in the queue. Imports no torch."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import RunError
from engine.queue import client, queue_file
from engine.queue.queue_file import Queue
from engine.runs.listing import RunSummary


def with_queue(runs: Sequence[RunSummary], queue: Queue) -> list[RunSummary]:
    """The runs, those that wait in the state "queued" or "held"; others are the same objects."""
    if not (queue.waiting or queue.started):
        return list(runs)
    held = {one.run: one.held for one in queue.waiting} | {one.run: False for one in queue.started}
    return [
        replace(run, state="held" if held[run.id] else "queued") if run.state == "prepared" and run.id in held else run
        for run in runs
    ]


def read(home: Path) -> Queue:
    """The queue, or an empty one where it can't be read: a list of runs is shown all the same."""
    try:
        return queue_file.read(home)
    except RunError:
        return Queue()


def watched(home: Path) -> Queue:
    """The same; where runs wait and no scheduler is there, as after a restart of the machine, one is started."""
    queue = read(home)
    if queue.ready or queue.started:
        with contextlib.suppress(RunError):  # it says so where a person puts a run into the queue
            client.ensure_scheduler(home)
    return queue
