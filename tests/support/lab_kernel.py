"""Asks a real kernel what it knows of the person's variables, as the lab's host does."""

import base64
import io
from typing import Any

from engine.errors import EngineError
from engine.lab.kernel import Kernel
from engine.worker import wire
from engine.worker.messages import Answered
from tests.support.waiting import wait_for

SIDE = '__import__("sys").modules["engine.lab.kernel_side"]'
NOTE = '__import__("sys").modules["fmnist_tui_kernel"]'


def written(request: object) -> str:
    stream = io.BytesIO()
    wire.send(stream, request)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def read(text: str) -> Any:
    return wire.receive(io.BytesIO(base64.b64decode(text)))


def ready(kernel: Kernel) -> bool:
    """Whether requests are answered."""
    return kernel.evaluate(f"callable({SIDE}.answer)").value == "True"


def wait_until_ready(kernel: Kernel) -> None:
    wait_for(lambda: ready(kernel), "what answers requests in the kernel")


def ask(kernel: Kernel, request: object) -> Any:
    """The answer, or the EngineError that is raised here."""
    ran = kernel.evaluate(f"{SIDE}.answer({written(request)!r})")
    assert ran.status == "ok", ran.failure
    assert ran.value is not None
    message = read(ran.value.strip("'"))
    if isinstance(message, Answered):
        return message.answer
    assert isinstance(message.error, EngineError)
    raise message.error
