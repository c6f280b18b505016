"""The process that works on a study for this home: it has trials trained, and tells the storage what came of them.

One for each study and home; it ends when nothing is left to do. What it is about to do it notes first, with the trial
(`engine.studies.search`) or in its run's folder, so that the next one goes on where it was killed. The runs are
processes of their own, and go on without it. Imports no torch.
"""

import contextlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import msgspec

from engine import file_lock
from engine.errors import ConfigError, EngineError, RunError
from engine.home import Home, RunFolder, StudyFolder
from engine.hosting import detached, record_file
from engine.queue import resources
from engine.runs import client, store
from engine.runs.quick_reader import QuickReader
from engine.runs.state import RunState
from engine.runs.unreadable import UnreadableError
from engine.studies import search as searches
from engine.studies import study_file, trials
from engine.studies.search import Search
from engine.studies.storage import LostTrialError, StorageError
from engine.studies.study_file import Record
from engine.studies.trial_run import has_begun, is_held, is_trial, stop, study_of, values_of
from engine.terminal_text import printable

LOOK_S = 0.5  # between two looks at the trials that train
WAIT_S = 3.0  # between two looks at a database for what others do
SETTLE_S = 10.0  # that a host which a killed worker may have started is waited for
RETRY_S = 5.0  # before a storage that can't be reached is tried again
MOST_RESTARTS = 3  # of a run whose host ends without a word before it has come further
STOPPED = "stopped_with_study"  # a trial's attribute: its run was stopped with the study, and goes on with it


