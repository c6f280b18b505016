import json
import math

import pytest

from engine.training import event_json
from engine.training import events as ev

EVENTS = [
    ev.RunStarted(
        config={"lr": 1e-3}, device="cpu", device_name="a CPU", threads=1, dataset={"name": "demo"}, loader="resident",
        parameters=10, epochs=2, steps=5,
    ),
    ev.Progress(epoch=1, step=3, steps=5, loss=2.25, lr=1e-3, samples_per_s=1000.0),
    ev.BatchLoss(epoch=1, step=1, loss=2.3, seen=0, of=320),
    ev.Evaluated(epoch=1, loss=2.1, accuracy=0.5, per_class=[0.5, None], confusion=[[1, 1], [0, 0]], seconds=0.1),
    ev.EpochFinished(epoch=1, loss=2.2, seconds=1.0, samples_per_s=320.0),
    ev.Resumed(
        checkpoint="checkpoints/epoch-0001.pt", epoch=1, step=5, evaluated=True, training_s=1.5, config={"lr": 1e-3},
        device="cpu", device_name="a CPU", threads=1, loader="resident", epochs=2, steps=5, differences=[], bad=[],
    ),
    ev.Branched(
        parent="20260101-000000-0000", checkpoint="checkpoints/epoch-0001.pt", epoch=1, step=5, evaluated=True,
        changes={"lr": 1e-2}, notes=[],
    ),
    ev.Edited(epoch=1, step=3, setting="lr", before=1e-3, after=2e-3, lr=2e-3, from_epoch=1, replayed=False),
    ev.Paused(epoch=1, step=3, reason="asked"),
    ev.Unpaused(epoch=1, step=3),
    ev.CheckpointSaved(file="checkpoints/epoch-0001.pt", epoch=1, step=5, bytes=10, sha256="00"),
    ev.Warned(code="non_finite_loss", message="the loss is NaN", epoch=1, step=3),
    ev.Readings(
        load=0.5, memory=1, memory_total=2, memory_used=3, memory_process=4, watts=221.5, watts_limit=700.0,
        temperature=61.0, others=2, others_memory=5,
    ),
    ev.LayerStats(
        epoch=1, step=3, parameters={"a.weight": ev.ParameterStats(0.1, 1.0, None)},
        activations={"a": ev.ActivationStats(0.0, 1.0, 0.5, None), "b": ev.ActivationStats(0.25, None, 0.75, 0.125)},
        loss_before=2.0, loss_after=1.9,
    ),
    ev.Stopped(epoch=1, step=3, reason="asked"),
    ev.Finished(epochs=2, seconds=2.0),
    ev.Failed(message="RuntimeError: no", log="host.log"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_is_read_back_as_it_was_written(event: ev.Event) -> None:
    line = event_json.encode(event)
    assert "\n" not in line
    body = json.loads(line)
    assert list(body)[:4] == ["v", "seq", "t", "kind"]
    assert body["kind"] == event.kind
    assert event_json.decode(line) == event


def test_every_kind_is_tried_here() -> None:
    assert {event.kind for event in EVENTS} == set(ev.KINDS)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_null_in_json(loss: float) -> None:
    line = event_json.encode(ev.Progress(epoch=1, step=1, steps=1, loss=loss, lr=0.1, samples_per_s=1.0))
    assert json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))["loss"] is None
    read = event_json.decode(line)
    assert isinstance(read, ev.Progress)
    assert math.isnan(read.loss)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1]", b"null", b'{"kind": "of the future", "v": 9}', b'{"kind": "progress"}', b"\xff\xfe"]
)
def test_what_is_no_known_event_is_skipped(line: bytes) -> None:
    assert event_json.decode(line) is None


def test_fields_of_a_newer_version_are_left_out() -> None:
    body = json.loads(event_json.encode(ev.Unpaused(epoch=1, step=2))) | {"mood": "good"}
    assert event_json.decode(json.dumps(body)) == ev.Unpaused(epoch=1, step=2)


