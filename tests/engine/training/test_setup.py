from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ConfigError, DataError, DeviceError
from engine.training.config import TrainConfig
from engine.training.setup import make_setup
from tests.support.own_code import write_trusted


def prepared(home: Path, **settings: Any) -> Any:
    given: dict[str, Any] = {"dataset": "demo", "threads": 1}
    return make_setup(TrainConfig(**(given | settings)), home=home)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of somebody's own transforms."""
    path = tmp_path / "own.py"
    write_trusted(
        path,
        "import torch\n"
        "from torchvision import transforms\n"
        "mirrored = transforms.Compose([transforms.RandomHorizontalFlip(p=1.0), transforms.ToTensor()])\n"
        "class Brighter:\n"
        "    def __call__(self, image): return transforms.ToTensor()(image) + 1\n"
        "class NeedsArguments:\n    def __init__(self, much): pass\n    def __call__(self, image): return image\n"
        "def raises(image): raise ValueError('not this one')\n"
        "def no_tensor(image): return image\n"
        "sizes = iter(range(1, 100000))\n"
        "def uneven(image): return torch.zeros(1, next(sizes) % 7 + 1)\n"
        "number = 3\n",
    )
    return path


def test_what_was_auto_is_resolved(home: Path) -> None:
    made = prepared(home, dataset="auto", threads=0)
    assert made.config.dataset in ("demo", "fashion-mnist")
    assert made.config.threads == torch.get_num_threads() >= 1
    described = made.describe()
    assert described["parameters"] == 669_706
    assert described["loader"] == "resident"
    assert described["steps"] == len(made.train_batches)


def test_a_transform_of_the_persons_own_goes_through_the_data_loader(home: Path, own: Path) -> None:
    plain, mirrored = prepared(home), prepared(home, transform=f"{own}:mirrored")
    assert mirrored.describe()["loader"] == "DataLoader"
    (images, labels), (flipped, same) = next(iter(plain.train_batches)), next(iter(mirrored.train_batches))
    assert torch.equal(images.flip(-1), flipped)
    assert torch.equal(labels, same)


def test_a_class_stands_for_its_instance(home: Path, own: Path) -> None:
    images, _ = next(iter(prepared(home, transform=f"{own}:Brighter").train_batches))
    assert images.min() >= 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("raises", "raised ValueError: not this one"),
        ("no_tensor", "the first batch of test images raised TypeError"),
        ("uneven", "the first batch of test images raised RuntimeError"),
        ("number", "is a int, not callable"),
        ("NeedsArguments", "building it raised"),
        ("gone", "has no 'gone'"),
    ],
)
def test_a_transform_that_can_not_be_used_says_why(home: Path, own: Path, name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        prepared(home, transform=f"{own}:{name}")
    assert refused.value.field == "transform"
    assert "\n" not in str(refused.value)


def test_a_device_that_is_not_there_is_refused(home: Path) -> None:
    with pytest.raises(DeviceError, match=r"cuda:99 is not on this machine; here are: cpu"):
        prepared(home, device="cuda:99")


def test_no_data_is_not_silently_the_demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)
    with pytest.raises(DataError, match="no Fashion-MNIST found"):
        prepared(home, dataset="fashion-mnist")


def test_the_same_seed_makes_the_same_start(home: Path) -> None:
    def start(seed: int) -> list[torch.Tensor]:
        return list(prepared(home, seed=seed).model.state_dict().values())

    assert all(map(torch.equal, start(1), start(1)))
    assert not all(map(torch.equal, start(1), start(2)))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_the_data_lies_on_the_device_and_the_optimizer_is_fused(home: Path) -> None:
    made = prepared(home, device="cuda", optimizer="adam")
    images, labels = next(iter(made.train_batches))
    assert images.device.type == labels.device.type == "cuda"
    assert made.optimizer.defaults["fused"]
