"""What the charts of runs show of their states."""

import math
from dataclasses import replace

import pytest

from engine.runs.curve import Point
from engine.runs.state import Mark, RunState, fold
from engine.training import events as ev
from engine.training.config import TrainConfig
from tui.runs import charts
from tui.runs.charts import (
    MOST_RUNS,
    SIGNS,
    TEST_SIGN,
    ShownRun,
    mean_words,
    overlay,
    prepare,
    round_limit,
    run_chart,
    run_slots,
)
from tui.runs.metrics import ACCURACY, GRADIENT, LOAD, LOSS, MEMORY, METRICS, RATE, SPEED, TEMPERATURE, WATTS
from tui.widgets.chart.chart_view import heading_lines
from tui.widgets.chart.plot import DOT, MARK, plot
from tui.widgets.chart.series import Counted, Series
from tui.widgets.chart.view import View

STEPS = 100


def trained(epochs: int = 2, lr: float = 0.5, watts: float | None = None) -> RunState:
    """A run of ten epochs after some of them; an event each second."""
    config = TrainConfig(epochs=10).to_dict()
    events: list[ev.Event] = [
        ev.RunStarted(config=config, device="cpu", device_name="", threads=1, dataset={}, loader="", parameters=1,
                      epochs=10, steps=STEPS)
    ]  # fmt: skip
    for epoch in range(1, epochs + 1):
        for step in range(10, STEPS + 1, 10):
            progress = ev.Progress(
                epoch=epoch, step=step, steps=STEPS, loss=1 / epoch, lr=lr / epoch, samples_per_s=3e3
            )
            events.append(progress)
        events.append(ev.Readings(load=0.5, memory=2**30, memory_total=None, watts=watts, temperature=watts and 61.0))
        events.append(ev.Evaluated(epoch=epoch, loss=2.0, accuracy=0.453, per_class=[], confusion=[], seconds=0.1))
    return fold(replace(event, seq=at + 1, t=100.0 + at) for at, event in enumerate(events))


def test_a_step_that_was_not_finite_is_marked_in_its_place() -> None:
    curve = (Point(0.5, 2, 2, 2), Point(4.0, 1, 1, 1))
    state = RunState(epochs=10, steps=100, epoch=5, curve=curve, marks=(Mark(5.0, "x"),))
    rows = plot(run_chart(LOSS, state), View(), 70, 14).text()
    marked = next(row for row in rows if MARK in row)
    assert rows[-1][marked.index(MARK)] == "5"  # the name of the tick below it


@pytest.mark.parametrize(
    ("epochs", "x", "limit"),
    [
        (1, 0.2, 1),
        (10, 0.0, 10),
        (0, 0.0, 1),
        (11, 0.0, 5),
        (11, 5.0, 5),
        (11, 5.1, 6),
        (11, 8.1, 10),
        (11, 10.1, 11),
        (300, 10.1, 15),
        (300, 20.01, 30),
        (3000, 151, 200),
        (30, 25, 30),
    ],
)
def test_the_x_axis_ends_at_a_round_number_that_holds_all(epochs: int, x: float, limit: float) -> None:
    assert round_limit(epochs, x) == limit


def test_the_axis_grows_in_steps_in_a_long_run() -> None:
    limits = [
        run_chart(LOSS, RunState(epochs=300, steps=100, epoch=epoch, step=50)).end.epoch for epoch in range(1, 301)
    ]
    assert sorted(set(limits)) == [5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300]


def test_every_metric_has_its_values_its_steps_and_its_seconds() -> None:
    state = trained(watts=221.5)
    last = {metric: run_chart(metric, state).series[0] for metric in METRICS if metric is not GRADIENT}
    assert {metric: float(one.mean[-1]) for metric, one in last.items()} == {
        LOSS: 0.5, ACCURACY: pytest.approx(45.3), RATE: 0.25, SPEED: 3000.0, LOAD: 50.0, MEMORY: 1024.0,
        WATTS: 221.5, TEMPERATURE: 61.0,
    }  # fmt: skip
    assert [float(along[-1]) for along in last[LOSS].places] == [2.0, 200.0, 22.0]
    assert [float(along[-1]) for along in last[ACCURACY].places] == [2.0, 200.0, 22.0]
    assert last[MEMORY].text(1024.0) == "1,024 MiB"
    assert (last[WATTS].text(221.5), last[TEMPERATURE].text(61.0)) == ("222 W", "61 °C")
    missing = run_chart(GRADIENT, state)
    assert (missing.series, "no gradient norm" in missing.nothing) == ((), True)


