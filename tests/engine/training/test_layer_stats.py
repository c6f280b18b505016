"""The layers while they train: the numbers are PyTorch's, training does not change, and what is wrong is named."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.models.registry import build
from engine.runs.state import LAYER_STATS, Fold, fold
from engine.training import events as ev
from engine.training.commands import CommandKind
from engine.training.layer_stats import LayerStats, dead_units, diagnose
from tests.engine.training.test_session import Ran, at, every_step_is_reported, ran  # noqa: F401


@pytest.fixture
def watched() -> Callable[..., ev.LayerStats]:
    """One step of a network, sampled."""

    def look(
        net: nn.Module, X: torch.Tensor, y: torch.Tensor, lr: float = 0.1, *, twice: bool = False
    ) -> ev.LayerStats:
        events: list[ev.Event] = []
        loss_fn = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(net.parameters(), lr=lr)
        hook = LayerStats(net, loss_fn, optimizer, events.append, every=3)
        hook.before_step(2, 7, single=twice)
        loss = loss_fn(net(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        hook.on_step(2, 7, loss.detach())
        hook.on_report()
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
        assert not optimizer._optimizer_step_pre_hooks
        (told,) = [event for event in events if isinstance(event, ev.LayerStats)]
        return told

    return look


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def test_the_numbers_are_those_of_the_step(watched: Callable[..., ev.LayerStats]) -> None:
    X, y = torch.randn(8, 6, generator=torch.Generator().manual_seed(2)), torch.arange(8) % 3
    told = watched(network(), X, y, twice=True)
    assert (told.epoch, told.step) == (2, 7)
    net = network()
    hidden = net[0](X)
    loss = functional.cross_entropy(net(X), y)
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        stats = told.parameters[name]
        assert stats.gradient_norm == pytest.approx(float(parameter.grad.norm()), rel=1e-3)
        assert stats.weight_norm == pytest.approx(float(parameter.norm()), rel=1e-3)
        assert stats.update_ratio == pytest.approx(
            0.1 * float(parameter.grad.norm()) / float(parameter.norm()), rel=2e-3
        )
        with torch.no_grad():
            parameter.sub_(0.1 * parameter.grad)
    relu = hidden.relu()
    output = told.activations["1"]
    assert output.mean == pytest.approx(float(relu.mean()), rel=1e-3)
    assert output.std == pytest.approx(float(relu.std(correction=0)), rel=1e-3)
    assert output.zeros == pytest.approx(float((relu == 0).double().mean()), rel=1e-3)
    assert output.dead == pytest.approx(float((relu == 0).all(0).double().mean()), rel=1e-3)
    assert told.activations["0"].dead is None
    assert told.loss_before == pytest.approx(float(loss), rel=1e-6)
    assert told.loss_after == pytest.approx(float(functional.cross_entropy(net(X), y)), rel=1e-5)


def test_each_sample_has_the_updates_of_its_own_step() -> None:
    net, X, y = network(), torch.randn(8, 6, generator=torch.Generator().manual_seed(2)), torch.arange(8) % 3
    events: list[ev.Event] = []
    loss_fn, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.1)
    hook = LayerStats(net, loss_fn, optimizer, events.append, every=1)
    expected: list[dict[str, float]] = []
    for step in (1, 2, 3):
        net[0].weight.requires_grad_(step < 3)  # the last sample has fewer parameters
        optimizer.param_groups[0]["lr"] = 0.1 * step
        before = {name: one.detach().clone() for name, one in net.named_parameters() if one.requires_grad}
        hook.before_step(1, step, single=False)
        loss = loss_fn(net(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        hook.on_step(1, step, loss.detach())
        after = dict(net.named_parameters())
        expected.append({name: float((after[name] - was).norm() / was.norm()) for name, was in before.items()})
    hook.on_report()
    samples = [event for event in events if isinstance(event, ev.LayerStats)]
    assert [len(one.parameters) for one in samples] == [4, 4, 3]
    for ratios, one in zip(expected, samples, strict=True):
        assert {name: stats.update_ratio for name, stats in one.parameters.items()} == pytest.approx(ratios, rel=1e-3)


def test_dead_units_are_channels_of_a_convolution() -> None:
    values = torch.zeros(2, 4, 3, 3)
    values[1, 2, 0, 0] = 1.0
    assert float(dead_units(values)) == pytest.approx(3 / 4)
    assert float(dead_units(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))) == 0.5


def sample(
    parameters: dict[str, tuple[float | None, float | None, float | None]] | None = None,
    activations: dict[str, tuple[float | None, float | None, float | None, float | None]] | None = None,
) -> ev.LayerStats:
    parameters = parameters or {"a.weight": (0.1, 1.0, 1e-3), "b.weight": (0.2, 1.0, 1e-3)}
    activations = activations or {"a": (0.0, 1.0, 0.5, 0.1), "b": (0.0, 1.0, 0.0, None)}
    return ev.LayerStats(
        epoch=3,
        step=4,
        parameters={name: ev.ParameterStats(*numbers) for name, numbers in parameters.items()},
        activations={name: ev.ActivationStats(*numbers) for name, numbers in activations.items()},
    )


@pytest.mark.parametrize(
    ("given", "code", "layer"),
    [
        ({}, None, None),
        (
            {"parameters": {"a.weight": (None, 1.0, None), "b.weight": (None, 1.0, None)}},
            "non_finite_layer",
            "a.weight",
        ),
        ({"activations": {"a": (0.0, 1.0, 0.5, 0.1), "b": (None, None, 0.0, None)}}, "non_finite_layer", "b"),
        ({"parameters": {"a.weight": (5e3, 1.0, 1.0), "b.weight": (9e3, 1.0, 1.0)}}, "exploding_gradient", "a.weight"),
        ({"parameters": {"a.weight": (1e-8, 1.0, 0.0), "b.weight": (0.2, 1.0, 0.1)}}, "vanishing_gradient", "a.weight"),
        ({"parameters": {"a.bias": (1e-8, 1.0, 0.0), "b.weight": (0.2, 1.0, 0.1)}}, None, None),
        ({"activations": {"a": (0.0, 1.0, 0.9, 0.51), "b": (0.0, 1.0, 0.9, 0.9)}}, "dead_units", "a"),
    ],
)
def test_what_is_wrong_names_the_first_layer(given: dict[str, Any], code: str | None, layer: str | None) -> None:
    found = diagnose(sample(**given))
    assert [(one[0], one[1]) for one in found] == ([] if code is None else [(code, layer)])
    for _, name, message in found:
        assert name in message
        assert "epoch 3, step 4" in message


def test_deep_sigmoids_vanish_and_a_large_step_makes_nan(watched: Callable[..., ev.LayerStats]) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(12):
        layers += [nn.Linear(8, 8), nn.Sigmoid()]
    deep = nn.Sequential(*layers, nn.Linear(8, 3))
    X, y = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
    ((code, layer, _),) = diagnose(watched(deep, X, y))
    assert (code, layer) == ("vanishing_gradient", "0.weight")
    blown = network()
    with torch.no_grad():
        blown[0].weight.fill_(float("inf"))  # type: ignore[operator]
    ((code, layer, _),) = diagnose(watched(blown, torch.randn(4, 6), y))
    assert (code, layer) == ("non_finite_layer", "0")
    dead = network()
    with torch.no_grad():
        dead[0].bias.fill_(-100.0)  # type: ignore[operator]
    codes = {code: layer for code, layer, _ in diagnose(watched(dead, torch.randn(4, 6), y))}
    assert codes["dead_units"] == "1"


def test_samples_come_at_their_interval_and_change_no_number(ran: Callable[..., Ran]) -> None:  # noqa: F811
    def weights(every: int) -> tuple[Ran, dict[str, torch.Tensor]]:
        run = ran(epochs=2, lr=1e-2, inspect_every=every)
        run.to_the_end()
        return run, run.saved[-1]["model"]

    off, plain = weights(0)
    on, looked_at = weights(2)
    assert not off.kinds("layer_stats")
    places = [(event.epoch, event.step) for event in on.events if isinstance(event, ev.LayerStats)]
    steps = next(event.steps for event in on.events if isinstance(event, ev.Progress))
    assert places == [(epoch, step) for epoch in (1, 2) for step in range(1, steps + 1, 2)]
    losses = [[event.loss for event in run.events if isinstance(event, ev.Progress)] for run in (off, on)]
    assert losses[0] == losses[1]
    assert all(torch.equal(plain[name], looked_at[name]) for name in plain)


def test_a_single_step_tells_the_loss_before_and_after(ran: Callable[..., Ran]) -> None:  # noqa: F811
    run = ran(epochs=1, lr=1e-2, inspect_every=0)
    run.on(at(1, 2), lambda: run.session.send(CommandKind.PAUSE)).start()
    run.wait_for(lambda event: event.kind == "paused")
    run.session.send(CommandKind.STEP)
    told = run.wait_for(lambda event: event.kind == "layer_stats")
    assert isinstance(told, ev.LayerStats)
    assert told.step == 3
    step = run.wait_for(at(1, 3))
    assert isinstance(step, ev.Progress)
    assert told.loss_before == pytest.approx(step.loss, rel=1e-6)
    assert told.loss_after is not None
    assert told.loss_before is not None
    assert told.loss_after < told.loss_before
    run.session.send(CommandKind.UNPAUSE)
    run.to_the_end()
    assert len(run.kinds("layer_stats")) == 1


def test_a_single_step_of_a_network_with_dropout_and_batch_norm_changes_nothing_else(
    ran: Callable[..., Ran],  # noqa: F811
) -> None:
    def weights(*, stepping: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        run = ran(epochs=1, model=build("cnn"), inspect_every=0)
        if stepping:
            run.on(at(1, 1), lambda: run.session.send(CommandKind.PAUSE)).start()
            run.wait_for(lambda event: event.kind == "paused")
            for step in (2, 3):
                run.session.send(CommandKind.STEP)
                run.wait_for(at(1, step))
            run.session.send(CommandKind.UNPAUSE)
        run.to_the_end()
        found: dict[str, torch.Tensor] = run.saved[-1]["model"]
        return found

    straight, stepped = weights(stepping=False), weights(stepping=True)
    assert all(torch.equal(straight[name], stepped[name]) for name in straight)


def test_a_warning_comes_once(ran: Callable[..., Ran]) -> None:  # noqa: F811
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with torch.no_grad():
        net[1].bias.fill_(float("nan"))  # type: ignore[operator]
    run = ran(model=net, epochs=1, inspect_every=1, on_non_finite="continue")
    run.to_the_end()
    codes = [event.code for event in run.events if isinstance(event, ev.Warned)]
    assert codes.count("non_finite_layer") == 1
    warned = next(event for event in run.events if isinstance(event, ev.Warned) and event.code == "non_finite_layer")
    assert "the first of the layers" in warned.message


def test_the_state_keeps_the_samples_thinned_and_a_resume_voids_later_ones() -> None:
    folded = Fold()
    for at_ in range(1, 4 * LAYER_STATS):
        folded.add(ev.LayerStats(seq=at_, t=0.0, epoch=1, step=at_, parameters={}, activations={}))
    kept = [one.step for one in folded.snapshot().layer_stats]
    assert len(kept) <= 2 * LAYER_STATS + 1
    assert kept == sorted(kept)
    assert kept[-100:] == list(range(4 * LAYER_STATS - 100, 4 * LAYER_STATS))
    assert kept[0] == 1
    events: list[ev.Event] = [
        ev.LayerStats(seq=at_, epoch=1, step=at_, parameters={}, activations={}) for at_ in (1, 2, 3)
    ]
    again = ev.Resumed(
        seq=4, checkpoint="", epoch=1, step=2, evaluated=False, training_s=0.0, config={"lr": 1e-3}, device="cpu",
        device_name="", threads=1, loader="resident", epochs=1, steps=9, differences=[], bad=[],
    )  # fmt: skip
    assert [one.step for one in fold([*events, again]).layer_stats] == [1, 2]


def test_the_loss_after_a_step_is_of_the_same_dropout_and_leaves_everything_else_as_it_was() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    loss_fn, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.0)
    X, y = torch.randn(8, 6), torch.arange(8) % 3
    events: list[ev.Event] = []
    after: list[tuple[list[torch.Tensor], torch.Tensor]] = []
    start = torch.get_rng_state()
    for single in (False, True):
        torch.set_rng_state(start)
        net[1].reset_running_stats()  # type: ignore[operator]
        hook = LayerStats(net, loss_fn, optimizer, events.append, every=1)
        hook.before_step(1, 1, single=single)
        loss = loss_fn(net(X), y)
        loss.backward()
        optimizer.step()
        hook.on_step(1, 1, loss.detach())
        hook.on_report()
        after.append(([buffer.clone() for buffer in net.buffers()], torch.get_rng_state()))
    plain, asked = [event for event in events if isinstance(event, ev.LayerStats)]
    assert (plain.loss_before, plain.loss_after) == (None, None)
    assert asked.loss_before == asked.loss_after == pytest.approx(float(loss))  # lr 0: no weight has changed
    assert all(torch.equal(one, other) for one, other in zip(after[0][0], after[1][0], strict=True))
    assert torch.equal(after[0][1], after[1][1])
