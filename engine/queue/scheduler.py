"""The process that starts the runs of the queue, one scheduler for each home; it ends when there is nothing to do.

It holds a lock as long as it lives, so that two of them never work on one queue. What it is about to start it writes
down first (`Started`): when it is killed, the next one looks at the run itself, which holds a lock of its own, to see
whether it was started. Imports no torch.
"""

import contextlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path

import msgspec

from engine import file_lock
from engine.errors import EngineError, RunError
from engine.home import Home, RunFolder
from engine.hosting import detached, record_file
from engine.queue import queue_file, resources
from engine.queue.queue_file import Queue, Started
from engine.runs import client, listing, store
from engine.runs.log import EventLog
from engine.runs.unreadable import UnreadableError
from engine.training import events as ev

LOOK_S = 0.5  # between two looks at the queue and its runs
SETTLE_S = 10.0  # that a host which a killed scheduler may have started is waited for
MOST_RESTARTS = 3  # of a run whose host ends without a word before it has come further


class Scheduler:
    """Starts what waits, as long as there is room, and forgets what has ended."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._gpus = resources.gpus()
        self._on_gpu: dict[str, str] = {}  # by run
        self._starting: dict[str, threading.Thread] = {}  # by run: a start takes the seconds that torch's import does
        self._places: dict[str, tuple[int, int]] = {}  # how far a run was when it was started, by run

    def take_over(self) -> None:
        """Look after the runs that an earlier scheduler has started."""
        queue = queue_file.read(self._home)
        until = time.monotonic() + SETTLE_S
        # One that was to be started and shows no sign of it: its host may be on its way.
        while time.monotonic() < until and any(self._is_untouched(one) for one in queue.started):
            time.sleep(LOOK_S)
        for one in queue.started:
            if self._is_untouched(one):
                self._start_beside(one, queue.slots)

    def look(self) -> None:
        """See which runs have ended, and start others in their place."""
        self._forget_the_ended()
        while (one := self._next()) is not None:
            self._start_beside(one, queue_file.read(self._home).slots)

    def wait(self) -> None:
        """Wait until what is being started has begun."""
        for thread in list(self._starting.values()):
            thread.join()

    def _is_untouched(self, one: Started) -> bool:
        """Whether nothing of the run has begun, and nobody is about to begin it."""
        folder = self._folder(one.run)
        return folder.path.is_dir() and not _has_begun(folder) and not store.alive(folder)

    def _forget_the_ended(self) -> None:
        queue = queue_file.read(self._home)
        self._starting = {run: thread for run, thread in self._starting.items() if thread.is_alive()}
        settled = [one for one in queue.started if one.run not in self._starting]
        over = [one for one in settled if self._is_over(one)]
        dead = [one for one in settled if one not in over and not store.alive(self._folder(one.run))]
        for one in dead:
            if not self._start_again(one):
                over.append(one)
        if over:
            gone = {one.run for one in over}
            queue_file.change(
                self._home,
                lambda now: msgspec.structs.replace(
                    now, started=tuple(one for one in now.started if one.run not in gone)
                ),
            )
            for run in gone:
                self._on_gpu.pop(run, None)
                self._places.pop(run, None)

    def _is_over(self, one: Started) -> bool:
        """Whether the run has said that it ended, or is gone, or can't be read."""
        folder = self._folder(one.run)
        if not folder.path.is_dir():
            return True
        if store.alive(folder):
            return False
        try:
            return listing.quick_state(folder).done
        except UnreadableError:
            return True

    def _start_again(self, one: Started) -> bool:
        """Go on with a run whose host ended without a word: killed, or with the machine. False: it is given up."""
        folder = self._folder(one.run)
        state = listing.quick_state(folder)
        place = (state.epoch, state.step)
        restarts = one.restarts + 1 if place <= self._places.get(one.run, (0, 0)) else 1
        if restarts > MOST_RESTARTS:
            detached.say(f"{one.run}: its process has ended {restarts} times without a word; left as it is")
            return False
        again = Started(one.run, restarts)
        queue_file.change(
            self._home,
            lambda now: msgspec.structs.replace(
                now, started=tuple(again if other.run == one.run else other for other in now.started)
            ),
        )
        self._start_beside(again, queue_file.read(self._home).slots)
        return True

    def _next(self) -> Started | None:
        """Take the first that waits and is not held out of the line, where there is room; None: there is none."""
        taken: list[Started] = []

        def take(queue: Queue) -> Queue:
            if not queue.ready or len(queue.started) >= queue.slots:
                return queue
            first = queue.ready[0]
            taken.append(Started(first.run))
            waiting = tuple(one for one in queue.waiting if one is not first)
            return msgspec.structs.replace(queue, waiting=waiting, started=(*queue.started, *taken))

        queue_file.change(self._home, take)
        return taken[0] if taken else None

    def _start_beside(self, one: Started, slots: int) -> None:
        thread = threading.Thread(target=self._start, args=(one, slots), name=f"start {one.run}", daemon=True)
        self._starting[one.run] = thread
        thread.start()

    def _start(self, one: Started, slots: int) -> None:
        """Start the run, or go on with it; what can't be is told by the run itself, as a failure."""
        folder = self._folder(one.run)
        if not folder.path.is_dir():
            return
        try:
            request = store.read_request(folder)
            config = request["config"]
            gpu = resources.gpu_of(config, self._gpus, self._on_gpu.values())
            if gpu is not None:
                self._on_gpu[one.run] = gpu
            environment = {} if gpu is None else {resources.VISIBLE: gpu}
            if _has_begun(folder):
                state = listing.quick_state(folder)
                self._places[one.run] = (state.epoch, state.step)
                client.resume(folder, environment=environment)
            else:
                threads = resources.threads_of(config, slots)
                if threads != config.get("threads"):
                    store.write_run(folder, request | {"config": config | {"threads": threads}})
                client.begin(folder, environment=environment)
            detached.say(f"{one.run}: started" + (f" on GPU {gpu}" if gpu is not None else ""))
        except client.KilledError as error:  # as one that is killed later: the next look starts it again
            detached.say(f"{one.run}: {error}")
        except EngineError as error:
            if store.alive(folder):  # somebody else was quicker
                return
            detached.say(f"{one.run}: {error}")
            _tell_failure(folder, str(error))
        except OSError as error:
            _tell_failure(folder, f"it can't be started ({error.strerror})")
        except Exception as error:
            traceback.print_exc()
            _tell_failure(folder, f"{type(error).__name__} in the scheduler (traceback in its log)")

    def _folder(self, run: str) -> RunFolder:
        return Home(self._home).run(run)


