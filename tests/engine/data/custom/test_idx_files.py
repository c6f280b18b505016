"""IDX files of the MNIST family, by the names that they are published under."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.errors import DataError
from tests.support.images import idx_file, opened

RNG = np.random.default_rng(0)


def family(
    folder: Path, name: str = "", *, splits: tuple[str, str] = ("train", "test"), labels: npt.NDArray[np.generic],
    kind: int = 8, labels_name: str = "labels-idx1-ubyte", gz: str = ".gz",
) -> str:  # fmt: skip
    """The four files of a set whose names begin with `name`; the data set's name."""
    for split in splits:
        images = RNG.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
        idx_file(folder / f"{name}{split}-images-idx3-ubyte{gz}", images)
        idx_file(folder / f"{name}{split}-{labels_name}{gz}", labels, kind)
    return f"idx:{folder}"


TEN = (np.arange(30) % 10).astype(np.uint8)
LETTERS = (np.arange(30) % 26 + 1).astype(np.uint8)


def test_emnists_letters_keep_their_numbers_and_say_what_is_odd(home: Path, tmp_path: Path) -> None:
    data = opened(family(tmp_path / "e", "emnist-letters-", labels=LETTERS), home)
    assert data.title == "e (idx), labels from 1 to 26, images transposed, as EMNIST has them"
    assert len(data.classes) == 27
    assert data.train.labels.tolist() == LETTERS.tolist()
    assert data.notes == ("no sample of class 0: the network has an output for it all the same",)
    (tmp_path / "e" / "emnist-letters-mapping.txt").write_text(
        "".join(f"{number} {64 + number} {96 + number}\n" for number in range(1, 27))
    )
    assert opened(f"idx:{tmp_path / 'e'}", home).classes == ("class 0", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize(
    ("kind", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4")], ids=["ubyte", "byte", "short", "int"]
)
def test_labels_are_integers_of_any_type(kind: int, dtype: str, gz: str, home: Path, tmp_path: Path) -> None:
    data = opened(family(tmp_path, splits=("train", "t10k"), labels=TEN.astype(dtype), kind=kind, gz=gz), home)
    assert data.train.labels.dtype == np.uint8
    assert data.train.labels.tolist() == data.test.labels.tolist() == TEN.tolist()


def test_qmnists_first_number_is_the_label(home: Path, tmp_path: Path) -> None:
    labels = np.stack([TEN, *(TEN + 100 + at for at in range(7))], axis=1).astype(">i4")
    name = family(tmp_path, "qmnist-", labels=labels, kind=12, labels_name="labels-idx2-int")
    data = opened(name, home)
    assert data.train.labels.tolist() == TEN.tolist()
    assert "qmnist-train-labels-idx2-int.gz has 8 numbers for each image; the first is the label" in data.notes


def test_what_macos_leaves_beside_the_files_is_no_set(home: Path, tmp_path: Path) -> None:
    name = family(tmp_path, labels=TEN)
    for path in list(tmp_path.iterdir()):
        (tmp_path / f"._{path.name}").write_bytes(b"Mac OS X")
    assert len(opened(name, home).train) == 30


def test_one_of_several_sets_in_a_folder_is_named(home: Path, tmp_path: Path) -> None:
    family(tmp_path, "emnist-letters-", labels=LETTERS)
    family(tmp_path, "emnist-digits-", labels=TEN)
    with pytest.raises(
        DataError, match=r"holds 2 sets: emnist-digits, emnist-letters; name one, such as idx:.*letters"
    ):
        opened(f"idx:{tmp_path}", home)
    assert len(opened(f"idx:{tmp_path / 'emnist-digits'}", home).classes) == 10
    with pytest.raises(DataError, match="emnist-mnist is not a folder"):
        opened(f"idx:{tmp_path / 'emnist-mnist'}", home)


@pytest.mark.parametrize("splits", [("training", "testing"), ("train", "val"), ("TRAIN", "Test10k")])
def test_splits_by_other_words(splits: tuple[str, str], home: Path, tmp_path: Path) -> None:
    data = opened(family(tmp_path, "kuzushiji_", splits=splits, labels=TEN, gz=""), home)
    assert (len(data.train), len(data.test)) == (30, 30)


@pytest.mark.parametrize(
    ("name", "splits", "labels", "kind", "words"),
    [
        ("foo-", ("one", "two"), TEN, 8, r"lacks train-images-idx3-ubyte .*; it holds foo-one-images-idx3-ubyte\.gz, "),
        ("", ("train", "part"), TEN, 8, "lacks t10k-images-idx3-ubyte .*; it holds part-images"),
        (
            "",
            ("train", "test"),
            (TEN.astype("i4") - 1).astype(">i4"),
            12,
            "holds labels from -1 to 8; 0 to 255 are possible here",
        ),
        ("", ("train", "test"), (TEN.astype("i2") * 50).astype(">i2"), 11, "holds labels from 0 to 450"),
        ("", ("train", "test"), TEN.astype(">f4"), 13, "holds 30 elements of type float32, which are not labels"),
    ],
)
def test_what_can_not_be_read_is_said_with_what_is_there(
    name: str, splits: tuple[str, str], labels: npt.NDArray[np.generic], kind: int, words: str, home: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(DataError, match=words) as caught:
        opened(family(tmp_path, name, splits=splits, labels=labels, kind=kind), home)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("which", ["train-images-idx3-ubyte.gz", "test-labels-idx1-ubyte.gz"])
def test_a_damaged_file_of_ones_own_is_not_to_be_fetched_as_fashion_mnist(
    which: str, home: Path, tmp_path: Path
) -> None:
    name = family(tmp_path, labels=TEN)
    path = tmp_path / which
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{which} is cut short.*; get the file anew from where it came") as caught:
        opened(name, home)
    assert "--download" not in str(caught.value)
