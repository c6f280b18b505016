"""Requests that have no type of their own yet: a name and plain values."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.progress import Progress, silent
from engine.worker.client import WorkerClient
from engine.worker.request import Answer, Request

REQUESTS = {
    "file": ("engine.inspection.weights_files", "compute"),
    "file figures": ("engine.inspection.weights_files", "figures"),
    "file difference": ("engine.inspection.weights_files", "difference"),
    "file conversion": ("engine.inspection.weights_files", "conversion"),
    "file check": ("engine.inspection.weights_files", "checked"),
    "file versus": ("engine.inspection.weights_files", "versus"),
    "file evaluation": ("engine.inspection.weights_files", "evaluation"),
}


@dataclass(frozen=True)
class Untyped(Request[Answer]):
    """A function of REQUESTS and what it takes."""

    handler = "engine.inspection.untyped:compute"
    what: str
    values: dict[str, Any]


def compute(home: Path, request: Untyped, progress: Progress) -> Answer:
    module, function = REQUESTS[request.what]
    found: Answer = getattr(importlib.import_module(module), function)(home, request.values, progress)
    return found


def ask_untyped(worker: WorkerClient, what: str, values: Mapping[str, Any], progress: Progress = silent) -> Answer:
    """The answer to a request by its name; blocks, as `WorkerClient.ask` does."""
    return worker.ask(Untyped(what, dict(values)), progress)
