"""A Jupyter kernel: started, run cells in, interrupted, ended. It listens on Unix sockets in a folder that is its
owner's alone, never on a port."""

import contextlib
import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import LabError
from engine.lab.kernel_process import OBEYS_S, READY_S, KernelFolder, exit_code, no_such_kernel, why_ended
from engine.lab.outputs import PLAIN, Failure, Outputs, failure_of, paged
from engine.lab.written_text import clean

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

POLL_S = 0.2
ALONE = {"FMNIST_TUI_KERNEL_ALONE": "1"}  # for the environment of a kernel that is asked nothing: it loads no torch
ASKED = "asked"  # the name of the expression that is evaluated
Status = Literal["ok", "error", "interrupted", "died"]


@dataclass(frozen=True)
class Ran:
    """How a cell ended. `failure`: of "error", and of the others why."""

    status: Status
    outputs: Outputs
    count: int | None  # of the kernel's executions
    seconds: float
    failure: Failure | None = None
    value: str | None = None  # of `evaluate`: as IPython shows it


class Kernel:
    """One kernel. Not for several threads at once, but for `interrupt` and `end`."""

    def __init__(self, name: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it. `cwd`: the folder that its code runs in. Raises LabError where there is no such kernel, or it does
        not start."""
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import KernelManager

        self.name = name
        self._folder = KernelFolder()
        self._manager: KernelManager = KernelManager(
            kernel_name=name, transport="ipc", ip=str(self._folder.sockets),
            connection_file=str(self._folder.connection_file),
        )  # fmt: skip
        self._client: BlockingKernelClient | None = None
        try:
            with self._folder.launch(self._manager, name, cwd, env) as arguments:
                self._manager.start_kernel(**arguments)
            self._client = self._manager.client()
            self._client.start_channels()
            self._client.wait_for_ready(timeout=READY_S)
            self._folder.last_output.open()
        except NoSuchKernel as error:
            self.end()
            raise no_such_kernel(name) from error
        except (RuntimeError, OSError) as error:
            why = self._folder.not_started(name, error)
            self.end()
            raise why from error

    @property
    def pid(self) -> int | None:
        provisioner = self._manager.provisioner
        found = getattr(provisioner, "pid", None)
        return int(found) if found else None

    @property
    def alive(self) -> bool:
        return bool(self._manager.is_alive())

    def run(
        self,
        code: str,
        *,
        timeout: float | None = None,
        on_output: Callable[[str, dict[str, Any]], None] = lambda kind, content: None,
    ) -> Ran:
        """Run a cell to its end. `timeout`: seconds after which it is interrupted, and the kernel killed where that
        does not help. `on_output`: gets each output as it comes, as the kernel's messages have it. Raises LabError
        where the code can't be sent."""
        assert self._client is not None
        try:
            message = self._client.execute(code, allow_stdin=False, stop_on_error=True)
        except UnicodeEncodeError as error:
            raise LabError("a cell's text has halves of characters (lone surrogates): it can't be run") from error
        return self._follow(message, timeout, on_output)

    def evaluate(self, expression: str, *, timeout: float | None = None) -> Ran:
        """The value of an expression, which no count of executions and no `_` remembers. Its failure is the Ran's."""
        assert self._client is not None
        message = self._client.execute("", silent=True, user_expressions={ASKED: expression}, allow_stdin=False)
        return self._follow(message, timeout, lambda kind, content: None)

    def _follow(self, message: str, timeout: float | None, on_output: Callable[[str, dict[str, Any]], None]) -> Ran:
        """A request to its end."""
        assert self._client is not None
        outputs, begin = Outputs(), time.monotonic()
        deadline = None if timeout is None else begin + timeout
        interrupted = False
        while True:
            if deadline is not None and time.monotonic() > deadline:
                if interrupted:
                    self._kill()
                    self._put_out_last(outputs, on_output)
                    return self._ended("interrupted", outputs, begin, f"did not obey an interrupt for {OBEYS_S:g} s")
                self.interrupt()
                interrupted, deadline = True, time.monotonic() + OBEYS_S
            try:
                found = self._client.get_iopub_msg(timeout=POLL_S)
            except queue.Empty:
                if not self.alive:
                    self._put_out_last(outputs, on_output)
                    return self._ended("died", outputs, begin, self._why_dead())
                continue
            kind, content = found["msg_type"], found["content"]
            self._folder.last_output.note(kind, found)
            if found["parent_header"].get("msg_id") != message:
                continue
            if kind == "status" and content.get("execution_state") == "idle":
                break
            if outputs.take(kind, content):
                on_output(kind, content)
        reply = self._reply(message)
        if reply is None:
            self._put_out_last(outputs, on_output)
            return self._ended("died", outputs, begin, self._why_dead())
        for content in paged(reply):
            outputs.take("display_data", content)
            on_output("display_data", content)
        return self._ran(reply, outputs, begin, interrupted=interrupted, timeout=timeout)

    def interrupt(self) -> None:
        """Ask the cell that runs to end, by a KeyboardInterrupt."""
        with contextlib.suppress(RuntimeError, OSError):
            self._manager.interrupt_kernel()

    def end(self) -> None:
        """End the kernel, and forget it. May be called twice."""
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        with contextlib.suppress(RuntimeError, OSError):
            if self._manager.has_kernel:
                self._manager.shutdown_kernel(now=True)
        self._folder.remove()

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _reply(self, message: str) -> dict[str, Any] | None:
        """What the kernel answers when the cell's outputs are all there; None where it does not."""
        assert self._client is not None
        while True:
            try:
                reply = self._client.get_shell_msg(timeout=READY_S)
            except queue.Empty:
                return None
            if reply["parent_header"].get("msg_id") == message:
                content: dict[str, Any] = reply["content"]
                return content

    def _ran(
        self, content: dict[str, Any], outputs: Outputs, begin: float, *, interrupted: bool, timeout: float | None
    ) -> Ran:
        seconds = time.monotonic() - begin
        count = content.get("execution_count")
        asked = content.get("user_expressions", {}).get(ASKED, {})
        if content.get("status") == "ok" and asked.get("status", "ok") == "ok":
            value = asked.get("data", {}).get(PLAIN)
            return Ran("ok", outputs, count, seconds, value=None if value is None else clean(value))
        content = asked or content
        failure = outputs.with_line(outputs.failure or failure_of(content, count))
        if interrupted:
            why = Failure("KeyboardInterrupt", f"interrupted after {timeout:g} s", failure.traceback, failure.line)
            return Ran("interrupted", outputs, count, seconds, why)
        return Ran("error", outputs, count, seconds, failure)

    def _ended(self, status: Status, outputs: Outputs, begin: float, why: str) -> Ran:
        name = "KernelDied" if status == "died" else "KernelKilled"
        return Ran(status, outputs, None, time.monotonic() - begin, Failure(name, why))

    def _put_out_last(self, outputs: Outputs, on_output: Callable[[str, dict[str, Any]], None]) -> None:
        """What the kernel has put out and not sent."""
        for content in self._folder.last_output.take(exit_code(self._manager)):
            outputs.take("stream", content)
            on_output("stream", content)

    def _why_dead(self) -> str:
        return why_ended(exit_code(self._manager))

    def _kill(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            self._manager.shutdown_kernel(now=True)