def test_the_norm_of_all_gradients_is_made_of_those_of_the_parameters() -> None:
    stats = {"w": ev.ParameterStats(3.0, 1.0, 0.1), "b": ev.ParameterStats(4.0, 1.0, 0.1)}
    sample = ev.LayerStats(epoch=1, step=50, parameters=stats, activations={})
    assert sample.gradient_norm == 5.0
    assert replace(sample, parameters=stats | {"c": ev.ParameterStats(None, 1.0, None)}).gradient_norm is None
    assert replace(sample, parameters={}).gradient_norm is None


def test_what_is_not_drawn_is_there_to_be_read_out() -> None:
    also = {one.name for one in run_chart(LOSS, trained()).also}
    assert also == {"test accuracy", "lr", "samples/s", "device load", "device memory"}
    assert {one.name for one in run_chart(ACCURACY, trained()).also} >= {"train loss", "test loss", "lr"}


def test_a_run_has_its_colour_and_its_sign_by_its_id() -> None:
    ids = [f"20260101-1010{at}-aaaa" for at in range(12)]
    slots = run_slots(ids)
    assert sorted(slots.values()) == list(range(MOST_RUNS))
    assert run_slots([ids[3]])[ids[3]] == run_slots(ids[3:])[ids[3]]
    assert len(set(SIGNS)) == MOST_RUNS


def test_runs_lie_over_each_other_with_their_names() -> None:
    runs = [ShownRun(f"id-{at}", f"run {at}", trained(lr=at + 1.0)) for at in range(14)]
    chart = overlay(RATE, runs)
    assert [one.name for one in chart.series] == [f"run {at}" for at in range(12)]
    assert chart.overlaid
    assert len({one.style for one in chart.series}) == len({one.sign for one in chart.series}) == 12
    assert {one.name for one in overlay(LOSS, runs[:2]).series} == {"run 0", "run 0 test", "run 1", "run 1 test"}


def test_a_group_is_its_mean_and_says_of_how_many_runs() -> None:
    long, short = trained(), trained(epochs=1)
    assert long.x > short.x
    group = ShownRun("g", "five", long, (long, short))
    names = [one.name for one in overlay(ACCURACY, [group]).series]
    assert names == ["five, mean of 3, from epoch 1 on of 2"]
    assert overlay(ACCURACY, [group]).series[0].joined
    assert overlay(ACCURACY, [group]).newest.epoch == long.tests[-1].epoch
    assert mean_words((Counted(-math.inf, 5),)) == "mean of 5"
    several = (Counted(-math.inf, 5), Counted(3.987, 4), Counted(6.0, 1))
    assert mean_words(several) == "mean of 5, from epoch 3.99 on of fewer, down to 1"


def test_the_means_of_a_group_are_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = list[str]()

    def mean(found: list[Series], name: str, **how: object) -> Series:
        taken.append(name)
        return found[0]

    monkeypatch.setattr(charts, "mean_with_band", mean)
    group = ShownRun("g", "two", trained(), (trained(),))
    prepare([group])
    prepared = len(taken)
    assert prepared >= len([metric for metric in METRICS if not metric.rare]) - 1
    overlay(LOSS, [group])
    overlay(RATE, [group])
    assert len(taken) == prepared
    overlay(LOSS, [ShownRun("g", "two", trained(), (trained(),))])
    assert len(taken) > prepared, "of other states anew"


def test_steps_are_counted_over_epochs_of_different_lengths() -> None:
    events = [
        ev.Progress(epoch=1, step=100, steps=100, loss=1.0, lr=0.1, samples_per_s=1.0),
        ev.Progress(epoch=2, step=25, steps=50, loss=1.0, lr=0.1, samples_per_s=1.0),
        ev.Progress(epoch=3, step=50, steps=50, loss=1.0, lr=0.1, samples_per_s=1.0),
    ]
    state = fold(replace(event, seq=at + 1, t=float(at)) for at, event in enumerate(events))
    assert [point.step for point in state.curve] == [100, 125, 200]


