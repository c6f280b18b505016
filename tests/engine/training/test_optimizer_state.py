"""The optimizer's state in another program's file: a run goes on as that program would, or says what it can't take."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from engine.training import optimizer_state
from engine.training.config import TrainConfig
from engine.training.optimizers import make_optimizer

Made = tuple[nn.Sequential, torch.optim.Optimizer]


def network() -> nn.Sequential:
    """Two layers of one shape."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, count: int = 3) -> None:
    for at in range(count):
        optimizer.zero_grad()
        model(torch.linspace(-1, 2, 12).reshape(3, 4) * (at + 1)).square().sum().backward()
        optimizer.step()


def taken(
    theirs: nn.Module, optimizer: torch.optim.Optimizer, name: str, *, weights: list[str] | None = None, **settings: Any
) -> tuple[nn.Module, torch.optim.Optimizer, list[str]]:
    """A copy of the network with a run's optimizer that has taken over the state, and what was told."""
    mine = copy.deepcopy(theirs)
    config = TrainConfig(optimizer=name, **settings)
    own = make_optimizer(config, mine.parameters(), torch.device("cpu"))
    prepared: Any = SimpleNamespace(config=config, network=mine, optimizer=own)
    names = list(theirs.state_dict()) if weights is None else weights
    return mine, own, optimizer_state.take(prepared, copy.deepcopy(optimizer.state_dict()), names, lambda name: name)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


KINDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "betas": ("adam", {"betas": (0.5, 0.95), "eps": 1e-4}, "betas (0.5, 0.95), eps 0.0001"),
    "amsgrad": ("adam", {"amsgrad": True}, "amsgrad True"),
    "adamw": ("adamw", {"betas": (0.8, 0.99), "amsgrad": True, "maximize": True},
              "betas (0.8, 0.99), amsgrad True, maximize True"),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}, "nesterov True"),
    "dampening": ("sgd", {"momentum": 0.9, "dampening": 0.5}, "dampening 0.5"),
    "centered": ("rmsprop", {"centered": True, "alpha": 0.9}, "alpha 0.9, centered True"),
    "momentum": ("rmsprop", {"momentum": 0.5, "eps": 1e-3}, "eps 0.001"),
}  # fmt: skip
CLASSES: dict[str, Any] = {
    "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop,
}  # fmt: skip


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("named", [True, False])
def test_the_training_goes_on_as_theirs_with_what_no_setting_says(kind: str, named: bool) -> None:
    name, arguments, words = KINDS[kind]
    theirs = network()
    given = theirs.named_parameters() if named else theirs.parameters()
    optimizer = CLASSES[name](given, lr=0.01, weight_decay=0.02, **arguments)
    step(theirs, optimizer)
    settings = {key: value for key, value in arguments.items() if key == "momentum"}
    mine, own, notes = taken(theirs, optimizer, name, lr=0.01, weight_decay=0.02, **settings)
    assert notes == [f"taken from the optimizer in the file: {words}"]
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)


def test_defaults_are_not_told_and_settings_win() -> None:
    theirs = network()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.5, weight_decay=0.1)
    step(theirs, optimizer)
    _, own, notes = taken(theirs, optimizer, "adam", lr=0.003)
    assert notes == []
    assert (own.param_groups[0]["lr"], own.param_groups[0]["weight_decay"]) == (0.003, 0.0)


def grouped(theirs: nn.Sequential, *order: int, named: bool, **more: Any) -> torch.optim.Optimizer:
    """An optimizer whose groups have the layers in another order."""
    groups = []
    for at in order:
        parameters = [(f"{at}.{name}", parameter) for name, parameter in theirs[at].named_parameters()]
        groups.append({"params": parameters if named else [parameter for _, parameter in parameters], **more})
    return torch.optim.Adam(groups)


def test_moments_of_equal_shape_find_their_parameters_by_name() -> None:
    theirs = network()
    optimizer = grouped(theirs, 4, 2, 0, named=True)
    step(theirs, optimizer)
    mine, own, notes = taken(theirs, optimizer, "adam")
    assert notes == []
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_the_names_that_a_wrapper_gives_are_known(prefix: str) -> None:
    theirs = network()
    optimizer = torch.optim.Adam([(f"{prefix}{name}", value) for name, value in [*theirs.named_parameters()][::-1]])
    step(theirs, optimizer)
    mine, own, notes = taken(theirs, optimizer, "adam")
    assert notes == []
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)


