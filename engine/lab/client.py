"""A lab from outside its host: open it, follow it, and ask things of it."""

import base64
import contextlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from engine import file_lock, plain_file, private
from engine.errors import InspectionCancelledError, LabError
from engine.home import LabFolder
from engine.hosting import process, record_file
from engine.hosting.process import HostRecord
from engine.lab import log, record
from engine.lab.document import open_document
from engine.lab.durations import IDLE_S
from engine.lab.events import KernelChanged, LabEvent, decode
from engine.lab.host_requests import LONGEST_ANSWER, HostAnswer, HostRequest, line_of, read_answer, read_part
from engine.lab.record import LabRecord
from engine.progress import Progress, silent
from engine.terminal_text import path_text, printable
from engine.worker import wire
from engine.worker.messages import Answered, Refused
from engine.worker.request import Request

A = TypeVar("A")

ANSWERS_S = 15.0  # that a host may take for what it does not compute
STARTS_S = 60.0  # that a host may take to listen, or to end
POLL_S = 0.02
TAKEN = 3  # the exit code of a host where there is one already
HOST = "engine.lab.host"


@dataclass(frozen=True)
class Completion:
    """What may stand in place of `source[start:end]`. `types`: of each match, as jedi has it, or ""."""

    matches: tuple[str, ...]
    start: int
    end: int
    types: tuple[str, ...] = ()


