"""The program of the program's own kernel: ipykernel's, without the TCP port that it opens for the output of forked
processes. They send it through a Unix socket beside the kernel's other ones.

What the person's code prints is kept in files beside the sockets, too, until it is sent: `engine.lab.last_output` reads
them when the kernel is gone, however it went.

It runs as a script, in the document's folder, and imports nothing of the program itself: whatever modules lie in that
folder, or beside this file, are nobody's business before the person's own code runs. Once the kernel is up, a thread
imports torch and what answers the program's requests (`engine.lab.kernel_side`), never from the document's folder.
"""

import ast
import builtins
import codecs
import contextlib
import faulthandler
import importlib
import mmap
import os
import sys
import threading
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder

import zmq
from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop
from zmq.eventloop.zmqstream import ZMQStream

LINGER_MS = 3000  # that a forked process waits for its last output to be taken
ROOT = Path(__file__).resolve().parents[2]  # that holds the package `engine`
ENGINE = "engine"
ONCE = ("torch", "numpy")  # can be loaded once in a process: where the folder has its own, the program's are not
SIDE = "engine.lab.kernel_side"
LOADED = (
    "torch", "engine.worker.server", "engine.inspection.tensors", "engine.inspection.kernel_variables",
    "engine.inspection.kernel_graph", SIDE,
)  # fmt: skip
ALONE = "FMNIST_TUI_KERNEL_ALONE"  # in the environment: nobody will ask anything
PART = 4096  # bytes that are read at a time of what is written past Python
SAID = 1 << 18  # bytes of each stream that are kept
TOTAL = 8  # bytes before them: how many were written in all, little-endian
MARK = "fmnist_tui_said"  # in a stream message's metadata: how many bytes of the stream have been sent with it
NOTE = "fmnist_tui_kernel"  # a module in sys.modules; its `why`: why the program's requests can't be answered here


class _Depth(threading.local):
    depth = 0


class Aside:
    """Stands in the place of Python's own finder of modules on sys.path. In a thread that is within `with aside:`, a
    top-level module is found as ever, but not in the document's folder; and `engine` is the one that this file is of.
    Other threads notice nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = _Depth()

    def __enter__(self) -> "Aside":
        self._thread.depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.depth -= 1

    def __getattr__(self, name: str) -> Any:
        return getattr(PathFinder, name)

    def stand_in(self) -> None:
        """Take its place among the finders."""
        sys.meta_path[:] = [self if finder is PathFinder else finder for finder in sys.meta_path]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if path is None and self._thread.depth:
            path = [str(ROOT)] if name == ENGINE else [one for one in sys.path if not self._is_folder(one)]
        return PathFinder.find_spec(name, path, target)

    def _is_folder(self, entry: str) -> bool:
        with contextlib.suppress(OSError):
            return not entry or os.path.samefile(entry, self._folder) or os.path.samefile(entry, os.curdir)
        return False


class Loading:
    """The thread that imports what answers the program's requests. Its priority is the kernel's: on a busy machine one
    of low priority would keep the interpreter's lock for long, and the threads that NumPy starts would inherit it."""

    def __init__(self, kernel: Any, folder: Path) -> None:
        self._kernel, self._shell = kernel, kernel.shell
        self._theirs = modules_of(folder)
        self._aside = Aside(folder)
        self._note = types.ModuleType(NOTE)
        self._say("")
        self._thread = threading.Thread(target=self._work, daemon=True, name="what answers requests")

    def begin(self) -> None:
        sys.modules[NOTE] = self._note
        taken = next((name for name in (ENGINE, *ONCE) if name in self._theirs), None)
        if taken is not None:
            self._say(f"the document's folder has a module {taken} of its own")
            return
        self._aside.stand_in()
        self._shell.events.register("pre_run_cell", self._before_cell)
        self._kernel.do_complete = self._complete
        self._thread.start()

    def _say(self, why: str) -> None:
        vars(self._note)["why"] = why

    def _work(self) -> None:
        before = set(sys.modules)
        try:
            with self._aside:
                for name in LOADED:
                    importlib.import_module(name)
                sys.modules[SIDE].start(self._shell, self._aside)
        except Exception as error:
            sys.modules.pop(SIDE, None)
            self._say(f"{type(error).__name__}: {error}".splitlines()[0])
        for name in set(sys.modules) - before:  # the person's own code gets those of its folder
            if name.partition(".")[0] in self._theirs - {ENGINE}:
                sys.modules.pop(name, None)

    def _before_cell(self, info: Any) -> None:
        if not self._thread.is_alive():
            self._shell.events.unregister("pre_run_cell", self._before_cell)
        elif may_import(info.raw_cell):
            with contextlib.suppress(KeyboardInterrupt):
                self._wait()

    def _complete(self, *args: Any, **named: Any) -> Any:
        """In the place of the kernel's `do_complete`: after `from torch.nn import`, IPython imports torch.nn to see
        what is in it."""
        self._wait()
        del self._kernel.do_complete
        return self._kernel.do_complete(*args, **named)

    def _wait(self) -> None:
        """For the end of the thread, before something else may import a module. Where one thread is within
        `import torch` and another begins with `import torch.nn`, each has what the other needs: Python lets one of them
        go on with half a module, and that raises."""
        self._thread.join()


