"""The host: one process for one run. Its main thread answers the socket and the signals, another trains.

    python -P -m engine.runs.host <run folder> [--resume '{"epochs": 20}']

is a detached host, as `engine.runs.client` starts it; `fmnist-tui train` is a host in the foreground. Under torchrun
each process is one: the first writes the run folder and is commanded, the others do what it does.
"""

import argparse
import contextlib
import json
import os
import queue
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from engine import private
from engine.device import before_torch
from engine.errors import EngineError, RunError, unexpected
from engine.home import RunFolder
from engine.hosting.process import HostRecord
from engine.runs import host_answer, store, validation_json
from engine.runs.control import Answer, ControlServer
from engine.runs.device_readings import DeviceReadings
from engine.runs.torch_thread import TorchThread
from engine.terminal_text import printable
from engine.training import events as ev
from engine.training import running_time

if TYPE_CHECKING:
    from engine.runs.launch import SessionSetup
    from engine.training.team import Team

READINGS_S = 2.0  # seconds between looks at the device, and between tries to write what a full disk refused
LEAVE_S = 4.0  # seconds after a signal that a run may take to save and end; a checkpoint under way may take …
LEAVE_SAVING_S = 60.0  # … so long
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Host:
    """Holds one `TrainingSession`, and the run's `lock`, and serves it until it ends."""

    def __init__(
        self, folder: RunFolder, setup: "SessionSetup", thread: TorchThread, lock: int, before: HostRecord | None = None
    ) -> None:
        """`thread`: in which the setup was made; `before`: the run's host before this one."""
        # Torch stays out of this module's imports: a host says who it is before it takes the seconds that torch needs.
        from engine.checkpoints.read import weights_after
        from engine.checkpoints.write import CheckpointWriter
        from engine.runs.log import EventLog
        from engine.runs.notice import CommandTeller
        from engine.runs.state_keeper import StateKeeper
        from engine.training.session import TrainingSession

        self.folder = folder
        self.setup = setup
        self._lock, self._before = lock, before
        self._listener: Callable[[ev.Event], None] | None = None
        self._log = EventLog(folder, setup.last_seq)
        self._keeper = StateKeeper(folder)
        self._notices = CommandTeller(folder)
        self._writer = CheckpointWriter(folder, pinned=lambda: store.branches_from(folder))
        self._sinking = threading.Lock()
        self._heard: queue.SimpleQueue[ev.Event | None] = queue.SimpleQueue()
        self._signal: signal.Signals | None = None
        self._leave_at = float("inf")
        self._failed = False
        self._next_look = 0.0
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)  # a full pipe wakes as well as one byte more
        self._session = TrainingSession(
            setup.prepared,
            weights_after=lambda epoch: weights_after(folder, epoch),
            sink=self._sink,
            save=self._save,
            trouble=lambda: self._log.trouble,
            start=setup.start,
            opening=setup.opening,
            scheduled=setup.agenda,
        )
        self._readings = DeviceReadings(setup.prepared.device, self._session, partial(self._sink, aside=True))
        self._thread = thread
        self._reporter = threading.Thread(target=self._report, name="reporting", daemon=True)

    def serve(
        self,
        *,
        listener: Callable[[ev.Event], None] | None = None,
        stop_on: tuple[signal.Signals, ...] = SIGNALS,
        ready: Callable[[], None] = lambda: None,
    ) -> int:
        """Train to the end. Returns the exit code: 0 finished or stopped by a command, 1 failed, 128 + the signal that
        stopped it.

        `listener` gets every event after it was written, in a thread of its own: one that is stuck, as on a terminal
        that nobody reads, holds up nothing. `ready` is called once commands are listened for.
        """
        self._listener = listener
        selector = selectors.DefaultSelector()
        selector.register(self._wake_out, selectors.EVENT_READ, lambda: os.read(self._wake_out, 4096))
        server = self._open(selector)
        running_time.PROCESS.watch()
        before = {number: signal.signal(number, self._on_signal) for number in stop_on}
        try:
            ready()
            self._reporter.start()
            self._readings.start()
            training = self._thread.begin(self._train)
            while not training.done():
                for key, _ in selector.select(timeout=min(READINGS_S, max(0.05, self._leave_at - time.monotonic()))):
                    key.data()
                self._look()
                self._leave_in_time()
            self._thread.close()
            self._heard.put(None)
            self._reporter.join(timeout=1.0)  # not for ever: nobody may be reading
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            server.close()
            selector.close()
            self._readings.close()
            self._log.close()
            self._keeper.finish()
            os.close(self._lock)
            os.close(self._wake_in)
            os.close(self._wake_out)
        code = 1 if self._failed else 128 + self._signal if self._signal else 0
        if self._reporter.is_alive():  # stuck in a terminal that nobody reads: what is left would not come through
            os._exit(code)
        return code

    def _open(self, selector: selectors.BaseSelector) -> ControlServer:
        """Listen for commands, and write down what the run begins with. Raises EngineError with the run as it was."""
        server: ControlServer | None = None
        try:
            server = ControlServer(self.folder, selector, self._answer)
            self._record_setup()
            store.write_host(self.folder, str(server.path))
        except BaseException as error:
            if server:
                server.close()
            self._log.close()
            _leave(self.folder, self._before, self._lock, error)
            raise
        return server

    def stop(self, reason: str = "asked") -> None:
        """Save, then end, at the next step boundary."""
        from engine.training.commands import CommandKind

        with contextlib.suppress(RunError):
            self._session.send(CommandKind.STOP, reason)

    def _record_setup(self) -> None:
        from engine.checkpoints import manifest

        store.write_run(self.folder, dict(self.setup.record))
        if held_out := self.setup.prepared.held_out:
            validation_json.write(self.folder, held_out)
        if self.setup.rests_on:
            with contextlib.suppress(OSError, EngineError):
                manifest.rest_on(self.folder, self.setup.rests_on)

    # In the training thread

    def _train(self) -> None:
        try:
            self._session.run()
        except BaseException as error:
            self._failed = True
            path = self.folder.host_log
            with contextlib.suppress(OSError):
                private.append(path, traceback.format_exc())
            first = (str(error).strip().splitlines() or [""])[0]
            message = f"{type(error).__name__}: {first}" if first else type(error).__name__
            self._session.report_the_rest()
            self._sink(ev.Failed(message=message, log=str(path), epoch=self._session.epoch, step=self._session.step))
        finally:
            self._wake()

    def _save(self, content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        self._log.sync()  # after a power cut the log must not be behind the checkpoint
        return self._writer.save(content, reason)

    def _sink(self, event: ev.Event, *, aside: bool = False) -> None:
        with self._sinking:
            if aside and self._session.ended:  # not the session's own: its last event is the last
                return
            event = self._log.append(event)
            if isinstance(event, ev.Edited):
                self._log.sync()
            self._notices.hear(event)
            if self._listener:
                self._heard.put(event)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_in, b"x")

    # In the reporting thread

    def _report(self) -> None:
        """Hand the events to the listener. One that can't take them any more stops the run: its pipe was closed, or its
        terminal is gone and the signal that says so is on its way."""
        while (event := self._heard.get()) is not None:
            try:
                if self._listener is not None:
                    self._listener(event)
            except OSError as error:
                self._listener = None
                if isinstance(error, BrokenPipeError):
                    self._signal = signal.SIGPIPE
                    self.stop("SIGPIPE")
                    self._wake()

    # In the main thread

    def _look(self) -> None:
        """Every READINGS_S: have the device read while training, and write what could not be written."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + READINGS_S
        self._log.retry()
        self._keeper.look()
        store.beat(self.folder)
        if not self.folder.path.is_dir():  # somebody deleted the run: nobody could see or stop it any more
            self.stop("folder_gone")
            return
        if not (self._session.paused or self._session.ended or self._session.step == 0):
            self._readings.ask()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:  # asked twice: now, with what is on the disk
            os._exit(128 + number)
        self._signal = signal.Signals(number)
        self._leave_at = time.monotonic() + LEAVE_S
        self.stop(self._signal.name)
        self._wake()

    def _leave_in_time(self) -> None:
        """A step that takes too long for a machine that is going down: end with the newest checkpoint."""
        session, now = self._session, time.monotonic()
        if self._signal is None or now < self._leave_at or session.ended:
            return
        if session.saving and now < self._leave_at + LEAVE_SAVING_S:
            return
        self._sink(ev.Stopped(epoch=session.epoch, step=session.step, reason=self._signal.name))
        self._log.sync()
        os._exit(128 + self._signal)

    def _answer(self, request: Answer) -> Answer:
        from engine.training.commands import CommandKind

        name, session = request.get("command"), self._session
        if name == "status":
            return {
                "ok": True,
                "state": "paused" if session.paused else "training",
                "epoch": session.epoch,
                "step": session.step,
                "stopping": session.stopping,
                "trouble": self._log.trouble,
            }
        changes = request.get("changes")
        try:
            changed = session.send(CommandKind(name), changes=changes if isinstance(changes, dict) else None)
        except ValueError:
            names = ", ".join(command.value for command in CommandKind)
            return {"ok": False, "reason": f"{name!r} is not a command; there are status, {names}"}
        except EngineError as error:
            return {"ok": False, "reason": str(error)}
        return {"ok": True, "changed": changed} if changed else {"ok": True}


def take(folder: RunFolder, resume: Mapping[str, Any] | None = None, team: "Team | None" = None) -> Host:
    """Make this process the run's host, with what it begins with: the run as run.json asks for it, or, with `resume`
    (see `launch.resume`), its next stretch. Raises EngineError with everything as it was."""
    lock = store.lock(folder)
    before = store.read_host(folder)
    try:
        store.write_host(folder, socket_path="")
        from engine.runs import launch  # torch: seconds

        thread = TorchThread("training")
        setup = thread.call(partial(launch.begin, folder, resume, team))
        store.clear_away(folder, before)
        return Host(folder, setup, thread, lock, before)
    except BaseException as error:
        _leave(folder, before, lock, error)
        raise


def _leave(folder: RunFolder, before: HostRecord | None, lock: int, error: BaseException) -> None:
    """Be the run's host no more: whose it was before, it is. Raises RunError for an error of the disk."""
    with contextlib.suppress(OSError):
        if before:
            store.restore_host(folder, before)
    os.close(lock)
    if isinstance(error, OSError) and error.strerror:
        raise RunError(f"{folder.id} can't start: {error.filename or folder}: {error.strerror}") from error


