"""The worker process: takes requests from its standard input, computes, answers on its standard output.

It ends when the program that started it does: at the end of its input. Its standard error is the log.
"""

import importlib
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import EngineError
from engine.worker import bugs, wire
from engine.worker.messages import Advanced, Answered, Ask, Cancel, Cancelled, Refused

PROGRESS_S = 0.1  # seconds between two messages of progress


class _CancelledError(Exception):
    """The answer is not wanted any more."""


class _Desk:
    """Requests in their order, and which of them were cancelled."""

    def __init__(self, asked: BinaryIO, answers: BinaryIO) -> None:
        self._asked, self._answers = asked, answers
        self._waiting: queue.Queue[Ask] = queue.Queue()
        self._cancelled = 0  # every request up to this number
        self._reported = 0.0
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

    def serve(self, home: Path) -> None:
        while True:
            ask = self._waiting.get()
            try:
                wire.send(self._answers, Answered(self._compute(home, ask)))
            except _CancelledError:
                wire.send(self._answers, Cancelled())
            except EngineError as error:
                wire.send(self._answers, Refused(error))
            except Exception as error:
                wire.send(self._answers, Refused(bugs.record(home, error)))

    def _compute(self, home: Path, ask: Ask) -> Any:
        def progress(done: int, total: int) -> None:
            self._stop_if_cancelled(ask.number)
            now = time.monotonic()
            if done >= total or now - self._reported >= PROGRESS_S:
                self._reported = now
                wire.send(self._answers, Advanced(done, total))

        self._stop_if_cancelled(ask.number)
        return handler_of(ask.request)(home, ask.request, progress)

    def _stop_if_cancelled(self, number: int) -> None:
        if number <= self._cancelled:
            raise _CancelledError


def handler_of(request: Any) -> Any:
    """The function that computes a request's answer."""
    module, _, function = type(request).handler.partition(":")
    return getattr(importlib.import_module(module), function)


def main() -> None:
    """`python -P -m engine.worker.server HOME`."""
    # What torch, or a user's own code, prints must not come between the answers. And a DataLoader's worker, which is
    # forked, closes its standard input: while a thread reads from it here, that would wait for ever.
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _Desk(asked, answers).serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
