"""What answers the program's requests inside a lab's kernel, where alone the person's variables are. No torch.

The lab's host has the kernel evaluate `__import__("sys").modules["engine.lab.kernel_side"].answer(TEXT)`, which leaves
no trace: no name, no count, nothing printed.
"""

import base64
import contextlib
import importlib
import io
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine import home
from engine.errors import EngineError
from engine.lab import kernel_objects
from engine.progress import silent
from engine.worker import bugs, wire
from engine.worker.messages import Answered, Refused
from engine.worker.server import handler_of

TENSORS = "engine.inspection.tensors"  # keeps tensors, for the next window of the same one

_aside: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()


def start(shell: Any, aside: contextlib.AbstractContextManager[Any]) -> None:
    """Get ready, once. `shell`: IPython's. `aside`: within it, no module is imported from the document's folder."""
    global _aside
    _aside = aside
    shell.events.register("pre_run_cell", forget)
    kernel_objects.register(shell.display_formatter.mimebundle_formatter)


def forget(info: object = None) -> None:
    """Keep none of the person's tensors any longer: the cell that is about to run may delete them, or change them."""
    tensors = sys.modules.get(TENSORS)
    if tensors is not None:
        tensors.forget()


def answer(text: str) -> str:
    """`text`: a request in the wire's form, in base64. Gives an `Answered` or a `Refused`, written so."""
    message: Answered | Refused
    with _aside, _silent():
        try:
            folder = home.resolve()
            try:
                message = Answered(_computed(folder, wire.receive(io.BytesIO(base64.b64decode(text)))))
                return _written(message)
            except EngineError:
                raise
            except Exception as error:
                message = Refused(bugs.record(folder, error))
        except EngineError as error:
            message = Refused(error)
        return _written(message)


def _computed(folder: Path, request: Any) -> Any:
    handler = handler_of(request)
    torch = importlib.import_module("torch")
    # What the person has set for their own code holds for that alone: a default device, a subclass's functions.
    with torch._C.DisableTorchFunction():
        return handler(folder, request, silent)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """This thread's warnings are not shown: nobody's cell has made them."""
    shown, own = warnings.showwarning, threading.get_ident()

    def show(*args: Any, **named: Any) -> None:
        if threading.get_ident() != own:
            shown(*args, **named)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _written(message: object) -> str:
    stream = io.BytesIO()
    wire.send(stream, message)
    return base64.b64encode(stream.getvalue()).decode("ascii")
