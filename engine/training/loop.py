"""The tutorial's train loop and test loop."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Any, TypeVar

import torch
from torch import nn

from engine.training.events import Evaluated

Batch = tuple[torch.Tensor, torch.Tensor]  # images [batch, 1, 28, 28] float32 in [0, 1], labels [batch] int64


def train_loop(
    batches: Iterable[Batch],
    model: nn.Module,
    loss_fn: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
) -> Iterator[torch.Tensor]:
    """One epoch. Gives each step's loss, a scalar on the device, once the step is done; who takes it decides when to
    go on, so whatever it does between two losses it does at a step boundary.

    `step`: what makes a batch a step and gives its loss, where the tutorial's lines are not all (`stepping`).
    """
    model.train()
    if step is not None:
        for X, y in batches:
            yield step(X, y)
        return
    for X, y in batches:
        pred = model(X)
        loss = loss_fn(pred, y)

        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

        yield loss.detach()


T = TypeVar("T")


@dataclass(frozen=True)
class Score:
    """The test loop's result."""

    losses: tuple[float, ...]  # each batch's mean loss
    confusion: tuple[tuple[int, ...], ...]  # row: true class, column: predicted class
    sizes: tuple[int, ...]  # each batch's samples

    @property
    def loss(self) -> float:
        """Mean of the batches' mean losses, as in the tutorial: it depends on the batch size where the last batch is a
        smaller one."""
        return sum(self.losses) / len(self.losses)

    @property
    def loss_per_sample(self) -> float:
        """Mean over the samples, of a loss that is the mean over its batch."""
        return sum(loss * size for loss, size in zip(self.losses, self.sizes, strict=True)) / sum(self.sizes)

    @property
    def accuracy(self) -> float:
        """Fraction of 1."""
        return sum(row[label] for label, row in enumerate(self.confusion)) / sum(map(sum, self.confusion))

    @property
    def per_class(self) -> tuple[float | None, ...]:
        """The fraction of each class's samples that was predicted correctly; None for a class without samples."""
        return tuple(row[label] / sum(row) if sum(row) else None for label, row in enumerate(self.confusion))

    def metrics(self) -> dict[str, Any]:
        """The fields of the event `Evaluated` that are properties of this result, by their names, as JSON has them."""
        return {one.name: _as_json(getattr(self, one.name)) for one in fields(Evaluated) if hasattr(self, one.name)}

    @classmethod
    def together(cls, parts: Sequence["Score"]) -> "Score":
        """The score of a test set whose batches were distributed in turn over `len(parts)` processes."""
        cells = zip(*(part.confusion for part in parts), strict=True)
        return cls(
            _in_turn([part.losses for part in parts]),
            tuple(tuple(map(sum, zip(*rows, strict=True))) for rows in cells),
            _in_turn([part.sizes for part in parts]),
        )


@torch.no_grad()
def test_loop(batches: Iterable[Batch], model: nn.Module, loss_fn: nn.Module, classes: int) -> Score:
    """All of `batches` in evaluation mode. Losses and counts stay on the device until the end."""
    model.eval()
    losses: list[torch.Tensor] = []
    sizes: list[int] = []
    counts: torch.Tensor | None = None
    for X, y in batches:
        pred = model(X)
        losses.append(loss_fn(pred, y))
        sizes.append(len(y))
        if counts is None:
            counts = torch.zeros(classes * classes, dtype=torch.int64, device=y.device)
        cells = y * classes + pred.argmax(1)
        counts.scatter_add_(0, cells, torch.ones_like(cells))
    if counts is None:  # fewer batches than processes
        return Score((), ((0,) * classes,) * classes, ())
    values: list[float] = torch.stack(losses).tolist()
    rows: list[list[int]] = counts.reshape(classes, classes).tolist()
    return Score(tuple(values), tuple(tuple(row) for row in rows), tuple(sizes))


def _in_turn(parts: Sequence[Sequence[T]]) -> tuple[T, ...]:
    """The first of each, the second of each, …"""
    return tuple(one for turn in zip_longest(*parts) for one in turn if one is not None)


def _as_json(value: Any) -> Any:
    return [_as_json(one) for one in value] if isinstance(value, tuple) else value
