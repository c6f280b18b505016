"""Commands to a host: JSON lines over a Unix socket, each acknowledged or refused with a reason.

→ {"command": "pause"}
← {"ok": true}      or      {"ok": false, "reason": "it is paused already"}
"""

import contextlib
import json
import os
import selectors
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.home import RunFolder

LONGEST_PATH = 100  # bytes; the kernel takes 107 of a Unix socket's path
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
        self._own_folder: Path | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.path = run_folder.control_socket
        if len(os.fsencode(self.path)) > LONGEST_PATH or not self._bind():
            self._own_folder = Path(tempfile.mkdtemp(prefix="fmnist-tui-"))
            self.path = RunFolder(self._own_folder).control_socket
            if not self._bind():
                raise RunError(f"cannot make the control socket {self.path}")
        self._socket.listen(16)
        self._socket.setblocking(False)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for connection in list(self._buffers):
            self._drop(connection)
        self._selector.unregister(self._socket)
        self._socket.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _bind(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()  # left by a host that was killed
        before = os.umask(0o177)
        try:
            self._socket.bind(os.fspath(self.path))
        except OSError:
            return False
        finally:
            os.umask(before)
        return True

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
