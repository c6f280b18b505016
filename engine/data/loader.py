"""Batches for the training loops: a split resident on the device as one tensor, or torch's own DataLoader."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch.utils.data import DataLoader

from engine.data.augment import Augment
from engine.data.dataset import Split

Batch = tuple[torch.Tensor, torch.Tensor]  # X [B, 1 or 3, 28, 28] float32 in [0, 1], y [B] int64, both on the device


class Batches(Protocol):
    """A split in batches, again and again. The last batch of an epoch may be smaller."""

    @property
    def kind(self) -> str:
        """How the batches are made: "resident" or "DataLoader"."""

    @property
    def samples(self) -> int:
        """Samples in an epoch."""

    @property
    def batch_size(self) -> int:
        """Samples in a batch of this epoch, over all processes."""

    @property
    def order(self) -> torch.Tensor:
        """The state of the generator that the epoch's order is drawn from: uint8, as `torch.Generator.get_state`."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def set_epoch(self, epoch: int, order: torch.Tensor | None = None) -> None:
        """Choose the epoch whose batches the next iteration has, and apply what `change` was given.

        `order`: the generator's state to draw its order from, where a checkpoint brings one.
        """

    @property
    def shuffle(self) -> bool:
        """Whether this epoch's order is drawn, or that of the files."""

    def change(self, *, batch_size: int | None = None, shuffle: bool | None = None, seed: int | None = None) -> None:
        """From the next `set_epoch` on, batches of another size or order."""

    def share(self, rank: int, size: int) -> None:
        """Give only every `size`-th sample of a batch, from the `rank`-th on: the part of one of `size` processes."""

    @property
    def weight(self) -> float:
        """What the mean loss of the batch given last has to be multiplied by, so that the mean over the processes is
        the mean over the whole batch: 1 where all have the same number of samples."""

    def copy(self) -> "Batches":
        """The same batches, whose epoch and settings change without these."""

    def __iter__(self) -> Iterator[Batch]: ...

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from the batch `start` on: what `__iter__` gives, less its first `start`."""


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The CPU generator that decides an epoch's order. Neighbouring seeds and epochs have unrelated streams."""
    (mixed,) = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed))


def epoch_order(samples: int, seed: int, epoch: int) -> torch.Tensor:
    """The order of a shuffled epoch: int64 [samples], a permutation, on the CPU."""
    return torch.randperm(samples, generator=epoch_generator(seed, epoch))


class _Ordered(ABC):
    """What both ways share: how large an epoch's batches are, and in which order the samples come."""

    kind = ""

    def __init__(
        self,
        samples: int,
        batch_size: int,
        device: torch.device | str,
        shuffle: bool,
        seed: int,
        augment: Augment | None,
    ) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.order = torch.empty(0, dtype=torch.uint8)
        self.shuffle = shuffle
        self.weight = 1.0
        self._device = torch.device(device)
        self._augment = augment
        self._rank, self._size = 0, 1
        self._epoch = 0
        self._seed = seed
        self._next = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed}
        self.set_epoch(0)

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def set_epoch(self, epoch: int, order: torch.Tensor | None = None) -> None:
        """Choose the epoch whose order the next iteration has."""
        self.batch_size, self.shuffle = self._next["batch_size"], bool(self._next["shuffle"])
        self._epoch, self._seed = epoch, self._next["seed"]
        self.order = epoch_generator(self._seed, epoch).get_state() if order is None else order

    def change(self, *, batch_size: int | None = None, shuffle: bool | None = None, seed: int | None = None) -> None:
        """From the next `set_epoch` on, batches of another size or order."""
        given = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed}
        self._next |= {name: value for name, value in given.items() if value is not None}

    def share(self, rank: int, size: int) -> None:
        """Give only every `size`-th sample of each batch, from the `rank`-th on."""
        self._rank, self._size = rank, size

    def copy(self) -> Self:
        """The same batches, of the same tensors, whose epoch and settings change without these."""
        made = copy.copy(self)
        made._next = dict(self._next)
        return made

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    @abstractmethod
    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from the batch `start` on."""

    def _slices(self, start: int) -> Iterator[tuple[slice, float]]:
        """Where each batch's samples lie in the epoch's order, those of this process; and the batch's weight."""
        for first in range(start * self.batch_size, self.samples, self.batch_size):
            last = min(first + self.batch_size, self.samples)
            if self._size == 1:
                yield slice(first, last), 1.0
                continue
            mine = len(range(first + self._rank, last, self._size))
            # A batch smaller than the number of processes: those without a sample take one that counts for nothing.
            part = slice(first + self._rank, last, self._size) if mine else slice(first, first + 1)
            yield part, mine * self._size / (last - first)

    def _augmented(self, X: torch.Tensor, part: slice, order: torch.Tensor | None) -> torch.Tensor:
        """The images of a part of the epoch's `order`, which is on their device; None: that of the files."""
        if self._augment is None:
            return X
        index = torch.arange(part.start, part.stop, part.step or 1, device=X.device) if order is None else order[part]
        return self._augment(X, index, epoch=self._epoch, seed=self._seed, samples=self.samples)

    def _generator(self) -> torch.Generator:
        generator = torch.Generator()
        generator.set_state(self.order)
        return generator

    def _permutation(self) -> torch.Tensor:
        return torch.randperm(self.samples, generator=self._generator())


