"""From a `TrainConfig` to everything a session needs. Whatever can be refused is refused here, before a run begins."""

import difflib
import random
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine import device as devices
from engine.data import augmentations, holdout
from engine.data.augment import Augment
from engine.data.holdout import HeldOut
from engine.data.loader import Batches, make_batches
from engine.data.open_dataset import Dataset, open_dataset
from engine.data.transforms import TransformFailedError
from engine.errors import ConfigError, ModelError
from engine.models.registry import build, check_fit
from engine.models.user_code import describe
from engine.training import determinism, freezing
from engine.training.averaging import Averaging
from engine.training.config import TrainConfig
from engine.training.losses import LOSSES, make_loss
from engine.training.optimizers import make_optimizer
from engine.training.pipelines import Transforms, transforms_of
from engine.training.setting import TUNE
from engine.training.settings import SETTINGS
from engine.training.stepping import Stepping, stepping_of
from engine.training.team import Team, WeightedLoss
from engine.weights import matching


@dataclass(frozen=True)
class TrainingSetup:
    """A run that is ready to begin."""

    config: TrainConfig  # with `dataset` and `threads` resolved
    dataset: Dataset
    device: torch.device
    network: nn.Module  # what a checkpoint holds
    model: nn.Module  # what is trained: the network, in DistributedDataParallel where processes train together
    loss_fn: nn.Module  # of evaluation
    train_loss_fn: nn.Module
    optimizer: torch.optim.Optimizer
    train_batches: Batches
    test_batches: Batches
    team: Team = field(default_factory=Team)
    transforms: Transforms = field(default_factory=Transforms)  # the config's
    held_out: HeldOut | None = None  # the training set in two parts; None: no validation images
    val_batches: Batches | None = None
    stepping: Stepping | None = None  # how a batch becomes a step; None: as in the tutorial's loop
    averaging: Averaging | None = None  # the averaged weights; None: there are none
    measured: tuple[str, ...] = ()  # what was measured before the run to choose settings by, a line each
    compile_s: float = 0.0  # seconds that torch.compile took

    @property
    def evaluated_network(self) -> nn.Module:
        """The network whose weights are evaluated, and are those of the checkpoints."""
        return self.averaging.network if self.averaging else self.network

    @property
    def evaluated_batches(self) -> dict[str, Batches]:
        """The sets that the network can be evaluated on, by their names: "val", where there is one, and "test"."""
        return ({"val": self.val_batches} if self.val_batches else {}) | {"test": self.test_batches}

    @property
    def sets_of_epoch(self) -> tuple[str, ...]:
        """The names of those that are evaluated after each epoch."""
        if self.val_batches is None:
            return ("test",)
        return ("val", "test") if self.config.test_every_epoch else ("val",)

    @property
    def how_evaluated(self) -> tuple[str, str]:
        """What the figures of an evaluation say beside the result: which average of the weights is evaluated, and which
        test-time augmentation is used; empty: none."""
        averaged = self.averaging.words if self.averaging and self.averaging.states else ""
        return averaged, "" if self.config.tta == "none" else self.config.tta

    def beside_weights(self) -> dict[str, Any]:
        """What a checkpoint holds beside the weights that are evaluated: where those are averaged, the weights that are
        trained, and the loss scale of fp16."""
        held: dict[str, Any] = {}
        if self.averaging and self.averaging.states:
            held |= {"training_model": self.network.state_dict(), "averaged": self.averaging.state_dict()}
        if self.stepping and (scale := self.stepping.state_dict()):
            held["loss_scale"] = scale
        return held

    def training_as_test(self) -> Batches:
        """The training set's batches made as the test set's: in the files' order, without random transforms."""
        custom = self.transforms
        return make_batches(
            self.dataset.train, self.dataset.classes, batch_size=self.config.batch_size, device=self.device,
            transform=custom.test, after=custom.after,
        )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """The fields of `run_started`."""
        data, held_out = self.dataset, self.held_out
        return {
            **self.describe_start(),
            "dataset": {
                "name": data.name,
                "title": data.title,
                "demo": data.demo,
                "train": self.train_batches.samples,
                "test": len(data.test),
                "classes": list(data.classes),
                "checksum": data.checksum,
                **({"left_out": len(data.left_out)} if data.left_out else {}),
                **({"notes": list(data.notes)} if data.notes else {}),
                **({"val": len(held_out.val), "val_sha256": held_out.sha256} if held_out else {}),
            },
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "trainable": sum(parameter.numel() for parameter in self.network.parameters() if parameter.requires_grad),
        }

    def describe_start(self) -> dict[str, Any]:
        """What may change with a resume: the settings, the device, and what follows from them."""
        together = f" × {self.team.size} processes" if self.team.size > 1 else ""
        return {
            "config": self.config.to_dict(),
            "device": str(self.device),
            "device_name": devices.describe(self.device, self.config.threads) + together,
            "threads": self.config.threads,
            "loader": self.train_batches.kind,
            "epochs": self.config.epochs,
            "steps": len(self.train_batches),
            "measured": list(self.measured),
            "compile_s": self.compile_s,
        }

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What the numbers depend on besides the config (see `engine.training.determinism`)."""
        files = {"model file": self.config.model, "transform file": self.config.transform}
        return determinism.environment(devices.name(self.device), self.config.threads, self.team.size, files)


def make_setup(
    config: TrainConfig,
    *,
    home: Path,
    data_dir: Path | None = None,
    team: Team | None = None,
    fresh: bool = True,
    of_branch: bool = False,
) -> TrainingSetup:
    """Open the data (checksums verified), build the model from the seed, put both on the device and try one batch.

    `fresh`: with the config's weights where it names some; else they come from somewhere else, a checkpoint.
    `of_branch`: of a run that starts from a file, for the words of errors. Nothing is measured or compiled: `tuning`
    does that.

    Sets torch's thread count and seeds its global generators. Raises an EngineError for what the person can mend.
    """
    team = team or Team()
    threads = config.threads if config.threads > 0 else max(1, devices.default_threads() // team.size)
    torch.set_num_threads(threads)
    device = devices.resolve(config.device)
    if device.type == "cuda" and team.size > 1:
        device = torch.device("cuda", team.local_rank)
    determinism.fix(device)
    dataset = open_dataset(config.dataset, data_dir, home, verify=True)
    config = replace(config, dataset=dataset.name, threads=TUNE if config.threads == TUNE else threads)
    batch_size = SETTINGS["batch_size"].default if config.batch_size == TUNE else config.batch_size
    custom = transforms_of(config.transform)

    wanted = holdout.parse(config.val)
    held_out = holdout.split_off(dataset.train, wanted) if wanted else None
    train, test, *validation = (
        make_batches(
            split,
            dataset.classes,
            batch_size=batch_size,
            device=device,
            shuffle=shuffle,
            seed=config.seed,
            transform=transform,
            after=custom.after,
            augment=augment,
        )
        for split, shuffle, transform, augment in (
            (held_out.train if held_out else dataset.train, config.shuffle, custom.train, augment_of(config)),
            (dataset.test, False, custom.test, None),
            *([(held_out.val, False, custom.test, None)] if held_out else []),
        )
    )
    images = _first(test, config.transform, "test")
    if custom.train is not None:
        with torch.random.fork_rng(devices=[]):
            drawn = _first(train, config.transform, "training")
        if drawn.shape[1:] != images.shape[1:]:
            sizes = f"training images come out as {list(drawn.shape[1:])}, test images as {list(images.shape[1:])}"
            raise ConfigError("transform", f"--transform {config.transform}: {sizes}: a random step changes the size")
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(config.seed % 2**32 if seed is np.random.seed else config.seed)
    network = build(config.model, len(dataset.classes), images.shape[1:])
    if config.weights and fresh:
        matching.load(network, config.weights, config.model, of_branch=of_branch)
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    freeze(network, config)  # the optimizer keeps them, so that a branch may unfreeze them
    try:
        network = network.to(device)
        check_fit(config.model, network, images[:2], len(dataset.classes))
        model = team.wrap(network, device)
    except torch.OutOfMemoryError:
        raise ModelError(f"--model {config.model}: it does not fit into the memory of {device}") from None
    if config.memory_format == "channels_last":
        network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(config, trainable, device)
    loss_fn, train_loss_fn = losses_of(config)
    if team.size > 1:
        train.share(team.rank, team.size)
        if team.rank:  # each process its own dropout
            torch.manual_seed((config.seed + team.rank * 0x9E3779B97F4A7C15) % 2**63)
    if team.size > 1:
        train_loss_fn = WeightedLoss(train_loss_fn, train)
    return TrainingSetup(
        config, dataset, device, network, model, loss_fn, train_loss_fn, optimizer, train, test, team, custom,
        held_out, validation[0] if validation else None,
        stepping_of(config, model, train_loss_fn, optimizer, device),
        averaging_of(config, network),
    )  # fmt: skip


def losses_of(config: TrainConfig) -> tuple[nn.Module, nn.Module]:
    """The losses that the config evaluates with, and trains with."""
    smoothed = LOSSES[config.loss].arguments(config.to_dict())
    loss_fn = make_loss(config.loss)
    return loss_fn, make_loss(config.loss, **smoothed) if smoothed else loss_fn


def averaging_of(config: TrainConfig, network: nn.Module) -> Averaging | None:
    """The averaged weights that the config asks for; None: there are none."""
    return None if config.average == "none" else Averaging(network, config)


def augment_of(config: TrainConfig) -> Augment | None:
    """What the config's training batches go through; None: nothing."""
    steps = augmentations.parse(config.augment)
    return Augment(steps) if steps else None


