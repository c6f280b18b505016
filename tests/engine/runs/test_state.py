import math
from dataclasses import replace

import pytest

from engine.runs.curve import CURVE_POINTS
from engine.runs.state import Fold, RunState, fold
from engine.training import events as ev

STARTED = ev.RunStarted(
    config={"lr": 1e-3, "model": "mlp"}, device="cpu", device_name="a CPU", threads=1,
    dataset={"name": "demo", "title": "demo data", "demo": True}, loader="resident", parameters=10, epochs=2, steps=5,
)  # fmt: skip


def numbered(*events: ev.Event) -> list[ev.Event]:
    """The events as a log gives them: seq from 1, a second apart."""
    return [replace(event, seq=index, t=1000.0 + index) for index, event in enumerate(events, 1)]


def progress(step: int, loss: float, epoch: int = 1) -> ev.Progress:
    return ev.Progress(epoch=epoch, step=step, steps=5, loss=loss, lr=1e-3, samples_per_s=100.0)


def evaluated(epoch: int, accuracy: float) -> ev.Evaluated:
    return ev.Evaluated(epoch=epoch, loss=2.0, accuracy=accuracy, per_class=[1.0], confusion=[[1]], seconds=0.1)


def test_no_events_are_a_run_that_is_starting() -> None:
    assert fold([]) == RunState()
    assert fold([]).status == "starting"


def test_a_run_from_its_start_to_its_end() -> None:
    run = fold(
        numbered(
            STARTED, progress(3, 2.0), progress(5, 1.5), evaluated(1, 0.6),
            progress(5, 1.0, epoch=2), evaluated(2, 0.5), ev.Finished(epochs=2, seconds=5.0),
        )
    )  # fmt: skip
    assert run.status == "finished"
    assert [(point.x, point.mean) for point in run.curve] == [(0.6, 2.0), (1.0, 1.5), (2.0, 1.0)]
    assert [(result.x, result.accuracy) for result in run.tests] == [(1.0, 0.6), (2.0, 0.5)]
    assert run.best is not None
    assert run.best.epoch == 1
    assert run.steps_done == run.total == 10


def test_the_time_of_a_pause_is_no_training_time() -> None:
    events = numbered(STARTED, progress(1, 2.0), ev.Paused(epoch=1, step=1, reason="asked"))
    events += [replace(ev.Unpaused(epoch=1, step=1), seq=4, t=5000.0), replace(progress(2, 1.9), seq=5, t=5001.0)]
    run = fold(events)
    assert run.training_s == pytest.approx(3.0)
    assert run.eta_s == pytest.approx(8 * 3.0 / 2)


def test_states_follow_pause_and_failure() -> None:
    events = numbered(STARTED, ev.Paused(epoch=1, step=0, reason="non_finite_loss"), ev.Unpaused(epoch=1, step=0),
                      ev.Failed(message="RuntimeError: boom", log="host.log"))  # fmt: skip
    assert [fold(events[:count]).status for count in range(1, 5)] == ["training", "paused", "training", "failed"]
    assert fold(events[:2]).reason == "non_finite_loss"
    assert fold(events).reason == "RuntimeError: boom"


def test_an_event_seen_twice_counts_once() -> None:
    events = numbered(STARTED, progress(1, 2.0), evaluated(1, 0.5))
    assert fold(events + events[1:]) == fold(events)


def test_a_snapshot_does_not_change_with_later_events() -> None:
    so_far = Fold()
    first, second = numbered(STARTED, progress(1, 2.0))
    so_far.add(first)
    early = so_far.snapshot()
    so_far.add(second)
    assert early.curve == ()
    assert len(so_far.snapshot().curve) == 1


def test_a_loss_that_is_not_finite_is_marked_and_left_out_of_the_curve() -> None:
    warning = ev.Warned(code="non_finite_loss", message="NaN", epoch=2, step=3)
    run = fold(numbered(STARTED, progress(1, 2.0), progress(2, math.nan), warning))
    assert [point.x for point in run.curve] == [0.2]
    assert [mark.x for mark in run.marks] == [1.6]
    assert run.warnings[0].message == "NaN"


