"""What *Transforms* and *Batches* show, beside torchvision's own output (the tutorial's chapters 2 and 3)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import Lambda, ToTensor, v2

from engine.data import augment, holdout
from engine.data.augment import first_half
from engine.data.loader import epoch_order, torchvision_dataset
from engine.data.open_dataset import open_dataset
from engine.errors import ConfigError, InspectionError
from engine.inspection import batches, transform_steps
from engine.inspection.batch_requests import (
    BatchAnswer,
    BatchRequest,
    LoaderTiming,
    LoaderTimingsRequest,
    PipelineRequest,
    PipelineTrace,
    StepResult,
)
from engine.worker.client import WorkerClient
from tests.support.own_code import write_trusted

DEMO = open_dataset("demo", None, Path())
ASKED = BatchRequest("demo", None, "train", "", batch_size=64, shuffle=False, seed=0, device="cpu")
SAMPLE = PipelineRequest("demo", None, "train", index=9, transform="", seed=0, draws=3)
DATA = torchvision_dataset(DEMO.train, DEMO.classes, ToTensor())


def asked(home: Path, **values: Any) -> BatchAnswer:
    return batches.compute(home, replace(ASKED, **values), lambda done, total: None)


def traced(home: Path, **values: Any) -> PipelineTrace:
    return transform_steps.compute(home, replace(SAMPLE, **values), lambda done, total: None)


def pixels(X: torch.Tensor) -> "np.ndarray[Any, Any]":
    return (X.squeeze(1) * 255).round().to(torch.uint8).numpy()


@pytest.mark.parametrize("workers", [None, 0])
def test_a_batch_is_the_tutorials(home: Path, workers: int | None) -> None:
    X, y = next(iter(DataLoader(DATA, batch_size=64)))
    found = asked(home, num_workers=workers)
    assert found.shape == X.shape == (64, 1, 28, 28)
    assert found.label_shape == y.shape == (64,)
    assert (found.dtype, found.label_dtype) == (str(X.dtype), str(y.dtype))
    assert (found.low, found.high) == (float(X.min()), float(X.max()))
    assert found.batches == 94
    assert found.loader == ("resident" if workers is None else "DataLoader")
    assert np.array_equal(found.images, pixels(X))
    assert np.array_equal(found.labels, y.numpy())
    assert found.indices.tolist() == list(range(64))
    assert not found.stretched
    last = asked(home, number=1000, num_workers=workers)
    assert (last.number, last.shape[0]) == (93, 6000 - 93 * 64)


def test_a_shuffled_epoch_has_the_order_that_training_has(home: Path) -> None:
    for epoch in (0, 1):
        order = epoch_order(6000, 5, epoch)
        for loader in (None, 0):
            found = asked(home, shuffle=True, seed=5, epoch=epoch, number=3, num_workers=loader)
            indices = order[3 * 64 : 4 * 64].tolist()
            assert found.indices.tolist() == indices
            assert np.array_equal(found.images, DEMO.train.images[indices])
            assert np.array_equal(found.labels, DEMO.train.labels[indices])
    test = asked(home, split="test", number=15)
    assert np.array_equal(test.images, DEMO.test.images[15 * 64 :])


def test_a_batch_through_a_pipeline_is_shown_as_the_network_gets_it(home: Path) -> None:
    found = asked(home, transform="Normalize(0.5, 0.5)")
    assert (found.low, found.high, found.loader) == (-1.0, 1.0, "resident")
    assert found.stretched
    assert np.abs(found.images.astype(int) - DEMO.train.images[:64]).max() <= 1
    larger = asked(home, transform="RandomCrop(36, padding=4)", batch_size=8)
    assert larger.shape == (8, 1, 36, 36)
    assert larger.loader == "DataLoader"


def test_an_augmented_batch_is_made_as_training_makes_it(home: Path) -> None:
    plain = asked(home, shuffle=True, seed=5, epoch=1, number=3)
    for loader in (None, 0):
        found = asked(home, shuffle=True, seed=5, epoch=1, number=3, augment="flip(alternate)", num_workers=loader)
        mirrored = first_half(5, 6000).numpy()[plain.indices]  # epochs count from 0; the others in epoch 0
        assert 20 < mirrored.sum() < 44
        assert np.array_equal(found.images[mirrored], plain.images[mirrored][:, :, ::-1])
        assert np.array_equal(found.images[~mirrored], plain.images[~mirrored])
        assert np.array_equal(found.indices, plain.indices)
    test = asked(home, split="test", augment="flip; cutout(28)")
    assert np.array_equal(test.images, DEMO.test.images[:64])


@pytest.mark.parametrize("loader", [None, 0])
def test_what_is_random_in_a_batch_is_drawn_once(home: Path, loader: int | None) -> None:
    request = replace(
        ASKED, augment="shift(3); cutout(9)", transform="Normalize(0.5, 0.5)", seed=2, number=1, num_workers=loader
    )
    found = batches.compute(home, request, lambda done, total: None)
    torch.rand(5)
    X, y = batches.tensors(home, request)
    assert (float(X.min()), float(X.max())) == (found.low, found.high) == (-1.0, 1.0)  # cut out, then normalized
    assert (X == -1.0).float().mean() > (DEMO.train.images[64:128] == 0).mean()
    assert np.abs(found.images.astype(int) - pixels((X + 1) / 2)).max() <= 1
    assert y.tolist() == found.labels.tolist()
    assert not np.array_equal(found.images, asked(home, **(vars(request) | {"seed": 3})).images)


def test_a_batch_has_no_image_that_is_held_out(home: Path) -> None:
    held_out = holdout.split_off(DEMO.train, holdout.HoldOut(count=600)).indices
    seen = [asked(home, val="600", batch_size=2000, shuffle=True, number=number) for number in range(3)]
    indices = np.concatenate([one.indices for one in seen])
    assert (seen[0].batches, len(indices)) == (3, 5400)
    assert sorted([*indices, *held_out]) == list(range(6000))
    for one in seen:
        assert np.array_equal(one.images, DEMO.train.images[one.indices])
    assert asked(home, split="test", val="600").batches == asked(home, split="test").batches


def test_augmentations_are_steps_where_training_has_them(home: Path) -> None:
    found = traced(home, transform="Normalize(0.286, 0.353)", augment="flip; cutout(20)", seed=1)
    assert [(step.name, step.random) for step in found.steps] == [
        ("the image", False), ("ToTensor()", False), ("flip", True), ("cutout(20)", True),
        ("Normalize(0.286, 0.353)", False),
    ]  # fmt: skip
    X = torch.from_numpy(DEMO.train.images[9].copy())[None, None] / 255
    for draw in range(3):
        torch.manual_seed(1 + draw)
        changed = v2.Normalize([0.286], [0.353])(augment.cutout(augment.flip(X), 20))[0]
        assert np.array_equal(found.draws[draw], transform_steps.displayable(changed)[0])
    behind = traced(home, transform="RandomCrop(28, padding=4)", augment="shift(2)")
    assert [step.name for step in behind.steps][1:] == ["RandomCrop(28, padding=4)", "ToTensor()", "shift(2)"]
    flips = traced(home, augment="flip(alternate)", draws=20)
    image = DEMO.train.images[9]
    as_drawn = [not first_half(seed, 6000)[9] for seed in range(20)]
    assert [np.array_equal(draw, image[:, ::-1]) for draw in flips.draws] == as_drawn
    assert {True, False} == set(as_drawn)


def test_every_loader_is_timed_where_the_pipeline_allows_it(home: Path) -> None:
    reports: list[tuple[int, int]] = []

    def timed(**values: Any) -> tuple[LoaderTiming, ...]:
        request = LoaderTimingsRequest(replace(ASKED, **values))
        return batches.timings(home, request, lambda *at: reports.append(at)).loaders

    loaders = timed(batch_size=256)
    names = [f"DataLoader, num_workers={workers}" for workers in (0, 1, 2)]
    assert [one.name for one in loaders] == ["resident", *names]
    assert all(one.seconds > 0 and 0 < one.batches <= 6000 // 256 for one in loaders)
    assert reports == [(done, 4) for done in range(5)]
    assert [one.name for one in timed(batch_size=1000, transform="RandomHorizontalFlip()")] == names


def test_each_step_and_each_draw_is_torchvisions_own(home: Path) -> None:
    text = "RandomCrop(28, padding=4); RandomHorizontalFlip(); RandomErasing(p=1.0); Normalize(0.286, 0.353)"
    found = traced(home, transform=text, seed=3)
    image, label = torchvision_dataset(DEMO.train, DEMO.classes)[9]
    own = v2.Compose(
        [v2.RandomCrop(28, padding=4), v2.RandomHorizontalFlip(), ToTensor(), v2.RandomErasing(p=1.0),
         v2.Normalize([0.286], [0.353])]
    )  # fmt: skip
    for draw in range(3):
        torch.manual_seed(3 + draw)
        result = own(image)
        expected, stretched = transform_steps.displayable(result)
        assert stretched
        assert np.array_equal(found.draws[draw], expected)
    torch.manual_seed(3)
    result, steps = own(image), found.steps
    assert [step.name for step in steps] == [
        "the image", "RandomCrop(28, padding=4)", "RandomHorizontalFlip()", "ToTensor()", "RandomErasing(p=1.0)",
        "Normalize(0.286, 0.353)",
    ]  # fmt: skip
    assert [step.random for step in steps] == [False, True, True, False, True, False]
    values = np.asarray(image)
    assert steps[0] == StepResult(
        "the image", "PIL image", "uint8, mode L", (28, 28), values.min(), values.max(),
        pytest.approx(values.mean()),  # type: ignore[arg-type]
        random=False,
    )  # fmt: skip
    last = steps[-1]
    assert (last.dtype, last.shape) == ("torch.float32", (1, 28, 28))
    assert (last.low, last.high) == (pytest.approx(float(result.min())), pytest.approx(float(result.max())))
    hot = Lambda(lambda y: torch.zeros(10, dtype=torch.float).scatter_(0, torch.tensor(y), value=1))(label)
    assert found.one_hot == tuple(hot.tolist())
    assert "each image, in a DataLoader" in found.loader
    assert "whole batches" in traced(home, transform="Normalize(0.286, 0.353)").loader
    plain = traced(home)
    assert np.array_equal(plain.draws[0], DEMO.train.images[9])
    assert "bit for bit" in plain.loader


def test_a_pipeline_that_fails_names_the_step_and_the_image(home: Path) -> None:
    with pytest.raises(InspectionError, match=r"RandomCrop\(40\) raised ValueError.*\(train image 9\)"):
        traced(home, transform="RandomCrop(40)")
    with pytest.raises(ConfigError, match="did you mean RandomCrop"):
        traced(home, transform="RandomCop(28)")
    with pytest.raises(InspectionError, match="which is not an image"):
        transform_steps.displayable(torch.zeros(3))


def test_a_callable_of_ones_own_is_shown_and_named_where_it_fails(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    write_trusted(
        file,
        "from torchvision.transforms.functional import to_tensor\n"
        "def negative(image):\n    return 1 - to_tensor(image)\n"
        "def bad(image):\n    raise ValueError('no')\n"
        "def array(image):\n    return to_tensor(image).numpy()\n"
        "def flat(image):\n    return to_tensor(image)[0]\n",
    )
    found = traced(home, transform=f"{file}:negative")
    assert np.array_equal(found.draws[0], 255 - DEMO.train.images[9])
    with pytest.raises(InspectionError, match=r"own.py:bad raised ValueError: no \(train image 9\)"):
        traced(home, transform=f"{file}:bad")
    with pytest.raises(InspectionError, match=r"own.py:bad: train batch 1 can't be made: it raised ValueError: no"):
        asked(home, transform=f"{file}:bad")
    with pytest.raises(InspectionError, match=r"own.py:flat: train batch 1 can't be made: it raised IndexError"):
        asked(home, transform=f"{file}:flat", augment="shift(2)")
    array = traced(home, transform=f"{file}:array", augment="flip; cutout(28)")
    assert [step.type for step in array.steps] == ["PIL image", "ndarray", "Tensor", "Tensor"]
    with pytest.raises(InspectionError, match=r"augment: .*own.py:flat gives \[28, 28\], not a tensor \[channels"):
        traced(home, transform=f"{file}:flat", augment="flip")


@pytest.fixture
def worker(home: Path) -> Iterator[WorkerClient]:
    started = WorkerClient(home)
    yield started
    started.close()


@pytest.mark.slow
def test_the_worker_process_answers_all_of_it(worker: WorkerClient) -> None:
    assert np.array_equal(worker.ask(ASKED).images, DEMO.train.images[:64])
    timings = worker.ask(LoaderTimingsRequest(replace(ASKED, batch_size=512)))
    assert len(timings.loaders) == 4  # its workers started and ended
    assert worker.ask(SAMPLE).label == DEMO.train.labels[9]
