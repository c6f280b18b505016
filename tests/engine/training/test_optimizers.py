"""Each optimizer is made with the config's own numbers, none of them torch's default."""

from typing import Any

import pytest
import torch
from torch import nn

from engine.training.config import TrainConfig
from engine.training.optimizers import make_optimizer


@pytest.mark.parametrize(
    ("name", "kind", "momentum"),
    [
        ("sgd", torch.optim.SGD, 0.7),
        ("adam", torch.optim.Adam, None),
        ("adamw", torch.optim.AdamW, None),
        ("rmsprop", torch.optim.RMSprop, 0.7),
    ],
)
def test_an_optimizer_has_the_numbers_of_the_config(
    name: str, kind: type[torch.optim.Optimizer], momentum: float | None
) -> None:
    given: dict[str, Any] = {} if momentum is None else {"momentum": momentum}
    config = TrainConfig(optimizer=name, lr=0.03, weight_decay=0.2, **given)
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = make_optimizer(config, [parameter], torch.device("cpu"))
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"], group.get("momentum")) == (0.03, 0.2, momentum)
    assert group["params"] == [parameter]