def main(arguments: list[str] | None = None) -> int:
    """A detached host. Says once, in the file `--ready`, whether it could start (`host_answer`)."""
    parser = argparse.ArgumentParser(prog="python -P -m engine.runs.host", description=__doc__)
    parser.add_argument("folder", type=lambda text: RunFolder(Path(text)), help="the run's folder, with its run.json")
    parser.add_argument("--resume", metavar="JSON", help="resume the run; a JSON object of changes")
    parser.add_argument("--ready", type=Path, help="a file to write the answer to")
    options = parser.parse_args(arguments)
    folder: RunFolder = options.folder

    def answer(reply: host_answer.Answer) -> None:
        if options.ready is not None and os.environ.get("RANK", "0") == "0":
            with contextlib.suppress(OSError):
                host_answer.write(options.ready, reply)

    before_torch()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nobody's terminal: a closed one is none of its business
    try:
        return _serve(folder, options.resume, answer)
    except EngineError as error:
        answer(host_answer.Refused(error))
        sys.stderr.write(f"fmnist-tui: {printable(str(error))}\n")
        return 2
    except Exception as error:
        traceback.print_exc()
        answer(host_answer.Failed(f"{unexpected(error)} (traceback in {folder.host_log})"))
        return 1


def _serve(folder: RunFolder, resume: str | None, answer: Callable[[host_answer.Answer], None]) -> int:
    team = _team(folder)
    asked = None if resume is None else json.loads(resume)
    try:
        if team.rank:
            return _follow(folder, asked, team)
        host = take(folder, asked, team)
        return host.serve(
            stop_on=(signal.SIGINT, signal.SIGTERM),
            ready=lambda: answer(host_answer.Started(host.setup.differences, host.setup.bad)),
        )
    finally:
        team.close()


