"""The fork server: has imported what takes long, and forks on request.

    python -P server.py LISTENING-FD LIFE-FD FOLDER

It has one thread, and has imported nothing of the program's own: a forked process runs all of that itself, in its own
environment. It ends when the other end of LIFE-FD is closed, thus with the test session, however that ends, and removes
FOLDER, in which its socket is.

Between the server and the process stands one more, the process's parent, which tells the asker how the process ended.
When the asker ends, the parent does, and the process belongs to nobody, as any process whose parent has ended.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import os
import resource
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from typing import Any, NoReturn

if __name__ != "__main__":
    import protocol  # type: ignore[import-not-found]

# No kernels: one of some hundred that were forked never said anything.
TAKEN = (
    "torch", "torch._dynamo", "torchvision", "safetensors.torch", "jupyter_client.asynchronous",
    "msgspec", "numpy.typing", "psutil", "torch.distributed.launcher.api",
)  # fmt: skip
OWN = "server", "protocol"  # the names of these modules here
REAPED_S = 5.0  # between two looks for parents that have ended
# By their names in prctl_mm_map, in its order, the numbers of the fields of proc_pid_stat(5); 0: it has none.
FIELDS = {
    "start_code": 26, "end_code": 27, "start_data": 45, "end_data": 46, "start_brk": 47, "brk": 0, "start_stack": 28,
    "arg_start": 48, "arg_end": 49, "env_start": 50, "env_end": 51, "auxv": 0,
}  # fmt: skip
BEHIND_THE_NAME = 3  # the number of the first field behind the process's name
PR_SET_MM, PR_SET_MM_MAP = 35, 14

_shown: Any = None  # where the command line is kept


def serve(listening: int, life: int, folder: str) -> Any:
    """Fork as is asked. Comes back in a forked process only, with its order."""
    own = protocol.surroundings(dict(os.environ))  # now: an import may set variables
    for name in TAKEN:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _show([sys.executable, *sys.argv])  # raises where that can't be done
    if len(os.listdir("/proc/self/task")) != 1:
        sys.exit("a forked process would lack the threads that an import has started")
    gc.collect()
    gc.freeze()  # no collection copies what all forked processes share
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, life], [], [], REAPED_S)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if life in ready:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)
        if not ready:
            continue
        with socket.socket(fileno=os.dup(listening)) as listener:
            connection, _ = listener.accept()
        if not os.fork():
            return _parent(connection, own)
        connection.close()


def _parent(connection: socket.socket, own: dict[str, Any]) -> Any:
    """In the process's parent: fork it, and tell how it ends. Comes back in the process."""
    try:
        message, files = protocol.receive(connection)
        order = protocol.Order.from_json(message)
        if own | order.surroundings != own or len(files) != protocol.STREAMS:
            os._exit(0)
        here, there = socket.socketpair()
        child = os.fork()
    except BaseException:
        os._exit(1)
    if child:
        there.close()
        for one in files:
            os.close(one)
        return _tell(connection, child, here)
    try:
        for other in (connection, here):
            other.detach()
        _become(order, files, there.fileno())
        there.sendall(b"x")
        if not there.recv(1):  # the asker has gone
            os._exit(1)
        there.close()
    except BaseException:
        os._exit(1)
    return order


def _tell(connection: socket.socket, child: int, process: socket.socket) -> NoReturn:
    """Which process it is, once it is as it was asked for, then how it ended. Here nothing may be raised: above stands
    the server's own program."""
    try:
        ended = os.pidfd_open(child)
        if not process.recv(1):  # it could not become that
            os._exit(1)
        connection.sendall(b"%d\n" % child)
        process.sendall(b"x")
        process.close()
        ready, _, _ = select.select([ended, connection.fileno()], [], [])
        if connection.fileno() in ready:  # the asker has ended, or does not want to know
            os._exit(0)
        found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert found is not None
        status = found.si_status << 8 if found.si_code == os.CLD_EXITED else found.si_status
        connection.sendall(b"%d\n" % status)
        connection.recv(1)  # nothing: the end
        os.waitpid(child, 0)
    finally:
        os._exit(0)


