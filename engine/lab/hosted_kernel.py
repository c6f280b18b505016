"""The kernel of a lab's host, on the host's event loop: started, asked, listened to, ended."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import LabError
from engine.lab.kernel_process import READY_S, KernelFolder, no_such_kernel, why_ended

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.manager import AsyncKernelManager

LAST_WORDS_S = 0.2  # in which the last outputs of a kernel that has ended are still read
IDLE_AFTER_S = 2.0  # that a kernel which has answered a request may take to say that it is idle


class KernelGoneError(LabError):
    """The kernel has ended before it answered. `died`: by itself."""

    def __init__(self, why: str, *, died: bool) -> None:
        super().__init__(why)
        self.died = died


class Listener(Protocol):
    """What the host does with what the kernel says by itself. `parent`: the id of the request it is of."""

    def put_out(self, parent: str, kind: str, content: dict[str, Any]) -> None: ...

    def asked_for_input(self, parent: str, content: dict[str, Any]) -> None: ...

    def kernel_died(self, why: str) -> None: ...


class HostedKernel:
    """One kernel, from its start to its end."""

    def __init__(self, name: str, cwd: Path, env: Mapping[str, str], listener: Listener) -> None:
        self.name = name
        self.pid = 0
        self._cwd, self._env, self._listener = cwd, env, listener
        self._folder: KernelFolder | None = None
        self._manager: AsyncKernelManager | None = None
        self._client: AsyncKernelClient | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._idle: dict[str, asyncio.Event] = {}
        self._ready = False
        self._gone: KernelGoneError | None = None
        self._ending: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start it, and wait until it can be asked. Raises LabError where it can't."""
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import AsyncKernelManager

        self._folder = KernelFolder()
        self._manager = AsyncKernelManager(
            kernel_name=self.name, transport="ipc", ip=str(self._folder.sockets),
            connection_file=str(self._folder.connection_file),
        )  # fmt: skip
        try:
            with self._folder.launch(self._manager, self.name, self._cwd, self._env) as arguments:
                await self._manager.start_kernel(**arguments)
            self._watch()
            self._client = self._manager.client()
            self._client.start_channels(hb=False)
            await self._client.wait_for_ready(timeout=READY_S)
            self._folder.last_output.open()
            self._ready = True
            if not await self._manager.is_alive():
                raise RuntimeError("it has ended")
        except NoSuchKernel as error:
            await self.end()
            raise no_such_kernel(self.name) from error
        except (RuntimeError, OSError) as error:
            why = self._folder.not_started(self.name, error)
            await self.end()
            raise why from error
        self._tasks = [
            self._listen(self._client.get_iopub_msg, self._take_iopub),
            self._listen(self._client.get_shell_msg, self._take_reply),
            self._listen(self._client.get_stdin_msg, self._take_stdin),
        ]

    def execute(self, source: str) -> str:
        """Have a cell run. Returns the request's id."""
        # What a cell that fails ends is the host's affair: the kernel would refuse what is asked between two cells too.
        return self._sent(self._live.execute(source, allow_stdin=True, stop_on_error=False))

    def evaluate(self, expression: str) -> str:
        """Have an expression evaluated, which no count of executions and no `_` remembers."""
        return self._sent(
            self._live.execute("", silent=True, user_expressions={"asked": expression}, allow_stdin=False)
        )

    def complete(self, source: str, position: int) -> str:
        return self._sent(self._live.complete(source, position))

    def inspect(self, source: str, position: int) -> str:
        return self._sent(self._live.inspect(source, position, 0))

    async def reply(self, request: str) -> dict[str, Any]:
        """The content of the answer to a request, after all that it puts out. Raises KernelGoneError."""
        try:
            content = await self._replies[request]
            with contextlib.suppress(TimeoutError):  # of a flood of outputs, some are lost
                await asyncio.wait_for(self._idle[request].wait(), IDLE_AFTER_S)
            return content
        finally:
            self._replies.pop(request, None)
            self._idle.pop(request, None)

    def answer_input(self, text: str) -> None:
        self._live.input(text)

    async def interrupt(self) -> None:
        """Ask what runs to end, by a KeyboardInterrupt."""
        with contextlib.suppress(RuntimeError, OSError):
            if self._manager is not None and self._gone is None:
                await self._manager.interrupt_kernel()

    async def end(self, why: str = "") -> None:
        """End it; what waits for it is told why. May be called twice."""
        self._go(KernelGoneError(why, died=False))
        for task in self._tasks:
            task.cancel()
        if self._manager is not None:
            with contextlib.suppress(RuntimeError, OSError):
                if self._manager.has_kernel:
                    await self._manager.shutdown_kernel(now=True)
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        if self._folder is not None:
            self._folder.remove()

    async def kill(self, why: str) -> None:
        """End it because it does not obey: as if it had died."""
        self.put_out_last()
        self._go(KernelGoneError(why, died=True))
        self._listener.kernel_died(why)
        await self.end()

    def put_out_last(self, code: int | None = None) -> None:
        """What it has put out and not sent, before it is ended, or after it has ended with that exit code."""
        if self._folder is not None and self._ready:
            for content in self._folder.last_output.take(code):
                self._listener.put_out("", "stream", content)

    @property
    def _live(self) -> "AsyncKernelClient":
        if self._client is None or self._gone is not None:
            raise self._gone or KernelGoneError("the kernel has not started", died=False)
        return self._client

    def _sent(self, request: str) -> str:
        self._replies[request] = asyncio.get_running_loop().create_future()
        self._idle[request] = asyncio.Event()
        return request

    def _go(self, error: KernelGoneError) -> None:
        """Whoever waits for an answer gets the error."""
        if self._gone is None:
            self._gone = error
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(self._gone)
                waiting.exception()  # it may be that nobody waits

    def _watch(self) -> None:
        """See in a thread when the process ends: nothing is polled."""
        provisioner: Any = self._manager.provisioner if self._manager else None
        running = getattr(provisioner, "process", None)
        loop = asyncio.get_running_loop()
        if running is None:
            return
        self.pid = int(running.pid)

        def wait() -> None:
            code = running.wait()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(lambda: self._ending.append(loop.create_task(self._ended(code))))

        threading.Thread(target=wait, name="kernel", daemon=True).start()

    async def _ended(self, code: int) -> None:
        if not self._ready or self._gone is not None:
            return
        await asyncio.sleep(LAST_WORDS_S)
        if self._gone is None:
            why = why_ended(code)
            self.put_out_last(code)
            self._go(KernelGoneError(why, died=True))
            self._listener.kernel_died(why)

    def _listen(
        self, get: Callable[[], Coroutine[Any, Any, dict[str, Any]]], take: Callable[[dict[str, Any]], None]
    ) -> "asyncio.Task[None]":
        async def listen() -> None:
            while True:
                with contextlib.suppress(queue.Empty, ValueError):  # no message, or one that is signed by another
                    take(await get())

        return asyncio.get_running_loop().create_task(listen())

    def _take_iopub(self, message: dict[str, Any]) -> None:
        parent, kind, content = message["parent_header"].get("msg_id", ""), message["msg_type"], message["content"]
        if kind == "status":
            if content.get("execution_state") == "idle" and parent in self._idle:
                self._idle[parent].set()
                asyncio.get_running_loop().call_later(IDLE_AFTER_S, self._settle, parent)
            return
        if self._folder is not None:
            self._folder.last_output.note(kind, message)
        self._listener.put_out(parent, kind, content)

    def _settle(self, request: str) -> None:
        """A kernel that is idle and has not answered was interrupted in its own code, between two of the person's."""
        waiting = self._replies.get(request)
        if waiting is not None and not waiting.done():
            waiting.set_result({"status": "error", "ename": "KeyboardInterrupt", "evalue": ""})

    def _take_reply(self, message: dict[str, Any]) -> None:
        waiting = self._replies.get(message["parent_header"].get("msg_id", ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(message["content"])

    def _take_stdin(self, message: dict[str, Any]) -> None:
        if message["msg_type"] == "input_request":
            self._listener.asked_for_input(message["parent_header"].get("msg_id", ""), message["content"])
