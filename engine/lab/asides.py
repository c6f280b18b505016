"""What is asked of a kernel beside its cells: completions, docstrings, and what its variables are. Such a request waits
while a cell runs, and can be taken back."""

import ast
import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.errors import LabError
from engine.lab.document import PYTHON
from engine.lab.hosted_kernel import HostedKernel, KernelGoneError
from engine.lab.outputs import PLAIN
from engine.lab.written_text import clean
from engine.terminal_text import printable

BUSY_S = 2.0  # that a completion or a docstring may wait for the kernel …
SLOW_S = 10.0  # … and that it may take
LOADS_S = 20.0  # after the kernel's start, that the module which shows variables may take to be loaded
AGAIN_S = 0.2
SHOWS = '__import__("sys").modules["engine.lab.kernel_side"].answer("{}")'
NOT_LOADED = ("KeyError", "AttributeError")

Fields = dict[str, Any]
Send = Callable[[HostedKernel], str]  # gives the request's id


@dataclass(eq=False)
class Aside:
    """One request to the kernel. `interrupts`: where it is taken back while it is computed."""

    send: Send
    answer: "asyncio.Future[Fields]"
    interrupts: bool
    begun: asyncio.Event = field(default_factory=asyncio.Event)


class Asides:
    """Those that wait, and the one that is computed. `wake`: tells that there is another one."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[Aside] = deque()
        self._kernel: HostedKernel | None = None
        self._ready_at = 0.0
        self._ending: asyncio.Task[None] | None = None
        self.running: Aside | None = None

    @property
    def waiting(self) -> bool:
        while self._waiting and self._waiting[0].answer.done():  # taken back
            self._waiting.popleft()
        return bool(self._waiting)

    def kernel_ready(self) -> None:
        """There is a kernel, from now on."""
        self._ready_at = time.monotonic()

    def kernel_gone(self, gone: KernelGoneError) -> None:
        while self.waiting:
            aside = self._waiting.popleft()
            aside.answer.set_exception(LabError(str(gone)))
            aside.begun.set()

    async def run_next(self, kernel: HostedKernel) -> None:
        """Have the first of those that wait computed."""
        aside = self.running = self._waiting.popleft()
        self._kernel = kernel
        aside.begun.set()
        try:
            content = await kernel.reply(aside.send(kernel))
            if not aside.answer.done():
                aside.answer.set_result(content)
        except KernelGoneError as error:
            if not aside.answer.done():
                aside.answer.set_exception(LabError(str(error)))
        finally:
            self.running = self._kernel = None

    async def complete(self, source: str, position: int) -> Fields:
        """`matches`, `start`, `end`, `types`. Raises LabError where the kernel is busy."""
        content = await self._soon(lambda kernel: kernel.complete(source, position))
        matches = [str(one) for one in content.get("matches", [])]
        kinds = content.get("metadata", {}).get("_jupyter_types_experimental", [])
        types = {one.get("text"): str(one.get("type", "")) for one in kinds if isinstance(one, dict)}
        start, end = content.get("cursor_start", position), content.get("cursor_end", position)
        return {"matches": matches, "start": start, "end": end, "types": [types.get(one, "") for one in matches]}

    async def inspect(self, source: str, position: int) -> Fields:
        """`text`. Raises LabError where the kernel is busy."""
        content = await self._soon(lambda kernel: kernel.inspect(source, position))
        return {"text": clean(str(content.get("data", {}).get(PLAIN, ""))) if content.get("found") else ""}

    async def ask(self, request: str, kernel_name: str) -> Fields:
        """`answer`: what `engine.lab.kernel_side` in the kernel answers; it and `request` are text that only that and
        the client understand. Raises LabError where the kernel has no such module."""
        while True:
            content = await self._get(lambda kernel: kernel.evaluate(SHOWS.format(request)), interrupts=True)
            asked = content.get("user_expressions", {}).get("asked", {})
            if asked.get("status") == "ok":
                return {"answer": str(ast.literal_eval(asked["data"][PLAIN]))}
            name = asked.get("ename") or content.get("ename") or ""
            loading = kernel_name == PYTHON and time.monotonic() < self._ready_at + LOADS_S
            if name not in NOT_LOADED or not loading:
                why = f"{name}: {asked.get('evalue', '')}" if name not in NOT_LOADED else "it is another program's"
                raise LabError(f"this kernel can't show its variables: {printable(why, 200)}")
            await asyncio.sleep(AGAIN_S)

    async def _soon(self, send: Send) -> Fields:
        aside = self._add(send, interrupts=False)
        try:
            await asyncio.wait_for(aside.begun.wait(), BUSY_S)
            return await asyncio.wait_for(aside.answer, SLOW_S)
        except TimeoutError:
            raise LabError("the kernel is busy") from None
        finally:
            aside.answer.cancel()

    async def _get(self, send: Send, *, interrupts: bool) -> Fields:
        aside = self._add(send, interrupts=interrupts)
        try:
            return await aside.answer
        except asyncio.CancelledError:
            if aside is self.running and aside.interrupts:
                self._ending = asyncio.create_task(self._end(aside))
            raise

    async def _end(self, aside: Aside) -> None:
        """Have the kernel go on. It ignores an interrupt that comes before it has begun, so there may be several."""
        while aside is self.running and self._kernel is not None:
            await self._kernel.interrupt()
            await asyncio.sleep(AGAIN_S)

    def _add(self, send: Send, *, interrupts: bool) -> Aside:
        aside = Aside(send, asyncio.get_running_loop().create_future(), interrupts)
        self._waiting.append(aside)
        self._wake()
        return aside
