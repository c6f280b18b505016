"""The public module, as a notebook uses it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

import fmnist_tui as ft
from engine.home import Home
from engine.runs import client, store
from engine.training.config import TrainConfig
from fmnist_tui.spoken import spoken
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one short run on the demo data."""
    folder = tmp_path_factory.mktemp("home")
    run = client.start(folder, TrainConfig(dataset="demo", epochs=2, threads=1), name="short")
    wait_for(lambda: not store.alive(run), "the end of the run")
    return folder


def test_a_data_set_is_pytorchs() -> None:
    train = ft.dataset("demo", transform=ToTensor(), target_transform=lambda label: torch.tensor(label) * 10)
    assert isinstance(train, torch.utils.data.Dataset)
    assert len(train) == 6000
    assert len(train.classes) == 10
    assert train.demo
    assert "demo data" in repr(train)
    images, labels = next(iter(DataLoader(train, batch_size=64)))
    assert images.shape == (64, 1, 28, 28)
    assert images.dtype == torch.float32
    assert (images[3, 0] * 255).round().to(torch.uint8).numpy().tolist() == train.images[3].tolist()
    assert labels.tolist() == (train.targets[:64] * 10).tolist()


def test_without_a_transform_an_item_is_an_image_and_a_number() -> None:
    test = ft.dataset("demo", "test")
    image, label = test[-1]
    assert isinstance(image, Image.Image)
    assert image.mode == "L"
    assert (np.asarray(image) == test.images[len(test) - 1]).all()
    assert type(label) is int
    assert label == int(test.targets[-1])
    assert sum(1 for index in range(len(test)) if test[index]) == len(test)
    for index in (len(test), -len(test) - 1):
        with pytest.raises(IndexError):
            test[index]


def test_images_of_ones_own_in_colour(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name, colour in (("red", (250, 0, 0)), ("blue", (0, 0, 250))):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (20, 20), colour).save(tmp_path / split / name / "1.png")
    own = ft.dataset(f"folder:{tmp_path}", home=tmp_path / "home")
    assert own.classes == ("blue", "red")
    image, label = own[1]
    assert (image.mode, label) == ("RGB", 1)
    assert image.getpixel((10, 10))[0] > 200
    assert not own.demo


def test_what_is_not_there_is_one_line(home: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save({"a_weight": torch.ones(2)}, weights)
    for call in (
        lambda: ft.dataset("no such data"),
        lambda: ft.dataset("demo", "validation"),  # type: ignore[arg-type]
        lambda: ft.load("nobody@best", home=home),
        lambda: ft.load("mlp", home=tmp_path / "elsewhere", data_dir=tmp_path / "nothing"),
        lambda: ft.events("nobody", home=home),
        lambda: ft.events("short", "no_such_kind", home=home),
        lambda: ft.tensor(tmp_path / "nothing.pt", "weight"),
        lambda: ft.runs(home=tmp_path / "elsewhere"),
        lambda: ft.load(ft.runs(home=home)[0]),  # type: ignore[arg-type]
        lambda: ft.dataset(None),  # type: ignore[arg-type]
        lambda: ft.events(3, home=home),  # type: ignore[arg-type]
        lambda: ft.tensor(tmp_path / "nothing.pt", 0),  # type: ignore[arg-type]
        lambda: ft.tensor(b"weights.pt", "weight"),  # type: ignore[arg-type]
        lambda: ft.tensor("", "weight"),
        lambda: ft.tensor("a\0b", "weight"),
        lambda: ft.tensor("x" * 5000, "weight"),
        lambda: ft.load("x" * 5000, home=home),
        lambda: ft.load("mlp=" + "x" * 5000, home=home),
        lambda: ft.load("mlp", home=3),  # type: ignore[arg-type]
        lambda: ft.load("torchvision:resnet19", home=home),
        lambda: ft.load(f"mlp={weights} a=b", home=home),
        lambda: ft.load(f"mlp={weights}", home=home),
        lambda: ft.load("torchvision:", home=home),
        lambda: ft.dataset("fashion-mnist", data_dir=tmp_path / "nothing"),
        lambda: ft.dataset("demo", data_dir=5),  # type: ignore[arg-type]
        lambda: ft.dataset("demo", ["train"]),  # type: ignore[arg-type]
        lambda: ft.dataset("demo", transform="normalize"),  # type: ignore[arg-type]
        lambda: ft.dataset("demo", target_transform=5),  # type: ignore[arg-type]
        lambda: ft.dataset("demo", home=""),
        lambda: ft.events("short", ["epoch_finished"], home=home),  # type: ignore[arg-type]
        lambda: ft.events("short", "epoch_finish", home=home),
    ):
        with pytest.raises(ft.Error) as error:
            call()
        assert "\n" not in str(error.value)
        assert "--" not in str(error.value).replace("fmnist-tui data --download", "")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ft.dataset("nope"), "dataset: 'nope' is unknown"),
        (lambda: ft.dataset("fashion-mnist", data_dir="/nowhere"), "fmnist-tui data --download, or use the demo data"),
        (lambda: ft.load("torchvision:resnet19"), "model: torchvision has no classification model"),
        (lambda: ft.events("last", "epoch_finish"), "did you mean 'epoch_finished'?"),
        (lambda: ft.load("mlp=my--weights.pt --nope x"), "my--weights.pt --nope x: No such file"),
        (lambda: ft.tensor(b"w.pt", "w"), "file is a path, as text or as pathlib has it, and this is bytes"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_said_in_python(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ft.Error) as error:
        call()
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("option", "python"),
    [
        (
            "3 missing (a, b, c); they would fit with --strip module. --without head.*",
            "fit with module. without:head.*",
        ),
        ("--model: 'x' is unknown", "model: 'x' is unknown"),
        ("--batch-size: 0 is too few", "batch size: 0 is too few"),
        ("cannot write to /x; choose another folder with --data-dir", "choose another folder with data_dir="),
        ("choose a folder with --home or FMNIST_TUI_HOME", "with home= or FMNIST_TUI_HOME"),
        ("no run 'x' here; see them with: fmnist-tui runs", "see them with: ft.runs()"),
        ("no such file: a--b.pt and '--c'", "no such file: a--b.pt and '--c'"),
    ],
)
def test_an_option_that_the_engine_names_is_said_as_an_argument(option: str, python: str) -> None:
    assert spoken(option).endswith(python)


