"""A bug in the worker process, or on the way to it: a traceback in its log, and one line for the person."""

import time
import traceback
from pathlib import Path

from engine import private
from engine.errors import BugError, unexpected
from engine.home import Home


def record(home: Path, error: BaseException) -> BugError:
    """Append the traceback to `<home>/worker.log`. Returns the error that says so."""
    path = Home(home).worker_log
    where = f"traceback in {path}"
    try:
        private.append(path, time.strftime("\n%Y-%m-%d %H:%M:%S\n") + "".join(traceback.format_exception(error)))
    except OSError as refused:
        where = f"its traceback is lost: {path} can't be written, {refused.strerror}"
    return BugError(f"{unexpected(error)} ({where})")
