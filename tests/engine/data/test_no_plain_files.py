"""What a data set names may be a pipe, a device or a folder: that is a line, at once, and nothing waits."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.custom import idx_files, samples
from engine.data.fashion_mnist.files import is_published
from engine.data.fashion_mnist.spec import FILES
from engine.data.open_dataset import open_dataset
from engine.errors import DataError


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


KINDS: list[Callable[[Path], None]] = [a_pipe, a_device, a_folder]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("name", ["table.csv", "pixels.csv"])
def test_a_table(make: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError) as refused:
        open_dataset(f"csv:{tmp_path / name}", None, tmp_path / "home")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("make", KINDS)
def test_images_among_others_are_left_out(make: Callable[[Path], None], tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("a", "b"):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(np.full((8, 8), 40 * number, np.uint8)).save(folder / f"{number}.png")
    make(tmp_path / "train" / "a" / "9.png")
    found = open_dataset(f"folder:{tmp_path}", None, tmp_path / "home")
    assert len(found.train) == 6


@pytest.mark.parametrize("make", KINDS)
def test_the_names_of_classes(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "classes.txt")
    with pytest.raises(DataError, match=r"classes\.txt can't be read"):
        samples.class_names(tmp_path / "classes.txt")


@pytest.mark.parametrize("make", KINDS)
def test_idx_files(make: Callable[[Path], None], tmp_path: Path) -> None:
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                 "t10k-labels-idx1-ubyte.gz"):  # fmt: skip
        make(tmp_path / name)
    with pytest.raises(DataError) as refused:
        open_dataset(f"idx:{tmp_path}", None, tmp_path / "home")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("label", ["1700000000", "9" * 5000])
def test_a_list_of_characters_with_a_large_label_makes_no_names(label: str, tmp_path: Path) -> None:
    (tmp_path / "mapping.txt").write_text(f"0 65\n{label} 66\n")
    assert idx_files._mapped(tmp_path / "mapping.txt", 0) == ()


def test_a_huge_file_that_is_no_text_is_not_read_whole(tmp_path: Path) -> None:
    with open(tmp_path / "table.csv", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="line 1: it holds a NUL"):
        open_dataset(f"csv:{tmp_path / 'table.csv'}:{tmp_path}", None, tmp_path / "home")


def test_a_huge_file_is_not_the_published_one_and_not_read(tmp_path: Path) -> None:
    for file in FILES:
        with open(tmp_path / file.gz_name, "wb") as huge:
            huge.truncate(1 << 40)
        assert not is_published(file, tmp_path / file.gz_name)
