"""The worker process's answers computed in the test's own process, where torch is already."""

import threading
from typing import Any

import pytest

from engine.progress import Progress
from engine.worker.client import WorkerClient
from engine.worker.server import handler_of


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer at once. Gives the requests."""
    asked: list[str] = []
    turn = threading.Lock()  # one after another, as the worker process does

    def answer(self: WorkerClient, request: Any, progress: Progress) -> Any:
        asked.append(type(request).__name__)
        with turn:
            return handler_of(request)(self.home, request, progress)

    monkeypatch.setattr(WorkerClient, "_ask", answer)
    return asked