class LabClient:
    """The lab of one document. Every method may be called from any thread but the event loop's: it waits. All raise
    LabError where the host does not answer, or refuses."""

    def __init__(self, folder: LabFolder) -> None:
        """`folder`: of a lab whose host lives; see `open_lab`."""
        self.folder = folder
        self._lock = threading.Lock()
        self._asking: set[socket.socket] = set()
        self._cancelled: set[socket.socket] = set()
        self._cancels = 0  # how often it was called
        self._following: socket.socket | None = None
        self._closed = False

    def follow(self, on_events: Callable[[Sequence[LabEvent]], None], on_lost: Callable[[str], None]) -> None:
        """Begin: in a thread of its own, all that the log holds, in parts, and then what comes. `on_lost`: the host is
        gone, with the reason in one line; nothing comes after it."""
        try:
            connection = self._connect(None)
        except OSError as error:
            raise self._no_answer(error) from None
        self._following = connection
        threading.Thread(target=self._follow, args=(connection, on_events, on_lost), name="lab", daemon=True).start()

    def execute(self, cells: Sequence[tuple[str, str]], *, stop_on_error: bool = True) -> None:
        """Queue cells, each its name and its source. Raises LabError where there is no kernel."""
        self._do("execute", cells=[*cells], stop_on_error=stop_on_error)

    def interrupt(self) -> None:
        """End the running cell by a KeyboardInterrupt, and skip those that wait. The kernel is killed, and the lab
        says so, where that has not helped after `OBEYS_S`."""
        self._do("interrupt")

    def restart(self, *, clear: bool = False) -> int:
        """Another kernel in place of this one, or of the one that died. `clear`: and nothing of what has run so far
        belongs to the document any more. Returns the number of the last run in the kernel that has ended."""
        return self._do("restart", clear=clear).last

    def shut_down(self) -> None:
        """End the kernel and the host, and wait until they have."""
        one = record_file.read(self.folder.host_json)
        self._do("shut_down")
        until = time.monotonic() + STARTS_S
        while one is not None and record_file.lives(self.folder.host_json, one):
            if time.monotonic() > until:
                raise LabError(f"the lab's host, process {one.pid}, was told to end and has not")
            time.sleep(POLL_S)

    def answer_input(self, text: str) -> None:
        """The line that a cell waits for (`InputAsked`), without its end."""
        self._do("answer", text=text)

    def complete(self, source: str, position: int) -> Completion:
        """`position`: in characters."""
        found = self._do("complete", source=source, position=position)
        return Completion(tuple(found.matches), found.start, found.end, tuple(found.types))

    def inspect(self, source: str, position: int) -> str:
        """The signature and docstring of the name there, in plain text; "": none is known."""
        return self._do("inspect", source=source, position=position).text

    def ask(self, request: Request[A], progress: Progress = silent) -> A:
        """The answer of `engine.lab.kernel_side` in the kernel; waits while a cell runs. Raises EngineError."""
        message = io.BytesIO()
        wire.send(message, request)
        answer = self._do("ask", None, request=base64.b64encode(message.getvalue()).decode("ascii")).answer
        try:
            told = wire.receive(io.BytesIO(base64.b64decode(answer)))
        except (ValueError, EOFError) as error:
            raise LabError(f"what the kernel answered can't be read ({printable(str(error), 100)})") from None
        if isinstance(told, Refused):
            raise told.error
        if not isinstance(told, Answered):
            raise InspectionCancelledError("the question was taken back")
        found: A = told.answer
        return found

    def cancel(self) -> None:
        """What was asked is not wanted any more: `ask` raises InspectionCancelledError."""
        with self._lock:
            self._cancels += 1
            self._cancelled |= self._asking
            for connection in self._asking:
                _hang_up(connection)

    def status(self, timeout: float = ANSWERS_S) -> HostAnswer:
        """`document`, `kernel`, `phase`, `since`, `used` (Unix seconds), `kernel_pid`, `trouble` (of the disk)."""
        return self._do("status", timeout)

    def close(self) -> None:
        """Follow no more. The lab lives on."""
        self._closed = True
        if self._following is not None:
            _hang_up(self._following)
        self.cancel()

    def _do(self, what: str, timeout: float | None = ANSWERS_S, **fields: Any) -> HostAnswer:
        """Have the host do something. `timeout`: seconds; None: it may take as long as it takes, until `cancel`."""
        line = line_of(HostRequest(do=what, **fields))
        connection, cancels = None, self._cancels
        try:
            connection = self._connect(timeout)
            if timeout is None:
                with self._lock:
                    self._asking.add(connection)
                    if self._cancels != cancels:
                        raise InspectionCancelledError("the question was taken back")
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it says why, perhaps
                connection.sendall(line)
            with connection.makefile("rb") as stream:
                line = stream.readline(LONGEST_ANSWER)
            if not line.endswith(b"\n"):
                raise OSError("it hung up" if len(line) < LONGEST_ANSWER else "its answer has no end")
            answer = read_answer(line)
        except (OSError, ValueError) as error:
            if connection in self._cancelled:
                raise InspectionCancelledError("the question was taken back") from None
            raise self._no_answer(error) from None
        finally:
            if connection is not None:
                with self._lock:
                    self._asking.discard(connection)
                    self._cancelled.discard(connection)
                connection.close()
        if not answer.ok:
            raise LabError(printable(answer.reason, 500) or "the lab's host refuses, and does not say why")
        return answer

    def _connect(self, timeout: float | None) -> socket.socket:
        """Raises OSError."""
        one = record_file.read(self.folder.host_json)
        if one is None or not one.socket:
            raise OSError("it has no host")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        until = time.monotonic() + (timeout or ANSWERS_S)
        try:
            connection.settimeout(timeout or ANSWERS_S)
            while True:
                try:
                    connection.connect(one.socket)
                    break
                except BlockingIOError:  # many ask at once, and wait to be taken
                    if time.monotonic() > until:
                        raise
                    time.sleep(POLL_S)
            connection.settimeout(timeout)
        except (OSError, ValueError) as error:  # ValueError: no file has that name
            connection.close()
            raise error if isinstance(error, OSError) else OSError(str(error)) from error
        return connection

    def _no_answer(self, error: Exception) -> LabError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return LabError(f"the lab's host does not answer ({why})")

    # In the thread that follows

    def _follow(
        self,
        connection: socket.socket,
        on_events: Callable[[Sequence[LabEvent]], None],
        on_lost: Callable[[str], None],
    ) -> None:
        ended = unread = ""
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            connection.sendall(line_of(HostRequest(do="follow")))
            try:
                for events in self._events(stream):
                    if self._closed:
                        return
                    if events:
                        on_events(events)
                    for event in events:
                        if isinstance(event, KernelChanged):
                            ended = event.why if event.phase == "ended" else ""
            except plain_file.NotPlainError as error:
                unread = f"the lab's log can't be read ({error.strerror}): {path_text(self.folder.events)}"
        if not self._closed:
            on_lost(unread or (f"the lab has ended: {ended}" if ended else "the lab's host process has ended"))

    def _events(self, stream: BinaryIO) -> Iterator[list[LabEvent]]:
        """What the log has and what comes, each once, in its order."""
        last = 0
        stream.readline(LONGEST_ANSWER)  # that it is followed
        while (line := stream.readline(LONGEST_ANSWER)).endswith(b"\n"):
            parts: Iterator[list[LabEvent]]
            if line.startswith(b'{"log"'):
                begin, end = read_part(line)
                parts = log.read(self.folder.events, begin, end)
            else:
                event = decode(line)
                parts = iter([[event]] if event is not None else [])
            for events in parts:
                new = [event for event in events if event.seq > last or not event.seq]
                last = max([last, *(event.seq for event in new)])
                yield new