class Worker:
    """Works on one study."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._record = study_file.read(folder)
        self._search = Search(folder, self._record)
        self._gpus = resources.gpus()
        self._on_gpu: dict[int, str] = {}  # by trial, as the rest
        self._starting: dict[int, threading.Thread] = {}
        self._failed: dict[int, str] = {}  # why a run can't be started
        self._readers: dict[int, QuickReader] = {}
        self._restarts: dict[int, tuple[tuple[int, int], int]] = {}  # how far it was, and how often since
        self._killed: dict[int, int] = {}  # how often its host was killed while it started
        self._made_before: dict[int, RunFolder] = {}  # runs of trials that an earlier worker may not have noted
        self._own: set[int] = set()
        self._resting: set[int] = set()  # of these, those whose runs were stopped with the study
        self._beaten = self._looked = -1e9  # seconds of the monotonic clock
        self._others = 0
        self._snapshot: trials.Snapshot | None = None
        self._seen: Any = None  # of the storage, when the snapshot was taken

    def take_over(self) -> None:
        """See to what an earlier worker of this home has left."""
        self._search.repair(alone=not self._record.storage)
        self._find_runs()
        # A run that was to be started and shows no sign of it: its host may be on its way.
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until and any(map(self._is_untouched, self._search.own())):
            time.sleep(LOOK_S)

    def look(self) -> bool:
        """One look at the study. Returns whether there is more to do."""
        self._record = record = study_file.read(self._folder)
        self._search.read_again()
        now = time.monotonic()
        own = set(self._search.own())
        for number in self._own - own:
            self._give_up(number)
        self._own, self._resting = own, set()
        if now - self._beaten >= self._search.definition.heartbeat_s / 2:
            self._search.beat(sorted(own))
            self._beaten = now
        for number in sorted(own):
            self._see_to(number, record)
        if now - self._looked >= (WAIT_S if record.storage else LOOK_S):
            self._looked = now
            self._search.repair(alone=False)
            self._others = self._search.others_run() if record.storage else 0
        while record.wanted == "go" and len(self._own) < record.parallel:
            if (taken := self._search.take()) is None:
                break
            self._own.add(taken)
            self._see_to(taken, record)
        self._show()
        if self._own - self._resting or self._starting:
            return True
        return record.wanted == "go" and bool(self._search.waits() or self._others)

    def wait(self) -> None:
        """Wait until what is being started has begun."""
        for thread in list(self._starting.values()):
            thread.join()

    def _see_to(self, number: int, record: Record) -> None:
        try:
            self._look_at(number, record)
        except LostTrialError:
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        """A trial that others do again, as this worker could not say that it works on it: its run ends."""
        detached.say(f"trial {number}: others do it again")
        self._own.discard(number)
        self._forget(number)
        run = self._search.attribute(number, searches.RUN)
        folder = Home(self._folder.home.path).run(str(run)) if run else None
        if folder is not None and is_trial(folder, self._record, number):
            stop(folder)

    def _look_at(self, number: int, record: Record) -> None:
        """See how far one of its trials is, and do what is next for it."""
        if (thread := self._starting.get(number)) is not None:
            if thread.is_alive():
                return
            del self._starting[number]
        if (why := self._failed.pop(number, None)) is not None:
            self._end(number, self._search.fail, why)
            return
        try:
            folder = self._run_of(number)
        except ConfigError as error:
            self._end(number, self._search.fail, str(error))
            return
        if folder is None:
            self._end(number, self._search.fail, "its run was deleted")
            return
        try:
            living = store.alive(folder)
            run = self._readers.setdefault(number, QuickReader(folder)).read()
        except UnreadableError as error:
            self._end(number, self._search.fail, f"its run can't be read: {error.why}")
            return
        self._report(number, run)
        if run.done and not living:
            self._settle(number, folder, run, record)
        elif not living:
            self._start_again(number, folder, run, record)
        elif record.wanted == "stop" and not run.done:
            self._search.note(number, STOPPED, True)
            stop(folder)
        elif not run.done and self._is_to_end(number, run):
            stop(folder)

    def _report(self, number: int, run: RunState) -> None:
        there = self._search.reported(number) if run.results else {}
        for epoch, value in values_of(run, self._search.definition.metric):
            if there.get(epoch) != value:
                self._search.report(number, epoch, value)

    def _is_to_end(self, number: int, run: RunState) -> bool:
        """Whether it is to be pruned: decided once, and noted."""
        values = values_of(run, self._search.definition.metric)
        if self._search.attribute(number, searches.PRUNED_AT) is not None:
            return True
        if not values or values[-1][0] >= run.epochs or not self._search.should_prune(number):
            return False
        self._search.note(number, searches.PRUNED_AT, values[-1][0])
        detached.say(f"trial {number}: pruned at epoch {values[-1][0]}")
        return True

    def _settle(self, number: int, folder: RunFolder, run: RunState, record: Record) -> None:
        """Tell what came of a trial whose run has ended."""
        values = [value for _, value in values_of(run, self._search.definition.metric)]
        if run.status == "failed":
            self._end(number, self._search.fail, run.reason or "its run failed")
        elif run.status == "stopped" and self._search.attribute(number, STOPPED):
            if record.wanted == "go":
                self._search.note(number, STOPPED, False)
                self._start(number, folder, record)
            else:
                self._resting.add(number)
        elif run.status == "stopped" and run.reason == "non_finite_loss":
            self._end(number, self._search.fail, "the loss is not finite")
        elif not values:
            self._end(number, self._search.fail, "it has no result: its run was stopped before the end of an epoch")
        elif run.status == "stopped":
            if self._search.attribute(number, searches.PRUNED_AT) is None:  # by a person
                self._search.note(number, searches.PRUNED_AT, run.results[-1].epoch)
            self._end(number, self._search.prune)
        else:
            best = max(values) if self._search.definition.maximizes else min(values)
            self._end(number, self._search.complete, best)

    def _end(self, number: int, tell: Any, *what: Any) -> None:
        tell(number, *what)
        detached.say(f"trial {number}: {tell.__name__} {' '.join(map(str, what))}")
        self._forget(number)
        self._own.discard(number)

    def _forget(self, number: int) -> None:
        """No longer this worker's: told, or lost to others while it could not say that it works on it."""
        for known in (self._readers, self._restarts, self._on_gpu, self._killed):
            known.pop(number, None)

    def _run_of(self, number: int) -> RunFolder | None:
        """The trial's run, made where it is not; None: it was deleted. Raises ConfigError for settings that do not go
        together."""
        run = self._search.attribute(number, searches.RUN)
        if run:
            folder = Home(self._folder.home.path).run(str(run))
            return folder if is_trial(folder, self._record, number) else None
        folder = self._made(number)
        self._search.note(number, searches.RUN, folder.id)
        return folder

    def _made(self, number: int) -> RunFolder:
        """A new run for the trial, or the one that a worker made before it was killed."""
        if (before := self._made_before.pop(number, None)) is not None:
            return before
        config, _ = self._search.config(number)
        record = self._record
        values = config.to_dict()
        values["threads"] = resources.threads_of(values, record.parallel)
        asked = client.request(
            type(config).from_dict(values),
            name=f"{record.name} trial {number}",
            data_dir=Path(record.data_dir) if record.data_dir else None,
            group={"id": record.id, "name": record.name, "size": 0},
        )
        study = {"id": record.id, "name": record.name, "trial": number}
        made = store.create(self._folder.home.path, asked | {"prepared": True, "study": study})
        made.host_json.unlink(missing_ok=True)  # who made the folder stands for the host: this one does not
        return made

    def _start_again(self, number: int, folder: RunFolder, run: RunState, record: Record) -> None:
        """Start a trial's run, or go on with one whose host ended without a word."""
        if record.wanted == "stop":
            self._resting.add(number)
            return
        if run.seq:
            place = (run.epoch, run.step)
            before, times = self._restarts.get(number, ((-1, -1), 0))
            times = 1 if place > before else times + 1
            if times > MOST_RESTARTS:
                self._end(number, self._search.fail, f"its process has ended {times} times without a word")
                return
            self._restarts[number] = (place, times)
        self._start(number, folder, record)

    def _start(self, number: int, folder: RunFolder, record: Record) -> None:
        thread = threading.Thread(target=self._begin, args=(number, folder), name=f"start {number}", daemon=True)
        self._starting[number] = thread
        thread.start()

    def _begin(self, number: int, folder: RunFolder) -> None:
        """Start the run, or go on with it."""
        try:
            config = store.read_request(folder)["config"]
            gpu = resources.gpu_of(config, self._gpus, self._on_gpu.values())
            if gpu is not None:
                self._on_gpu[number] = gpu
            environment = {} if gpu is None else {resources.VISIBLE: gpu}
            if has_begun(folder):
                client.resume(folder, environment=environment)
            else:
                client.begin(folder, environment=environment)
            detached.say(f"trial {number}: {folder.id} trains" + (f" on GPU {gpu}" if gpu is not None else ""))
        except client.KilledError as error:  # as one that is killed later: the next look starts it again
            self._killed[number] = self._killed.get(number, 0) + 1
            if self._killed[number] > MOST_RESTARTS:
                self._failed[number] = str(error)
        except EngineError as error:
            if not is_held(folder):  # else somebody else was quicker
                self._failed[number] = str(error)
        except OSError as error:
            self._failed[number] = f"its run can't be started ({error.strerror})"
        except Exception as error:
            traceback.print_exc()
            self._failed[number] = f"{type(error).__name__} in the study's worker (traceback in its log)"

    def _find_runs(self) -> None:
        """Know the runs that an earlier worker has made, and end those of trials that others do again, as this home
        could not say that it works on them."""
        own = set(self._search.own())
        for folder in store.run_folders(self._folder.home.path):
            study = study_of(folder)
            if study.get("id") != self._record.id:
                continue
            number = study.get("trial", 0)
            if number in own:
                self._made_before[number] = folder
            elif store.alive(folder):
                stop(folder)

    def _is_untouched(self, number: int) -> bool:
        """Whether the trial has a run of which nothing has begun, and that nobody is about to begin."""
        run = self._search.attribute(number, searches.RUN)
        folder = Home(self._folder.home.path).run(str(run)) if run else None
        return folder is not None and folder.path.is_dir() and not has_begun(folder) and not store.alive(folder)

    def _show(self) -> None:
        """Write down what is seen, where it is new."""
        seen = self._search.stamp()
        if seen == self._seen and self._snapshot is not None:
            return
        found = self._search.snapshot()
        if found != self._snapshot:
            trials.write(self._folder, found)
        self._snapshot, self._seen = found, seen

    def trouble(self, words: str) -> None:
        """Write down what can't be done now."""
        known = self._snapshot or trials.Snapshot(self._record.definition)
        self._snapshot = None
        with contextlib.suppress(OSError):
            trials.write(self._folder, msgspec.structs.replace(known, trouble=printable(words, 500)))


