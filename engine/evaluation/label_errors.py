"""Suspected label errors, by confident learning over predictions that no model made of its own training images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from engine import device as devices
from engine.data.dataset import Bytes, Dataset, Split
from engine.data.loader import Batches, make_batches
from engine.evaluation.requests import LabelErrorSettings, Suspects
from engine.evaluation.suspects import listed
from engine.models.registry import build, check_fit
from engine.progress import Progress
from engine.training.config import TrainConfig
from engine.training.loop import train_loop
from engine.training.losses import make_loss
from engine.training.optimizers import make_optimizer
from engine.training.pipelines import transforms_of

BATCH = 500  # images at a time, to predict
LR = 1e-3  # of Adam


def find(data: Dataset, settings: LabelErrorSettings, progress: Progress) -> dict[str, Suspects]:
    """The suspected label errors of each split."""
    config = TrainConfig(
        model=settings.model, epochs=settings.epochs, transform=settings.transform, seed=settings.seed,
        device=settings.device, optimizer="adam", lr=LR,
    )  # fmt: skip
    by_split = probabilities(data, config, settings.folds, devices.resolve(config.device), progress)
    found = {}
    for chances, split in zip(by_split, data.splits.values(), strict=True):
        errors = confident(chances, split.labels)
        found[split.name] = listed("label", split.name, errors.label_probability, errors.suspected, errors.suggested)
    return found


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Of each of N samples."""

    suspected: npt.NDArray[np.bool_]
    label_probability: npt.NDArray[np.float32]
    suggested: npt.NDArray[np.int64]  # the class that is confidently predicted; its label where none is


def confident(probabilities: npt.NDArray[np.float32], labels: Bytes) -> LabelErrors:
    """Confident learning (Northcutt, Jiang & Chuang, 2021, J. Artificial Intelligence Research 70, section 3).

    A class is confidently predicted for a sample where its probability, of `probabilities` [N, classes], is at least
    the mean one of that class over the samples that have its label; among several, the most probable one. A sample
    for which another class than its label is confidently predicted is suspected, the more the less probable its label.
    """
    count, classes = probabilities.shape
    given = labels.astype(np.int64)
    thresholds = np.array(
        [probabilities[given == label, label].mean() if (given == label).any() else 2.0 for label in range(classes)]
    )
    eligible = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = eligible.argmax(axis=1)
    some = eligible.max(axis=1) >= 0
    suggested = np.where(some, best, given)
    return LabelErrors(suggested != given, probabilities[np.arange(count), given].astype(np.float32), suggested)


def folds(labels: Bytes, number: int, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each sample, int64 [N]: drawn, each class spread evenly over all."""
    drawn = np.random.default_rng(seed).permutation(len(labels))
    fold = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = drawn[labels[drawn] == label]
        fold[members] = np.arange(len(members)) % number
    return fold


def probabilities(
    data: Dataset, config: TrainConfig, number: int, device: torch.device, progress: Progress
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Softmax probabilities of the training samples, each by the model that was trained on the other folds, and of the
    test samples, the mean over all of these models: float32 [N, classes] each.

    `config`: model, optimizer and its settings, epochs, batch_size, transform, seed. `progress` counts the
    images that were trained on.
    """
    train, classes = data.train, len(data.classes)
    fold = folds(train.labels, number, config.seed)
    out, test = np.zeros((len(train), classes), np.float32), np.zeros((len(data.test), classes), np.float32)
    transforms, loss_fn, done = transforms_of(config.transform), make_loss(config.loss), 0
    total = config.epochs * (number - 1) * len(train)
    for held_out in range(number):
        inside, outside = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        batches = make_batches(
            Split("train", train.images[inside], train.labels[inside]), data.classes, batch_size=config.batch_size,
            device=device, shuffle=True, seed=config.seed + held_out, transform=transforms.train,
            after=transforms.after,
        )  # fmt: skip
        images, _ = next(iter(batches))
        torch.manual_seed(config.seed + held_out)
        model = build(config.model, classes, images.shape[1:]).to(device)
        check_fit(config.model, model, images[:2], classes)
        optimizer = make_optimizer(config, model.parameters(), device)
        for epoch in range(config.epochs):
            batches.set_epoch(epoch)
            for step, _ in enumerate(train_loop(batches, model, loss_fn, optimizer)):
                if step % 20 == 0:
                    progress(min(total, done + step * config.batch_size), total)
            done += len(inside)
        for split, place in (
            (Split("train", train.images[outside], train.labels[outside]), outside),
            (data.test, None),
        ):
            chances = _predicted(
                model,
                make_batches(
                    split,
                    data.classes,
                    batch_size=BATCH,
                    device=device,
                    transform=transforms.test,
                    after=transforms.after,
                ),
            )
            if place is None:
                test += chances / number
            else:
                out[place] = chances
    progress(total, total)
    return out, test


@torch.no_grad()
def _predicted(model: torch.nn.Module, batches: Batches) -> npt.NDArray[np.float32]:
    model.eval()
    found = [torch.softmax(model(X).float(), dim=1).cpu().numpy() for X, _ in batches]
    return np.concatenate(found)