def test_a_long_runs_curve_stays_bounded_and_keeps_its_extremes() -> None:
    so_far = Fold()
    so_far.add(replace(STARTED, seq=1, t=1.0, steps=10**6))
    many = 5 * CURVE_POINTS + 3
    for step in range(1, many + 1):
        loss = 100.0 if step == 7777 else float(step % 10)
        event = ev.Progress(epoch=1, step=step, steps=10**6, loss=loss, lr=1e-3, samples_per_s=1.0)
        so_far.add(replace(event, seq=step + 1, t=float(step)))
    curve = so_far.snapshot().curve
    assert CURVE_POINTS <= len(curve) < 2 * CURVE_POINTS
    assert max(point.high for point in curve) == 100.0
    assert curve[-1].x == many / 10**6
    assert [point.x for point in curve] == sorted(point.x for point in curve)
    assert sum(point.mean for point in curve) / len(curve) == pytest.approx(4.5, abs=0.1)


def resumed(epoch: int, step: int, training_s: float) -> ev.Resumed:
    return ev.Resumed(
        checkpoint="x.pt", epoch=epoch, step=step, evaluated=False, training_s=training_s,
        config={"lr": 0.25, "model": "mlp"}, device="cpu", device_name="a CPU", threads=3, loader="resident",
        epochs=4, steps=5, differences=[], bad=[],
    )  # fmt: skip


def test_a_branch_has_the_pace_of_its_own_steps() -> None:
    branched = ev.Branched(
        parent="p", checkpoint="c.pt", epoch=1, step=4, evaluated=False, changes={}, notes=[]
    )  # 0.8 epochs were the parent's
    events = numbered(replace(STARTED, epochs=4), branched, progress(5, 2.0), progress(1, 1.9, epoch=2))
    run = fold(events)
    assert run.begun_at == pytest.approx(0.8)
    assert run.training_s == pytest.approx(3.0)
    assert run.pace_s == pytest.approx(3.0 / (1.2 - 0.8))
    assert run.eta_s == pytest.approx((4 - 1.2) * 3.0 / (1.2 - 0.8))


def test_a_resumed_run_counts_on_from_the_checkpoints_seconds() -> None:
    events = numbered(STARTED, progress(2, 2.0), progress(4, 1.9))
    events += [replace(resumed(1, 3, 40.0), seq=4, t=9000.0), replace(progress(4, 1.8), seq=5, t=9002.5)]
    at_once, later = fold(events[:4]), fold(events)
    assert (at_once.training_s, at_once.epoch, at_once.step) == (40.0, 1, 3)
    assert (at_once.lr, at_once.threads, at_once.epochs, at_once.status) == (0.25, 3, 4, "training")
    assert later.training_s == pytest.approx(42.5)
    assert later.pace_s == pytest.approx(42.5 / 0.8)
    assert [point.mean for point in later.curve] == [2.0, 1.8]


def test_a_resumed_branch_keeps_its_own_finished_epochs_alone() -> None:
    branched = ev.Branched(parent="p", checkpoint="c.pt", epoch=2, step=3, evaluated=False, changes={}, notes=[])
    ends = [ev.EpochFinished(epoch=n, loss=float(n), seconds=1.0, samples_per_s=1.0) for n in (2, 3)]
    events = numbered(replace(STARTED, epochs=4), branched, *ends)
    assert fold(events).epoch_losses == (2.0, 3.0)
    back = replace(resumed(3, 2, 1.0), seq=5, t=2000.0)  # in the third epoch: the second is done
    assert fold([*events, back]).epoch_losses == (2.0,)
    after = replace(resumed(3, 5, 1.0), evaluated=True, seq=5, t=2000.0)
    assert fold([*events, after]).epoch_losses == (2.0, 3.0)


@pytest.mark.parametrize(
    ("parents_end", "epoch", "evaluating"), [(True, 1, False), (True, 2, True), (False, 1, True), (False, 2, True)]
)
def test_an_epoch_that_the_parent_has_evaluated_is_not_evaluated_again(
    parents_end: bool, epoch: int, evaluating: bool
) -> None:
    branched = ev.Branched(parent="p", checkpoint="c.pt", epoch=1, step=5, evaluated=parents_end, changes={}, notes=[])
    events = [STARTED, branched, *([progress(5, 1.0, epoch=2)] if epoch == 2 else [])]
    run = fold(numbered(*events))
    assert (run.epoch, run.step, run.evaluating) == (epoch, 5, evaluating)
    assert fold(numbered(*events, evaluated(epoch, 0.5))).evaluating is False