def _team(folder: RunFolder) -> "Team":
    from engine.training.team import Team, TorchrunTeam, under_torchrun

    if not under_torchrun():
        return Team()
    import torch

    asked = str(store.read_request(folder)["config"].get("device", "auto"))
    on_cuda = asked.startswith("cuda") or (asked == "auto" and torch.cuda.is_available())
    return TorchrunTeam("cuda" if on_cuda else "cpu")


def _follow(folder: RunFolder, resume: Mapping[str, Any] | None, team: "Team") -> int:
    """Under torchrun, the processes after the first: train along, write nothing, and end when the first says so."""
    from engine.runs import launch
    from engine.training.session import TrainingSession

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    setup = launch.begin(folder, resume, team)
    TrainingSession(
        setup.prepared,
        sink=lambda event: None,
        save=lambda content, reason: ev.CheckpointSaved(file="", epoch=0, step=0, bytes=0, sha256=""),
        start=setup.start,
        opening=(),
        scheduled=setup.agenda,
    ).run()
    return 0


def _end_process(code: int) -> NoReturn:
    """End this process. One of several does without Python's own end: threads of torch.distributed that still let go of
    Python objects then would abort it, and its training with it ("terminate called without an active exception")."""
    if "torch.distributed" in sys.modules and "RANK" in os.environ:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _end_process(main())
