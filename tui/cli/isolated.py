"""A command in a process of its own, so that what would end a process ends that one, and the person is told why."""

import os
import signal
import sys
from collections.abc import Callable

from tui.cli.output import complain

ENDED = {
    # What was mapped is no more: the file became shorter while it was read.
    signal.SIGBUS: "the file changed while it was read: try again once it is complete",
    signal.SIGKILL: "its process was killed; the machine may have run out of memory",
    signal.SIGSEGV: "reading it ended its process: the file, or a library that reads it, is broken",
}


def run(command: Callable[[], int], refused: int) -> int:
    """The command's exit code; `refused`, and one line on stderr, where a signal ended its process.

    To be called before there are threads, or much in memory: the process is forked.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 1
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
    if -code not in ENDED:
        return 128 - code
    complain(ENDED[signal.Signals(-code)])
    return refused
