"""The socket of a lab's host: lines of JSON, one request for each connection.

→ {"do": "execute", "cells": [["first", "x = 1"]]}
← {"ok": true}      or      {"ok": false, "reason": "the kernel has ended: …"}

A connection that is closed before its answer takes its request back. One that asks to `follow` gets `{"ok": true}`, and
then, until it is closed, lines of these shapes:

← {"log": [0, 5120]}     these bytes of the log are to be read
← {"v": 1, "kind": …}    an event, as the log has it; one of `seq` 0 is not there
"""

import asyncio
import contextlib
import json
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import LabError
from engine.hosting.unix_socket import PrivateSocket
from engine.lab.events import LabEvent
from engine.lab.log import LabLog, line_of

LONGEST_LINE = 256 * 2**20  # bytes of a request
BEHIND = 4 * 2**20  # bytes that wait for one who follows; what comes then is to be read from the log

Fields = dict[str, Any]  # of a request, or of an answer


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
    """Answers requests by `answer`, and tells events to those who follow."""

    def __init__(self, log: LabLog, answer: Callable[[Fields], Awaitable[Fields]], on_follow: Callable[[], None]):
        self._log, self._answer, self._on_follow = log, answer, on_follow
        self._followers: set[Follower] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, bound: PrivateSocket) -> None:
        self._server = await asyncio.start_unix_server(self._connected, sock=bound.socket, limit=LONGEST_LINE)

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
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError, ValueError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            if not isinstance(request, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            writer.write(_line({"ok": False, "reason": "that is not a JSON object"}))
            return
        hung_up = asyncio.create_task(reader.read())  # nothing more is to come: it ends with the connection
        if request.get("do") == "follow":
            await self._follow(writer, hung_up)
            return
        answering = asyncio.ensure_future(self._reply(request))
        try:
            await asyncio.wait({answering, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                writer.write(_line(answering.result()))
                await writer.drain()
        finally:
            for one in (answering, hung_up):
                one.cancel()

    async def _reply(self, request: Fields) -> Fields:
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
    return json.dumps(fields).encode() + b"\n"
