"""What counts as finite."""

import math

import pytest
import torch
from torch import nn

from engine.training.finite import is_finite, was_finite


def trained() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(5, 3)).sum().backward()
    optimizer.step()
    return network, optimizer


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["weight", "state"])
def test_one_number_is_enough(bad: float, where: str) -> None:
    network, optimizer = trained()
    assert is_finite(network, optimizer)
    last = list(network.parameters())[-1]
    tensor = last.data if where == "weight" else optimizer.state[last]["exp_avg"]
    tensor[1] = bad
    assert not is_finite(network, optimizer)


def test_a_buffer_may_be_infinite_and_not_nan() -> None:
    network, optimizer = trained()
    network.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    assert is_finite(network, optimizer)
    network.register_buffer("mask", torch.tensor([0.0, math.nan]))
    assert not is_finite(network, optimizer)


def test_a_network_without_numbers_is_finite() -> None:
    assert is_finite(nn.Flatten(), torch.optim.SGD([torch.zeros(1, dtype=torch.float32)]))


def test_a_checkpoint_says_it_or_is_looked_into() -> None:
    good, bad = torch.zeros(2), torch.tensor([0.0, math.nan])
    assert not was_finite({"finite": False, "model": {"a": good}})
    assert was_finite({"model": {"a": good, "steps": torch.tensor(3)}})
    assert not was_finite({"model": {"a": good, "b": bad}})
    assert not was_finite({"finite": "yes", "model": {"b": bad}}), "from anybody"


@pytest.mark.parametrize(
    "odd",
    [torch.zeros(2, device="meta"), torch.zeros(2).to_sparse(), torch.zeros(2, dtype=torch.float8_e4m3fn),
     torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8), torch.zeros(2, dtype=torch.complex64), "text"],
)  # fmt: skip
def test_what_else_may_stand_there_is_passed_over(odd: object) -> None:
    assert was_finite({"model": {"a": odd}})
    assert not was_finite({"model": {"a": odd, "b": torch.tensor([0.0, math.nan])}})
    assert was_finite({"model": [odd]})
