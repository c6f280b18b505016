"""The tutorial's train loop and test loop."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

Batch = tuple[torch.Tensor, torch.Tensor]  # images [batch, 1, 28, 28] float32 in [0, 1], labels [batch] int64


def train_loop(
    batches: Iterable[Batch], model: nn.Module, loss_fn: nn.Module, optimizer: torch.optim.Optimizer
) -> Iterator[torch.Tensor]:
    """One epoch. Gives each step's loss, a scalar on the device, once the step is done; who takes it decides when to
    go on, so whatever it does between two losses it does at a step boundary.
    """
    model.train()
    for X, y in batches:
        pred = model(X)
        loss = loss_fn(pred, y)

        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

        yield loss.detach()


@dataclass(frozen=True)
class TestScore:
    """What the test loop found."""

    loss: float  # mean of the batches' mean losses
    accuracy: float  # fraction of 1
    confusion: tuple[tuple[int, ...], ...]  # row: true class, column: predicted class

    @property
    def per_class(self) -> tuple[float | None, ...]:
        """The fraction of each class's samples that was recognised; None for a class without samples."""
        return tuple(row[label] / sum(row) if sum(row) else None for label, row in enumerate(self.confusion))


@torch.no_grad()
def test_loop(batches: Iterable[Batch], model: nn.Module, loss_fn: nn.Module, classes: int) -> TestScore:
    """The whole of `batches` in evaluation mode. Losses and counts stay on the device until the end."""
    model.eval()
    losses: list[torch.Tensor] = []
    counts: torch.Tensor | None = None
    for X, y in batches:
        pred = model(X)
        losses.append(loss_fn(pred, y))
        if counts is None:
            counts = torch.zeros(classes * classes, dtype=torch.int64, device=y.device)
        cells = y * classes + pred.argmax(1)
        counts.scatter_add_(0, cells, torch.ones_like(cells))
    assert counts is not None, "an empty test set"

    confusion = counts.reshape(classes, classes)
    values: list[float] = torch.stack(losses).tolist()
    correct = int(confusion.diagonal().sum())
    rows: list[list[int]] = confusion.tolist()
    return TestScore(
        loss=sum(values) / len(values),
        accuracy=correct / int(confusion.sum()),
        confusion=tuple(tuple(row) for row in rows),
    )