@pytest.mark.parametrize("order", [(4, 2, 0), (0, 2, 4), (2, 0, 4)])
def test_without_names_what_is_ambiguous_is_not_taken(order: tuple[int, ...]) -> None:
    theirs = network()
    optimizer = grouped(theirs, *order, named=False)
    step(theirs, optimizer)
    _, own, (note,) = taken(theirs, optimizer, "adam")
    assert note.startswith("the optimizer's state in the file was not loaded: it")
    assert not own.state


def test_weights_and_biases_in_groups_of_their_own_are_taken_without_names() -> None:
    theirs = network()
    parts = [[value for value in theirs.parameters() if value.dim() == dimensions] for dimensions in (2, 1)]
    optimizer = torch.optim.AdamW([{"params": parts[0]}, {"params": parts[1]}], betas=(0.9, 0.95))
    step(theirs, optimizer)
    mine, own, notes = taken(theirs, optimizer, "adamw", weight_decay=0.01)
    assert notes == ["taken from the optimizer in the file: betas (0.9, 0.95)"]
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)


def test_what_else_the_optimizer_says_is_taken_where_its_moments_are_not() -> None:
    theirs = network()
    optimizer = torch.optim.Adam([*theirs.parameters()][:4], betas=(0.5, 0.9))
    step(theirs, optimizer)
    _, own, notes = taken(theirs, optimizer, "adam")
    assert notes == [
        "the optimizer's state in the file was not loaded: it has 4 parameters, and the network trains 6",
        "taken from the optimizer in the file: betas (0.5, 0.9)",
    ]
    assert own.param_groups[0]["betas"] == (0.5, 0.9)


def test_groups_of_different_shapes_are_taken_in_order_without_names() -> None:
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    optimizer = grouped(theirs, 0, 2, named=False)
    step(theirs, optimizer)
    mine, own, notes = taken(theirs, optimizer, "adam")
    assert notes == []
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)


def test_the_order_of_the_weights_in_the_file_is_that_of_their_parameters() -> None:
    """Another class registers its layers in another order; by shape both would fit."""
    theirs = network()
    layers = [theirs[at] for at in (2, 0, 4)]
    optimizer = torch.optim.Adam([parameter for layer in layers for parameter in layer.parameters()])
    step(theirs, optimizer)
    in_file = [f"{at}.{part}" for at in (2, 0, 4) for part in ("weight", "bias")]
    _, own, (note,) = taken(theirs, optimizer, "adam", weights=in_file)
    assert "parameters of equal shape are in several groups or orders" in note
    assert not own.state


def test_groups_with_settings_of_their_own_and_unknown_ones_are_told() -> None:
    theirs = network()
    optimizer = torch.optim.Adam(
        [{"params": [(f"{at}.{name}", p) for name, p in theirs[at].named_parameters()], "lr": 0.1 / (at + 1),
          "betas": (0.9, 0.9 + at / 100), "layer": at} for at in (0, 2, 4)],
    )  # fmt: skip
    step(theirs, optimizer)
    _, own, notes = taken(theirs, optimizer, "adam", lr=0.1)
    assert notes == [
        "taken from the optimizer in the file: betas (0.9, 0.9)",
        f"the file's 3 parameter groups have their own lr (0.1, {0.1 / 3}, 0.02): it is 0.1 for all",
        "the file's 3 parameter groups have their own betas ((0.9, 0.9), (0.9, 0.92), (0.9, 0.9400000000000001)): "
        "it is (0.9, 0.9) for all",
        "not taken from the optimizer in the file: layer",
    ]
    assert own.param_groups[0]["betas"] == (0.9, 0.9)