def test_layer_stats_are_written_with_the_names_of_their_numbers() -> None:
    event = ev.LayerStats(
        seq=2, t=1.5, epoch=1, step=3,
        parameters={"a.weight": ev.ParameterStats(gradient_norm=0.1, weight_norm=1.0, update_ratio=None)},
        activations={"a": ev.ActivationStats(mean=0.0, std=1.0, zeros=0.5, dead=0.25)},
    )  # fmt: skip
    body = json.loads(event_json.encode(event))
    assert body["kind"] == "layer_stats"
    assert body["parameters"] == {"a.weight": {"gradient_norm": 0.1, "weight_norm": 1.0, "update_ratio": None}}
    assert body["activations"] == {"a": {"mean": 0.0, "std": 1.0, "zeros": 0.5, "dead": 0.25}}


def test_vitals_of_older_versions_are_read_as_layer_stats() -> None:
    line = (
        '{"v": 1, "seq": 2, "t": 1.5, "kind": "vitals", "epoch": 1, "step": 3, "parameters": {"a.weight": '
        '[0.5, 13.0, 0.001], "a.bias": [null, 0.25, null]}, "activations": {"a": [0.125, 2.0, 0.75, null], "b": '
        '[1.0, 3.0, 0.5, 0.0625]}, "loss_before": null, "loss_after": null}'
    )
    assert event_json.decode(line) == ev.LayerStats(
        seq=2, t=1.5, epoch=1, step=3,
        parameters={
            "a.weight": ev.ParameterStats(gradient_norm=0.5, weight_norm=13.0, update_ratio=0.001),
            "a.bias": ev.ParameterStats(gradient_norm=None, weight_norm=0.25, update_ratio=None),
        },
        activations={
            "a": ev.ActivationStats(mean=0.125, std=2.0, zeros=0.75, dead=None),
            "b": ev.ActivationStats(mean=1.0, std=3.0, zeros=0.5, dead=0.0625),
        },
    )  # fmt: skip


@pytest.mark.parametrize("stats", ["[0.5, 13.0]", '{"gradient_norm": 0.5}', "7", "null"])
def test_layer_stats_of_another_shape_are_skipped(stats: str) -> None:
    line = f'{{"kind": "layer_stats", "epoch": 1, "step": 3, "parameters": {{"a": {stats}}}, "activations": {{}}}}'
    assert event_json.decode(line) is None


def test_a_newer_versions_number_of_a_layer_is_left_out() -> None:
    stats = '{"gradient_norm": 0.5, "weight_norm": 2.0, "update_ratio": 0.25, "rank": 7}'
    line = (
        f'{{"seq": 1, "t": 0.0, "kind": "layer_stats", "epoch": 1, "step": 3, "parameters": {{"a": {stats}}}, '
        '"activations": {}}'
    )
    event = event_json.decode(line)
    assert isinstance(event, ev.LayerStats)
    assert event.parameters == {"a": ev.ParameterStats(0.5, 2.0, 0.25)}


def test_readings_name_of_a_card_what_is_known_and_older_ones_are_read() -> None:
    before = '{"v": 1, "seq": 3, "t": 1.5, "kind": "readings", "load": null, "memory": 7, "memory_total": null}'
    event = ev.Readings(seq=3, t=1.5, load=None, memory=7, memory_total=None)
    assert event_json.decode(before) == event
    assert event_json.encode(event) == before
    assert json.loads(event_json.encode(ev.Readings(load=0.5, memory=7, memory_total=8, others=0)))["others"] == 0


@pytest.mark.parametrize(
    "field",
    [
        '"watts": -1', '"watts": 1e6', '"watts": "221"', '"watts": true', '"watts_limit": 1e300', '"temperature": -300',
        '"temperature": 5000', '"temperature": NaN', '"others": -1', '"others": 1.5', '"others_memory": 1e16',
        '"memory_used": -1', '"memory_process": "1 GiB"', '"others": [1]',
    ],
)  # fmt: skip
def test_readings_beyond_their_bounds_are_no_event(field: str) -> None:
    line = '{"v": 1, "seq": 3, "t": 1.5, "kind": "readings", "load": 0.5, "memory": 7, "memory_total": 8, %s}'
    assert event_json.decode(line % '"watts": 9') is not None
    assert event_json.decode(line % field) is None
