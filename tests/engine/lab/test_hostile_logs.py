"""A lab's log that says anything: it is folded and shown, or passed over by the line; nothing fails over it."""

import contextlib
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.errors import LabError
from engine.home import Home, LabFolder
from engine.hosting import process
from engine.lab import log, record
from engine.lab.client import LabClient
from engine.lab.events import EVENTS, LabEvent
from engine.lab.listing import find, living
from engine.lab.log import LabLog
from engine.lab.outputs import saved
from engine.lab.state import LabState, fold
from engine.lab.views import views, whole_text

ODD = st.sampled_from(["", "\x1b[2J", "\x9b", "\u202e", "\ud800", "\0", "x" * 300, "stdout", "text/plain", "1", "-1"])
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([0, 1, 2, 10**300, 1e308]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, ODD, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD, inner, max_size=3)),
    max_leaves=8,
)
MIMES = st.sampled_from([
    "text/plain", "text/html", "image/png", "image/svg+xml", "application/json", "text/latex",
    "application/vnd.jupyter.widget-view+json", "application/vnd.fmnist-tui.object+json",
])  # fmt: skip
BUNDLES = st.dictionaries(st.one_of(MIMES, ODD), st.one_of(VALUES, st.lists(ODD, max_size=3)), max_size=4)
CONTENTS = st.one_of(
    BUNDLES,
    st.fixed_dictionaries({}, optional={
        "name": VALUES, "text": VALUES, "data": st.one_of(BUNDLES, VALUES), "metadata": VALUES, "transient": st.one_of(
            VALUES, st.fixed_dictionaries({"display_id": VALUES})), "traceback": VALUES, "ename": VALUES,
        "evalue": VALUES, "execution_count": VALUES, "wait": VALUES, "comm_id": VALUES, "target_name": VALUES,
    }),
)  # fmt: skip
NODES = st.one_of(
    VALUES,
    st.lists(st.builds(
        lambda kind, content: {"output_type": kind, **content},
        st.one_of(VALUES, st.sampled_from(["stream", "error", "execute_result", "display_data"])), CONTENTS,
    ), max_size=4),
)  # fmt: skip
TYPES = st.sampled_from([
    "stream", "execute_result", "display_data", "update_display_data", "clear_output", "error", "execute_input",
    "comm_open", "comm_msg", "comm_close", "status", "",
])  # fmt: skip
FIELDS = {
    "phase": st.one_of(st.sampled_from(["starting", "ready", "busy", "ended", "died"]), VALUES),
    "status": st.one_of(st.sampled_from(["ok", "error", "interrupted", "died", "skipped"]), VALUES),
    "run": st.one_of(st.integers(0, 3), VALUES), "cell": st.one_of(st.sampled_from("ab"), VALUES),
    "source": VALUES, "generation": st.one_of(st.integers(0, 2), VALUES), "type": st.one_of(TYPES, VALUES),
    "content": st.one_of(CONTENTS, VALUES), "nodes": NODES, "count": VALUES, "seconds": NUMBERS, "error": VALUES,
    "line": VALUES, "prompt": VALUES, "password": VALUES, "last": st.one_of(st.integers(0, 3), VALUES), "why": VALUES,
    "name": VALUES, "pid": VALUES, "seq": NUMBERS, "t": NUMBERS,
}  # fmt: skip