def test_a_run_with_validation_images_has_their_results_and_those_of_the_test_set() -> None:
    facts: ev.DatasetFacts = {"name": "x", "train": 90, "test": 10, "val": 10}
    begun = ev.RunStarted(
        config={"lr": 0.1}, device="cpu", device_name="", threads=1, dataset=facts, loader="resident", parameters=1,
        epochs=3, steps=STEPS, seq=1,
    )  # fmt: skip
    vals = [("val", 1, 1.0, 0.5), ("val", 2, 0.8, 0.7), ("val", 3, 0.9, 0.6)]
    results = [*vals, ("test", 2, 0.8, 0.65), ("test", 3, 1.0, 0.5)]
    told = [
        ev.Evaluated(
            seq=2 + at, epoch=epoch, split=split, loss=loss, accuracy=accuracy, per_class=[], confusion=[], seconds=0.1
        )
        for at, (split, epoch, loss, accuracy) in enumerate(results)
    ]
    state = fold([begun, *told])
    chart = run_chart(ACCURACY, state, also=False)
    assert chart.title == "validation accuracy, %"
    assert [(one.name, one.mean.tolist(), one.places.epoch.tolist()) for one in chart.series] == [
        ("val", pytest.approx([50, 70, 60]), [1, 2, 3]),
        ("test", pytest.approx([65, 50]), [2, 3]),
    ]
    assert [one.name for one in run_chart(LOSS, state, also=False).series] == ["val", "test"]
    assert [one.name for one in run_chart(LOSS, state).also] == ["val accuracy", "test accuracy"]
    laid = overlay(ACCURACY, [ShownRun("a", "mine", state), ShownRun("b", "other", state)])
    assert [one.name for one in laid.series] == ["mine val", "mine test", "other val", "other test"]
    only_val = run_chart(ACCURACY, fold([begun, *told[:3]]), also=False)
    assert [one.name for one in only_val.series] == ["val"]


def validated(tests: int) -> RunState:
    """A run that decides by validation images, with so many results on the test set."""
    state = trained()
    return replace(state, dataset={"val": 500}, vals=state.results, tests=state.results[:tests])


def test_the_test_results_differ_in_sign_from_those_of_the_validation_images() -> None:
    state = validated(1)
    assert state.validates
    for metric in (LOSS, ACCURACY):
        shown = run_chart(metric, state)
        signs = {one.name: one.sign for one in shown.series}
        assert signs["test"] == TEST_SIGN
        assert signs["val"] == ""
        drawn = "\n".join(plot(shown, View(), 90, 14).text())
        assert TEST_SIGN in drawn
        key = "".join(text for line in heading_lines(shown, View(), None, 90, "") for text, _ in line)
        assert f"{TEST_SIGN} test" in key
        assert f"{DOT} val" in key


def test_a_chart_of_several_runs_names_the_set_that_all_of_them_decide_by() -> None:
    first, second = trained(), validated(0)
    by_test, by_val = ShownRun("a", "a", first), ShownRun("b", "b", second)
    assert overlay(ACCURACY, [by_test]).title == "test accuracy, %"
    assert overlay(ACCURACY, [by_val]).title == "validation accuracy, %"
    assert overlay(ACCURACY, [by_test, by_val]).title == "accuracy, %"
    assert overlay(LOSS, [by_test, by_val]).title == "loss"


@pytest.mark.parametrize(
    ("title", "width", "words"),
    [
        ("test accuracy, %", 60, "test accuracy, %"),
        ("test accuracy, %", 27, "test accuracy "),
        ("test accuracy, %", 23, "accuracy "),
        ("gradient norm, all parameters", 30, "gradient norm "),
        ("val_loss by trial", 24, "val_loss "),
    ],
)
def test_a_title_without_room_keeps_its_noun(title: str, width: int, words: str) -> None:
    run = run_chart(ACCURACY, trained())
    shown = replace(run, series=(replace(run.series[0], name="of one run"),), marks=())
    (line,) = heading_lines(shown, View(), None, width, title)
    assert "".join(text for text, _ in line).startswith(words)
