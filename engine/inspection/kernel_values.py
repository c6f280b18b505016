"""The value of an expression in a lab's kernel. Runs in that kernel."""

from pathlib import Path

from engine.inspection.kernel_namespace import shell
from engine.inspection.kernel_requests import Evaluated, EvaluateRequest
from engine.progress import Progress

LONGEST = 20_000  # characters of a value


def evaluate(home: Path, request: EvaluateRequest, progress: Progress) -> Evaluated:
    """Evaluate it among the person's names. What it raises is part of the answer."""
    found = shell()
    try:
        value = eval(request.expression, found.user_global_ns, found.user_ns)
        return Evaluated(repr(value)[:LONGEST])
    except Exception as error:
        return Evaluated(None, type(error).__name__, str(error)[:LONGEST])
