"""From a `TrainConfig` to everything a session needs; whatever can be refused is refused here, before a run begins."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine import device as devices
from engine.data.dataset import Dataset, open_dataset
from engine.data.loader import Batches, make_batches
from engine.errors import ConfigError, ModelError
from engine.models.person import describe, load_name
from engine.models.registry import build, check_fit
from engine.training.config import TrainConfig
from engine.training.losses import make_loss
from engine.training.optimizers import make_optimizer


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to begin."""

    config: TrainConfig  # with `dataset` and `threads` resolved
    dataset: Dataset
    device: torch.device
    model: nn.Module
    loss_fn: nn.Module
    optimizer: torch.optim.Optimizer
    train_batches: Batches
    test_batches: Batches

    def describe(self) -> dict[str, Any]:
        """What `run_started` says, all but its own bookkeeping."""
        data = self.dataset
        return {
            "config": self.config.to_dict(),
            "device": str(self.device),
            "device_name": devices.describe(self.device, self.config.threads),
            "threads": self.config.threads,
            "dataset": {
                "name": data.name,
                "title": data.title,
                "demo": data.demo,
                "train": len(data.train),
                "test": len(data.test),
                "classes": list(data.classes),
                "checksum": data.checksum,
            },
            "loader": self.train_batches.kind,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "epochs": self.config.epochs,
            "steps": len(self.train_batches),
        }


def prepare(config: TrainConfig, *, home: Path, data_dir: Path | None = None) -> Prepared:
    """Open the data (checksums verified), build the model from the seed, put both on the device and try one batch.

    Sets torch's thread count and seeds its global generators. Raises an EngineError for what the person can mend.
    """
    threads = config.threads or devices.default_threads()
    torch.set_num_threads(threads)
    device = devices.resolve(config.device)
    dataset = open_dataset(config.dataset, data_dir, home, verify=True)
    config = replace(config, dataset=dataset.name, threads=threads)
    transform = _transform(config.transform)

    torch.manual_seed(config.seed)
    model = build(config.model)
    train, test = (
        make_batches(
            split,
            dataset.classes,
            batch_size=config.batch_size,
            device=device,
            shuffle=shuffle,
            seed=config.seed,
            transform=transform,
        )
        for split, shuffle in ((dataset.train, config.shuffle), (dataset.test, False))
    )
    try:
        images, _ = next(iter(test))
    except Exception as error:
        if transform is None:
            raise
        what = f"--transform {config.transform}: the first batch of test images raised {describe(error)}"
        raise ConfigError("transform", what) from error
    try:
        model = model.to(device)
        check_fit(config.model, model, images[:2], len(dataset.classes))
    except torch.OutOfMemoryError:
        raise ModelError(f"--model {config.model}: it does not fit into the memory of {device}") from None
    optimizer = make_optimizer(config, (p for p in model.parameters() if p.requires_grad), device)
    return Prepared(config, dataset, device, model, make_loss(config.loss), optimizer, train, test)


def _transform(reference: str) -> Any:
    """The callable of `path/to/file.py:NAME`; None for an empty reference. Raises ConfigError."""
    if not reference:
        return None
    try:
        found = load_name(reference)
    except ModelError as error:
        raise ConfigError("transform", f"--transform: {error}") from error
    if isinstance(found, type):  # a class: its instance is the transform
        try:
            found = found()
        except Exception as error:
            raise ConfigError("transform", f"--transform {reference}: building it raised {error}") from error
    if not callable(found):
        raise ConfigError("transform", f"--transform {reference} is a {type(found).__name__}, not callable")
    return found