class ResidentBatches(_Ordered):
    """A split kept on the device as uint8 (47 MB for Fashion-MNIST's training set), scaled a batch at a time.

    The arithmetic is that of torchvision's ToTensor, bit for bit: to float32, divided by 255. A batch of 64 costs the
    CPU about 15 µs, 20 µs where shuffled; on CUDA nothing waits for the device but the beginning of an epoch.
    """

    kind = "resident"

    def __init__(
        self,
        split: Split,
        batch_size: int,
        device: torch.device | str,
        shuffle: bool = False,
        seed: int = 0,
        after: Callable[[torch.Tensor], torch.Tensor] | None = None,
        augment: Augment | None = None,
    ) -> None:
        """`augment`, then `after`: what each scaled batch goes through, on the device."""
        self._after = after
        # np.array copies: the split's arrays are read-only, and may be a file that goes away.
        images = torch.from_numpy(np.array(split.images))
        channels_first = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
        self._images = channels_first.to(device)
        self._targets = torch.from_numpy(split.labels.astype(np.int64)).to(device)
        # A tensor, not the number: CUDA multiplies by a number's reciprocal instead, and the last bit is another.
        self._full = torch.tensor(255, dtype=torch.float32, device=device)
        super().__init__(len(self._targets), batch_size, device, shuffle, seed, augment)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from the batch `start` on."""
        if self._after is None:
            yield from self._scaled(start)
            return
        for X, y in self._scaled(start):
            yield self._after(X), y

    def _scaled(self, start: int) -> Iterator[Batch]:
        images, targets, full = self._images, self._targets, self._full
        if not self.shuffle:
            for part, weight in self._slices(start):
                self.weight = weight
                X = images[part].to(torch.float32).div_(full)
                yield self._augmented(X, part, None), targets[part]
            return
        order = self._permutation().to(images.device)
        for part, weight in self._slices(start):
            self.weight = weight
            index = order[part]  # index_select: a third of the time of images[index]
            X = images.index_select(0, index).to(torch.float32).div_(full)
            yield self._augmented(X, part, order), targets.index_select(0, index)


class LoaderBatches(_Ordered):
    """A split through torch's DataLoader: for a custom transform, called with each PIL image.

    A shuffled epoch has the same order as that of ResidentBatches.
    """

    kind = "DataLoader"

    def __init__(
        self,
        split: Split,
        classes: tuple[str, ...],
        batch_size: int,
        device: torch.device | str,
        shuffle: bool = False,
        seed: int = 0,
        transform: Callable[[Any], Any] | None = None,
        num_workers: int = 0,
        augment: Augment | None = None,
        after: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        """`augment`, then `after`: what each batch goes through, on the device, after the transform."""
        from torchvision.transforms import ToTensor

        self._after = after

        self._dataset = torchvision_dataset(split, classes, transform or ToTensor())
        self._num_workers = num_workers
        super().__init__(len(self._dataset), batch_size, device, shuffle, seed, augment)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from the batch `start` on; the samples before it are not loaded.

        Raises TypeError where the transform returns what no batch can be made of, and whatever the transform raises.
        """
        drawn = self._permutation() if self.shuffle else torch.arange(self.samples)
        order: list[int] = drawn.tolist()
        places = drawn.to(self._device) if self._augment else drawn
        parts = list(self._slices(start))
        loader = DataLoader(
            self._dataset,
            batch_sampler=[order[part] for part, _ in parts],
            num_workers=self._num_workers,
            # Its own generator: a DataLoader without one draws its workers' seed from torch's global stream.
            generator=self._generator(),
        )
        for (X, y), (part, self.weight) in zip(loader, parts, strict=True):
            if not isinstance(X, torch.Tensor):
                raise TypeError("the transform must return a tensor of one image, or an array")
            X = self._augmented(X.to(self._device), part, places)
            yield X if self._after is None else self._after(X), y.to(self._device)


def torchvision_dataset(
    split: Split,
    classes: tuple[str, ...],
    transform: Callable[[Any], Any] | None = None,
    target_transform: Callable[[Any], Any] | None = None,
) -> Any:
    """A torchvision.datasets.FashionMNIST that holds `split`, whatever form its files have, or if it has none.

    `data` (uint8 [N, 28, 28]), `targets` (int64 [N]), `classes`, `dataset[index]` and the rest are torchvision's own.
    """
    from engine.data.torchvision_dataset import FilledFashionMNIST

    return FilledFashionMNIST(split, classes, transform, target_transform)


def make_batches(
    split: Split,
    classes: tuple[str, ...],
    *,
    batch_size: int,
    device: torch.device | str,
    shuffle: bool = False,
    seed: int = 0,
    transform: Callable[[Any], Any] | None = None,
    after: Callable[[torch.Tensor], torch.Tensor] | None = None,
    augment: Augment | None = None,
) -> Batches:
    """The split resident on the device, each batch through `augment` and `after`; through a DataLoader where a
    `transform` must see each PIL image, and each batch of what it makes through `augment`."""
    if transform is None:
        return ResidentBatches(split, batch_size, device, shuffle, seed, after, augment)
    return LoaderBatches(split, classes, batch_size, device, shuffle, seed, transform, augment=augment)
