"""Processes that may be ended by what they read: whoever started one says why it ended, in one line, and goes on.

Only such a process maps a file of somebody else's: where that becomes shorter, a look at what is gone ends the
process (SIGBUS). Every other process reads into memory of its own, and meets an end of file instead.
"""

import contextlib
import resource
import signal

ENDED = {
    # What was mapped is no more: the file became shorter while it was read.
    signal.SIGBUS: "the file changed while it was read: try again once it is complete",
    signal.SIGKILL: "its process was killed; the machine may have run out of memory",
    signal.SIGSEGV: "reading it ended its process: the file, or a library that reads it, is broken",
}
_declared = False


def declare() -> None:
    """This process is one. The system writes no image of its memory to the disk when a signal ends it."""
    global _declared
    _declared = True
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def is_declared() -> bool:
    """Whether this process is one."""
    return _declared


def why(code: int) -> str | None:
    """What an exit code means, as `subprocess` has it; None where it is not that of a signal that may come from what
    the process read."""
    return next((words for number, words in ENDED.items() if code == -number), None)