def test_an_index_is_an_integer() -> None:
    train = ft.dataset("demo")
    assert train[np.int64(3)][1] == train[torch.tensor(3)][1] == train[3][1]
    for index in ("3", 1.5, slice(0, 2), None):
        with pytest.raises(TypeError):
            train[index]  # type: ignore[index]


def test_runs_and_what_they_have_written(home: Path) -> None:
    (run,) = ft.runs(home=home)
    assert (run.title, run.state, run.epoch) == ("short", "finished", 2)
    found = list(ft.events("short", home=home))
    assert found[0]["kind"] == "run_started"
    assert found[-1]["kind"] == "finished"
    epochs = list(ft.events("short", "epoch_finished", home=home))
    assert [event["epoch"] for event in epochs] == [1, 2]
    assert epochs == [event for event in found if event["kind"] == "epoch_finished"]
    assert len(found) == len(Home(home).runs.joinpath(run.id, "events.jsonl").read_text().splitlines())


def test_a_network_with_the_weights_of_a_run(home: Path) -> None:
    model, again = ft.load("short@best", home=home), ft.load("short@best", home=home)
    assert not model.training
    test = ft.dataset("demo", "test", transform=ToTensor())
    images = torch.stack([test[index][0] for index in range(len(test))])
    with torch.no_grad():
        correct = (model(images).argmax(1) == test.targets).float().mean()
    (run,) = ft.runs(home=home)
    assert run.best_accuracy is not None
    assert float(correct) == pytest.approx(run.best_accuracy, abs=1e-6)
    next(model.parameters()).data.zero_()
    assert bool(next(again.parameters()).any())  # a module of its own
    assert bool(next(ft.load("short@best", home=home).parameters()).any())


def test_a_tensor_of_a_file(home: Path, tmp_path: Path) -> None:
    values = torch.arange(12.0).reshape(3, 4)
    torch.save({"layer.weight": values, "n": 3}, tmp_path / "some.pt")
    found = ft.tensor(tmp_path / "some.pt", "layer.weight")
    assert torch.equal(found, values)
    found.zero_()
    assert torch.equal(ft.tensor(str(tmp_path / "some.pt"), "layer.weight"), values)
    with pytest.raises(ft.Error, match=r"no tensor 'n'"):
        ft.tensor(tmp_path / "some.pt", "n")


def test_all_of_it_is_named() -> None:
    assert all(hasattr(ft, name) for name in ft.__all__)
    assert all(getattr(ft, name).__doc__ for name in ft.__all__ if name not in ("Event",))
