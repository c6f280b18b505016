"""Pipelines: as they are typed, against torchvision's own, and in training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import ToTensor, v2

from engine.data.open_dataset import open_dataset
from engine.data.transforms import DType, Pipeline, Step, TransformFailedError, parse, spelled
from engine.errors import ConfigError, ModelError
from engine.training import events as ev
from engine.training.config import TrainConfig
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup, make_setup

DEMO = open_dataset("demo", None, Path())
IMAGE = Image.fromarray(np.asarray(DEMO.train.images[3]))


def config(**settings: object) -> TrainConfig:
    return TrainConfig(**({"dataset": "demo", "epochs": 1, "threads": 1} | settings))  # type: ignore[arg-type]


def test_a_pipeline_is_read_as_python_and_spelled_again() -> None:
    text = "RandomCrop(28, padding=4); RandomHorizontalFlip; Normalize(0.5, [0.5])"
    steps = parse(text)
    assert steps == (
        Step("RandomCrop", (28,), (("padding", 4),)),
        Step("RandomHorizontalFlip"),
        Step("ToTensor"),  # before the first that needs numbers
        Step("Normalize", (0.5, [0.5])),
    )
    assert parse(spelled(steps)) == steps
    assert parse("") == ()
    assert parse("RandomHorizontalFlip()")[-1] == Step("ToTensor")
    assert parse("ToImage(); ToDtype(torch.float32, scale=True)")[1].args == (DType("float32"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RandomCrop(28", "is not Python"),
        ("28", "is not of the form Name"),
        ("os.system('x')", "is not of the form Name"),
        ("RandomCrop(open('x'))", "which is not a plain value"),
        ("RandomCrop(**x)", r"has \*\* in it"),
        ("RandomCrop(28); lambda x: x", "is not of the form Name"),
    ],
)
def test_what_is_no_pipeline_is_refused_by_its_step(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(text)
    with pytest.raises(ConfigError, match=words):
        TrainConfig(transform=text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RandomCropp(28)", r"is not in torchvision\.transforms\.v2; did you mean RandomCrop"),
        ("Compose2()", "is not in torchvision"),
        ("functional()", "is not in torchvision"),
        ("RandomCrop()", "can't be made"),
        ("Normalize(0.5)", "can't be made"),
    ],
)
def test_what_torchvision_does_not_have_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Pipeline(parse(text))


def test_the_pipeline_is_torchvisions() -> None:
    ours = Pipeline(parse("RandomCrop(28, padding=4); RandomHorizontalFlip(); Normalize(0.286, 0.353)"))
    theirs = v2.Compose(
        [
            v2.RandomCrop(28, padding=4), v2.RandomHorizontalFlip(),
            ToTensor(),
            v2.Normalize([0.286], [0.353]),
        ]
    )  # fmt: skip
    for seed in range(5):
        torch.manual_seed(seed)
        mine = ours.train(IMAGE)
        torch.manual_seed(seed)
        assert torch.equal(mine, theirs(IMAGE))
    assert torch.equal(Pipeline(parse("ToTensor()")).train(IMAGE), ToTensor()(IMAGE))


def test_the_test_set_is_left_as_it_is_by_what_draws() -> None:
    pipeline = Pipeline(parse("RandomCrop(28, padding=4); RandomErasing(1.0); Normalize(0.5, 0.5)"))
    assert torch.equal(pipeline.test(IMAGE), v2.Normalize([0.5], [0.5])(ToTensor()(IMAGE)))
    assert not pipeline.batchable


def test_a_step_that_fails_is_named() -> None:
    with pytest.raises(TransformFailedError, match=r"RandomCrop\(99\) raised ValueError"):
        Pipeline(parse("RandomCrop(99)")).train(IMAGE)


def test_what_does_the_same_to_each_image_runs_on_the_resident_batch(tmp_path: Path) -> None:
    resident = make_setup(config(transform="Normalize(0.286, 0.353)"), home=tmp_path)
    assert resident.train_batches.kind == "resident"
    X, _ = next(iter(resident.train_batches))
    pipeline = Pipeline(parse("Normalize(0.286, 0.353)"))
    alone = torch.stack([pipeline.train(Image.fromarray(np.asarray(image))) for image in DEMO.train.images[:64]])
    assert torch.equal(X, alone)
    drawn = make_setup(config(transform="RandomHorizontalFlip(); Normalize(0.286, 0.353)"), home=tmp_path)
    assert drawn.train_batches.kind == "DataLoader"


def test_a_pipeline_that_does_not_fit_is_refused_by_its_step_before_a_run_begins(tmp_path: Path) -> None:
    for text, words in {
        "RandomCrop(99)": r"the first batch of training images: RandomCrop\(99\) raised ValueError",
        "RandomCrop(20)": r"training images come out as \[1, 20, 20\], test images as \[1, 28, 28\]",
    }.items():
        with pytest.raises(Exception, match=words) as caught:
            make_setup(config(transform=text), home=tmp_path)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"a batch of shape \[2, 1, 2, 2\] raised RuntimeError"):
        make_setup(config(transform="CenterCrop(2)", model="cnn"), home=tmp_path)


def test_the_models_take_the_images_as_they_come_out_of_the_pipeline(tmp_path: Path) -> None:
    small = make_setup(config(transform="CenterCrop(20)"), home=tmp_path)
    assert small.network.linear_relu_stack[0].in_features == 400  # type: ignore[index, union-attr]
    large = make_setup(config(transform="Resize(32)", model="cnn"), home=tmp_path)
    assert large.network.classifier[0].in_features == 3072  # type: ignore[index, union-attr]


def test_augmented_training_gives_the_same_losses_for_the_same_seed(
    tmp_path: Path, prepared: Callable[..., TrainingSetup]
) -> None:
    def losses(seed: int) -> list[float]:
        events: list[ev.Event] = []
        p = make_setup(config(transform="RandomCrop(28, padding=2)", seed=seed, batch_size=1000), home=tmp_path)

        def save(content: object, reason: str) -> ev.CheckpointSaved:
            return ev.CheckpointSaved(file="", epoch=1, step=1, bytes=0, sha256="")

        TrainingSession(p, sink=events.append, save=save).run()
        return [event.loss for event in events if isinstance(event, ev.EpochFinished | ev.Evaluated)]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)
