"""A lab from outside its host: opened, followed by several, asked, left and found again."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from engine.errors import EngineError, InspectionCancelledError, InspectionError, LabError
from engine.inspection.kernel_requests import VariablesRequest
from engine.lab import client as lab_client
from engine.lab import listing, record
from engine.lab.client import LabClient, open_lab
from engine.lab.events import RunOutputs
from tests.support.labs import Following, end, opened, text_of
from tests.support.waiting import HANG_S, wait_for

# A stand-in for engine.lab.kernel_side, in the kernel alone: what it answers is in the `after` of a request.
ANSWERS = """
import base64, io, sys, time, types
from engine.errors import InspectionError
from engine.worker import wire
from engine.worker.messages import Answered, Refused

def answer(text):
    after = wire.receive(io.BytesIO(base64.b64decode(text))).after
    if after == 99:
        while True: time.sleep(0.01)
    stream = io.BytesIO()
    wire.send(stream, Refused(InspectionError("no such name")) if after < 0 else Answered("v" * after))
    return base64.b64encode(stream.getvalue()).decode()

made = types.ModuleType("engine.lab.kernel_side")
made.answer = answer
sys.modules["engine.lab.kernel_side"] = made
"""
ENDLESS = 99

pytestmark = pytest.mark.usefixtures("light_kernels")


@pytest.fixture(scope="module")
def shared(light_kernels: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Following]:
    """A lab of all tests of this module that leave its kernel as it is."""
    folder = tmp_path_factory.mktemp("lab")
    lab = opened(folder / "home", folder / "shared.py").ready()
    lab.run(ANSWERS)
    yield lab
    end(folder / "home", folder / "shared.py")


def again(lab: Following) -> Following:
    """Another one who follows the same lab."""
    return Following(LabClient(lab.client.folder)).ready()


def test_who_comes_later_sees_all_of_it_once_and_in_order(shared: Following) -> None:
    shared.run("print('before')")
    other = again(shared)
    (run,) = shared.run("print('after')")
    assert other.ended(run.cell).nodes == run.nodes
    seqs = [event.seq for event in other.events]
    assert seqs == list(range(1, len(seqs) + 1))
    assert [event.seq for event in shared.events] == seqs
    other.close()


def test_two_may_command(shared: Following) -> None:
    other = again(shared)
    (name,) = shared.begin("x = input()\nx")
    other.until(lambda state: name in state.cells and state.cells[name].asked, "a question")
    other.client.answer_input("from the other")
    assert text_of(shared.ended(name)) == text_of(other.ended(name)) == "'from the other'"
    other.close()
    assert text_of(*shared.run("1")) == "1"
    assert not shared.lost


def test_one_who_comes_while_a_flood_goes_on_sees_it(shared: Following) -> None:
    (name,) = shared.begin("i = 0\nwhile True:\n    i += 1\n    print('line', i)")
    shared.until(lambda state: any(isinstance(event, RunOutputs) for event in shared.events[-3:]), "a flood")
    other = Following(LabClient(shared.client.folder))
    other.until(
        lambda state: any(isinstance(event, RunOutputs) and not event.seq for event in other.events), "the flood"
    )
    other.client.interrupt()
    assert shared.ended(name).phase == "interrupted"
    assert other.ended(name).nodes == shared.ended(name).nodes
    other.close()


def test_one_who_does_not_read_holds_up_nothing(shared: Following) -> None:
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.connect(shared.host.socket)
        stuck.sendall(b'{"do": "follow"}\n')
        memory = psutil.Process(shared.host.pid).memory_info().rss
        for _ in range(12):  # each just below what is told line by line
            shared.run("print('x' * 900_000)")
        assert text_of(*shared.run("'goes on'")) == "'goes on'"
        assert psutil.Process(shared.host.pid).memory_info().rss - memory < 100 * 2**20
        last = 0  # and then it reads: what it has missed is to be found in the log
        stream = stuck.makefile("rb")
        assert json.loads(stream.readline()) == {"ok": True}
        while last < shared.state.seq:
            told = json.loads(stream.readline())
            if "log" in told:
                assert told["log"][1] <= shared.client.folder.events.stat().st_size
                with open(shared.client.folder.events, "rb") as file:
                    file.seek(told["log"][0])
                    found = [
                        json.loads(line)["seq"] for line in file.read(told["log"][1] - told["log"][0]).splitlines()
                    ]
                last = found[-1]
            else:
                last = told["seq"] or last


def test_names_are_completed_and_explained(shared: Following) -> None:
    shared.run("tensor_of_mine = 1")
    found = shared.client.complete("y = tensor_of", 13)
    assert "tensor_of_mine" in found.matches
    assert (found.start, found.end) == (4, 13)
    assert len(found.types) == len(found.matches)
    assert "int" in shared.client.inspect("tensor_of_mine", 5)
    assert shared.client.inspect("nothing_of_that_name", 5) == ""


def test_a_busy_kernel_completes_nothing(shared: Following) -> None:
    (name,) = shared.begin("print('on', flush=True)\nimport time\ntime.sleep(1e6)")
    shared.says(name, "on")
    with pytest.raises(LabError, match=r"^the kernel is busy$"):
        shared.client.complete("pri", 3)
    shared.client.interrupt()
    shared.ended(name)


def test_a_question_is_answered_and_leaves_no_trace(shared: Following) -> None:
    (before,) = shared.run("'of the last cell'")
    assert shared.client.ask(VariablesRequest(after=3)) == "vvv"  # type: ignore[comparison-overlap]
    (after,) = shared.run("_")
    assert text_of(after) == "'of the last cell'"
    assert after.count == (before.count or 0) + 1
    with pytest.raises(InspectionError, match=r"^no such name$"):
        shared.client.ask(VariablesRequest(after=-1))


def test_a_large_answer_passes(shared: Following) -> None:
    assert len(str(shared.client.ask(VariablesRequest(after=8 * 2**20)))) == 8 * 2**20


def test_a_question_waits_for_the_cell(shared: Following) -> None:
    (name,) = shared.begin("input()")
    shared.until(lambda state: name in state.cells and state.cells[name].asked, "a question")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shared.client.ask, VariablesRequest(after=2))
        wait_for(lambda: shared.client._asking, "a question")
        assert not answer.done()
        shared.client.answer_input("")
        assert str(answer.result(HANG_S)) == "vv"
    assert shared.ended(name).phase == "ok"


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_question_that_is_taken_back_frees_the_kernel(shared: Following, how: str) -> None:
    client = LabClient(shared.client.folder)
    failed: list[EngineError] = []

    def ask() -> None:
        try:
            client.ask(VariablesRequest(after=ENDLESS))
        except EngineError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: client._asking, "a question")
    getattr(client, how)()
    asking.join(HANG_S)
    assert isinstance(failed[0], InspectionCancelledError)
    assert text_of(*shared.run("'free'")) == "'free'"


def test_what_it_can_not_do_is_refused(shared: Following) -> None:
    with pytest.raises(LabError, match="'dance' is nothing that a lab's host does"):
        shared.client._do("dance")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(shared.host.socket)
        connection.sendall(b"no JSON\n")
        assert json.loads(connection.makefile("rb").readline()) == {"ok": False, "reason": "that is not a JSON object"}


def test_opening_it_again_finds_the_same_lab(shared: Following, tmp_path: Path) -> None:
    home, document = shared.client.folder.home.path, shared.client.folder.home.path.parent / "shared.py"
    (tmp_path / "link.py").symlink_to(document)
    assert open_lab(home, tmp_path / "link.py").folder == shared.client.folder
    (lab,) = listing.living(home)
    assert (lab.document, lab.host_pid) == (str(document), shared.host.pid)


@pytest.mark.slow
def test_two_at_once_start_one_host(tmp_path: Path, home: Path) -> None:
    (tmp_path / "own.py").write_text("# %%\n1\n")
    try:
        with ThreadPoolExecutor(4) as pool:
            clients = list(pool.map(lambda _: open_lab(home, tmp_path / "own.py"), range(4)))
        hosts = [
            one
            for one in psutil.process_iter(["cmdline"])
            if str(clients[0].folder.path) in (one.info["cmdline"] or [])
        ]
        assert len(hosts) == 1
        assert Following(clients[0]).ready().state.generation == 1
    finally:
        end(home, tmp_path / "own.py")


CLIENT = """
import sys, time
from pathlib import Path
from engine.lab.client import open_lab
lab = open_lab(Path(sys.argv[1]), Path(sys.argv[2]))
lab.follow(lambda events: None, print)
CELL = "import time\\nprint('on', flush=True)\\ntime.sleep(2)\\nx = 41\\nprint('done')"
lab.execute([("first", CELL), ("second", "x + 1")])
print("asked", flush=True)
time.sleep(1e6)
"""


@pytest.mark.slow
def test_a_client_that_is_killed_in_the_middle_of_a_cell_finds_all_of_it_later(tmp_path: Path, home: Path) -> None:
    (tmp_path / "own.py").write_text("# %%\n1\n")
    command = [sys.executable, "-c", CLIENT, str(home), str(tmp_path / "own.py")]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "asked\n"
            os.killpg(process.pid, signal.SIGKILL)
        lab = opened(home, tmp_path / "own.py")
        assert text_of(lab.ended("first")) == "on\ndone\n"
        assert text_of(lab.ended("second")) == "42"
        assert text_of(*lab.run("x")) == "41"
        assert lab.state.generation == 1
    finally:
        end(home, tmp_path / "own.py")


@pytest.mark.slow
def test_the_log_of_a_lab_that_has_ended_is_there_in_the_next_one(tmp_path: Path, home: Path) -> None:
    lab = opened(home, tmp_path / "own.py").ready()
    (kept,) = lab.run("'kept'")
    lab.client.shut_down()
    wait_for(lambda: lab.lost, "the end of the lab")
    assert lab.lost == ["the lab has ended: shut down"]
    assert listing.living(home) == []
    try:
        after = opened(home, tmp_path / "own.py")
        assert text_of(after.ended(kept.cell)) == "'kept'"
        after.until(lambda state: (state.generation, state.phase) == (2, "ready"), "another kernel")
        (run,) = after.run("2")
        assert run.run > kept.run
    finally:
        end(home, tmp_path / "own.py")


@pytest.mark.slow
def test_a_kernel_of_another_program_shows_no_variables(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "jupyter" / "kernels" / "theirs"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "theirs", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    try:
        lab = opened(home, tmp_path / "own.py", kernel="theirs").ready()
        assert text_of(*lab.run("6 * 7")) == "42"
        with pytest.raises(LabError, match=r"^this kernel can't show its variables: "):
            lab.client.ask(VariablesRequest(after=0))
    finally:
        end(home, tmp_path / "own.py")


def test_a_host_that_does_not_come_up_is_one_line(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text("# %%\n1\n")
    monkeypatch.setattr(lab_client, "HOST", "engine.lab.nothing")
    with pytest.raises(LabError, match=r"ended while starting: .*No module named engine.lab.nothing$"):
        open_lab(home, tmp_path / "own.py")
    folder = record.folder_of(home, tmp_path / "own.py")
    monkeypatch.setattr(lab_client, "HOST", "engine.lab.host")
    folder.events.mkdir()
    with pytest.raises(LabError, match=r"ended while starting: .*events\.jsonl: a folder, not a file$"):
        open_lab(home, tmp_path / "own.py")


def test_a_document_that_is_none_starts_nothing(tmp_path: Path, home: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(LabError, match="its JSON is broken"):
        open_lab(home, tmp_path / "broken.ipynb")
    with pytest.raises(LabError, match="cannot read"):
        open_lab(home, tmp_path / "nothing.py")
    assert not (home / "lab").exists()


def test_a_home_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("# %%\n1\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=r"cannot write to .* choose another home folder"):
        open_lab(tmp_path / "file", tmp_path / "own.py")