def serve(folder: StudyFolder) -> int:
    """Work on the study until nothing is left to do; end at once where another worker of this home does. Returns the
    exit code."""
    lock = detached.become(folder.host_lock, folder.host_json)
    if lock is None:
        return 0
    worker: Worker | None = None
    try:
        while True:
            try:
                if worker is None:
                    worker = Worker(folder)
                    worker.take_over()
                more = worker.look()
                if not more and _leave(folder, worker):
                    return 0
                pause = LOOK_S
            except StorageError as error:
                detached.say(str(error))
                if worker is None:
                    folder.host_json.unlink(missing_ok=True)
                    return 2
                worker.trouble(str(error))
                pause = RETRY_S
            record_file.beat(folder.host_json)
            time.sleep(pause)
    except RunError as error:  # study.json can't be read, or the study is not in its storage any more
        detached.say(str(error))
        folder.host_json.unlink(missing_ok=True)
        return 2
    finally:
        if worker is not None:
            worker.wait()
        os.close(lock)


def _leave(folder: StudyFolder, worker: Worker) -> bool:
    """Whether there is still nothing to do. It is then said, while nobody changes the study, that no worker is there:
    who gives it more to do next starts one."""
    with file_lock.held(folder.change_lock):
        if worker.look():
            return False
        folder.host_json.unlink(missing_ok=True)
        return True


def main(arguments: list[str] | None = None) -> int:
    """A detached worker."""
    return detached.main("engine.studies.worker", __doc__, lambda folder: serve(StudyFolder(folder)), arguments)


if __name__ == "__main__":
    sys.exit(main())
