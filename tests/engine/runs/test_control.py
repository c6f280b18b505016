import contextlib
import json
import os
import selectors
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs.control import MOST_CONNECTIONS, Answer, ControlServer, ask
from tests.support.waiting import HANG_S

PARTS = st.one_of(st.binary(max_size=60), st.sampled_from([b'{"command": "pause"}', b'{"', b"\n", b"[" * 500]))


class Serving:
    """A ControlServer in a thread, as a host's main thread serves it."""

    def __init__(self, folder: RunFolder) -> None:
        self.asked: list[Answer] = []
        self._selector = selectors.DefaultSelector()
        self.server = ControlServer(folder, self._selector, self._answer)
        self.path = self.server.path
        self._stop = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop = True
        self._thread.join()

    def _serve(self) -> None:
        while not self._stop:
            for key, _ in self._selector.select(timeout=0.02):
                key.data()
        self.server.close()
        self._selector.close()

    def _answer(self, request: Answer) -> Answer:
        self.asked.append(request)
        return {"ok": True, "n": len(self.asked)}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    served = Serving(RunFolder(tmp_path))
    yield served
    served.close()


def test_a_request_is_answered(serving: Serving) -> None:
    assert ask(str(serving.path), {"command": "pause"}) == {"ok": True, "n": 1}
    assert serving.asked == [{"command": "pause"}]


def test_only_the_person_may_command(serving: Serving) -> None:
    assert stat.S_IMODE(serving.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n", b"\xff\n", b"\n", b"{\n", b"[" * 3000 + b"\n", b'{"x": ' + b"[" * 3000 + b"\n",
        b'{"command": "pause", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}\n", b'{"command": "' + b"\\ud800" + b'"}\n',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_the_next_one_taken(serving: Serving, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(HANG_S)
        connection.connect(str(serving.path))
        connection.sendall(line)
        reply = json.loads(connection.recv(1000))
        assert reply["ok"] is False
        assert "that is not a" in reply["reason"]
        connection.sendall(b'{"command": "status"}\n')
        assert json.loads(connection.recv(1000))["ok"]


@pytest.mark.parametrize(
    "line", [b"[1, 2]", b'{"command": 7}', b'{"command": null}', b'{"command": "set", "changes": {"lr": 1e308}}',
             b'{"command": "set", "changes": [1]}', b'{"command": "' + b"x" * 200 + b'"}', b"null", b"1e400"],
)  # fmt: skip
def test_a_request_of_other_types_is_refused(serving: Serving, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(HANG_S)
        connection.connect(str(serving.path))
        connection.sendall(line + b"\n")
        reply = json.loads(connection.recv(1000))
        assert reply["ok"] is False
        assert "that is not a" in reply["reason"]
        assert serving.asked == []


@settings(
    max_examples=int(os.environ.get("FUZZ", "200")), deadline=None, derandomize="FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip
@given(parts=st.lists(PARTS))
def test_whatever_a_client_says_others_are_served(parts: list[bytes], serving: Serving) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(HANG_S)
        connection.connect(str(serving.path))
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
    assert ask(str(serving.path), {"command": "status"}, HANG_S)["ok"]


def test_as_many_clients_as_like_are_served(serving: Serving) -> None:
    answers: list[Answer] = []

    def client() -> None:
        answers.append(ask(str(serving.path), {"command": "status"}, HANG_S))

    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    try:
        for connection in silent:
            connection.settimeout(HANG_S)
            connection.connect(str(serving.path))
        threads = [threading.Thread(target=client) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG_S)
    finally:
        for connection in silent:
            connection.close()
    assert [answer["ok"] for answer in answers] == [True] * 50
    assert len(serving.server._buffers) <= MOST_CONNECTIONS


def test_a_client_that_reads_no_answers_is_let_go(serving: Serving) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.settimeout(HANG_S)
        deaf.connect(str(serving.path))
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            deaf.sendall(b'{"command": "status"}\n' * 1_000_000)
    assert ask(str(serving.path), {"command": "status"}, HANG_S)["ok"]


def test_a_client_that_never_stops_leaves_the_host_its_time(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("engine.runs.control.MOST_A_SECOND", 5)
    monkeypatch.setattr("engine.runs.control.PAUSE_S", 0.0)
    monkeypatch.setattr("engine.runs.control.time", SleepNoter(slept))
    for _ in range(30):
        ask(str(serving.path), {"command": "status"}, HANG_S)
    assert len(slept) > 10


class SleepNoter:
    """The clock, which stands, and sleeps that are noted."""

    def __init__(self, slept: list[float]) -> None:
        self.sleep = slept.append

    def monotonic(self) -> float:
        return 1.0


def test_an_answer_that_is_none_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    for said in (b"[]\n", b'{"ok": 1}\n', b"[" * 5000 + b"\n", b'{"ok"\n'):
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen(1)

            def serve(server: socket.socket = other, line: bytes = said) -> None:
                connection, _ = server.accept()
                connection.recv(1000)
                connection.sendall(line)
                connection.close()

            thread = threading.Thread(target=serve)
            thread.start()
            with pytest.raises(RunError, match="its host"):
                ask(str(path), {"command": "status"}, HANG_S)
            thread.join()
        path.unlink()


def test_a_client_that_hangs_hinders_nobody(serving: Serving) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(serving.path))
        silent.sendall(b'{"half a req')
        assert ask(str(serving.path), {"command": "stop"})["ok"]


def test_a_request_without_end_is_dropped(serving: Serving) -> None:
    with socket.socket(socket.AF_UNIX) as flood:
        flood.settimeout(HANG_S)
        flood.connect(str(serving.path))
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            flood.sendall(b"x" * 64_000_000)
    assert ask(str(serving.path), {"command": "status"})["ok"]


def test_a_path_too_long_for_a_socket_is_put_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    served = Serving(RunFolder(deep))
    try:
        assert ask(str(served.path), {})["ok"]
        assert stat.S_IMODE(served.path.parent.stat().st_mode) == 0o700
        assert deep not in served.path.parents
    finally:
        served.close()
    assert not served.path.parent.exists()


def test_a_socket_left_by_a_killed_host_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "control.sock"))
    left.close()
    with pytest.raises(RunError, match="does not answer"):
        ask(str(tmp_path / "control.sock"), {})
    served = Serving(RunFolder(tmp_path))
    try:
        assert ask(str(tmp_path / "control.sock"), {})["ok"]
    finally:
        served.close()
    assert not (tmp_path / "control.sock").exists()


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="its host does not answer") as refused:
        ask(str(tmp_path / "gone.sock"), {})
    assert "\n" not in str(refused.value)


def test_a_bug_over_a_request_is_a_line_and_a_traceback_and_the_next_one_is_answered(
    serving: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = serving.server._answer

    def broken(request: Answer) -> Answer:
        if request["command"] == "pause":
            raise OverflowError("cannot convert")
        return answer(request)

    serving.server._answer = broken
    told = ask(str(serving.path), {"command": "pause"})
    assert (told["ok"], told["reason"]) == (False, "a bug: OverflowError; its traceback is in the run's host.log")
    assert ask(str(serving.path), {"command": "status"})["ok"]
    assert "OverflowError: cannot convert" in capfd.readouterr().err
