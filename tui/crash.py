"""A bug: its traceback goes to a log file, and one line that names the file to the person."""

import contextlib
import time
import traceback
from pathlib import Path

from engine.home import Home


def record(home: Path, error: BaseException) -> str:
    """Append the traceback to `<home>/fmnist-tui.log`. Returns the line for the person."""
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    path = Home(home).app_log
    with contextlib.suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(time.strftime("\n%Y-%m-%d %H:%M:%S\n") + "".join(traceback.format_exception(error)))
        return f"a bug in the program: {what} (traceback in {path}); runs continue to train"
    return f"a bug in the program: {what} (and {path} can't be written); runs continue to train"
