"""Prints, as JSON, what a process is like: what the system knows of it, and what Python does.

Arguments: how to end, `exit 3`, `raise`, `signal 9`, `exit text`, `return`; and `read`, to print standard input too.
"""

import gc
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from typing import Any

import numpy
import psutil


def stream(one: Any) -> list[Any]:
    return [
        type(one.buffer).__name__, one.line_buffering, one.write_through, one.encoding, one.errors, one.name, one.mode,
    ]  # fmt: skip


def has_terminal() -> bool:
    """Whether a terminal controls it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def facts() -> dict[str, Any]:
    limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    umask = os.umask(0)
    os.umask(umask)
    main = sys.modules["__main__"]
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "command line": psutil.Process().cmdline(),
        "executable": [sys.executable, os.readlink("/proc/self/exe")],
        "path": sys.path,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "files": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],  # without the list's own
        "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in limits},
        "umask": umask,
        "niceness": os.nice(0),
        "terminal": has_terminal(),
        "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
        "streams": [stream(one) for one in (sys.stdin, sys.stdout, sys.stderr)],
        "main": [main.__name__, sorted(name for name in vars(main) if name.startswith("_")), main.__file__],
        "ours": sorted(name for name in sys.modules if name.split(".")[0] in ("engine", "tui", "server", "protocol")),
        "temporary": tempfile.gettempdir(),
        "zone": time.tzname,
        "collects": [gc.isenabled(), gc.get_threshold()],
        "parent": psutil.Process().ppid() > 1,
    }


def main() -> None:
    how, *more = sys.argv[1:]
    chance = [random.random(), float(numpy.random.random()), os.urandom(4).hex()]
    read = sys.stdin.read() if "read" in more else ""
    print(json.dumps({"facts": facts(), "chance": chance, "read": read}))
    sys.stderr.write("said\n")
    word, _, rest = how.partition(" ")
    match word:
        case "exit":
            sys.exit(int(rest) if rest.isdigit() else rest)
        case "raise":
            raise ValueError("as asked")
        case "signal":
            sys.stdout.flush()
            os.kill(os.getpid(), int(rest))
            time.sleep(60)


if __name__ == "__main__":
    main()
