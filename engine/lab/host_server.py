"""The socket of a lab's host: lines of JSON, one request for each connection.

→ {"do": "execute", "cells": [["first", "x = 1"]]}
← {"ok": true}      or      {"ok": false, "reason": "the kernel has ended: …"}

Types and bounds are those of `host_requests`. A connection that is closed before its answer takes its request back. One
that asks to `follow` gets `{"ok": true}`, and then, until it is closed, lines of these shapes:

← {"log": [0, 5120]}     these bytes of the log are to be read
← {"v": 1, "kind": …}    an event, as the log has it; one of `seq` 0 is not there
"""

import asyncio
import json
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable

from engine.errors import LabError
from engine.hosting.unix_socket import PrivateSocket
from engine.lab.events import LabEvent
from engine.lab.host_requests import LONGEST_REQUEST, Fields, HostRequest, read_request
from engine.lab.log import LabLog, line_of

READ = 64 * 2**10  # bytes that are read of a connection at once
MOST_HELD = 4 * LONGEST_REQUEST  # bytes of all requests that are not whole yet
MOST_CONNECTIONS = 64  # that are open
ASKS_S, READS_S = 30.0, 60.0  # that a connection may take to send its request, and to read the answer
MOST_A_SECOND, PAUSE_S = 500, 0.01  # requests, and seconds between those past them
BEHIND = 4 * 2**20  # bytes that wait for one who follows; what comes then is to be read from the log


