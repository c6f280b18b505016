"""The demo data: the same on every machine, quick to draw, learnable and not trivial."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from engine.data.dataset import Dataset
from engine.data.demo import demo_dataset as demo_module
from engine.data.demo.demo_dataset import demo_dataset, demo_preview
from engine.data.demo.garments import GARMENTS, Dice, Drawing, Plane
from engine.data.fashion_mnist.spec import CLASSES
from engine.data.loader import ResidentBatches


@pytest.fixture(scope="module")
def data() -> Dataset:
    return demo_dataset()


def test_they_are_the_same_on_every_machine(data: Dataset) -> None:
    # A run on the demo data names this checksum: whoever changes a pixel changes it knowingly.
    assert data.checksum == "262d0454c52e3b469ff4de64290a20ab12f33cf2bf3569d65c78dd345185cd9e"


def test_they_say_what_they_are(data: Dataset) -> None:
    assert (data.name, data.title, data.demo, data.where) == ("demo", "demo data", True, "drawn by the program")
    assert data.classes == CLASSES


def test_they_have_the_form_of_fashion_mnist(data: Dataset) -> None:
    for split, size in ((data.train, 6_000), (data.test, 1_000)):
        assert split.images.shape == (size, 28, 28)
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [size // 10] * 10
        assert not split.images.flags.writeable
        assert len(set(split.labels[:100])) == 10, "the labels are not in a mixed order"


def test_no_image_is_in_both_splits_or_twice(data: Dataset) -> None:
    images = {image.tobytes() for split in (data.train, data.test) for image in split.images}
    assert len(images) == 7_000


def test_a_garment_stands_out_from_a_black_ground(data: Dataset) -> None:
    covered = (data.train.images > 0).mean(axis=(1, 2))
    assert covered.min() > 0.04
    assert covered.max() < 0.85
    assert data.train.images.max(axis=(1, 2)).min() > 60
    assert data.train.images[:, :, 0].mean() < 3


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("count", [0, 1, 9, 100])
def test_a_preview_is_their_beginning(data: Dataset, split: str, count: int) -> None:
    preview = demo_preview(split, count)
    assert preview.demo
    assert preview.total == len(data.splits[split])
    assert np.array_equal(preview.images, data.splits[split].images[:count])
    assert np.array_equal(preview.labels, data.splits[split].labels[:count])


@pytest.mark.parametrize(("count", "most"), [(9, 9), (1_000, 10 * 2)])
def test_only_the_images_of_a_preview_are_drawn_and_many_at_a_time(
    count: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def counting(garment: Callable[..., Drawing]) -> Callable[..., Drawing]:
        def draw(dice: Dice, x: Plane, y: Plane) -> Drawing:
            drawn.append(len(x))
            return garment(dice, x, y)

        return draw

    monkeypatch.setattr(demo_module, "GARMENTS", tuple(map(counting, GARMENTS)))
    demo_preview("train", count)
    assert sum(drawn) == count
    assert len(drawn) <= most


def test_the_mean_of_a_class_is_not_enough_to_tell_them_apart(data: Dataset) -> None:
    pixels = data.train.images.reshape(6_000, -1).astype(np.float32)
    means = np.stack([pixels[data.train.labels == label].mean(axis=0) for label in range(10)])
    test = data.test.images.reshape(1_000, -1).astype(np.float32)
    nearest = ((means**2).sum(axis=1) - 2 * test @ means.T).argmin(axis=1)
    assert 0.6 < (nearest == data.test.labels).mean() < 0.82


@pytest.mark.slow
def test_the_tutorials_model_learns_them_well_with_adam_and_slowly_with_sgd(data: Dataset) -> None:
    assert 0.85 <= trained_accuracy(data, torch.optim.Adam) <= 0.96
    assert trained_accuracy(data, torch.optim.SGD) < 0.6


def trained_accuracy(data: Dataset, optimizer_class: type[torch.optim.Adam] | type[torch.optim.SGD]) -> float:
    """Test accuracy of the tutorial's model after 10 epochs at lr 1e-3, batches of 64 in order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
        )
        optimizer = optimizer_class(model.parameters(), lr=1e-3)
        loss_fn = nn.CrossEntropyLoss()
        for epoch in range(10):
            batches = ResidentBatches(data.train, 64, "cpu")
            batches.set_epoch(epoch)
            for X, y in batches:
                loss_fn(model(X), y).backward()
                optimizer.step()
                optimizer.zero_grad()
        ((X, y),) = ResidentBatches(data.test, 1_000, "cpu")
        with torch.no_grad():
            return int((model(X).argmax(1) == y).sum()) / len(y)
    finally:
        torch.set_num_threads(threads)
