"""What a screen says while it waits for the worker process."""

from tui.services import Asks


def waiting(worker: Asks, doing: str) -> str:
    """`doing`, or that the worker process is not ready for it: importing torch takes seconds."""
    return doing if worker.ready else "starting PyTorch …"
