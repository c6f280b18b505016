"""The worker process: takes requests from its standard input, computes, answers on its standard output.

It ends when the program that started it does: at the end of its input. Its standard error is the log.
"""

import contextlib
import importlib
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from engine import expendable
from engine.errors import EngineError
from engine.worker import bugs, wire
from engine.worker.messages import Advanced, Answered, Ask, Cancel, Cancelled, Ready, Refused, SoFar

LOW_PRIORITY = 10  # niceness
PROGRESS_S = 0.1  # seconds between two messages of progress
CALM_S = 0.3  # seconds without a request, after which torch is imported: that would hold up what needs no torch


class _CancelledError(Exception):
    """The answer is not wanted any more."""


class _Desk:
    """Requests in their order, and which of them were cancelled."""

    def __init__(self, asked: BinaryIO, answers: BinaryIO, prepare: bool) -> None:
        """`prepare`: torch is imported once nobody asks for anything else."""
        self._asked, self._answers = asked, answers
        self._waiting: queue.Queue[Ask] = queue.Queue()
        self._cancelled = 0  # every request up to this number
        self._sending = threading.Lock()
        self._prepare = prepare
        self._importing: threading.Thread | None = None
        self._ready = False  # torch is there, and that was said
        self._preparing: int | None = None  # the number of the thread that imports torch, as the system has it
        threading.Thread(target=self._read, daemon=True, name="requests").start()

    def _read(self) -> None:
        try:
            while True:
                match wire.receive(self._asked):
                    case Cancel(number):
                        self._cancelled = number
                    case Ask() as ask:
                        self._waiting.put(ask)
        except EOFError:
            pass
        except Exception:
            traceback.print_exc()
        os._exit(0)  # nobody listens any more, whatever is being computed

    def send(self, message: object) -> None:
        with self._sending:
            wire.send(self._answers, message)

    def _import_torch(self) -> None:
        """In a thread of low priority, and say when it is done. On Linux a priority is a thread's own: what is computed
        later is not held back by it."""

        def work() -> None:
            self._preparing = threading.get_native_id()
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._preparing, LOW_PRIORITY)
            with contextlib.suppress(Exception):  # the first request meets it again, and says it
                importlib.import_module("torch")
                self._say_ready()

        self._importing = threading.Thread(target=work, daemon=True, name="prepare")
        self._importing.start()

    def _hurry(self) -> None:
        """Somebody waits now. Only a privileged process may take its priority back; else it goes on as it is."""
        if self._preparing is not None:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._preparing, 0)
            self._preparing = None

    def _say_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self.send(Ready())

    def serve(self, home: Path) -> None:
        while True:
            try:
                ask = self._waiting.get(timeout=CALM_S if self._prepare else None)
            except queue.Empty:
                self._prepare = False
                self._import_torch()
                continue
            self._hurry()
            try:
                answer = self._compute(home, ask)
                if "torch" in sys.modules and (self._importing is None or not self._importing.is_alive()):
                    self._say_ready()
                self.send(Answered(answer))
            except _CancelledError:
                self.send(Cancelled())
            except EngineError as error:
                self.send(Refused(error))
            except Exception as error:
                self.send(Refused(bugs.record(home, error)))

    def _compute(self, home: Path, ask: Ask) -> Any:
        self.stop_if_cancelled(ask.number)
        return handler_of(ask.request)(home, ask.request, _Report(self, ask.number))

    def stop_if_cancelled(self, number: int) -> None:
        if number <= self._cancelled:
            raise _CancelledError


class _Report:
    """What the handler of a request tells while it computes; cancelling ends it there."""

    def __init__(self, desk: _Desk, number: int) -> None:
        self._desk, self._number = desk, number
        self._told = 0.0  # when the last message of progress was sent

    def __call__(self, done: int, total: int, /) -> None:
        self._desk.stop_if_cancelled(self._number)
        now = time.monotonic()
        if done >= total or now - self._told >= PROGRESS_S:
            self._told = now
            self._desk.send(Advanced(done, total))

    def so_far(self, answer: object) -> None:
        self._desk.stop_if_cancelled(self._number)
        self._desk.send(SoFar(answer))


def handler_of(request: Any) -> Any:
    """The function that computes a request's answer."""
    module, _, function = type(request).handler.partition(":")
    return getattr(importlib.import_module(module), function)


def main() -> None:
    """`python -P -m engine.worker.server HOME [--prepare]`."""
    expendable.declare()
    # What torch, or a user's own code, prints must not come between the answers. And a DataLoader's worker, which is
    # forked, closes its standard input: while a thread reads from it here, that would wait for ever.
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _Desk(asked, answers, "--prepare" in sys.argv[2:]).serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
