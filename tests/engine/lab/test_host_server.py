"""A lab's socket: whatever is said on it, others are served, and what it holds has bounds. No kernel is behind it."""

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import LabError
from engine.home import LabFolder
from engine.hosting import process, record_file
from engine.hosting.unix_socket import PrivateSocket
from engine.lab import client, host_requests, host_server
from engine.lab.client import LabClient
from engine.lab.events import KernelChanged, LabEvent, decode
from engine.lab.host_requests import Fields, HostRequest
from engine.lab.host_server import LabServer
from engine.lab.log import LabLog
from engine.lab.runs import MOST_WAITING, Runs
from tests.support.waiting import HANG_S, wait_for

STATUS = b'{"do": "status"}\n'
PARTS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([STATUS, STATUS[:-1], b'{"do": "follow"}\n', b'{"', b"\n", b"[" * 500, b'{"do": "wait"}\n']),
)


class Serving:
    """A LabServer in a thread, as a host has it. It answers all but "wait"."""

    def __init__(self, folder: LabFolder) -> None:
        self.asked: list[HostRequest] = []
        self.folder = folder
        folder.path.mkdir(parents=True)
        self._bound = PrivateSocket(folder.control_socket)
        self.path = str(self._bound.path)
        self.log = LabLog(folder.events)
        self.server = LabServer(self.log, self._answer, lambda: None)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self.taken_back = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        record_file.write(folder.host_json, process.record(socket_path=self.path))

    async def _serve(self) -> None:
        await self.server.listen(self._bound)
        await self._over.wait()
        await self.server.close()

    async def _answer(self, request: HostRequest) -> Fields:
        self.asked.append(request)
        if request.do == "wait":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.taken_back += 1
                raise
        if request.do == "much":
            return {"text": "x" * 10_000_000}
        if request.do == "halves":
            return {"text": "a\udce9"}
        return {"last": len(self.asked)}

    def tell(self) -> None:
        """An event, to those who follow."""
        told = threading.Event()

        def tell() -> None:
            before = self.log.size
            self.server.event(before, self.log.append(KernelChanged(phase="ready", generation=1, name="python3")))
            told.set()

        self._loop.call_soon_threadsafe(tell)
        assert told.wait(HANG_S)

    def connected(self) -> socket.socket:
        return LabClient(self.folder)._connect(HANG_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()
        self._bound.close()
        self.log.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    served = Serving(LabFolder(tmp_path / "home" / "lab" / "a"))
    yield served
    served.close()


def said(connection: socket.socket) -> Any:
    """The next line that came; None: it was hung up on."""
    with contextlib.suppress(ConnectionResetError), connection.makefile("rb") as stream:
        line = stream.readline()
        return json.loads(line) if line else None


def is_served(serving: Serving) -> bool:
    return LabClient(serving.folder).status(HANG_S).ok


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nonsense\n", "no JSON"), (b"\xff\n", ""), (b"\n", ""), (b"[" * 100_000 + b"\n", ""), (b"[1, 2]\n", ""),
        (b'{"x": ' + b"[" * 100_000 + b"\n", ""), (b'{"do": "\\ud800"}\n', ""), (b"null\n", ""), (b"1e400\n", ""),
        (b'{"do": 7}\n', ""), (b'{"do": "execute", "cells": [["a"]]}\n', ""), (b'{"do": "execute", "cells": 1}\n', ""),
        (b'{"do": "complete", "position": -1}\n', ""), (b'{"do": "complete", "position": 1e300}\n', ""),
        (b'{"do": "ask", "request": "\') or print(1) #"}\n', ""), (b'{"do": "' + b"x" * 200 + b'"}\n', ""),
        (b'{"do": "execute", "cells": [' + b'["", ""],' * 10_000 + b'["", ""]]}\n', ""),
        (STATUS + STATUS, "a connection may ask once"), (STATUS + b"x", "a connection may ask once"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_a_line(serving: Serving, line: bytes, words: str) -> None:
    with serving.connected() as connection:
        connection.sendall(line)
        answer = said(connection)
        assert answer["ok"] is False
        assert answer["reason"].startswith(("that is not a", "a connection may"))
        assert said(connection) is None
    assert serving.asked == []
    assert is_served(serving)


@settings(
    max_examples=int(os.environ.get("FUZZ", "200")), deadline=None, derandomize="FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip
@given(parts=st.lists(PARTS), stays=st.booleans())
def test_whatever_a_client_says_others_are_served(parts: list[bytes], stays: bool, serving: Serving) -> None:
    with serving.connected() as connection:
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
            if not stays:
                connection.shutdown(socket.SHUT_WR)
        assert is_served(serving)
    assert len(serving.server._connections) <= host_server.MOST_CONNECTIONS


def test_a_request_without_an_end_is_refused_and_held_no_longer(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_server, "LONGEST_REQUEST", 2**20)
    with serving.connected() as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(b"x" * 64_000_000)
        assert said(connection) in (None, {"ok": False, "reason": "a request may have 1 MiB"})
    assert is_served(serving)
    assert serving.server._held == 0


def test_many_long_requests_at_once_have_a_bound_together(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_server, "MOST_HELD", 3 * 2**20)
    connections = [serving.connected() for _ in range(5)]
    for connection in connections[:3]:
        connection.sendall(b"x" * 2**20)
    wait_for(lambda: serving.server._held == 3 * 2**20, "what was sent")
    connections[3].sendall(b"x")
    assert said(connections[3])["reason"] == "too many long requests come at once; ask again"
    for connection in connections[:3]:
        connection.close()
    wait_for(lambda: serving.server._held == 0, "room")
    connections[4].sendall(STATUS)
    assert said(connections[4])["ok"]
    for connection in connections:
        connection.close()


def test_of_many_connections_the_one_that_was_silent_longest_goes(serving: Serving) -> None:
    silent = [serving.connected() for _ in range(host_server.MOST_CONNECTIONS)]
    wait_for(lambda: len(serving.server._connections) == len(silent), "them")
    assert is_served(serving)
    assert said(silent[0]) is None
    silent[-1].sendall(STATUS)
    assert said(silent[-1])["ok"]
    for connection in silent:
        connection.close()


def test_those_who_wait_for_an_answer_are_not_hung_up_on_and_one_more_is_refused(serving: Serving) -> None:
    waiting = [serving.connected() for _ in range(host_server.MOST_CONNECTIONS)]
    for connection in waiting:
        connection.sendall(b'{"do": "wait"}\n')
    wait_for(lambda: len(serving.asked) == len(waiting), "all of them")
    with pytest.raises(LabError, match="others ask or follow this lab already"):
        LabClient(serving.folder).status(HANG_S)
    for connection in waiting:
        connection.close()
    wait_for(lambda: serving.taken_back == len(waiting), "what they asked to be taken back")
    assert is_served(serving)


def test_as_many_clients_as_like_are_served(serving: Serving) -> None:
    answers: list[bool] = []
    silent = [serving.connected() for _ in range(100)]
    threads = [threading.Thread(target=lambda: answers.append(is_served(serving))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    for connection in silent:
        connection.close()
    assert answers == [True] * 50


def test_one_who_sends_too_slowly_is_hung_up_on(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_server, "ASKS_S", 0.05)
    with serving.connected() as connection:
        connection.sendall(b'{"do": ')
        assert said(connection) is None
    assert is_served(serving)


def test_one_who_does_not_read_its_answer_is_hung_up_on(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_server, "READS_S", 0.05)
    with serving.connected() as connection:
        connection.sendall(b'{"do": "much"}\n')
        assert connection.recv(1)  # it is being answered
        wait_for(lambda: not serving.server._connections, "it to be let go")
        assert len(connection.makefile("rb").read()) < 10_000_000 - 1
    assert is_served(serving)


def test_one_who_goes_on_after_its_request_takes_it_back_and_is_not_read(serving: Serving) -> None:
    with serving.connected() as connection:
        connection.sendall(b'{"do": "wait"}\n')
        wait_for(lambda: serving.asked, "it")
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            connection.sendall(b"x" * 64_000_000)
    wait_for(lambda: serving.taken_back, "it to be taken back")
    assert is_served(serving)


def test_one_who_follows_and_speaks_is_hung_up_on(serving: Serving) -> None:
    with serving.connected() as connection:
        connection.sendall(b'{"do": "follow"}\n')
        wait_for(lambda: serving.server._followers, "it to follow")
        serving.tell()
        connection.sendall(b"x")
        wait_for(lambda: not serving.server._followers, "it to be let go")
    assert is_served(serving)


def test_one_who_never_stops_leaves_the_kernel_its_time(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(host_server, "MOST_A_SECOND", 5)
    monkeypatch.setattr("asyncio.sleep", noted)
    monkeypatch.setattr("engine.lab.host_server.time", SimpleNamespace(monotonic=lambda: 1.0))
    for _ in range(30):
        with serving.connected() as connection:
            connection.sendall(STATUS)
            assert said(connection)["ok"]
    assert slept == [host_server.PAUSE_S] * 25


def test_a_request_that_is_too_long_is_refused_before_it_is_sent(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_requests, "LONGEST_REQUEST", 2**20)
    lab = LabClient(serving.folder)
    with pytest.raises(LabError, match="that is more than the 1 MiB that a lab takes at once"):
        lab.execute([("a", "x" * 2**20)])
    with pytest.raises(LabError, match="lone surrogates"):
        lab.execute([("a", "'\ud800'")])
    lab.execute([("a", "x = '한글'")])
    assert [one.cells for one in serving.asked] == [[("a", "x = '한글'")]]


def test_half_characters_in_an_answer_are_shown_as_question_marks(serving: Serving) -> None:
    assert LabClient(serving.folder)._do("halves", HANG_S).text == "a?"


@pytest.mark.parametrize(
    "line",
    [b"[]\n", b'{"ok": 1}\n', b"[" * 100_000 + b"\n", b'{"ok"\n', b"", b"x" * 5000, b'{"ok": true, "last": "x"}\n'],
)
def test_an_answer_that_is_none_is_a_line(tmp_path: Path, line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LONGEST_ANSWER", 200_000 if line.endswith(b"\n") else 1000)
    with other_host(tmp_path, line) as folder, pytest.raises(LabError, match="the lab's host does not answer"):
        LabClient(folder).status(HANG_S)


@pytest.mark.parametrize(
    "line",
    [b'{"log": 7}\n', b'{"log"\n', b'{"log": [0, "x"]}\n', b'{"log": ' + b"[" * 100_000 + b"\n", b"[" * 99_999 + b"\n"],
)  # fmt: skip
def test_what_can_not_be_followed_is_an_end_and_no_traceback(tmp_path: Path, line: bytes) -> None:
    lost: list[str] = []
    with other_host(tmp_path, b'{"ok": true}\n' + line) as folder:
        LabClient(folder).follow(lambda events: None, lost.append)
        wait_for(lambda: lost, "the end")
    assert lost == ["the lab's host process has ended"]


def test_a_socket_that_can_be_none_is_a_line(tmp_path: Path) -> None:
    for path in ("\0", "x" * 1000, str(tmp_path / "none")):
        folder = LabFolder(tmp_path / "lab")
        folder.path.mkdir(exist_ok=True)
        record_file.write(folder.host_json, process.record(socket_path=path))
        lab = LabClient(folder)
        with pytest.raises(LabError, match="the lab's host does not answer"):
            lab.status(HANG_S)
        with pytest.raises(LabError, match="the lab's host does not answer"):
            lab.follow(lambda events: None, lambda why: None)


def test_so_many_cells_wait_and_no_more() -> None:
    told: list[LabEvent] = []
    runs = Runs(told.append, lambda key, make: False)
    runs.queue([("a", "x")] * MOST_WAITING, stop_on_error=True)
    with pytest.raises(LabError, match="20,000 cells wait already; at most 20,000 can"):
        runs.queue([("a", "x")], stop_on_error=True)
    assert len(told) == MOST_WAITING


def test_an_event_of_deep_json_is_none() -> None:
    assert decode(b'{"kind": "ready", "x": ' + b"[" * 100_000) is None


@contextlib.contextmanager
def other_host(tmp_path: Path, line: bytes) -> Iterator[LabFolder]:
    """Somebody else's socket, which says that line to the first who connects."""
    folder = LabFolder(tmp_path / "lab")
    folder.path.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "other.sock"))
        server.listen(1)
        record_file.write(folder.host_json, process.record(socket_path=str(tmp_path / "other.sock")))

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1000)
                connection.sendall(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield folder
        thread.join()
