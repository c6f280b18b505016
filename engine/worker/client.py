"""The worker process: the torch work that a screen asks for, one request at a time, in a process of its own.

Not a thread of the screen's process: importing torch there holds up the keyboard for seconds, and what a model, a
transform or somebody's file does to a process ends only the worker process, which the next request starts anew.
"""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from engine import expendable, private
from engine.device import default_threads
from engine.errors import EngineError, InspectionCancelledError, InspectionError
from engine.home import Home
from engine.progress import Progress, Report, silent
from engine.worker import bugs, wire
from engine.worker.messages import Advanced, Answered, Ask, Cancel, Cancelled, Ready, Refused, SoFar
from engine.worker.request import Request

A = TypeVar("A")
KILL_S = 3.0  # from asking a request to end, to ending the process


class WorkerClient:
    """Starts the process at the first request. Every method may be called from any thread."""

    def __init__(self, home: Path, settles: Callable[[EngineError], bool] = lambda error: False) -> None:
        """`settles`: called with what the engine refuses, in the thread that asks; True where that was settled, and the
        same is to be asked again."""
        self.home, self._settles = home, settles
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()  # held by the request under way
        self._writing = threading.Lock()
        self._asked = 0  # requests, each with its number
        self._cancelled = 0  # the number of the last request that was cancelled
        self._under_way = 0  # the number of the request that is computed; 0: none
        self._ready = False  # the process has said that it has imported torch
        self._closed = False

    @property
    def started(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether the process is there and has imported torch."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        # Between two requests it says nothing but that: it need not be read to be known.
        if not self._ready and not self._under_way and process.stdout is not None:
            return bool(select.select([process.stdout], [], [], 0)[0])
        return self._ready

    def prepare(self) -> None:
        """Start the process, where it does not run, and have it import torch at low priority. Raises EngineError."""
        with self._turn:
            if not self._closed:
                self._running(prepare=True)

    def ask(self, request: Request[A], progress: Progress = silent) -> A:
        """The answer to a request; waits for the requests before it.

        `progress` is called from this thread; one that is a `Report` takes also what the answer would be if the
        computation ended then, which few requests tell. Raises the EngineError with which the engine refuses,
        InspectionCancelledError where the request was cancelled, InspectionError where the process ended over it, and
        BugError where it, or this, met a bug, whose traceback is in the log. What `progress` raises passes through.
        """
        while True:
            cancelled = self._cancelled
            try:
                return self._ask(request, progress)
            except InspectionCancelledError:
                raise
            except EngineError as error:
                if not self._settles(error):
                    raise
            if self._cancelled != cancelled:  # while that was settled
                raise InspectionCancelledError("cancelled")

    def _ask(self, request: Request[A], progress: Progress) -> A:
        with self._writing:
            self._asked += 1
            number = self._asked
        with self._turn:
            if number <= self._cancelled:
                raise InspectionCancelledError("cancelled")
            process = self._running()
            assert process.stdout is not None
            self._under_way = number
            reporting = False
            try:
                self._write(process, Ask(number, request))
                while True:
                    match wire.receive(process.stdout):  # type: ignore[arg-type]
                        case Ready():
                            self._ready = True
                        case Advanced(done, total):
                            reporting = True
                            progress(done, total)
                            reporting = False
                        case SoFar(answer) if isinstance(progress, Report):
                            reporting = True
                            progress.so_far(answer)
                            reporting = False
                        case Answered(answer):
                            found: A = answer
                            return found
                        case Refused(error):
                            raise error
                        case Cancelled():
                            raise InspectionCancelledError("cancelled")
            except EngineError:
                raise
            except (BrokenPipeError, EOFError):
                if reporting:
                    raise
            except Exception as error:
                process.kill()  # what it still sends is the answer to no other request
                self._process = None
                if reporting:
                    raise
                raise bugs.record(self.home, error) from error
            finally:
                self._under_way = 0
            self._process = None
            code = process.wait()
            if number <= self._cancelled:
                raise InspectionCancelledError("cancelled")
            why = expendable.why(code) or f"the worker process ended (exit {code}); see {Home(self.home).worker_log}"
            raise InspectionError(why)

    def cancel(self) -> None:
        """Cancel every request that was made so far. What computes is asked to end, and ended if it does not."""
        with self._writing:
            number = self._cancelled = self._asked
        process = self._process
        if process is None or not self._under_way:
            return
        try:
            self._write(process, Cancel(number))
        except BrokenPipeError:
            return
        timer = threading.Timer(KILL_S, self._kill_if_busy, (process, number))
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the process."""
        with self._writing:
            self._cancelled = self._asked
            self._closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _kill_if_busy(self, process: "subprocess.Popen[bytes]", number: int) -> None:
        if 0 < self._under_way <= number:
            process.kill()

    def _write(self, process: "subprocess.Popen[bytes]", message: Ask | Cancel) -> None:
        assert process.stdin is not None
        with self._writing:
            wire.send(process.stdin, message)  # type: ignore[arg-type]

    def _running(self, *, prepare: bool = False) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._ready = False
            with self._log() as log:
                try:
                    process = subprocess.Popen(
                        [
                            sys.executable,
                            "-P",
                            "-m",
                            "engine.worker.server",
                            str(self.home),
                            *(["--prepare"] if prepare else []),
                        ],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        env=_environment(),
                        start_new_session=True,  # a Ctrl-C is for the program
                    )
                except OSError as error:
                    raise InspectionError(f"the worker process can't start: {error.strerror or error}") from None
            with self._writing:
                self._process = process
                if self._closed:  # while it started
                    process.kill()
        return self._process

    def _log(self) -> BinaryIO:
        """Where what it prints goes: its log, or, where that can't be written, nowhere."""
        try:
            private.folder(self.home)
            return private.appended(Home(self.home).worker_log)
        except OSError:
            return open(os.devnull, "ab")


def _environment() -> dict[str, str]:
    """Threads as in training, and none that spins while it waits: a core is left for the screen."""
    return {"OMP_NUM_THREADS": str(default_threads()), "OMP_WAIT_POLICY": "PASSIVE", **os.environ}
