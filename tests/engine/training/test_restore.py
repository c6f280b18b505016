"""Each value of a checkpoint is restored to its place; the config's settings win over the checkpoint's."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from engine.training.config import TrainConfig
from engine.training.optimizers import make_optimizer
from engine.training.resume import restore


def test_every_value_of_a_checkpoint_is_restored() -> None:
    network, then = nn.Linear(3, 2), nn.Linear(3, 2)
    config = TrainConfig(optimizer="adamw", lr=0.03, weight_decay=0.2)
    saved = make_optimizer(
        TrainConfig(optimizer="adamw", lr=0.5, weight_decay=0.4), then.parameters(), torch.device("cpu")
    )
    then(torch.ones(1, 3)).sum().backward()
    saved.step()
    order = torch.tensor([7])
    content = {
        "model": then.state_dict(), "optimizer": saved.state_dict(), "config": {"optimizer": "adamw"},
        "epoch": 3, "step": 17, "evaluated": True, "loss_sum": 5.25, "seconds": 11.0, "training_s": 71.5,
        "edits": [{"setting": "lr"}], "rng": [{"a": 1}, {"b": 2}], "batch_size": 24, "shuffle": True, "order": order,
    }  # fmt: skip
    optimizer = make_optimizer(config, network.parameters(), torch.device("cpu"))
    prepared: Any = SimpleNamespace(
        team=SimpleNamespace(rank=1), config=config, network=network, optimizer=optimizer, averaging=None, stepping=None
    )
    start, notes = restore(prepared, content)
    assert notes == []
    assert (start.epoch, start.step, start.evaluated, start.loss_sum) == (3, 17, True, 5.25)
    assert (start.seconds, start.training_s, start.batch_size, start.shuffle) == (11.0, 71.5, 24, True)
    assert (start.rng, start.edits) == ({"b": 2}, ({"setting": "lr"},))
    assert start.order is order
    assert torch.equal(network.weight, then.weight)
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [(0.03, 0.2)]
    kept = optimizer.state[network.weight]["exp_avg"]
    assert torch.equal(kept, saved.state[then.weight]["exp_avg"])
