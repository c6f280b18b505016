import json
import selectors
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs.control import Answer, ControlServer, ask
from tests.support.waiting import HANG_S


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


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1, 2]\n", b"\xff\n", b"\n"])
def test_what_is_no_request_is_refused_and_the_next_one_taken(serving: Serving, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(HANG_S)
        connection.connect(str(serving.path))
        connection.sendall(line)
        assert json.loads(connection.recv(1000)) == {"ok": False, "reason": "that is not a JSON object"}
        connection.sendall(b'{"command": "status"}\n')
        assert json.loads(connection.recv(1000))["ok"]


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