def test_names_that_the_network_lacks_and_parameters_without_state_are_told() -> None:
    theirs = network()
    more = nn.Linear(2, 2)
    named = [*theirs[0].named_parameters(prefix="0"), *more.named_parameters(prefix="extra")]
    optimizer = torch.optim.SGD(named, momentum=0.9)
    more(theirs(torch.ones(1, 4))).sum().backward()
    optimizer.step()
    _, own, notes = taken(theirs, optimizer, "sgd", momentum=0.9)
    assert notes == [
        "the optimizer's state of extra.weight, extra.bias was left out: the network trains none of these names",
        "the optimizer begins without state for 2.weight, 2.bias, 4.weight, 4.bias: the file has none",
    ]
    assert len(own.state) == 2


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (torch.optim.NAdam, "adam", "it has mu_product, which adam does not keep"),
        (torch.optim.RAdam, "adamw", "its groups are not those of adamw"),
        (torch.optim.Adadelta, "rmsprop", "it has acc_delta, which rmsprop does not keep"),
        (torch.optim.Adamax, "adam", "it has exp_avg, exp_inf, step, and adam needs exp_avg, exp_avg_sq, step"),
    ],
)
def test_another_optimizer_s_state_is_not_taken_for_one_of_ours(make: Any, name: str, words: str) -> None:
    theirs = network()
    optimizer = make(theirs.parameters())
    step(theirs, optimizer)
    _, own, notes = taken(theirs, optimizer, name)
    assert notes == [f"the optimizer's state in the file was not loaded: {words}"]
    assert not own.state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"betas": "many"}, "the optimizer's betas in the file can't be used; (0.9, 0.999) is used"),
        ({"betas": (0.9, 7.0)}, "the optimizer's betas in the file can't be used; (0.9, 0.999) is used"),
        ({"eps": float("nan")}, "the optimizer's eps in the file can't be used; 1e-08 is used"),
        ({"eps": torch.tensor(1e-4)}, "taken from the optimizer in the file: eps 9.999999747378752e-05"),
        ({"amsgrad": None}, "the optimizer's amsgrad in the file can't be used; False is used"),
        ({"params": [0, 0, 1, 2, 3, 4]}, "a parameter is in it twice"),
        ({"params": 3}, "it is not in torch.optim's format (TypeError)"),
    ],
)
def test_values_that_can_not_be_used_are_told(change: dict[str, Any], words: str) -> None:
    theirs = network()
    optimizer = torch.optim.Adam(theirs.parameters())
    step(theirs, optimizer)
    state = optimizer.state_dict()
    state["param_groups"][0] |= change
    fake: Any = SimpleNamespace(state_dict=lambda: state)
    _, _, (note,) = taken(theirs, fake, "adam")
    assert note.endswith(words)


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_steps_that_are_numbers_go_on(kind: type, name: str) -> None:
    """As PyTorch before 1.12 has them."""
    theirs = network()
    optimizer = CLASSES[name](theirs.parameters(), lr=0.01)
    step(theirs, optimizer)
    state = copy.deepcopy(optimizer.state_dict())
    for kept in state["state"].values():
        kept["step"] = kind(kept["step"])
    fake: Any = SimpleNamespace(state_dict=lambda: state)
    mine, own, notes = taken(theirs, fake, name, lr=0.01)
    assert notes == []
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)


@pytest.mark.parametrize("wrong", [{"exp_avg": "x"}, {"exp_avg": torch.ones(3)}, {"step": -1}, {"exp_avg": None}])
def test_a_state_of_anything_else_is_refused(wrong: dict[str, Any]) -> None:
    theirs = network()
    optimizer = torch.optim.Adam(theirs.parameters())
    step(theirs, optimizer)
    state = optimizer.state_dict()
    state["state"][2] |= wrong
    fake: Any = SimpleNamespace(state_dict=lambda: state)
    _, own, (note,) = taken(theirs, fake, "adam")
    assert note.startswith("the optimizer's state in the file was not loaded: ")
    assert not own.state


def test_names_in_the_place_of_numbers_as_torch_distributed_has_them() -> None:
    theirs = network()
    optimizer = torch.optim.Adam(theirs.parameters())
    step(theirs, optimizer)
    names, state = [name for name, _ in theirs.named_parameters()], optimizer.state_dict()
    order = [4, 5, 0, 1, 2, 3]
    by_name = {
        "state": {names[at]: state["state"][at] for at in order},
        "param_groups": [state["param_groups"][0] | {"params": [names[at] for at in order]}],
    }
    fake: Any = SimpleNamespace(state_dict=lambda: by_name)
    mine, own, notes = taken(theirs, fake, "adam")
    assert notes == []
    step(theirs, optimizer)
    step(mine, own)
    assert same(mine, theirs)
