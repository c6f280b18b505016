"""Questions of which only the newest counts: those about what a cursor is on. No widgets."""

import threading
from collections import OrderedDict
from typing import Any, TypeVar

from engine.errors import InspectionCancelledError
from engine.worker.client import WorkerClient
from engine.worker.request import Request

A = TypeVar("A")
KEPT = 64  # answers


class LatestQuestion:
    """Asks one question at a time. Of those that come meanwhile, only the newest is asked: the worker process never
    works through a queue of what a cursor has passed over. Answers are kept."""

    def __init__(self, worker: WorkerClient) -> None:
        self.worker = worker
        self._turn = threading.Lock()
        self._newest: object = None
        self._known: OrderedDict[Request[Any], Any] = OrderedDict()

    def known(self, request: Request[A]) -> A | None:
        """The answer, where it was given before."""
        found: A | None = self._known.get(request)
        return found

    def forget(self) -> None:
        """The answers may be others now."""
        self._known.clear()

    def leave(self) -> None:
        """No answer is wanted any more."""
        self._newest = None

    def ask(self, request: Request[A]) -> A:
        """Called from a thread. Raises EngineError; InspectionCancelledError where another question came meanwhile."""
        self._newest = request
        with self._turn:
            if self._newest is not request:
                raise InspectionCancelledError("another one is asked")
            answer = self.worker.ask(request)
        self._known[request] = answer
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return answer
