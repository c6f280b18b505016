"""The fold of a lab's events."""

from dataclasses import replace

import pytest

from engine.lab.events import (
    InputAnswered,
    InputAsked,
    KernelChanged,
    LabEvent,
    RunFinished,
    RunOutput,
    RunOutputs,
    RunQueued,
    RunsForgotten,
    RunStarted,
    RunStatus,
    decode,
    encode,
)
from engine.lab.state import LabState, fold

QUEUED = RunQueued(run=1, cell="a", source="x = 1")
STARTED = RunStarted(run=1, generation=1)


def printed(text: str, run: int = 1) -> RunOutput:
    return RunOutput(run=run, type="stream", content={"name": "stdout", "text": text})


def nodes(text: str) -> list[dict[str, str]]:
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def test_nothing_is_a_lab_that_starts() -> None:
    state = fold([])
    assert (state.phase, state.generation, state.runs, state.under_way) == ("starting", 0, {}, [])


def test_a_run_from_its_queue_to_its_end() -> None:
    finished = RunFinished(run=1, status="ok", count=7, seconds=0.5)
    events: list[LabEvent] = [QUEUED, STARTED, printed("a"), printed("b\n"), finished]
    phases = [fold(events[:count]).cells["a"].phase for count in range(1, 6)]
    assert phases == ["queued", "running", "running", "running", "ok"]
    assert [len(fold(events[:count]).under_way) for count in (1, 4, 5)] == [1, 1, 0]
    run = fold(events).cells["a"]
    assert (run.source, run.count, run.seconds, run.generation) == ("x = 1", 7, 0.5, 1)
    assert run.nodes == nodes("ab\n")
    assert fold(events).finished == 1
    assert run.version > fold(events[:4]).cells["a"].version


@pytest.mark.parametrize("status", ["error", "interrupted", "died", "skipped"])
def test_a_run_that_fails_says_why(status: RunStatus) -> None:
    state = fold([QUEUED, RunFinished(run=1, status=status, error="KeyError: 'k'", line=3)])
    run = state.cells["a"]
    assert (run.phase, run.error, run.line, run.over) == (status, "KeyError: 'k'", 3, True)


def test_a_snapshot_stands_for_all_before_it_and_outputs_go_on_after_it() -> None:
    events = [QUEUED, STARTED, printed("lost\n"), RunOutputs(run=1, nodes=nodes("all\n")), printed("more\n")]
    assert fold(events[:4]).cells["a"].nodes == nodes("all\n")
    assert [node["text"] for node in fold(events).cells["a"].nodes] == ["all\n", "more\n"]


def test_what_comes_after_the_end_is_of_its_run() -> None:
    run = fold([QUEUED, STARTED, RunFinished(run=1, status="ok"), printed("late\n")]).cells["a"]
    assert (run.phase, run.nodes) == ("ok", nodes("late\n"))


def test_of_a_cell_the_last_run_counts() -> None:
    again = replace(QUEUED, run=2, source="x = 2")
    state = fold([QUEUED, STARTED, again, printed("of the first"), printed("of the second", run=2)])
    assert list(state.runs) == [2]
    assert state.cells["a"].nodes == nodes("of the second")


def test_runs_that_are_forgotten_are_gone_and_their_numbers_are_not_used_again() -> None:
    other = RunQueued(run=2, cell="b", source="y")
    late = [printed("late"), RunFinished(run=1, status="interrupted")]
    state = fold([QUEUED, STARTED, printed("1"), other, RunsForgotten(last=2), *late])
    assert (state.cells, state.runs, state.under_way, state.last) == ({}, {}, [], 2)
    state = fold([QUEUED, RunsForgotten(last=1), other, STARTED])
    assert list(state.cells) == ["b"]
    assert state.last == 2


def test_a_question_stands_until_it_is_answered_or_the_run_ends() -> None:
    asked = InputAsked(run=1, prompt="name? ")
    assert fold([QUEUED, STARTED, asked]).cells["a"].asked == asked
    assert fold([QUEUED, STARTED, asked, InputAnswered(run=1)]).cells["a"].asked is None
    assert fold([QUEUED, STARTED, asked, RunFinished(run=1, status="interrupted")]).cells["a"].asked is None


def test_the_kernels_phase_is_the_last_one_and_its_name_stays() -> None:
    ready = KernelChanged(seq=1, phase="ready", generation=1, name="python3", pid=12)
    died = KernelChanged(seq=2, phase="died", generation=1, why="SIGKILL")
    state = fold([ready, died])
    assert (state.phase, state.why, state.kernel, state.pid, state.seq) == ("died", "SIGKILL", "python3", 0, 2)


@pytest.mark.parametrize("event", [QUEUED, STARTED, printed("é\ud800\n"), RunOutputs(run=1, nodes=nodes("x"))])
def test_an_event_is_read_as_it_was_written(event: LabEvent) -> None:
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"kind": "new"}',
        b'{"kind": "queued"}',
        b"null",
        b"\xff",
        b'{"kind": []}',
        b'{"kind": {}}',
        b'{"kind": "queued", "run": "1", "cell": "a", "source": ""}',
        b'{"kind": "queued", "run": 1, "cell": [], "source": ""}',
        b'{"kind": "queued", "run": 1, "cell": "a", "source": "", "seq": null}',
        b'{"kind": "kernel", "phase": "dancing", "generation": 1}',
        b'{"kind": "output", "run": 1, "type": "stream", "content": 5}',
        b'{"kind": "outputs", "run": 1, "nodes": [5]}',
        b'{"kind": "finished", "run": 1, "status": "ok", "seconds": "long"}',
        b'{"kind": "queued", "run": ' + b"9" * 5000 + b', "cell": "a", "source": ""}',
    ],
)
def test_what_is_no_event_is_none(line: bytes) -> None:
    assert decode(line) is None


def test_whether_the_kernel_has_ever_started_is_known() -> None:
    state = LabState()
    seen = []
    for generation, phase in ((1, "starting"), (1, "died"), (2, "starting"), (2, "ready"), (2, "busy"), (2, "died"),
                              (3, "starting"), (3, "died")):  # fmt: skip
        state.add(KernelChanged(phase=phase, generation=generation, name="python3", why="", pid=0))  # type: ignore[arg-type]
        seen.append(state.started)
    assert seen == [False, False, False, True, True, True, False, False]
