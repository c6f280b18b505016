"""Single training steps, for the benchmarks that compare the surroundings of a training."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def seconds_of_a_step(values: Mapping[str, Any], threads: int, steps: int, data_dir: Path | None) -> float:
    """The mean of `steps` steps of a run with the settings `values`, after a tenth as many that are not counted. In
    this process, which imports torch for it."""
    import torch

    from engine import home
    from engine.training.config import TrainConfig
    from engine.training.recipes import expanded
    from engine.training.setup import make_setup

    torch.set_num_threads(threads)
    config = TrainConfig.from_dict({**expanded(values), "threads": threads})
    setup = make_setup(config, home=home.resolve(), data_dir=data_dir)
    setup.train_batches.set_epoch(1)
    begun, warm = 0.0, max(1, steps // 10)
    for number, (X, y) in enumerate(setup.train_batches):
        if number == warm:
            begun = time.perf_counter()
        if number == warm + steps:
            break
        setup.train_loss_fn(setup.model(X), y).backward()
        setup.optimizer.step()
        setup.optimizer.zero_grad()
    return (time.perf_counter() - begun) / steps
