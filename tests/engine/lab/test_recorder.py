"""What a run puts out, on its way into the log and to those who follow."""

import asyncio
from collections.abc import Callable

import pytest

from engine.lab import recorder
from engine.lab.events import LabEvent, RunOutput, RunOutputs
from engine.lab.recorder import Recorder


class Told:
    """Takes what a recorder tells."""

    def __init__(self) -> None:
        self.logged: list[LabEvent] = []
        self.shown: list[LabEvent] = []
        self.followed = True
        self.recorder = Recorder(1, self.logged.append, self._show)

    def _show(self, make: Callable[[], LabEvent]) -> bool:
        if self.followed:
            self.shown.append(make())
        return self.followed

    def prints(self, text: str, name: str = "stdout") -> None:
        self.recorder.take("stream", {"name": name, "text": text})


async def test_parts_of_a_stream_are_joined_and_keep_their_order() -> None:
    told = Told()
    told.prints("a")
    told.prints("b")
    told.prints("c", "stderr")
    told.recorder.take("display_data", {"data": {"text/plain": "d"}, "metadata": {}})
    told.prints("e")
    assert len(told.logged) == 3
    await asyncio.sleep(2 * recorder.JOIN_S)
    outputs = [event for event in told.logged if isinstance(event, RunOutput)]
    assert [event.content.get("text", event.type) for event in outputs] == ["ab", "c", "display_data", "e"]


@pytest.mark.parametrize("limit", ["LINES", "STREAMED", "DISPLAYED"])
async def test_of_much_all_is_told_now_and_then(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, limit, 50)
    monkeypatch.setattr(recorder, "LOGS_S", (0.1, 0.4))
    monkeypatch.setattr(recorder, "SHOWS_S", 0.02)
    told = Told()
    for _ in range(60):
        if limit == "DISPLAYED":
            told.recorder.take("display_data", {"data": {"text/plain": "four"}, "metadata": {}})
        else:
            told.prints("x\n")
    await asyncio.sleep(0.3)
    told.recorder.end()
    whole = [event for event in told.logged if isinstance(event, RunOutputs)]
    assert whole[-1].nodes == told.recorder.outputs.nodes()
    assert told.logged[-1] is whole[-1]
    assert isinstance(told.shown[0], RunOutputs)
    told.prints("late\n")
    told.recorder.end()
    last = told.logged[-1]
    assert isinstance(last, RunOutputs)
    assert "late\n" in last.nodes[-1]["text"]
    told.recorder.close()


async def test_the_log_is_written_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "LINES", 0)
    monkeypatch.setattr(recorder, "LOGS_S", (0.05, 10.0))
    told = Told()
    told.followed = False
    for _ in range(70):
        told.prints("x\n")
        await asyncio.sleep(0.01)
    assert 1 <= len(told.logged) <= 6
    assert told.shown == []
    told.recorder.close()


async def test_nothing_is_told_after_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    told.prints("x")
    told.recorder.close()
    await asyncio.sleep(2 * recorder.JOIN_S)
    assert told.logged == []