def open_lab(
    home: Path, document: Path, *, kernel: str = "", data_dir: Path | None = None, idle: float | None = None
) -> LabClient:
    """The client of the lab of a document: of the one that lives, else of a new host, which has the log of the one
    before it. `kernel`: its name; empty: the one that the document asks for. `idle`: seconds without anything to do
    after which the lab ends; None: 12 hours. The three are of a new host alone. Raises LabError."""
    document = document.resolve()
    folder = record.folder_of(home, document)
    with contextlib.suppress(LabError):
        return _connected(folder)
    name = kernel or open_document(document).kernel
    record.make(folder)
    with _one_at_a_time(folder):
        deadline = time.monotonic() + STARTS_S
        while one := _living(folder):
            with contextlib.suppress(LabError):
                return _connected(folder)
            if not process.is_here(one):
                raise LabError(f"the lab of {path_text(document)} lives on {one.hostname}; open it there")
            if time.monotonic() > deadline:
                raise LabError(f"the lab's host, process {one.pid}, does not answer; see {path_text(folder.host_log)}")
            time.sleep(POLL_S)
        data = data_dir.absolute() if data_dir is not None else None
        made = LabRecord(document, name, data, IDLE_S if idle is None else idle, round(time.time(), 3))
        record.write(folder, made)
        return _started(folder)


def _connected(folder: LabFolder) -> LabClient:
    """The client of the host that lives. Raises LabError where none answers."""
    client = LabClient(folder)
    client.status()
    return client


def _living(folder: LabFolder) -> HostRecord | None:
    with contextlib.suppress(OSError):
        one = record_file.read(folder.host_json)
        return one if record_file.lives(folder.host_json, one) else None
    return None


def _started(folder: LabFolder) -> LabClient:
    """The client of a new host."""
    try:
        with private.appended(folder.host_log) as output:
            begin = output.tell()
            host = subprocess.Popen(
                [sys.executable, "-P", "-m", HOST, os.fspath(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # its own session: a closed terminal takes only its own along
            )
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise LabError(f"cannot start the lab's host process{where} ({error.strerror})") from None
    try:
        deadline = time.monotonic() + STARTS_S
        while host.poll() is None or host.returncode == TAKEN:
            one = _living(folder)
            if one is not None and (one.pid == host.pid or host.returncode == TAKEN):
                with contextlib.suppress(LabError):
                    return _connected(folder)
            if time.monotonic() > deadline:
                raise LabError(f"the lab's host process does not come up; see {path_text(folder.host_log)}")
            time.sleep(POLL_S)
    except BaseException:
        host.terminate()
        raise
    finally:
        threading.Thread(target=host.wait, name="reap", daemon=True).start()  # leaves no zombie when it ends
    raise LabError(
        f"the lab's host process ended while starting: {_last_line(folder.host_log, begin, host.returncode)}"
    )


def _last_line(path: Path, begin: int, code: int) -> str:
    with contextlib.suppress(OSError), plain_file.opened(path) as file:
        file.seek(begin)
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return printable(lines[-1].strip().removeprefix("fmnist-tui: "), 300)
    return f"exit code {code}"


@contextlib.contextmanager
def _one_at_a_time(folder: LabFolder) -> Iterator[None]:
    """Only one process at a time starts a host; where the file system has no locks, the host's own has to do."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock.held(folder.start_lock))
        except OSError as error:
            raise LabError(f"cannot write to {path_text(folder.path)} ({error.strerror})") from None
        yield


def _hang_up(connection: socket.socket) -> None:
    """End a connection that another thread reads from."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
