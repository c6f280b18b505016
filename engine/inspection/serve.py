"""The inspector's process: takes requests from its standard input, computes, answers on its standard output.

It ends when the program that started it does: at the end of its input. Its standard error is the log.
"""

import importlib
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import EngineError
from engine.inspection import wire
from engine.inspection.inspector import LOG, Answer

# What may be asked: a function of (home, values, tell) in a module that is imported when it is first asked for.
REQUESTS = {
    "predictions": ("engine.inspection.predictions", "compute"),
    "pipeline": ("engine.inspection.pipeline", "compute"),
    "batch": ("engine.inspection.batches", "compute"),
    "summary": ("engine.inspection.summary", "compute"),
    "parameters": ("engine.inspection.parameters", "compute"),
    "tensor": ("engine.inspection.tensors", "compute"),
    "figures": ("engine.inspection.tensors", "figures_of"),
    "pictures": ("engine.inspection.tensors", "pictures"),
    "image": ("engine.inspection.passing", "compute"),
    "activation": ("engine.inspection.passing", "picture"),
    "saliency": ("engine.inspection.saliency", "compute"),
    "terms": ("engine.inspection.terms", "compute"),
    "autograd": ("engine.inspection.autograd", "compute"),
    "difference": ("engine.inspection.autograd", "difference"),
    "file": ("engine.inspection.files", "compute"),
    "file figures": ("engine.inspection.files", "figures"),
    "file difference": ("engine.inspection.files", "difference"),
    "file conversion": ("engine.inspection.files", "conversion"),
    "file check": ("engine.inspection.files", "checked"),
    "file versus": ("engine.inspection.files", "versus"),
    "file evaluation": ("engine.inspection.files", "evaluation"),
    "quality": ("engine.inspection.quality", "compute"),
    "timings": ("engine.inspection.batches", "timings"),
}
TOLD_S = 0.1  # seconds between two tellings of the progress


class _TakenBackError(Exception):
    """The person wants no answer any more."""


class _Desk:
    """Requests in their order, and whether the one under way was taken back."""

    def __init__(self, asked: BinaryIO, answers: BinaryIO) -> None:
        self._asked, self._answers = asked, answers
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        self._taken_back = 0
        self._told = 0.0
        threading.Thread(target=self._read, daemon=True, name="requests").start()

    def _read(self) -> None:
        while (message := wire.receive(self._asked)) is not None:
            said, _ = message
            if "cancel" in said:
                self._taken_back = said["cancel"]
            else:
                self._waiting.put(said)
        os._exit(0)  # nobody listens any more, whatever is being computed

    def serve(self, home: Path) -> None:
        while True:
            request = self._waiting.get()
            try:
                answer = self._compute(home, request)
                wire.send(self._answers, {"answer": answer.values}, answer.arrays)
            except _TakenBackError:
                wire.send(self._answers, {"cancelled": True})
            except EngineError as error:
                wire.send(self._answers, {"error": str(error)})
            except Exception as error:
                print(time.strftime("\n%Y-%m-%d %H:%M:%S"), file=sys.stderr)
                traceback.print_exc()
                sys.stderr.flush()
                what = (str(error).strip().splitlines() or [""])[0]
                said = f"a bug: {type(error).__name__}: {what} (traceback in {home / LOG})"
                wire.send(self._answers, {"error": said})

    def _compute(self, home: Path, request: Mapping[str, Any]) -> Answer:
        number = request["number"]

        def tell(done: int, total: int) -> None:
            self._stop_if_taken_back(number)
            now = time.monotonic()
            if done >= total or now - self._told >= TOLD_S:
                self._told = now
                wire.send(self._answers, {"done": done, "total": total})

        self._stop_if_taken_back(number)
        module, function = REQUESTS[request["ask"]]
        answer: Answer = getattr(importlib.import_module(module), function)(home, request["values"], tell)
        return answer

    def _stop_if_taken_back(self, number: int) -> None:
        if number <= self._taken_back:
            raise _TakenBackError


def main() -> None:
    """`python -P -m engine.inspection.serve HOME`."""
    # What torch, or a person's own code, prints must not come between the answers. And a DataLoader's worker, which is
    # forked, closes its standard input: while a thread reads from it here, that would wait for ever.
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _Desk(asked, answers).serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