def test_a_resume_goes_back_to_its_place_in_everything() -> None:
    edits = [
        ev.Edited(epoch=1, step=step, setting="lr", before=1.0, after=2.0, lr=2.0, from_epoch=1) for step in (2, 4)
    ]
    saved = [ev.CheckpointSaved(file=f"{step}.pt", epoch=1, step=step, bytes=1, sha256="") for step in (2, 4)]
    logged = [ev.BatchLoss(epoch=1, step=step, loss=1.0, seen=0, of=9) for step in (3, 4)]
    stats = [ev.LayerStats(epoch=1, step=step, parameters={}, activations={}) for step in (3, 5)]
    events = numbered(
        STARTED, progress(2, 2.0), edits[0], saved[0], logged[0], stats[0], progress(3, 1.9), progress(4, 1.8),
        edits[1], saved[1], logged[1], stats[1], progress(5, 1.7), evaluated(1, 0.5),
    )  # fmt: skip
    again = replace(resumed(1, 3, 7.0), seq=len(events) + 1, t=5000.0)
    run = fold([*events, again])
    assert [point.x for point in run.curve] == pytest.approx([0.4, 0.6])
    assert [edit.step for edit in run.edits] == [2]
    assert [mark.x for mark in run.marks] == [0.4]
    assert [one.step for one in run.checkpoints] == [2]
    assert [one.step for one in run.layer_stats] == [3]
    assert [event.kind for event in run.log] == ["edited", "batch_loss", "resumed"]
    assert (run.tests, run.resumes) == ((), (again,))
    assert (run.status, run.training_s) == ("training", 7.0)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1e9])
def test_a_clock_that_is_set_is_no_training(jump: float) -> None:
    run = Fold()
    events = [STARTED, progress(1, 2.0), progress(2, 1.9), progress(3, 1.8)]
    for number, event in enumerate(events, 1):
        t = 1000.0 + number + (jump if number > 2 else 0.0)
        run.add(replace(event, seq=number, t=t, up=10.0 + number))
    assert run.snapshot().training_s == pytest.approx(3.0)


def test_pauses_and_other_hosts_are_no_training_by_the_hosts_own_time() -> None:
    run = Fold()
    paused = ev.Paused(epoch=1, step=1, reason="asked")
    script: list[tuple[ev.Event, float, float | None]] = [
        (STARTED, 100, 1), (progress(1, 2.0), 102, 3), (paused, 103, 4), (ev.Unpaused(epoch=1, step=1), 200, 101),
        (progress(2, 1.9), 205, 106),
    ]  # fmt: skip
    for number, (event, t, up) in enumerate(script, 1):
        run.add(replace(event, seq=number, t=float(t), up=up))
    assert run.snapshot().training_s == pytest.approx(3 + 5)
    # A host that was killed; the next one begins to count anew.
    config = STARTED.config
    resumed = ev.Resumed(
        checkpoint="", epoch=1, step=1, evaluated=False, training_s=7.0, config=config, device="cpu", device_name="",
        threads=1, loader="resident", epochs=2, steps=5, differences=[], bad=[],
    )  # fmt: skip
    run.add(replace(resumed, seq=6, t=9000.0, up=0.5))
    run.add(replace(progress(2, 1.9), seq=7, t=9001.0, up=2.5))
    assert run.snapshot().training_s == pytest.approx(7 + 2)


def test_a_log_of_an_earlier_version_goes_by_its_clock() -> None:
    run = Fold()
    for number, event in enumerate([STARTED, progress(1, 2.0)], 1):
        run.add(replace(event, seq=number, t=100.0 * number, up=None))
    assert run.snapshot().training_s == pytest.approx(100)


def edited(setting: str, after: float, *, lr: float, epoch: int = 1, from_epoch: int = 1) -> ev.Edited:
    return ev.Edited(
        epoch=epoch, step=3, setting=setting, before=1.0, after=after, lr=lr, from_epoch=from_epoch, replayed=False
    )


