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
        self._changed = threading.Condition()
        self._asking = False
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
        with self._changed:
            self._newest = None
            self._changed.notify_all()

    def ask(self, request: Request[A]) -> A:
        """Called from a thread. Raises EngineError; InspectionCancelledError where another question came meanwhile."""
        with self._changed:
            self._newest = request
            self._changed.notify_all()  # one that waits leaves its thread: the app has only a few
            self._changed.wait_for(lambda: not self._asking or self._newest is not request)
            if self._newest is not request:
                raise InspectionCancelledError("another one is asked")
            self._asking = True
        try:
            answer = self.worker.ask(request)
        finally:
            with self._changed:
                self._asking = False
                self._changed.notify_all()
        self._known[request] = answer
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return answer
