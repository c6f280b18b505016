"""A detached process that works by itself, one at a time for each thing, and ends when nothing is left to do: how it is
begun, how it becomes the only one, and what its log says. Imports no torch."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from engine import private
from engine.hosting import process, record_file
from engine.terminal_text import printable

LOCK_S = 3.0  # that a new one waits for one that is about to end


def begin(module: str, argument: Path, log: Path) -> None:
    """Start `python -P -m MODULE ARGUMENT`, with its output appended to the log. Raises OSError."""
    with private.appended(log) as output:
        begun = subprocess.Popen(
            [sys.executable, "-P", "-m", module, os.fspath(argument.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # its own session: a closed terminal takes only its own along
        )
    threading.Thread(target=begun.wait, name="reap", daemon=True).start()  # leaves no zombie when it ends


def lives(record_path: Path) -> bool:
    """Whether the process of that record lives, here or on another machine."""
    try:
        return record_file.lives(record_path, record_file.read(record_path))
    except OSError:
        return False


def become(lock_path: Path, record_path: Path) -> int | None:
    """Be the one process of that lock as long as the descriptor is open, with the record written; None where another
    one is. Raises OSError."""
    until = time.monotonic() + LOCK_S
    while (lock := record_file.lock(lock_path, record_path)) is None:
        if time.monotonic() > until:
            return None
        time.sleep(0.1)
    record_file.write(record_path, process.record())
    return lock


def say(words: str) -> None:
    """A line in the log, with the time."""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    sys.stderr.write(f"{now} {printable(words)}\n")
    sys.stderr.flush()


def main(module: str, about: str | None, serve: Callable[[Path], int], arguments: list[str] | None = None) -> int:
    """Be such a process: `serve` is given the folder, and returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -P -m {module}", description=about)
    parser.add_argument("folder", type=Path, help="the folder that it works on")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nobody's terminal: a closed one is none of its business
    try:
        return serve(options.folder.absolute())
    except Exception:
        traceback.print_exc()
        return 1
