"""A run's folder may come from anybody: whatever its files hold, it is a row, and its log is folded without a fault.

The same cases in every run of the tests; for others, as many as you like: `FUZZ=50000 python -m pytest` on this file.
"""

import dataclasses
import json
import math
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.home import Home
from engine.runs import history, listing, log, state_file, store
from engine.runs.stretch import read_stretch
from engine.runs.unreadable import UnreadableError
from engine.training import event_json
from engine.training import events as ev
from tests.engine.training.test_events import EVENTS
from tests.support.made_up import MadeUpRun, progress

EXAMPLES = int(os.environ.get("FUZZ", "0"))
bounded = settings(
    max_examples=EXAMPLES or 150, deadline=None, derandomize=not EXAMPLES, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
        st.sampled_from([10**400, -1, 2**63, 1e308, -1e308, "1" * 5000, "\x1b]0;x\x07"]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip
RUN_FIELDS = (
    "v", "id", "name", "created", "config", "data_dir", "processes", "parent", "dataset", "prepared", "environment",
    "versions", "agenda", "seed", "device",
)  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of a log: an event, with something of it changed."""
    event = dataclasses.replace(draw(st.sampled_from(EVENTS)), seq=draw(st.integers(0, 60)), t=1000.0)
    body = json.loads(event_json.encode(event))
    for _ in range(draw(st.integers(0, 2))):
        body[draw(st.sampled_from(sorted(body)))] = draw(JSON)
    line = json.dumps(body).encode()
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.binary(max_size=5)) + line[at + draw(st.integers(0, 3)) :]
    return line.replace(b"\n", b" ")


@bounded
@given(found=st.lists(lines(), max_size=40))
def test_a_log_of_any_lines_is_folded_and_kept(found: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Home(tmp_path_factory.mktemp("fuzzed")).run("20260101-101010-aaaa")
    folder.path.mkdir(parents=True)
    store.write_run(folder, {"v": 1, "id": folder.id, "config": {"model": "mlp"}})
    folder.events.write_bytes(b"".join(line + b"\n" for line in found))
    whole = state_file.read_all(folder)
    state = whole.snapshot()
    numbers = [state.training_s, state.x, *(value for point in state.curve for value in point[:4])]
    assert all(math.isfinite(value) for value in numbers)
    row = listing.summary(folder)
    numbers_of_lines = [event.seq for event in map(event_json.decode, found) if event is not None]
    if numbers_of_lines == sorted(set(numbers_of_lines)):  # of lines with one number a list reads only some kinds
        assert row.epoch == state.epoch
    json.dumps(row.to_dict(), allow_nan=False)
    history.read(folder)
    if state.curve:
        read_stretch(folder, None, state.curve[-1])
    state_file.keep(folder, state_file.Folded(whole, folder.events.stat().st_size))
    kept = state_file.read(folder)
    assert kept is not None
    assert repr(kept.fold.snapshot()) == repr(state)


@bounded
@given(changes=st.dictionaries(st.sampled_from(RUN_FIELDS), JSON, min_size=1, max_size=3))
def test_any_run_json_is_a_row(changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("fuzzed")
    made = MadeUpRun(home, "20260101-101010-aaaa", dead=True)
    content = json.loads(made.folder.run_json.read_text())
    made.folder.run_json.write_text(json.dumps(content | changes))
    (row,) = listing.Listing(home).look()
    assert (row.state == "unreadable") == bool(row.problem)
    assert "\n" not in row.problem
    json.dumps(row.to_dict(), allow_nan=False)


@bounded
@given(changes=st.dictionaries(st.sampled_from(["pid", "started", "boot_id", "socket", "ticks"]), JSON, min_size=1))
def test_any_host_json_is_of_a_process_or_of_none(
    changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("fuzzed")
    made = MadeUpRun(home, "20260101-101010-aaaa")
    content = json.loads(made.folder.host_json.read_text())
    made.folder.host_json.write_text(json.dumps(content | changes))
    (row,) = listing.Listing(home).look()
    assert row.state in ("training", "ended")


@pytest.mark.parametrize("loss", [1e308, -1e308, 1e200])
def test_losses_that_have_no_sum_leave_the_curves_finite(loss: float, home: Path) -> None:
    made = MadeUpRun(home, "20260101-101010-aaaa", dead=True)
    made.add(*(dataclasses.replace(progress(1, step), loss=loss) for step in range(1, 50)), progress(1, 50))
    (row,) = listing.Listing(home).look()
    assert row.curve == (1.5,)
    assert state_file.read_all(made.folder).snapshot().curve[-1].high == 1.5


@pytest.mark.parametrize(
    "event",
    [
        '"kind": "progress", "epoch": -1, "step": 1, "steps": 1, "loss": 1.0, "lr": 1.0, "samples_per_s": 1.0',
        '"kind": "progress", "epoch": true, "step": 1, "steps": 1, "loss": 1.0, "lr": 1.0, "samples_per_s": 1.0',
        '"kind": "finished", "epochs": 1, "seconds": 1e300',
        '"kind": "evaluated", "epoch": 1, "loss": 1.0, "accuracy": 2.0, "per_class": [], "confusion": [], "seconds": 1',
        '"kind": "evaluated", "epoch": 1, "loss": 1.0, "accuracy": 0.5, "per_class": [0.5], "confusion": [[1, 2]], '
        '"seconds": 1',
        '"kind": "failed", "message": 7, "log": ""',
        '"kind": "paused", "epoch": 1, "step": 1, "reason": ["asked"]',
        '"kind": "layer_stats", "epoch": 1, "step": 1, "parameters": [], "activations": {}',
        '"kind": "failed", "message": ' + "[" * 100_000 + "]" * 100_000 + ', "log": ""',
    ],
)
def test_a_line_of_other_types_or_bounds_is_passed_over_and_counted(event: str, home: Path) -> None:
    made = MadeUpRun(home, "20260101-101010-aaaa", dead=True)
    with open(made.folder.events, "a") as file:
        file.write(f'{{"v": 1, "seq": 2, "t": 1002.0, {event}}}\n')
    made.add(progress(1, 7))
    state = state_file.read_all(made.folder).snapshot()
    assert (state.step, state.skipped, state.status) == (7, 1, "training")
    (row,) = listing.Listing(home).look()
    assert row.loss == 1.5


def test_a_line_without_an_end_takes_little_memory(home: Path) -> None:
    made = MadeUpRun(home, "20260101-101010-aaaa", dead=True)
    with open(made.folder.events, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.truncate(file.tell() + (60 << 20))  # zeros that take no room
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + event_json.encode(dataclasses.replace(progress(1, 9), seq=9, t=1.0)).encode() + b"\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    state = state_file.read_all(made.folder).snapshot()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024  # KiB
    assert state.step == 9
    assert state.skipped > 0


def test_a_log_that_is_no_file_is_a_line(home: Path) -> None:
    kinds: list[Callable[[Path], object]] = [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")]
    for number, make in enumerate(kinds):
        made = MadeUpRun(home, f"2026010{number + 1}-101010-aaaa", dead=True)
        made.folder.events.unlink()
        make(made.folder.events)
        with pytest.raises(UnreadableError, match="not a file"):
            log.read(made.folder)
    rows = listing.Listing(home).look()
    assert [row.problem for row in rows] == [
        "events.jsonl: a device, not a file", "events.jsonl: a folder, not a file",
        "events.jsonl: a named pipe, not a file",
    ]  # fmt: skip


def test_one_bad_folder_among_thousands_of_names_hides_none(home: Path) -> None:
    for number in range(20):
        MadeUpRun(home, f"20260101-1010{number:02d}-aaaa", dead=True)
    (home / "runs" / "20260101-101005-aaaa" / "run.json").write_bytes(b"\xff\xfe")
    found = listing.Listing(home)
    rows = found.look()
    assert len(rows) == 20
    assert [row.id for row in rows if row.problem] == ["20260101-101005-aaaa"]
    assert [error.run for error in found.unreadable] == ["20260101-101005-aaaa"]


def test_a_part_at_a_time_gives_the_same_rows(home: Path) -> None:
    for number in range(30):
        MadeUpRun(home, f"20260101-1010{number:02d}-aaaa", dead=True)
    by_parts, looks = listing.Listing(home), 0
    rows = by_parts.look(0.0)
    while by_parts.left:
        assert len(rows) + by_parts.left == 30
        rows, looks = by_parts.look(0.0), looks + 1
    assert rows == listing.Listing(home).look()
    assert [row.id for row in rows] == sorted((row.id for row in rows), reverse=True)


def test_a_run_that_was_renamed_removed_or_added_is_seen(home: Path) -> None:
    first, second = (MadeUpRun(home, f"2026010{day}-101010-aaaa", dead=True) for day in (1, 2))
    found = listing.Listing(home)
    before = found.look()
    assert [one is other for one, other in zip(found.look(), before, strict=True)] == [True, True]
    store.write_run(first.folder, store.read_run(first.folder) | {"name": "renamed"})
    second.add(ev.Stopped(epoch=1, step=1, reason="asked"))
    MadeUpRun(home, "20260103-101010-aaaa", dead=True)
    assert [(row.name, row.state) for row in found.look()] == [("", "ended"), ("", "stopped"), ("renamed", "ended")]
    shutil.rmtree(second.folder.path)
    assert [row.id[:8] for row in found.look()] == ["20260103", "20260101"]