def freeze(network: nn.Module, config: TrainConfig) -> None:
    """`requires_grad_(False)` for what the config freezes. Raises ConfigError for a pattern that matches nothing, and
    where nothing is left to train."""
    parameters = dict(network.named_parameters())
    names = list(parameters)
    for pattern in freezing.unmatched(config.freeze, names):
        near = difflib.get_close_matches(pattern.removeprefix("!"), names, n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(names[:3])} …"
        raise ConfigError("freeze", f"--freeze: no parameter of {config.model} matches {pattern!r}{hint}")
    for name in freezing.frozen(config.freeze, names):
        parameters[name].requires_grad_(False)
    if config.freeze and not any(parameter.requires_grad for parameter in parameters.values()):
        raise ConfigError("freeze", f"--freeze: {config.freeze!r} leaves no parameter of {config.model} to train")


def _first(batches: Batches, transform: str, which: str) -> torch.Tensor:
    """The first batch of images. Raises ConfigError where the transform can't make it."""
    try:
        images, _ = next(iter(batches))
    except Exception as error:
        if not transform:
            raise
        why = f": {error}" if isinstance(error, TransformFailedError) else f" raised {describe(error)}"
        what = f"--transform {transform}: the first batch of {which} images{why}"
        raise ConfigError("transform", what) from error
    return images
