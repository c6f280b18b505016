"""Commands to a host: JSON lines over a Unix socket, each acknowledged or refused with a reason.

→ {"command": "pause"}
← {"ok": true}      or      {"ok": false, "reason": "it is paused already"}
"""

import contextlib
import json
import selectors
import socket
from collections.abc import Callable
from typing import Any

from engine.errors import RunError
from engine.home import RunFolder
from engine.hosting.unix_socket import PrivateSocket

LONGEST_LINE = 64 * 1024  # bytes

Answer = dict[str, Any]


class ControlServer:
    """Listens for commands; owned by the host's main thread, whose selector wakes it.

    `answer` takes a request and gives the reply; it must be quick. The socket has mode 0600 in a folder of mode 0700:
    the run's own, or, where that path is too long or its file system knows no sockets, a new one for temporary files.
    """

    def __init__(
        self, run_folder: RunFolder, selector: selectors.BaseSelector, answer: Callable[[Answer], Answer]
    ) -> None:
        self._selector = selector
        self._answer = answer
        self._buffers: dict[socket.socket, bytes] = {}
        try:
            self._bound = PrivateSocket(run_folder.control_socket)
        except OSError as error:
            raise RunError(
                f"cannot make the run's control socket {run_folder.control_socket} ({error.strerror}); "
                "set TMPDIR to a folder on a file system that takes Unix sockets"
            ) from None
        self.path, self._socket = self._bound.path, self._bound.socket
        self._socket.listen(16)
        self._socket.setblocking(False)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for connection in list(self._buffers):
            self._drop(connection)
        self._selector.unregister(self._socket)
        self._bound.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._socket.accept()
            connection.setblocking(False)
            self._buffers[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(self._buffers[connection]) > LONGEST_LINE:
            self._drop(connection)
            return
        *lines, self._buffers[connection] = (self._buffers[connection] + data).split(b"\n")
        for line in lines:
            try:
                request = json.loads(line)
                if not isinstance(request, dict):
                    raise ValueError("no object")
            except ValueError:
                reply: Answer = {"ok": False, "reason": "that is not a JSON object"}
            else:
                reply = self._answer(request)
            try:
                connection.sendall(json.dumps(reply).encode() + b"\n")
            except OSError:  # gone, or not reading: the host waits for nobody
                self._drop(connection)
                return

    def _drop(self, connection: socket.socket) -> None:
        del self._buffers[connection]
        self._selector.unregister(connection)
        connection.close()


def ask(socket_path: str, request: Answer, timeout: float = 5.0) -> Answer:
    """Send one request and wait up to `timeout` seconds for the reply. Raises RunError where nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(socket_path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = connection.recv(LONGEST_LINE)
                if not part:
                    raise RunError("its host hung up")
                data += part
        reply: Answer = json.loads(data)
    except (OSError, ValueError) as error:
        raise RunError(f"its host does not answer ({error})") from None
    return reply
