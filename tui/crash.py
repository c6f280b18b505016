"""A bug: its traceback goes to a log file, and one line that names the file to the person."""

import contextlib
import tempfile
import time
import traceback
from pathlib import Path

from engine import private
from engine.errors import EngineError, unexpected
from engine.home import Home
from engine.terminal_text import printable


def words(error: BaseException) -> str:
    """What an exception that nobody expected says, in one line."""
    if isinstance(error, EngineError):
        return printable(str(error))
    return printable(unexpected(error, "a bug in the program"))


def record(home: Path | None, error: BaseException) -> str:
    """Append the traceback to `<home>/fmnist-tui.log`; without a home, to one in the folder for temporary files.
    Returns the line for the person."""
    home = home or Path(tempfile.gettempdir())
    path = Home(home).app_log
    with contextlib.suppress(OSError):
        private.folder(home)
        private.append(path, time.strftime("\n%Y-%m-%d %H:%M:%S\n") + "".join(traceback.format_exception(error)))
        return f"{words(error)} (traceback in {path}); runs continue to train"
    return f"{words(error)} (and {path} can't be written); runs continue to train"
