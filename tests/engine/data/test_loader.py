"""Batches: the arithmetic and the order of torchvision's ToTensor and torch's DataLoader, at a fraction of the cost."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Lambda, ToTensor

from engine.data.dataset import Split
from engine.data.demo.demo_dataset import demo_preview
from engine.data.fashion_mnist.spec import CLASSES, FILES, MIRRORS
from engine.data.loader import (
    Batches,
    LoaderBatches,
    ResidentBatches,
    epoch_generator,
    epoch_order,
    make_batches,
    torchvision_dataset,
)


@pytest.fixture(scope="module")
def split() -> Split:
    """Every grey value, 1,000 images: fifteen batches of 64 and one of 40."""
    preview = demo_preview("train", 1_000)
    images = preview.images.copy()
    images[0].flat[:256] = np.arange(256)
    return Split("train", images, preview.labels)


@pytest.fixture(params=["resident", "DataLoader"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(kind: str, split: Split, *, shuffle: bool = False, seed: int = 0, device: str = "cpu") -> Batches:
    transform = ToTensor() if kind == "DataLoader" else None
    return make_batches(split, CLASSES, batch_size=64, device=device, shuffle=shuffle, seed=seed, transform=transform)


def same(left: Iterator[tuple[torch.Tensor, torch.Tensor]], right: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    pairs = zip(left, right, strict=True)
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in pairs)


def test_the_tutorials_loader_gives_the_same_batches_bit_for_bit(split: Split, kind: str) -> None:
    dataset = torchvision_dataset(split, CLASSES, ToTensor())
    assert same(iter(make(kind, split)), iter(DataLoader(dataset, batch_size=64)))


def test_every_grey_value_is_to_tensors() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(784).reshape(256, 28, 28)
    ((X, _),) = ResidentBatches(Split("test", every, np.zeros(256, np.uint8)), 256, "cpu")
    assert all(torch.equal(X[value], ToTensor()(every[value][:, :, None])) for value in range(256))


def test_a_batch_has_the_tutorials_shapes_and_types(split: Split, kind: str) -> None:
    batches = make(kind, split)
    assert (batches.kind, batches.samples, len(batches)) == (kind, 1_000, 16)
    shapes = [(tuple(X.shape), X.dtype, tuple(y.shape), y.dtype) for X, y in batches]
    assert shapes[0] == ((64, 1, 28, 28), torch.float32, (64,), torch.int64)
    assert shapes[-1] == ((40, 1, 28, 28), torch.float32, (40,), torch.int64)
    assert len(shapes) == 16


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("start", [0, 1, 15, 16, 20])
def test_an_epoch_goes_on_from_any_batch(split: Split, kind: str, shuffle: bool, start: int) -> None:
    batches = make(kind, split, shuffle=shuffle)
    batches.set_epoch(3)
    assert same(batches.batches(start), iter(list(batches)[start:]))


def test_a_shuffled_epoch_is_the_same_through_either_loader(split: Split) -> None:
    resident, loader = make("resident", split, shuffle=True, seed=5), make("DataLoader", split, shuffle=True, seed=5)
    for epoch in (1, 2):
        resident.set_epoch(epoch)
        loader.set_epoch(epoch)
        assert same(iter(resident), iter(loader))


def test_a_shuffled_epoch_has_every_sample_once_and_its_own_order(split: Split, kind: str) -> None:
    def labels(epoch: int, seed: int = 0) -> list[int]:
        batches = make(kind, split, shuffle=True, seed=seed)
        batches.set_epoch(epoch)
        return torch.cat([y for _, y in batches]).tolist()

    assert sorted(labels(1)) == sorted(split.labels.tolist())
    assert labels(1) == labels(1)
    assert len({tuple(labels(epoch, seed)) for epoch in (0, 1, 2) for seed in (0, 1, 2)}) == 9


def test_an_order_depends_on_the_seed_and_the_epoch_alone() -> None:
    torch.manual_seed(1)
    first = epoch_order(1_000, 7, 3)
    torch.manual_seed(2)
    assert torch.equal(first, epoch_order(1_000, 7, 3))
    assert epoch_generator(0, 1).initial_seed() != epoch_generator(1, 0).initial_seed()
    epoch_generator(2**63 - 1, 10**6)


def test_batches_leave_torchs_global_stream_alone(split: Split, kind: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for _ in make(kind, split, shuffle=True):
        pass
    assert torch.equal(before, torch.get_rng_state())


def test_a_batch_may_be_changed_without_changing_the_data(split: Split) -> None:
    batches = make("resident", split)
    ((X, _), *_) = batches
    X.zero_()
    ((again, _), *_) = batches
    assert again.any()
    assert split.images.any()


def test_a_transform_of_ones_own_sees_each_pil_image(split: Split) -> None:
    seen = []

    def transform(image: object) -> torch.Tensor:
        seen.append((type(image).__name__, getattr(image, "mode", ""), getattr(image, "size", ())))
        return ToTensor()(image) * 2 - 1  # type: ignore[no-any-return]

    batches = make_batches(split, CLASSES, batch_size=64, device="cpu", transform=transform)
    assert isinstance(batches, LoaderBatches)
    X, _ = next(iter(batches))
    assert set(seen) == {("Image", "L", (28, 28))}
    assert X.min() == -1


@pytest.mark.parametrize("transform", [lambda image: image, lambda image: [0.5, 0.5], lambda image: None])
def test_a_transform_that_returns_no_tensor_is_told_so(split: Split, transform: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="tensor"):
        next(iter(make_batches(split, CLASSES, batch_size=64, device="cpu", transform=transform)))


def test_our_arrays_are_a_dataset_of_torchvision(split: Split) -> None:
    one_hot = Lambda(lambda y: torch.zeros(10).scatter_(0, torch.tensor(y), 1))
    dataset = torchvision_dataset(split, CLASSES, ToTensor(), one_hot)
    assert isinstance(dataset, FashionMNIST)
    assert len(dataset) == 1_000
    assert dataset.data.shape == (1_000, 28, 28)
    assert dataset.data.dtype == torch.uint8
    assert dataset.targets.dtype == torch.int64
    assert dataset.classes == list(CLASSES)
    assert dataset.class_to_idx["Bag"] == 8
    image, target = dataset[1]
    assert torch.equal(image[0], torch.from_numpy(split.images[1]) / 255)
    assert target.argmax() == int(split.labels[1])
    plain, label = torchvision_dataset(split, CLASSES)[1]
    assert (plain.mode, plain.size, label) == ("L", (28, 28), int(split.labels[1]))


def test_what_is_published_is_what_torchvision_knows() -> None:
    assert list(MIRRORS) == FashionMNIST.mirrors
    assert [(file.gz_name, file.gz_md5) for file in FILES] == FashionMNIST.resources
    assert [name.lower() for name in CLASSES] == [name.lower().replace("/top", "") for name in FashionMNIST.classes]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_costs_four_operations_and_none_of_them_on_the_whole_split(split: Split, shuffle: bool) -> None:
    """benchmarks.train_speed measures what they take: 15 to 20 µs."""
    batches = iter(ResidentBatches(split, 64, "cpu", shuffle))
    next(batches)
    with Operations() as operations:
        next(batches)
    assert len(operations.sizes) <= 5  # a view or an index of each, to float32, divided; shuffled: their places too
    assert max(operations.sizes) == 64 * 784


class Operations(TorchDispatchMode):
    """The operations that torch is asked for, by the size of what each gives."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.sizes.append(result.numel())
        return result


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_cuda_device_gets_the_cpus_bits(split: Split, kind: str, shuffle: bool) -> None:
    cuda, cpu = make(kind, split, shuffle=shuffle, device="cuda"), make("resident", split, shuffle=shuffle)
    assert same(((X.cpu(), y.cpu()) for X, y in cuda), iter(cpu))
    assert all(X.is_cuda and y.is_cuda for X, y in cuda)
