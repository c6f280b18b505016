"""What others do with the queue: put runs into it, move, hold, release and cancel them. Imports no torch.
All of it blocks: not for the event loop."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine import private
from engine.errors import RunError
from engine.home import Home, RunFolder
from engine.hosting import detached
from engine.queue import queue_file
from engine.queue.queue_file import MOST_SLOTS, Queue, Waiting


def add(home: Path, folders: Sequence[RunFolder], *, held: bool = False) -> Queue:
    """Have runs that were made and not begun (`store.create`) wait their turn, in this order, after those that wait
    already; and see to it that a scheduler is there. Raises RunError."""
    for folder in folders:
        # Who made the folder stands for the host until that is there; the scheduler may be long in coming.
        folder.host_json.unlink(missing_ok=True)
    more = tuple(Waiting(folder.id, held) for folder in folders)

    def added(queue: Queue) -> Queue:
        there = {one.run for one in queue.waiting} | {one.run for one in queue.started}
        new = tuple(one for one in more if one.run not in there)
        return msgspec.structs.replace(queue, waiting=queue.waiting + new)

    queue = queue_file.change(home, added)
    ensure_scheduler(home)
    return queue


def hold(home: Path, run: str, *, held: bool = True) -> Queue:
    """Do not start a run that waits before it is released, or release it. Raises RunError."""

    def changed(queue: Queue) -> Queue:
        _check_waits(queue, run)
        waiting = tuple(Waiting(one.run, held) if one.run == run else one for one in queue.waiting)
        return msgspec.structs.replace(queue, waiting=waiting)

    queue = queue_file.change(home, changed)
    ensure_scheduler(home)
    return queue


def move(home: Path, run: str, to: Callable[[int, int], int]) -> Queue:
    """Give a run that waits another place: `to` gets its place and how many wait, both from 1, and returns the new one.
    Raises RunError."""

    def moved(queue: Queue) -> Queue:
        place = _check_waits(queue, run)
        waiting = list(queue.waiting)
        one = waiting.pop(place - 1)
        waiting.insert(min(max(1, to(place, len(waiting) + 1)), len(waiting) + 1) - 1, one)
        return msgspec.structs.replace(queue, waiting=tuple(waiting))

    return queue_file.change(home, moved)


def cancel(home: Path, run: str) -> None:
    """Take a run that waits out of the queue, and delete its folder: nothing of it has begun. Raises RunError."""

    def without(queue: Queue) -> Queue:
        _check_waits(queue, run)
        return msgspec.structs.replace(queue, waiting=tuple(one for one in queue.waiting if one.run != run))

    queue_file.change(home, without)
    folder = Home(home).run(run)
    if not folder.events.exists():
        shutil.rmtree(folder.path, ignore_errors=True)


def set_slots(home: Path, slots: int) -> Queue:
    """How many runs of the queue train at once. Raises RunError."""
    if not 1 <= slots <= MOST_SLOTS:
        raise RunError(f"--slots: {slots} is out of range; it must be from 1 to {MOST_SLOTS}")
    queue = queue_file.change(home, lambda queue: msgspec.structs.replace(queue, slots=slots))
    ensure_scheduler(home)
    return queue


def scheduler_lives(home: Path) -> bool:
    """Whether a scheduler of this home runs, here or on another machine."""
    return detached.lives(Home(home).scheduler_json)


def ensure_scheduler(home: Path) -> bool:
    """Start a scheduler, detached, where there is something for one to do and none is there. Returns whether there is
    one now. Raises RunError where it can't be started."""
    queue = queue_file.read(home)
    if not (queue.ready or queue.started):
        return False
    if scheduler_lives(home):
        return True
    places = Home(home)
    try:
        private.folder(places.queue.parent)
        detached.begin("engine.queue.scheduler", home, places.scheduler_log)
    except OSError as error:
        raise RunError(f"cannot start the scheduler of the queue ({error.strerror})") from None
    return True


def _check_waits(queue: Queue, run: str) -> int:
    place = queue.position(run)
    if place is None:
        begun = any(one.run == run for one in queue.started)
        why = "the queue has started it" if begun else "it is not in the queue"
        raise RunError(f"{run} does not wait: {why}")
    return place
