"""Commands to a host: JSON lines over a Unix socket, each acknowledged or refused with a reason.

→ {"command": "pause"}
← {"ok": true}      or      {"ok": false, "reason": "it is paused already"}
"""

import contextlib
import json
import selectors
import socket
import time
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine.errors import RunError
from engine.home import RunFolder
from engine.hosting.unix_socket import PrivateSocket

LONGEST_LINE, LONGEST_ANSWER = 64 * 1024, 1 << 20  # bytes
BACKLOG = 128  # connections that wait to be taken
MOST_CONNECTIONS = 32  # that are open
MOST_LINES = 64  # requests that a connection sends in one go
MOST_A_SECOND, PAUSE_S = 200, 0.01  # connections and readings; seconds that the server sleeps past them, each time

Answer = dict[str, Any]


class Command(msgspec.Struct, omit_defaults=True):
    """A request. Whoever may write to the socket can say anything: it is held to these types and bounds."""

    command: Annotated[str, Meta(max_length=100)] = ""
    changes: dict[Annotated[str, Meta(max_length=100)], Annotated[str, Meta(max_length=10_000)]] | None = None


_COMMAND = msgspec.json.Decoder(Command)


class ControlServer:
    """Listens for commands; owned by the host's main thread, whose selector wakes it.

    `answer` takes a request and gives the reply; it must be quick. The socket has mode 0600 in a folder of mode 0700:
    the run's own, or, where that path is too long or its file system knows no sockets, a new one for temporary files.

    No client holds up another, or the training: of many connections the one that was silent longest goes, and past
    MOST_A_SECOND the server sleeps, which lets the training have the processor.
    """

    def __init__(
        self, run_folder: RunFolder, selector: selectors.BaseSelector, answer: Callable[[Answer], Answer]
    ) -> None:
        self._selector = selector
        self._answer = answer
        self._buffers: dict[socket.socket, bytes] = {}  # the one that was silent longest first
        self._second, self._events = 0, 0  # how much was done in this second
        try:
            self._bound = PrivateSocket(run_folder.control_socket)
        except OSError as error:
            raise RunError(
                f"cannot make the run's control socket {run_folder.control_socket} ({error.strerror}); "
                "set TMPDIR to a folder on a file system that takes Unix sockets"
            ) from None
        self.path, self._socket = self._bound.path, self._bound.socket
        self._socket.listen(BACKLOG)
        self._socket.setblocking(False)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for connection in list(self._buffers):
            self._drop(connection)
        self._selector.unregister(self._socket)
        self._bound.close()

    def _accept(self) -> None:
        self._pace()
        with contextlib.suppress(OSError):
            connection, _ = self._socket.accept()
            connection.setblocking(False)
            if len(self._buffers) >= MOST_CONNECTIONS:
                self._drop(next(iter(self._buffers)))
            self._buffers[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: socket.socket) -> None:
        self._pace()
        if connection not in self._buffers:  # dropped since the selector named it
            return
        try:
            data = connection.recv(LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, rest = (self._buffers.pop(connection) + data).split(b"\n")
        self._buffers[connection] = rest  # now the last
        if not data or len(rest) > LONGEST_LINE or len(lines) > MOST_LINES:
            self._drop(connection)
            return
        for line in lines:
            try:
                connection.sendall(json.dumps(self._reply(line)).encode() + b"\n")
            except OSError:  # gone, or not reading: the host waits for nobody
                self._drop(connection)
                return

    def _reply(self, line: bytes) -> Answer:
        try:
            request = _COMMAND.decode(line)
        except msgspec.ValidationError as error:
            return {"ok": False, "reason": f"that is not a command: {error}"}
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return {"ok": False, "reason": "that is not a JSON object"}
        found: Answer = msgspec.to_builtins(request)
        try:
            return self._answer(found)
        except Exception as error:  # a bug: the training goes on, whatever somebody asks for
            traceback.print_exc()
            return {"ok": False, "reason": f"a bug: {type(error).__name__}; its traceback is in the run's host.log"}

    def _pace(self) -> None:
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._events = now, 0
        self._events += 1
        if self._events > MOST_A_SECOND:
            time.sleep(PAUSE_S)

    def _drop(self, connection: socket.socket) -> None:
        del self._buffers[connection]
        self._selector.unregister(connection)
        connection.close()


def ask(socket_path: str, request: Answer, timeout: float = 5.0) -> Answer:
    """Send one request and wait up to `timeout` seconds for the reply. Raises RunError where nobody answers."""
    until = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            while True:
                try:
                    connection.connect(socket_path)
                    break
                except BlockingIOError:  # many ask at once, and wait to be taken
                    if time.monotonic() > until:
                        raise
                    time.sleep(PAUSE_S)
            connection.sendall(json.dumps(request).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = connection.recv(LONGEST_LINE)
                if not part or len(data) > LONGEST_ANSWER:
                    raise RunError("its host hung up")
                data += part
        reply = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"its host does not answer ({error})") from None
    if not isinstance(reply, dict) or not isinstance(reply.get("ok"), bool):
        raise RunError("its host gives no answer that can be understood")
    return reply
