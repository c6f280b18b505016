"""A small, quick training for the engine's tests: 10 classes of noisy stripes, and a network of 7,850 numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from engine.data import holdout
from engine.data.loader import make_batches
from engine.data.open_dataset import Dataset, Split
from engine.training.config import TrainConfig
from engine.training.optimizers import make_optimizer
from engine.training.setup import TrainingSetup, augment_of, averaging_of, losses_of
from engine.training.stepping import stepping_of

CLASSES = tuple(f"class {label}" for label in range(10))


def split(name: str, count: int) -> Split:
    """`count` images, each with one bright stripe at the height of its class, in noise."""
    rng = np.random.default_rng(len(name))
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = rng.integers(0, 120, (count, 28, 28), dtype=np.uint8)
    for index, label in enumerate(labels):
        images[index, 2 * label + 3 : 2 * label + 5] += 100
    return Split(name, images, labels)


@pytest.fixture
def prepared() -> Callable[..., TrainingSetup]:
    """Makes a `Prepared` of 640 + 200 images (10 steps an epoch at batch 64) with settings of the test's choice."""

    def make(model: nn.Module | None = None, **settings: object) -> TrainingSetup:
        config = TrainConfig(**({"dataset": "demo", "epochs": 2, "threads": 1} | settings))  # type: ignore[arg-type]
        torch.set_num_threads(config.threads)  # as prepare does: it decides the last bits
        torch.manual_seed(config.seed)
        model = model or nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        device = torch.device("cpu")
        train, test = split("train", 640), split("test", 200)
        dataset = Dataset("demo", "stripes", CLASSES, train, test, "made by the test")
        wanted = holdout.parse(config.val)
        held_out = holdout.split_off(train, wanted) if wanted else None
        parts = [(held_out.train if held_out else train, config.shuffle), (test, False)]
        parts += [(held_out.val, False)] if held_out else []
        batches = [
            make_batches(
                part, CLASSES, batch_size=config.batch_size, device=device, shuffle=shuffle, seed=config.seed,
                augment=None if at else augment_of(config),
            )
            for at, (part, shuffle) in enumerate(parts)
        ]  # fmt: skip
        if config.memory_format == "channels_last":
            model = model.to(memory_format=torch.channels_last)
        optimizer = make_optimizer(config, model.parameters(), device)
        loss_fn, train_loss_fn = losses_of(config)
        return TrainingSetup(
            config, dataset, device, model, model, loss_fn, train_loss_fn, optimizer, batches[0], batches[1],
            held_out=held_out, val_batches=batches[2] if held_out else None,
            stepping=stepping_of(config, model, train_loss_fn, optimizer, device),
            averaging=averaging_of(config, model),
        )  # fmt: skip

    return make
