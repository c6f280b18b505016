"""The fork server of a test session: started with the first process that is asked of it, ended with the session."""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.support.fork_server import launching, protocol

HERE = Path(__file__).parent
ROOT = HERE.parents[2]  # the tests are in no installed package
SITE = HERE / "site"
PYTHON_PATH = "PYTHONPATH"
WANTED = "FMNIST_TUI_TESTS_FORK"  # "0": begin none
BACKLOG = 64


class ForkServer:
    """Its socket stands in the environment, for this process and those that it starts."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._folder = tempfile.mkdtemp(prefix="fmnist-fork-")
        address = os.path.join(self._folder, "socket")
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(address)
        self._listening.listen(BACKLOG)
        self._life, self._alive = os.pipe()  # the server reads; nobody ever writes
        self._server: subprocess.Popen[bytes] | None = None
        self._before = {name: os.environ.get(name) for name in (protocol.ADDRESS, PYTHON_PATH)}
        os.environ[protocol.ADDRESS] = address
        os.environ[PYTHON_PATH] = os.pathsep.join([str(SITE), str(ROOT), *filter(None, [os.environ.get(PYTHON_PATH)])])
        # As at the session's start: a test may have changed some of it once the server is needed.
        self._environment = {**os.environ, protocol.ONE_THREAD: "1"}
        self._ended, self._ending = os.pipe()
        self._thread = threading.Thread(target=self._start_when_asked, name="fork server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server. What it forked is ended by the tests that asked for it."""
        os.close(self._ending)
        self._thread.join()
        os.close(self._ended)
        os.close(self._life)
        os.close(self._alive)
        self._listening.close()
        if self._server is not None:
            self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def _start_when_asked(self) -> None:
        ready, _, _ = select.select([self._listening.fileno(), self._ended], [], [])
        if self._ended in ready:
            return
        with contextlib.suppress(OSError):
            listening = self._listening.fileno()
            self._server = subprocess.Popen(
                [sys.executable, "-P", str(HERE / "server.py"), str(listening), str(self._life), self._folder],
                pass_fds=[listening, self._life],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._listening.close()  # without a server, who asks is refused


def begin() -> ForkServer | None:
    """The session's server, and this process asks it. None where it is not wanted, where this is a process of a session
    that has one, or where the system has not all that is needed."""
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return None
    if protocol.ADDRESS not in os.environ and os.environ.get(WANTED) == "0":
        return None
    server = None
    if protocol.ADDRESS not in os.environ:
        try:
            server = ForkServer()
        except OSError:
            return None
    launching.install()
    return server
