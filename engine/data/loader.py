"""Batches for the training loops: a split resident on the device as one tensor, or torch's own DataLoader."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader

from engine.data.contents import Split

Batch = tuple[torch.Tensor, torch.Tensor]  # X [B, 1, 28, 28] float32 in [0, 1], y [B] int64, both on the device


class Batches(Protocol):
    """A split in batches, again and again. The last batch of an epoch may be smaller."""

    @property
    def kind(self) -> str:
        """How the batches are made: "resident" or "DataLoader"."""

    @property
    def samples(self) -> int:
        """Samples in an epoch."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration has (it matters where the batches are shuffled)."""

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


class ResidentBatches:
    """A split kept on the device as uint8 (47 MB for Fashion-MNIST's training set), scaled a batch at a time.

    The arithmetic is that of torchvision's ToTensor, bit for bit: to float32, divided by 255. A batch of 64 costs the
    CPU about 15 µs, 20 µs where shuffled; on CUDA nothing waits for the device but the beginning of an epoch.
    """

    kind = "resident"

    def __init__(
        self, split: Split, batch_size: int, device: torch.device | str, shuffle: bool = False, seed: int = 0
    ) -> None:
        # np.array copies: the split's arrays are read-only, and may be a file that goes away.
        self._images = torch.from_numpy(np.array(split.images)).unsqueeze(1).to(device)
        self._targets = torch.from_numpy(split.labels.astype(np.int64)).to(device)
        # A tensor, not the number: CUDA multiplies by a number's reciprocal instead, and the last bit is another.
        self._full = torch.tensor(255, dtype=torch.float32, device=device)
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._epoch = 0

    @property
    def samples(self) -> int:
        """Samples in an epoch."""
        return len(self._targets)

    def __len__(self) -> int:
        return -(-self.samples // self._batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration has."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from the batch `start` on."""
        images, targets, full, size = self._images, self._targets, self._full, self._batch_size
        if not self._shuffle:
            for first in range(start * size, self.samples, size):
                last = first + size
                yield images[first:last].to(torch.float32).div_(full), targets[first:last]
            return
        order = epoch_order(self.samples, self._seed, self._epoch).to(images.device)
        for first in range(start * size, self.samples, size):
            index = order[first : first + size]  # index_select: a third of the time of images[index]
            yield images.index_select(0, index).to(torch.float32).div_(full), targets.index_select(0, index)


class LoaderBatches:
    """A split through torch's DataLoader: for a transform of one's own, called with each PIL image.

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
    ) -> None:
        from torchvision.transforms import ToTensor

        self._dataset = torchvision_dataset(split, classes, transform or ToTensor())
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._shuffle = shuffle
        self._seed = seed
        self._num_workers = num_workers
        self._epoch = 0

    @property
    def samples(self) -> int:
        """Samples in an epoch."""
        return len(self._dataset)

    def __len__(self) -> int:
        return -(-self.samples // self._batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration has."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from the batch `start` on; the samples before it are not loaded.

        Raises TypeError where the transform returns what no batch can be made of, and whatever the transform raises.
        """
        n, size = self.samples, self._batch_size
        order: list[int] = epoch_order(n, self._seed, self._epoch).tolist() if self._shuffle else list(range(n))
        loader = DataLoader(
            self._dataset,
            batch_sampler=[order[first : first + size] for first in range(start * size, n, size)],
            num_workers=self._num_workers,
            # Its own generator: a DataLoader without one draws its workers' seed from torch's global stream.
            generator=epoch_generator(self._seed, self._epoch),
        )
        for X, y in loader:
            if not isinstance(X, torch.Tensor):
                raise TypeError("the transform must return a tensor of one image, or an array")
            yield X.to(self._device), y.to(self._device)


def torchvision_dataset(
    split: Split,
    classes: tuple[str, ...],
    transform: Callable[[Any], Any] | None = None,
    target_transform: Callable[[Any], Any] | None = None,
) -> Any:
    """A torchvision.datasets.FashionMNIST that holds `split`, whatever form its files have, or if it has none.

    `data` (uint8 [N, 28, 28]), `targets` (int64 [N]), `classes`, `dataset[index]` and the rest are torchvision's own.
    """
    from engine.data.torchvision_form import FilledFashionMNIST

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
) -> Batches:
    """The split resident on the device; through a DataLoader where a `transform` must see each PIL image."""
    if transform is None:
        return ResidentBatches(split, batch_size, device, shuffle, seed)
    return LoaderBatches(split, classes, batch_size, device, shuffle, seed, transform)