def _has_begun(folder: RunFolder) -> bool:
    try:
        return folder.events.stat().st_size > 0
    except OSError:
        return False


def _tell_failure(folder: RunFolder, message: str) -> None:
    """Have the run say that it failed, and why; a run that has begun says so beyond its newest event."""
    with contextlib.suppress(OSError, EngineError):
        lock = store.lock(folder)
        try:
            last = listing.quick_state(folder).seq
            log = EventLog(folder, last)
            log.append(ev.Failed(message=message, log=str(folder.host_log)))
            log.close()
        finally:
            os.close(lock)


def serve(home: Path) -> int:
    """Be the home's scheduler until there is nothing to do; at once where another one is. Returns the exit code."""
    places = Home(home)
    lock = detached.become(places.scheduler_lock, places.scheduler_json)
    if lock is None:
        return 0
    try:
        scheduler = Scheduler(home)
        scheduler.take_over()
        while True:
            scheduler.look()
            record_file.beat(places.scheduler_json)
            if _leave(places):
                return 0
            time.sleep(LOOK_S)
    except RunError as error:  # the queue can't be read or written: who puts a run into it is told so too
        detached.say(str(error))
        places.scheduler_json.unlink(missing_ok=True)
        return 2
    finally:
        os.close(lock)


def _leave(places: Home) -> bool:
    """Whether there is nothing to do. It is then said, while nobody changes the queue, that no scheduler is there: who
    puts a run into it next starts one."""
    with file_lock.held(places.queue_lock):
        queue = queue_file.read(places.path)
        if queue.ready or queue.started:
            return False
        places.scheduler_json.unlink(missing_ok=True)
        return True


def main(arguments: list[str] | None = None) -> int:
    """A detached scheduler."""
    return detached.main("engine.queue.scheduler", __doc__, serve, arguments)


if __name__ == "__main__":
    sys.exit(main())