def modules_of(folder: Path) -> set[str]:
    """The names of the top-level modules and packages of a folder. A folder named `engine` counts in any case, unless
    it is the program's."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            name, _, ending = entry.name.partition(".")
            if (ending and ending.rpartition(".")[2] in ("py", "pyc", "so", "pyd")) or (
                entry.is_dir() and (name == ENGINE or any(entry.glob("__init__.*")))
            ):
                found.add(name)
    with contextlib.suppress(OSError):
        if os.path.samefile(folder / ENGINE, ROOT / ENGINE):
            found.discard(ENGINE)
    return found


def may_import(code: str) -> bool:
    """Whether a cell may import a module that is not of Python's own: it is not plain Python, has such an import, or
    calls more than built-ins. Submodules of Python's own count too, as another thread may be within the package."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return any(_may_import(node) for node in nodes)


def _may_import(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(one.name not in sys.stdlib_module_names for one in names)
        case ast.ImportFrom(module=name):
            return name not in sys.stdlib_module_names
        case ast.Call(func=ast.Name(id=name)):
            return not hasattr(builtins, name) or name in ("__import__", "eval", "exec")
        case ast.Call() | ast.ClassDef() | ast.With() | ast.AsyncWith():
            return True
        case ast.Name(id=name):
            return name == "__import__"
    return False


def without_port(place: str) -> tuple[Callable[[Any], None], Callable[[Any], tuple[Any, Any]]]:
    """Both ends of the pipe for the output of forked processes, at `place`."""

    def setup_in(thread: Any) -> None:
        thread._pipe_uuid = os.urandom(16)
        pipe = thread.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(place)
        thread._pipe_in = ZMQStream(pipe, thread.io_loop)
        thread._pipe_in.on_recv(thread._handle_pipe_msg)

    def setup_out(thread: Any) -> tuple[Any, Any]:
        context = zmq.Context()
        pipe = context.socket(zmq.PUSH)
        pipe.linger = LINGER_MS
        pipe.connect(place)
        return context, pipe

    return setup_in, setup_out


def mapped(place: Path, size: int) -> mmap.mmap:
    """Memory that is a new file, and there however the process ends. Its room on the disk is taken at once: a write to
    memory that has none is a signal that kills. Raises OSError."""
    with open(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b") as file:
        file.write(bytes(size))
        file.flush()
        return mmap.mmap(file.fileno(), size)


class Said:
    """The end of what was written to a stream."""

    def __init__(self, place: Path) -> None:
        """Raises OSError."""
        self._map = mapped(place, TOTAL + SAID)
        self._total = memoryview(self._map)[:TOTAL].cast("Q")
        self.total = self.sent = 0

    def add(self, text: str) -> None:
        """Fast: it is called twice for each print."""
        data = text.encode("utf-8", "replace")
        size = len(data)
        at = TOTAL + self.total % SAID
        if at + size <= TOTAL + SAID:
            self._map[at : at + size] = data
        else:
            self._add_in_parts(data)
        self.total += size
        self._total[0] = self.total

    def _add_in_parts(self, data: bytes) -> None:
        at = (self.total + max(0, len(data) - SAID)) % SAID
        data = data[-SAID:]
        before = min(len(data), SAID - at)
        self._map[TOTAL + at : TOTAL + at + before] = data[:before]
        self._map[TOTAL : TOTAL + len(data) - before] = data[before:]

    def mark(self, message: dict[str, Any]) -> dict[str, Any]:
        message["metadata"][MARK] = self.sent
        return message


def keep_output(folder: Path) -> None:
    """Have all that is put out be in files of this folder, too, until it is sent."""
    if hasattr(OutStream, "_rotate_buffers"):  # an older ipykernel has other parts
        _keep_past(folder, _keep_said(folder))
    with contextlib.suppress(OSError):
        fault = open(folder / "fault", "w", encoding="utf-8")  # noqa: SIM115 (for as long as the process lives)
        faulthandler.enable(fault, all_threads=False)


def _keep_said(folder: Path) -> Callable[..., Any]:
    """What is written to a stream. Gives what writes to one, and calls `done` once the text is kept."""
    write: Any = OutStream.write
    rotate: Any = OutStream._rotate_buffers
    flush: Any = OutStream._flush
    kept: dict[str, Said] = {}
    for name in ("stdout", "stderr"):
        with contextlib.suppress(OSError):
            kept[name] = Said(folder / f"said.{name}")

    def of(stream: Any) -> Said | None:
        return kept.get(stream.name) if stream._is_master_process() else None

    def written(stream: Any, string: str, done: Callable[[], None] = lambda: None) -> Any:
        said = kept.get(stream.name)
        if (
            said is None or type(string) is not str or stream.pub_thread is None or stream.echo is not None
            or os.getpid() != stream._master_pid
        ):  # fmt: skip
            done()
            return write(stream, string)
        with stream._buffer_lock:  # as `write` does it, without looking and locking twice
            said.add(string)
            done()
            stream._buffers[frozenset(stream.parent_header.items())].write(string)
        if not stream._flush_pending:
            stream._schedule_flush()
        return len(string)

    def rotated(stream: Any) -> Any:
        with stream._buffer_lock:
            if (said := of(stream)) is not None:
                said.sent = said.total
            return rotate(stream)

    def flushed(stream: Any) -> None:
        said = of(stream)
        if said is not None and said.mark not in stream._hooks:
            stream.register_hook(said.mark)
        flush(stream)

    OutStream.write = written  # type: ignore[method-assign, assignment]
    OutStream._rotate_buffers = rotated  # type: ignore[method-assign]
    OutStream._flush = flushed  # type: ignore[method-assign]
    return written


def _keep_past(folder: Path, write: Callable[..., Any]) -> None:
    """What is written past Python, to the descriptor: through a pipe with a name, which whoever has it open can read to
    its end."""
    redirect: Any = OutStream._setup_stream_redirects

    def redirected(stream: Any, name: str) -> None:
        place = folder / f"past.{name}"
        try:
            os.mkfifo(place, 0o600)
            out = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
            into = os.open(place, os.O_WRONLY)
            part = mapped(folder / f"read.{name}", PART)
        except OSError:
            redirect(stream, name)
            return
        os.set_blocking(out, True)
        stream._original_stdstream_fd = getattr(sys, name).fileno()
        stream._original_stdstream_copy = os.dup(stream._original_stdstream_fd)
        os.dup2(into, stream._original_stdstream_fd)
        os.close(into)
        watching = threading.Thread(target=watch, args=(stream, out, part), daemon=True, name=place.name)
        stream.watch_fd_thread = watching
        watching.start()

    def watch(stream: Any, out: int, part: mmap.mmap) -> None:
        """What comes is read to where it is kept until it is said: the process may end before this thread goes on."""
        text = codecs.getincrementaldecoder("utf-8")("replace")

        def forget() -> None:
            part[:] = bytes(PART)

        with contextlib.suppress(OSError, ValueError):
            while stream._should_watch and (count := os.readv(out, [part])):
                write(stream, text.decode(part[:count]), forget)

    OutStream._setup_stream_redirects = redirected  # type: ignore[method-assign]


def main() -> None:
    connection_file = Path(sys.argv[sys.argv.index("-f") + 1])
    setup_in, setup_out = without_port(f"ipc://{connection_file.with_name('pipe')}")
    IOPubThread._setup_pipe_in = setup_in  # type: ignore[method-assign]
    IOPubThread._setup_pipe_out = setup_out  # type: ignore[method-assign]
    keep_output(connection_file.parent)
    app: Any = IPKernelApp.instance()
    app.initialize()
    if not os.environ.pop(ALONE, ""):
        IOLoop.current().add_callback(Loading(app.kernel, Path.cwd()).begin)
    app.start()


if __name__ == "__main__":
    main()
