"""Stands in the place of `subprocess.Popen`: has the fork server start what it can start, and starts the rest itself.

A process that the server forked is no child of this one, but for its owner it is as one: it has its own id and session,
stays until it is waited for, and tells how it ended.
"""

import contextlib
import inspect
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import protocol

ANSWERS_S = 120.0  # the server's first answer waits for what it imports
MODULES = (
    "engine.runs.host",
    "engine.worker.server",
    "engine.evaluation.trusted",
    "engine.lab.host",
    "torch.distributed.run",
)
# Of the command line those that import torch, some with some of their options.
COMMANDS = ("train", "resume", "branch", "verify-resume", "eval", "inspect", "model", "data")
SCRIPTS = ("train.py",)  # that a run is exported as
COMMAND_LINE = os.path.join(os.path.dirname(sys.executable), "fmnist-tui")
LEFT_AS_THEY_ARE = ("executable", "pass_fds", "shell", "gid", "gids", "uid")  # by what the server forks
LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))


class Popen(subprocess.Popen[Any]):
    """As subprocess's. It overrides what that does with the system: to start a process and to wait for it."""

    _forked: socket.socket | None = None  # to the process's parent

    def _execute_child(self, *given: Any, **named: Any) -> None:
        try:
            usual: Any = super()._execute_child  # type: ignore[misc]
            asked = inspect.signature(usual).bind(*given, **named).arguments
            found = _fork(asked)
        except (OSError, EOFError, ValueError, TypeError, LookupError):
            found = None  # whatever that was, the usual start tells or does it
        if found is None:
            super()._execute_child(*given, **named)  # type: ignore[misc]
            return
        self.pid, self._forked = found
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(asked[name] for name in pipes))  # type: ignore[attr-defined]

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._forked is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc,no-any-return]
        try:
            status = protocol.line(self._forked, wait=not wait_flags & os.WNOHANG)
        except (OSError, EOFError):
            status = "0"  # as subprocess has it where nobody knows
        if status is None:
            return 0, 0
        with contextlib.suppress(OSError):
            self._forked.shutdown(socket.SHUT_WR)
            self._forked.recv(1)  # from now on the process's id may be given again
        self._forked.close()
        return self.pid, int(status)

    def _internal_poll(self, _deadstate: int | None = None, **more: Any) -> int | None:
        if self._forked is None:
            return super()._internal_poll(_deadstate, **more)  # type: ignore[misc,no-any-return]
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def install(module: Any = subprocess) -> None:
    """Have `subprocess.Popen` be this module's."""
    if not hasattr(module.Popen, "_forked"):
        module.Popen = Popen


def _fork(asked: Mapping[str, Any]) -> tuple[int, socket.socket] | None:
    """The process's id and the connection to its parent; None where the server can't start it. Raises OSError,
    EOFError, ValueError, TypeError, LookupError for the same."""
    address = os.environ.get(protocol.ADDRESS)
    if not address:
        return None
    order = _order(asked)
    if order is None:
        return None
    files = [
        number if asked[name] == -1 else asked[name] for number, name in enumerate(("p2cread", "c2pwrite", "errwrite"))
    ]
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(ANSWERS_S)
        connection.connect(address)
        protocol.send(connection, order.to_json(), files)
        pid = int(protocol.line(connection) or "")
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return pid, connection


def _order(asked: Mapping[str, Any]) -> protocol.Order | None:
    """What the server is to start; None where it is no process that it starts."""
    if any(asked[name] not in (None, False, ()) for name in LEFT_AS_THEY_ARE):
        return None
    begins = protocol.OnTerminal.of(asked["preexec_fn"])
    if asked["preexec_fn"] is not None and (begins is None or not asked["start_new_session"]):
        return None
    if asked["process_group"] != -1 or asked["umask"] != -1:
        return None
    arguments = [] if isinstance(asked["args"], str | bytes) else [os.fspath(part) for part in asked["args"]]
    cwd = os.path.realpath(os.getcwd() if asked["cwd"] is None else os.fsdecode(asked["cwd"]))
    program = _program(arguments, cwd)
    if program is None or not os.path.isdir(cwd) or not os.access(cwd, os.X_OK):
        return None
    environment = dict(os.environ if asked["env"] is None else asked["env"])
    if environment.get(protocol.ONE_THREAD) != "1":
        return None
    return protocol.Order(
        module=program.module,
        script=program.script,
        arguments=program.arguments,
        command=arguments if arguments[0] == sys.executable else [sys.executable, *arguments],  # as #! has it
        first=program.first,
        unbuffered=program.unbuffered,
        environment=environment,
        cwd=cwd,
        umask=_umask(),
        niceness=os.getpriority(os.PRIO_PROCESS, 0),
        limits={number: resource.getrlimit(number) for number in LIMITS},
        ignored=sorted(_ignored(begins)),
        asker=os.getpid(),
        new_session=asked["start_new_session"],
        terminal=begins is not None,
        surroundings=protocol.surroundings(environment, session=not asked["start_new_session"]),
    )


def _ignored(begins: protocol.OnTerminal | None) -> set[int]:
    """The signals that the process ignores."""
    found = {int(number) for number in signal.valid_signals() if signal.getsignal(number) == signal.SIG_IGN}
    if begins is None:
        return found
    return found | {signal.SIGHUP} if begins.nohup else found - {signal.SIGHUP}


@dataclass(frozen=True)
class _Program:
    """What a command line runs: a module, or a script."""

    arguments: list[str]
    module: str = ""
    script: str = ""
    first: str | None = None  # on sys.path
    unbuffered: bool = False


def _program(arguments: list[str], cwd: str) -> _Program | None:
    """The program of a command line, of those that the server starts."""
    match arguments:
        case [sys.executable, "-P", "-m", module, *rest] if module in MODULES:
            return _Program(rest, module=module)
        case [sys.executable, "-u", "-m", module, *rest] if module in MODULES:
            return _Program(rest, module=module, first=cwd, unbuffered=True)
        case [sys.executable, "-P", script, *rest] if script in SCRIPTS:
            return _Program(rest, script=script)
        case [script, "--home", _, command, *_] | [script, command, *_] if script == COMMAND_LINE:
            if command in COMMANDS:
                return _Program(arguments[1:], script=script, first=os.path.dirname(script))
    return None


def _umask() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    raise ValueError("no umask")
