"""A command in a process of its own, so that what would end a process ends that one, and the person is told why."""

import os
import signal
import sys
from collections.abc import Callable

from engine import expendable
from tui.cli.output import complain


def run(command: Callable[[], int], refused: int) -> int:
    """The command's exit code; `refused`, and one line on stderr, where a signal ended its process.

    To be called before there are threads, or much in memory: the process is forked.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 1
        expendable.declare()
        try:
            code = command()
            sys.stdout.flush()
        finally:
            os._exit(code)
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too, and ends
    try:
        _, status = os.waitpid(child, 0)
    finally:
        signal.signal(signal.SIGINT, interrupted)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    if (why := expendable.why(code)) is None:
        return 128 - code
    complain(why)
    return refused