class Follower:
    """One who follows. However slow it is, it holds up nothing, and what waits for it has a bound."""

    def __init__(self, log: LabLog, writer: asyncio.StreamWriter) -> None:
        self._log, self._writer = log, writer
        self._lines: deque[tuple[int, bytes]] = deque()  # with the size that the log had before
        self._size = 0
        self._missed: int | None = 0  # from where on it has to read the log
        self._shown: dict[object, bytes] = {}  # the newest of what the log does not have
        self._more = asyncio.Event()
        self._more.set()

    @property
    def waits(self) -> bool:
        """Whether there is something that it has not got."""
        unsent = self._missed is not None or bool(self._lines) or bool(self._shown)
        return unsent or self._writer.transport.get_write_buffer_size() > 0

    def event(self, before: int, line: bytes) -> None:
        """What the log has got, right now. `before`: its size before that."""
        if self._missed is None:
            self._lines.append((before, line))
            self._size += len(line)
            if self._size > BEHIND and len(self._lines) > 1:
                self._missed = self._lines[0][0]
                self._lines.clear()
                self._size = 0
        self._more.set()

    def show(self, key: object, line: bytes) -> None:
        """What the log does not get: the newest of a key counts."""
        self._shown[key] = line
        self._more.set()

    def forget(self, key: object) -> None:
        self._shown.pop(key, None)

    async def send(self) -> None:
        """Send all that comes, until the connection ends."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._missed is not None or self._lines or self._shown:
                if self._missed is not None:
                    begin, self._missed = self._missed, None
                    part = {"log": [begin, self._log.size]}
                    self._writer.write(_line(part) + self._log.waiting.lstrip(b"\n"))
                elif self._lines:
                    _, line = self._lines.popleft()
                    self._size -= len(line)
                    self._writer.write(line)
                else:
                    self._writer.write(self._shown.pop(next(iter(self._shown))))
                await self._writer.drain()


class LabServer:
    """Answers requests by `answer`, and tells events to those who follow.

    No client holds up another, or the kernel: of many connections the one that has been longest without a request goes,
    one that sends or reads too slowly is hung up on, and past MOST_A_SECOND requests wait for each other.
    """

    def __init__(self, log: LabLog, answer: Callable[[HostRequest], Awaitable[Fields]], on_follow: Callable[[], None]):
        self._log, self._answer, self._on_follow = log, answer, on_follow
        self._followers: set[Follower] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._silent: dict[asyncio.Task[None], None] = {}  # those without a request yet, the oldest first
        self._held = 0  # bytes of their requests so far
        self._second, self._requests = 0, 0  # how many there were in this second
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None

    async def listen(self, bound: PrivateSocket) -> None:
        self._server = await asyncio.start_unix_server(self._connected, sock=bound.socket, limit=READ)

    async def close(self) -> None:
        """Send what waits, for a moment, and hang up."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def flush(self, seconds: float) -> None:
        """Wait until those who follow have what there is; not for those who do not read."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and any(one.waits for one in self._followers):
            await asyncio.sleep(0.01)

    def event(self, before: int, line: bytes) -> None:
        """Tell what the log has got, right now. `before`: its size before that."""
        for one in self._followers:
            one.event(before, line)

    def show(self, key: object, make: Callable[[], LabEvent]) -> bool:
        """Tell those who follow what the log does not get; False where nobody does."""
        if not self._followers:
            return False
        line = line_of(make())
        for one in self._followers:
            one.show(key, line)
        return True

    def forget(self, key: object) -> None:
        """What is shown of it is in the log now."""
        for one in self._followers:
            one.forget(key)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writer.transport.set_write_buffer_limits(0)  # `drain` waits until all is sent
        self._connections.add(task)
        self._silent[task] = None
        try:
            await self._serve(task, reader, writer)
        except TimeoutError:  # it is one of the next ones too
            writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            self._silent.pop(task, None)
            writer.close()

    async def _serve(
        self, task: "asyncio.Task[None]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            self._make_room(task)
            async with asyncio.timeout(ASKS_S):
                line = await self._line(reader)
                if not line:
                    return
                await self._pace()
            request = read_request(line)
        except LabError as error:
            await self._send(writer, {"ok": False, "reason": str(error)})
            return
        self._silent.pop(task, None)
        hung_up = asyncio.create_task(reader.read(1))  # nothing more is to come: it ends with the connection
        if request.do == "follow":
            await self._follow(writer, hung_up)
            return
        answering = asyncio.ensure_future(self._reply(request))
        try:
            await asyncio.wait({answering, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                await self._send(writer, answering.result())
        finally:
            for one in (answering, hung_up):
                one.cancel()

    def _make_room(self, task: "asyncio.Task[None]") -> None:
        """Raises LabError where there is none for one more connection."""
        if len(self._connections) <= MOST_CONNECTIONS:
            return
        oldest = next(iter(self._silent))
        if oldest is task:
            raise LabError(f"{MOST_CONNECTIONS} others ask or follow this lab already")
        del self._silent[oldest]
        oldest.cancel()

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        """The request that a connection sends; empty: it hung up before its end. Raises LabError where it is too
        long."""
        line = bytearray()
        try:
            while part := await reader.read(READ):
                line += part
                self._held += len(part)
                if len(line) > LONGEST_REQUEST:
                    raise LabError(f"a request may have {LONGEST_REQUEST >> 20} MiB")
                if self._held > MOST_HELD:
                    raise LabError("too many long requests come at once; ask again")
                if b"\n" in part:
                    if not line.endswith(b"\n") or line.count(b"\n") > 1:
                        raise LabError("a connection may ask once")
                    return bytes(line)
            return b""
        finally:
            self._held -= len(line)

    async def _pace(self) -> None:
        """Let the kernel's messages have the processor, whoever asks without an end."""
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._requests = now, 0
        self._requests += 1
        if self._requests > MOST_A_SECOND:
            async with self._turn:
                await asyncio.sleep(PAUSE_S)

    async def _send(self, writer: asyncio.StreamWriter, answer: Fields) -> None:
        """Raises TimeoutError where nobody reads it."""
        writer.write(_line(answer))
        async with asyncio.timeout(READS_S):
            await writer.drain()

    async def _reply(self, request: HostRequest) -> Fields:
        try:
            return {"ok": True, **await self._answer(request)}
        except LabError as error:
            return {"ok": False, "reason": str(error)}
        except Exception as error:
            traceback.print_exc()
            return {"ok": False, "reason": f"a bug in the lab's host: {type(error).__name__}: {error}"}

    async def _follow(self, writer: asyncio.StreamWriter, hung_up: "asyncio.Task[bytes]") -> None:
        follower = Follower(self._log, writer)
        self._followers.add(follower)
        writer.write(_line({"ok": True}))
        self._on_follow()
        sending = asyncio.create_task(follower.send())
        try:
            await asyncio.wait({sending, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._followers.discard(follower)
            for one in (sending, hung_up):
                one.cancel()
            await asyncio.gather(sending, hung_up, return_exceptions=True)


def _line(fields: Fields) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"  # halves of characters are "?"
