"""Muon: what it does to matrices, which parameters are its own, and that the rest is torch.optim.SGD's, bit for bit."""

import copy

import pytest
import torch
from torch import nn

from engine.training.config import TrainConfig
from engine.training.muon import MARGIN, STEPS, Muon, matrices, orthogonalized, polar
from engine.training.optimizers import OPTIMIZERS, make_optimizer


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 6), nn.Linear(6, 3)
    )


def trained(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 4) -> None:
    torch.manual_seed(1)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(torch.randn(8, 1, 8, 8)), torch.randint(3, (8,)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("shape", [(4, 4), (3, 50), (64, 5), (10, 10), (1, 7)])
def test_the_singular_values_come_near_to_one_and_the_vectors_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) * 1e-3
    made = orthogonalized(matrix)
    assert made.shape == matrix.shape
    assert made.dtype == torch.float32
    values = torch.linalg.svdvals(made)
    assert float(values.min()) > 0.7
    assert float(values.max()) < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    core = left.T @ made @ right.T
    assert float((core - torch.diag(core.diagonal())).abs().max()) < 1e-3


def test_each_polynomial_is_the_best_for_what_the_one_before_it_leaves() -> None:
    """Its error oscillates: the largest deviation from 1 is met four times, above and below in turn (Chebyshev)."""
    low, high = 0.01, 1.0
    for a, b, c in STEPS:
        x = torch.linspace(low, high, 1_000_001, dtype=torch.float64)
        error = a * x + b * x**3 + c * x**5 - 1
        at = [0, *(((error[1:-1] - error[:-2]) * (error[2:] - error[1:-1]) < 0).nonzero()[:, 0] + 1).tolist(), -1]
        peaks = error[at]
        assert len(peaks) == 4
        assert peaks.sign().tolist() == [-1, 1, -1, 1]
        assert float(peaks.abs().max() - peaks.abs().min()) < 1e-4
        low, high = 1 + float(peaks.min()), 1 + float(peaks.max())
    assert (round(low, 2), round(high, 2)) == (0.73, 1.27)


@pytest.mark.parametrize("share", [0.0, 0.003, 0.01, 0.1, 1.0])
def test_bfloat16_leads_nowhere_even_with_one_singular_value(share: float) -> None:
    """As on a GPU. `share`: of the second singular value, the first being all of the norm."""
    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(size, 32)).Q for size in (32, 96))
    values = torch.tensor([1.0] + [share] * 31)
    matrix = left * values @ right.T
    made = polar((matrix / (MARGIN * matrix.norm())).to(torch.bfloat16)).float()
    assert float(torch.linalg.svdvals(made).max()) < 1.4
    assert float(torch.linalg.svdvals(made)[0]) > 0.6


def test_a_matrix_of_zeros_stays_one() -> None:
    assert torch.equal(orthogonalized(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_kernels_and_matrices_but_the_last_are_its_own() -> None:
    model = network()
    own = matrices(list(model.parameters()))
    assert [id(one) for one in own] == [id(model.get_parameter(name)) for name in ("0.weight", "4.weight")]
    assert matrices(list(nn.Linear(3, 2).parameters())) == []


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}])
def test_the_rest_is_torch_s_sgd(settings: dict[str, float]) -> None:
    """With its own parameters held still."""
    mine, theirs = network(), network()
    optimizer = Muon(mine.parameters(), lr=0.05, muon_lr=0.0, **settings)  # type: ignore[arg-type]
    own = {id(one) for one in matrices(list(mine.parameters()))}
    still = [id(one) in own for one in mine.parameters()]
    rest = [one for one, skip in zip(theirs.parameters(), still, strict=True) if not skip]
    trained(mine, optimizer)
    trained(theirs, torch.optim.SGD(rest, lr=0.05, **settings))  # type: ignore[arg-type]
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))


def test_a_step_is_the_orthogonalized_momentum_scaled() -> None:
    model = nn.Sequential(nn.Linear(3, 12, bias=False), nn.Linear(12, 2, bias=False))
    weight = model.get_parameter("0.weight")
    before = weight.detach().clone()
    optimizer = Muon(model.parameters(), lr=0.1, muon_lr=0.25, muon_momentum=0.9, weight_decay=0.5)
    model(torch.randn(5, 3)).square().sum().backward()
    gradient = weight.grad
    assert gradient is not None
    momentum = 0.1 * gradient
    update = orthogonalized(gradient.lerp(momentum, 0.9))
    optimizer.step()
    wanted = before * (1 - 0.25 * 0.5) - 0.25 * 2.0 * update  # √(12 / 3)
    assert torch.allclose(weight, wanted, atol=1e-6)


def test_its_state_survives_a_state_dict_and_frozen_parameters_are_left() -> None:
    model = network()
    weight = model.get_parameter("0.weight").requires_grad_(False)
    config = TrainConfig(optimizer="muon", lr=0.05, momentum=0.9, nesterov=True)
    optimizer = make_optimizer(config, model.parameters(), torch.device("cpu"))
    before = weight.clone()
    trained(model, optimizer)
    assert torch.equal(weight, before)
    other = copy.deepcopy(model)
    again = make_optimizer(config, other.parameters(), torch.device("cpu"))
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    trained(model, optimizer)
    trained(other, again)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_file_of_torch_s_sgd_is_not_taken_for_its_state() -> None:
    from engine.training.optimizers import is_state_of

    group = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1).state_dict()["param_groups"][0]
    assert is_state_of("sgd", {"momentum_buffer"}, group)
    assert not is_state_of("muon", {"momentum_buffer"}, group)
    assert not OPTIMIZERS["muon"].in_torch