def likely(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """An object of that kind whose fields may be right, wrong or missing."""
    names = [one.name for one in fields(EVENTS[kind])]
    odd = {name: FIELDS[name] for name in names}
    right = {name: value for name, value in odd.items() if name in ("run", "cell", "type", "generation")}
    right |= {"source": ODD} if "source" in names else {}
    right |= {"content": CONTENTS} if "content" in names else {}
    ids = {"run": st.integers(0, 3), "cell": st.sampled_from("ab"), "generation": st.integers(0, 2), "type": TYPES}
    right = {name: ids.get(name, value) for name, value in right.items()}
    return st.one_of(
        st.fixed_dictionaries({"kind": st.just(kind), **right}, optional={
            name: value for name, value in odd.items() if name not in right}),
        st.fixed_dictionaries({"kind": st.just(kind)}, optional=odd),
    )  # fmt: skip


LINES = st.one_of(
    st.one_of([likely(kind) for kind in EVENTS]).map(lambda one: json.dumps(one).encode()),
    VALUES.map(json.dumps).map(str.encode),
    st.binary(max_size=40),
)  # fmt: skip
HERE = asdict(process.record(socket_path="/nowhere"))  # a process that lives
DEEP = (
    b'{"kind": "output", "run": 1, "type": "display_data", "content": {"data": {"x": '
    + b"[" * 900
    + b"]" * 900
    + b"}}}"
)
BEGUN = b'{"kind": "queued", "run": 1, "cell": "a", "source": ""}\n{"kind": "started", "run": 1, "generation": 1}\n'


def shown(state: LabState) -> None:
    """All that the app makes of a state."""
    for run in state.cells.values():
        nodes = run.nodes
        assert views(nodes, run.count, run.line) is not None
        for node in nodes:
            whole_text(node)
        json.dumps(saved(nodes))
        assert isinstance(run.over, bool)
    assert state.under_way is not None


@settings(
    max_examples=int(os.environ.get("FUZZ", "300")), deadline=None, derandomize="FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip
@given(lines=st.lists(LINES, max_size=12))
@example(lines=[DEEP])
def test_whatever_it_says_it_is_shown_and_a_host_goes_on_with_it(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lab") / "events.jsonl"
    path.write_bytes(BEGUN + b"\n".join(lines))
    found: list[LabEvent] = [event for part in log.read(path) for event in part]
    shown(fold(found))
    written = LabLog(path)
    shown(written.state)
    written.close()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [a_pipe, a_device, Path.mkdir])
def test_what_is_no_file_holds_up_nobody_who_follows(make: Any, tmp_path: Path) -> None:
    folder = LabFolder(tmp_path)
    make(folder.events)
    here, there = socket.socketpair()
    said = b'{"ok": true}\n{"log": [0, 1000]}\n'
    there.sendall(said)
    lost: list[str] = []
    LabClient(folder)._follow(here, lambda events: None, lost.append)
    there.close()
    assert "the lab's log can't be read (a" in lost[0]
    assert len(lost) == len(lost[0].splitlines()) == 1


@settings(
    max_examples=int(os.environ.get("FUZZ", "150")), deadline=None, derandomize="FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip
@given(lines=st.lists(st.one_of(LINES, VALUES.map(lambda log: json.dumps({"log": log}).encode())), max_size=8))
def test_whatever_a_host_s_socket_says_its_end_is_told_once(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A socket that host.json names may be anybody's."""
    folder = LabFolder(tmp_path_factory.mktemp("lab"))
    folder.events.write_bytes(BEGUN)
    here, there = socket.socketpair()
    there.sendall(b'{"ok": true}\n' + b"\n".join(lines) + b"\n")
    there.shutdown(socket.SHUT_WR)
    state, lost = LabState(), list[str]()

    def take(events: Sequence[LabEvent]) -> None:
        for event in events:
            state.add(event)

    LabClient(folder)._follow(here, take, lost.append)
    there.close()
    assert len(lost) == 1
    shown(state)


@settings(
    max_examples=int(os.environ.get("FUZZ", "200")), deadline=None, derandomize="FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip
@given(
    host=st.one_of(VALUES, st.fixed_dictionaries({}, optional={
        name: st.one_of(st.just(right), VALUES) for name, right in HERE.items()}),
        st.dictionaries(st.sampled_from(list(HERE)), VALUES, max_size=2).map(lambda odd: HERE | odd)),
    lab=st.one_of(VALUES, st.fixed_dictionaries({}, optional={
        name: st.one_of(VALUES, st.just(right)) for name, right in (
            ("document", "/a.ipynb"), ("kernel", "python3"), ("data_dir", None), ("idle", 1.0), ("created", 0.0))})),
)  # fmt: skip
def test_whatever_its_folder_says_the_labs_are_listed(
    host: Any, lab: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    folder = Home(home).lab("a-12345678")
    folder.path.mkdir(parents=True)
    folder.host_json.write_text(json.dumps(host))
    folder.lab_json.write_text(json.dumps(lab))
    for found in living(home):
        json.dumps(found.to_dict())
    find(home, "a")
    with contextlib.suppress(LabError):
        record.read(folder)
