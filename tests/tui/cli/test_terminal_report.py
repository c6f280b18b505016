"""The bars of `train` and `watch` on a terminal."""

from pathlib import Path

import pytest

from engine.runs import log
from engine.training import events as ev
from tests.support.made_up import MadeUpRun, progress
from tui.cli.train import TerminalReport


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (ev.Paused(epoch=1, step=20, reason="asked"), "loss 1.5000  paused"),
        (ev.Paused(epoch=1, step=20, reason="step"), "loss 1.5000  paused"),
        (ev.Unpaused(epoch=1, step=20), "loss 1.5000"),
        (ev.Stopped(epoch=1, step=20, reason="asked"), "loss 1.5000"),
        (ev.Finished(epochs=10, seconds=3.0), "loss 1.5000"),
        (ev.Failed(message="no memory", log="x"), "loss 1.5000"),
    ],
)
def test_a_speed_is_shown_only_while_it_trains(home: Path, event: ev.Event, note: str) -> None:
    made = MadeUpRun(home, "20260101-101010-aaaa")
    made.add(progress(1, 20), event, progress(1, 30))
    started, trained, after, again = log.read(made.folder).events
    report = TerminalReport(made.folder)  # not entered: nothing is drawn

    def shown() -> str:
        return str(report._bars.tasks[0].fields["note"])

    report.hear(started)
    report.hear(trained)
    assert shown() == "loss 1.5000  3,200 samples/s"
    report.hear(after)
    assert shown() == note
    report.hear(again)
    assert shown() == "loss 1.5000  3,200 samples/s"
