"""The one thread of a process in which a run is set up and trained."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from engine.device import before_torch

T = TypeVar("T")
INTERRUPTED_S = 2.0  # that what is being done may take to end, once who waits for it is interrupted


class TorchThread:
    """Does what it is given, one after another, in a thread of its own. Made before torch is imported.

    OpenMP, which shares a step of PyTorch's out among threads, keeps a team of them for each thread that has ever
    computed. As soon as there are more in all teams together than cores, libgomp lets them sleep while they wait for
    each other in place of spinning: a run that was set up in one thread and trained in another had two teams, and its
    two threads on two cores were no faster than one (`benchmarks.threads`).
    """

    def __init__(self, name: str) -> None:
        before_torch()
        self._given: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def begin(self, function: Callable[[], T]) -> "Future[T]":
        """Have it done after what was given before."""
        future: Future[T] = Future()
        self._given.put((future, function))
        return future

    def call(self, function: Callable[[], T]) -> T:
        """Have it done, and return or raise what it does."""
        future = self.begin(function)
        try:
            return future.result()
        except KeyboardInterrupt:
            wait([future], timeout=INTERRUPTED_S)  # Python's end, beside a thread that computes, may abort the process
            raise

    def close(self) -> None:
        """Wait until what was given is done, and end the thread."""
        self._given.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (given := self._given.get()) is not None:
            future, function = given
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)
            del given, future, function  # it holds the tensors of what it was given
