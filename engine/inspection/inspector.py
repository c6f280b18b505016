"""The inspector: a process of its own for the torch work that a screen asks for, one request at a time.

Not a thread of the screen's process: importing torch there holds up the keyboard for seconds, and what a model, a
transform or a file of somebody's does to a process ends only the inspector, which the next request starts anew.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.device import default_threads
from engine.errors import InspectionCancelledError, InspectionError
from engine.inspection import wire

if TYPE_CHECKING:
    from engine.inspection.wire import Arrays

Tell = Callable[[int, int], None]  # done, all there is to do
KILL_S = 3.0  # from asking a request to end, to ending the process
LOG = "inspector.log"  # in the home folder: tracebacks, and what torch says


@dataclass(frozen=True)
class Answer:
    """What came back: plain values and arrays by name."""

    values: dict[str, Any]
    arrays: "Arrays" = field(default_factory=dict)


class Inspector:
    """Starts the process at the first request. Every method may be called from any thread."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()  # held by the request under way
        self._writing = threading.Lock()
        self._asked = 0  # requests, each with its number
        self._cancelled = 0  # the number of the last request that was taken back
        self._under_way = 0  # the number of the request that is computed; 0: none

    @property
    def started(self) -> bool:
        """Whether the process is there, and with it, after its first request, torch."""
        return self._process is not None and self._process.poll() is None

    def ask(self, what: str, values: Mapping[str, Any], tell: Tell = lambda done, total: None) -> Answer:
        """The answer to a request of `engine.inspection.serve.REQUESTS`; waits for the requests before it.

        `tell` hears of the progress from this thread. Raises EngineError where the engine refuses, where the request
        was cancelled (InspectionCancelledError), or where the process ended over it; a bug's traceback is in the log.
        """
        with self._writing:
            self._asked += 1
            number = self._asked
        with self._turn:
            if number <= self._cancelled:
                raise InspectionCancelledError("cancelled")
            process = self._running()
            assert process.stdout is not None
            self._under_way = number
            try:
                self._write(process, {"ask": what, "number": number, "values": dict(values)})
                while (message := wire.receive(process.stdout)) is not None:  # type: ignore[arg-type]
                    said, arrays = message
                    if "done" in said:
                        tell(said["done"], said["total"])
                    elif "answer" in said:
                        return Answer(said["answer"], arrays)
                    elif "cancelled" in said:
                        raise InspectionCancelledError("cancelled")
                    else:
                        raise InspectionError(said["error"])
            except BrokenPipeError:
                pass
            finally:
                self._under_way = 0
            self._process = None
            code = process.wait()
            if number <= self._cancelled:
                raise InspectionCancelledError("cancelled")
            raise InspectionError(f"the inspecting process ended (exit {code}); see {self.home / LOG}")

    def cancel(self) -> None:
        """Take back every request that was made so far. What computes is asked to end, and ended if it does not."""
        with self._writing:
            number = self._cancelled = self._asked
        process = self._process
        if process is None or not self._under_way:
            return
        try:
            self._write(process, {"cancel": number})
        except BrokenPipeError:
            return
        timer = threading.Timer(KILL_S, self._kill_if_busy, (process, number))
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the process."""
        with self._writing:
            self._cancelled = self._asked
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _kill_if_busy(self, process: "subprocess.Popen[bytes]", number: int) -> None:
        if 0 < self._under_way <= number:
            process.kill()

    def _write(self, process: "subprocess.Popen[bytes]", message: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        with self._writing:
            wire.send(process.stdin, message)  # type: ignore[arg-type]

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.home.mkdir(parents=True, exist_ok=True)
            with open(self.home / LOG, "ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "engine.inspection.serve", str(self.home)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_environment(),
                    start_new_session=True,  # a Ctrl-C is for the program
                )
        return self._process


def _environment() -> dict[str, str]:
    """Threads as in training, and none that spins while it waits: a core is left for the screen."""
    return {"OMP_NUM_THREADS": str(default_threads()), "OMP_WAIT_POLICY": "PASSIVE", **os.environ}
