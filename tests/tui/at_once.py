"""The inspector's answers computed in the test's own process, where torch is already."""

import importlib
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from engine.inspection.inspector import Answer, Inspector
from engine.inspection.serve import REQUESTS


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer at once. Gives the requests."""
    asked: list[str] = []
    turn = threading.Lock()  # one after another, as the inspector does

    def answer(self: Inspector, what: str, values: Mapping[str, Any], tell: Any = None) -> Answer:
        asked.append(what)
        module, function = REQUESTS[what]
        with turn:
            compute = getattr(importlib.import_module(module), function)
            found: Answer = compute(self.home, values, tell or (lambda *_: None))
        return found

    monkeypatch.setattr(Inspector, "ask", answer)
    return asked