def _become(order: Any, files: list[int], kept: int) -> None:
    """Have all that a process has from the one that starts it, and of the server's the file `kept` alone."""
    if order.new_session:
        os.setsid()
    for number, one in enumerate(files):
        os.dup2(one, number)
    if order.terminal:
        protocol.control_by_stdin()
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd >= len(files) and fd != kept:
            with contextlib.suppress(OSError):  # the one that the list was read by
                os.close(fd)
    _show(order.command)
    os.chdir(order.cwd)
    os.umask(order.umask)
    os.environ.clear()
    os.environ.update(order.environment)
    if order.environment.get("JPY_PARENT_PID") == str(order.asker):
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
    time.tzset()
    _set_signals(order.ignored)
    _open_streams(order.unbuffered)
    _forget()
    os.setpriority(os.PRIO_PROCESS, 0, order.niceness)
    for number, limit in order.limits.items():
        resource.setrlimit(number, limit)


def _set_signals(ignored: list[int]) -> None:
    """As they are in a new process once Python has begun."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_streams(unbuffered: bool) -> None:
    """The server's are of other files: what is a terminal is written to line by line."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        was = getattr(sys, f"__{name}__")
        raw = io.FileIO(fd, "rb" if fd == 0 else "wb", closefd=False)
        raw.name = f"<{name}>"
        unbuffered = unbuffered or was.write_through
        binary: Any = io.BufferedReader(raw) if fd == 0 else raw if unbuffered else io.BufferedWriter(raw)
        stream: Any = io.TextIOWrapper(
            binary, was.encoding, was.errors, None if fd == 0 else "\n",
            line_buffering=not unbuffered and (fd == 2 or raw.isatty()), write_through=unbuffered,
        )  # fmt: skip
        stream.mode = "r" if fd == 0 else "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _forget() -> None:
    """What libraries keep of the process that imported them, and what they were imported by."""
    import numpy

    tempfile.tempdir = None
    numpy.random.seed()  # Python's own generator does so by itself; torch's begins with the same number in any process
    for name in OWN:
        del sys.modules[name]


class _Map(ctypes.Structure):
    """prctl_mm_map of prctl(2): where the parts of a process's memory are."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in FIELDS),
        ("auxv_size", ctypes.c_uint32), ("exe_fd", ctypes.c_uint32),
    ]  # fmt: skip


def _show(command: list[str]) -> None:
    """Have `ps`, and whoever else asks the system, find this command line. Raises OSError."""
    global _shown
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    text = b"".join(os.fsencode(part) + b"\0" for part in command)
    buffer = ctypes.create_string_buffer(text, len(text))
    system = ctypes.CDLL(None, use_errno=True)
    system.sbrk.restype = ctypes.c_void_p
    found = {name: int(fields[number - BEHIND_THE_NAME]) for name, number in FIELDS.items() if number}
    found |= {
        "brk": system.sbrk(0),
        "arg_start": ctypes.addressof(buffer),
        "arg_end": ctypes.addressof(buffer) + len(text),
    }
    given = _Map(**found, auxv_size=0, exe_fd=2**32 - 1)
    size = ctypes.c_ulong(ctypes.sizeof(given))
    if system.prctl(PR_SET_MM, ctypes.c_ulong(PR_SET_MM_MAP), ctypes.byref(given), size, ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), "prctl")
    _shown = buffer  # it stays there


def main() -> None:
    order = serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    run(order)


def run(order: Any) -> None:
    """Run the program as `python` does, and end. What it raises is the interpreter's to handle, but for an exit with a
    code."""
    code = 0
    try:
        _execute(order)
    except SystemExit as ended:
        if not (ended.code is None or isinstance(ended.code, int)):
            raise
        code = ended.code or 0
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End as the interpreter does, and free nothing: all that is shared with the server would be copied to be freed,
    which takes longer than many a program."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.flush()
            except (OSError, ValueError):
                sys.exit(code)  # what can't be written is the interpreter's to tell
    os._exit(code & 0xFF)


def _execute(order: Any) -> None:
    main = sys.modules["__main__"].__dict__
    for name in set(main) - {"__name__", "__builtins__", "__doc__", "__annotations__"}:
        del main[name]
    main.update(__doc__=None, __package__=None, __spec__=None)
    sys.orig_argv[:] = order.command
    sys.argv[:] = [order.script or "-m", *order.arguments]
    if order.first is not None:
        sys.path.insert(0, order.first)
    if order.module:
        runpy._run_module_as_main(order.module)  # type: ignore[attr-defined]
        return
    main["__file__"] = order.script
    with open(order.script, "rb") as file:
        code = compile(file.read(), order.script, "exec")
    exec(code, main)


if __name__ == "__main__":
    # As a module: the forked process's __main__ is its program's.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    server = importlib.import_module("server")
    del sys.path[0]
    server.main()