def test_an_edit_changes_the_settings_and_is_in_the_log_and_on_the_chart() -> None:
    lr, epochs = edited("lr", 0.05, lr=0.02), edited("epochs", 7, lr=0.02)
    later = edited("batch_size", 32, lr=0.5, from_epoch=2)
    run = fold(numbered(STARTED, progress(3, 2.0), lr, epochs, later))
    assert run.config == {"lr": 0.05, "model": "mlp", "epochs": 7, "batch_size": 32}
    assert STARTED.config == {"lr": 1e-3, "model": "mlp"}, "the event stays as it is"
    assert (run.epochs, run.lr) == (7, 0.02), "the rate that the schedule makes of it, once it applies"
    assert [(mark.x, mark.label, mark.kind) for mark in run.marks] == [
        (0.6, "lr 0.05", "edit"), (0.6, "epochs 7", "edit"), (0.6, "batch_size 32", "edit")
    ]  # fmt: skip
    assert [edit.setting for edit in run.edits] == ["lr", "epochs", "batch_size"]
    assert [type(event) for event in run.log] == [ev.Edited] * 3


def test_the_log_has_the_tutorials_lines_in_their_order() -> None:
    first = ev.BatchLoss(epoch=1, step=1, loss=2.3, seen=0, of=60)
    second = ev.BatchLoss(epoch=2, step=1, loss=1.3, seen=0, of=60)
    run = fold(numbered(STARTED, first, progress(5, 2.0), evaluated(1, 0.6), second))
    assert [(event.kind, event.epoch) for event in run.log] == [
        ("batch_loss", 1), ("evaluated", 1), ("batch_loss", 2)
    ]  # fmt: skip


def test_what_a_card_tells_becomes_curves_where_it_tells_it() -> None:
    told = [
        ev.Readings(load=0.5, memory=1, memory_total=2, watts=watts, temperature=celsius)
        for watts, celsius in ((200.0, None), (None, 60.0), (240.5, 61.0))
    ]
    run = fold(numbered(STARTED, progress(4, 2.0), *told))
    assert [point.mean for point in run.curves["watts"]] == [200.0, 240.5]
    assert [point.mean for point in run.curves["temperature"]] == [60.0, 61.0]
    assert {"watts", "temperature"}.isdisjoint(
        fold(numbered(STARTED, ev.Readings(load=1, memory=1, memory_total=2))).curves
    )


def test_what_the_newest_events_say_is_known() -> None:
    readings = ev.Readings(load=0.5, memory=1, memory_total=2)
    warned = ev.Warned(code="dead_units", message="dead", epoch=1, step=4)
    saved = ev.CheckpointSaved(file="a.pt", epoch=1, step=5, bytes=3, sha256="")
    finished = ev.EpochFinished(epoch=1, loss=1.75, seconds=1.0, samples_per_s=3.0)
    run = fold(numbered(STARTED, progress(4, 2.0), readings, warned, finished, saved))
    assert run.readings is not None
    assert run.readings.load == 0.5
    assert [one.code for one in run.warnings] == ["dead_units"]
    assert run.marks == (), "only a loss that is not finite is marked"
    assert run.epoch_losses == (1.75,)
    assert [one.file for one in run.checkpoints] == ["a.pt"]
    assert (run.device, run.device_name, run.threads, run.loader, run.parameters) == ("cpu", "a CPU", 1, "resident", 10)
    assert (run.loss, run.samples_per_s, run.epoch, run.step, run.steps) == (2.0, 100.0, 1, 4, 5)


def test_steps_are_counted_on_where_an_epoch_begins_with_a_pause() -> None:
    """A pause says which epoch it is before the epoch's first progress does."""
    run = fold(
        numbered(
            STARTED, progress(5, 2.0), ev.Paused(epoch=2, step=1, reason="asked"), ev.Unpaused(epoch=2, step=1),
            progress(3, 1.5, epoch=2),
        )
    )  # fmt: skip
    assert [point.step for point in run.curve] == [5, 8]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_events_are_folded_alike_however_many_come_at_once(size: int) -> None:
    events = numbered(
        STARTED, *(progress(step, 3.0 / step) for step in range(1, 6)), evaluated(1, 0.5),
        ev.Paused(epoch=2, step=0, reason="asked"), ev.Unpaused(epoch=2, step=0),
        *(progress(step, math.nan if step == 3 else 1.0, epoch=2) for step in range(1, 6)),
        ev.Readings(load=0.5, memory=10, memory_total=20), progress(1, 0.5, epoch=3),
    )  # fmt: skip
    one_by_one, together = Fold(), Fold()
    for event in events:
        one_by_one.add(event)
    for at in range(0, len(events), size):
        together.add_all(events[at : at + size])
    assert repr(together.snapshot()) == repr(one_by_one.snapshot())
    assert [point.step for point in together.snapshot().curve] == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]
