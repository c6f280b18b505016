"""Which folders are classes, which are splits, and what is passed over by name."""

import os
from pathlib import Path

import pytest

from engine.data.custom.split import split_in, split_of
from engine.data.open_dataset import peek
from engine.errors import DataError
from tests.support.images import of_class, opened, png, tree


@pytest.mark.parametrize(
    ("training", "testing"),
    [
        ("train", "val"),
        ("train", "test"),
        ("Training", "Validation"),
        ("TRAIN", "dev"),
        ("seg_train", "seg_test"),
        ("train_images", "ValidSet"),
        ("train2017", "val2017"),
        ("dataset-training", "Testing"),
    ],
)
def test_folders_called_as_splits_are_splits(training: str, testing: str, home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / "h", [f"{split}/{label}" for split in (training, testing) for label in ("ants", "bees")])
    data = opened(name, home)
    assert data.classes == ("ants", "bees")
    assert (len(data.train), len(data.test)) == (10, 10)
    assert len(peek(name, None, home, "test", 3).images) == 3


@pytest.mark.parametrize(
    ("name", "alone", "part"),
    [
        ("train", "train", "train"),
        ("VAL", "val", "val"),
        ("t10k", "test", "test"),
        ("seg_train", "", "train"),
        ("testset", "", "test"),
        ("TrainImages", "", "train"),
        ("contest", "", ""),
        ("trainer", "", ""),
        ("train_val", "", ""),
        ("bees", "", ""),
    ],
)
def test_the_words_for_splits(name: str, alone: str, part: str) -> None:
    assert split_of(name) == alone
    assert split_in(name) == part


def test_a_split_in_a_folder_of_its_own_name_is_found_and_what_is_no_split_is_named(home: Path, tmp_path: Path) -> None:
    places = [f"seg_{split}/seg_{split}/{label}" for split in ("train", "test") for label in ("sea", "street")]
    data = opened(tree(tmp_path / "intel", [*places, "seg_pred/seg_pred"]), home)
    assert data.classes == ("sea", "street")
    assert data.notes == ("seg_pred is not used: 5 images",)


def test_validation_samples_are_the_test_set_only_where_there_is_no_other(home: Path, tmp_path: Path) -> None:
    places = [f"{split}/{label}" for split in ("train", "valid") for label in "ab"]
    assert opened(tree(tmp_path / "two", places), home).notes == ("valid is the test set",)
    three = opened(tree(tmp_path / "three", [*places, "test/a", "test/b"], 7), home)
    assert (len(three.train), len(three.test)) == (14, 14)
    assert three.notes == ("valid is not used (test is the test set): 14 images",)


def test_a_stray_image_between_the_classes_makes_no_class_of_a_split(home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / "h", [f"{split}/{label}" for split in ("train", "val") for label in "ab"])
    png(tmp_path / "h" / "train" / "sheet.png")
    data = opened(name, home)
    assert data.classes == ("a", "b")
    assert f"1 image lies outside the folders of the classes, in {tmp_path / 'h' / 'train'}" in data.notes


def test_a_class_may_be_called_train_and_may_have_folders_in_it(home: Path, tmp_path: Path) -> None:
    vehicles = opened(tree(tmp_path / "vehicles", ["train", "bus", "car/old", "car/new"]), home)
    assert of_class(vehicles) == {"bus": 5, "car": 10, "train": 5}
    tiny = opened(tree(tmp_path / "tiny", ["n01443537/images", "n01629819/images"]), home)
    assert tiny.classes == ("n01443537", "n01629819")


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["fold1/a", "fold1/b", "fold2/a", "fold2/b"], r"its folders fold1, fold2 hold the same folders \(a, b\)"),
        (["2019/a", "2019/b", "2020/a", "2020/b", "2020/c"], "hold the same folders"),
        (["cat/left", "dog/left"], "hold the same folders"),
        (["pets/a", "pets/b"], "has one folder, with a, b in it; name folder:.*pets"),
        (["train/a", "train/b"], r"has train but no test set \(test or val\).*name folder:.*train to draw one"),
        (["train/a", "train/b", "unlabelled"], "has train but no test set"),
        (["test/a", "test/b"], "has test but no training set"),
        (["train", "test"], "test and train hold images but no folder for each class"),
        (["seg_train", "seg_test"], "hold images but no folder for each class"),
        (["train/a", "train/b", "test"], "test holds images but no folder for each class"),
        (["train/a", "train/b", "training/a", "training/b", "val/a", "val/b"], "has train and training: which"),
        (["."], "has no folder for each class: its 5 images lie side by side"),
    ],
)
def test_folders_that_are_no_classes_are_refused_in_one_line(
    folders: list[str], words: str, home: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        opened(tree(tmp_path / "set", folders), home)
    assert "\n" not in str(caught.value)


def test_a_class_that_only_one_split_has_is_named(home: Path, tmp_path: Path) -> None:
    data = opened(tree(tmp_path / "h", ["train/a", "train/b", "test/a", "test/b", "test/c"]), home)
    assert data.classes == ("a", "b", "c")
    assert data.notes == ("the training set has no sample of c",)


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (
            ["train/Cat", "train/Dog", "test/cat", "test/Dog"],
            "a class is called Cat in the training set and cat in",
        ),
        (["train/a", "train/b", "val/x", "val/y"], "has the classes a, b, the test set x, y: none is in both"),
    ],
)
def test_classes_that_the_splits_call_differently_are_refused(
    folders: list[str], words: str, home: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        opened(tree(tmp_path / "h", folders), home)


def test_one_class_spelled_with_two_kinds_of_accents_is_one(home: Path, tmp_path: Path) -> None:
    """As macOS writes an accent, and as others do."""
    name = tree(tmp_path / "h", ["train/caf\u00e9", "train/tea", "test/cafe\u0301", "test/tea"])
    assert opened(name, home).classes == ("caf\u00e9", "tea")


def test_litter_is_no_sample_and_no_class_and_is_counted(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    name = tree(root, ["a", "b"])
    for path in (
        "a/.ipynb_checkpoints/0-checkpoint.png", "__MACOSX/a/._0.png", "@eaDir/0.png", "lost+found/1.png",
        ".Trash-1000/files/2.png", "b/._1.png", "b/deeper/.hidden/3.png",
    ):  # fmt: skip
        png(root / path)
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    data = opened(name, home)
    assert of_class(data) == {"a": 5, "b": 5}
    [note] = data.notes
    assert note.startswith("passed over as hidden or the system's: ")
    assert note.endswith("and 4 more (8 in all)")


def test_what_is_no_image_and_what_is_empty_is_named_and_makes_no_output(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    name = tree(root, ["a", "b", "x"])
    (root / "empty" / "inside").mkdir(parents=True)
    (root / "notes").mkdir()
    for other in ("notes/read.md", "a/1.txt", "a/2.heic", "a/LICENSE"):
        (root / other).write_text("no image")
    for path in (root / "x").iterdir():
        path.write_bytes(b"damaged")
    data = opened(name, home)
    assert data.classes == ("a", "b")
    assert len(data.left_out) == 5
    assert "2 folders hold no image and are not classes: empty, notes" in data.notes
    assert "passed over as no image: 1 × .heic, 1 × .md, 1 × .txt, 1 × no ending (4 in all)" in data.notes
    assert "x is not a class: none of its 5 images can be read" in data.notes
    assert sorted({*data.train.labels.tolist(), *data.test.labels.tolist()}) == [0, 1]


def test_links_are_followed_but_not_in_circles(home: Path, tmp_path: Path) -> None:
    """A data set whose files and folders are links into a store elsewhere, as DVC and git-annex make them."""
    root, store = tmp_path / "set", tmp_path / "store"
    name = tree(root, ["a", "b"])
    tree(store, ["many"], 4)
    (root / "a" / "linked.png").symlink_to(store / "many" / "0.png")
    (root / "a" / "more").symlink_to(store / "many")
    (root / "c").symlink_to(store / "many", target_is_directory=True)
    (root / "d").symlink_to(store / "not mounted")
    (root / "b" / "round").symlink_to(root)
    (root / "b" / "up").symlink_to(tmp_path)
    (root / "b" / "itself").symlink_to(root / "b" / "itself")
    (root / "b" / "gone.png").symlink_to(tmp_path / "nowhere")
    data = opened(name, home)
    assert of_class(data) == {"a": 10, "b": 5, "c": 4}
    assert sorted(line.removeprefix(f"{root}/") for line in data.left_out) == [
        "b/gone.png: there is no such file",
        "b/itself: it is a link that leads nowhere",
        "b/round: it is a link to a folder that it lies in",
        "b/up: it is a link to a folder that it lies in",
        "d: it is a link that leads nowhere",
    ]


def test_a_folder_that_may_not_be_read_is_left_out_by_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = tree(tmp_path / "set", ["a", "b", "b/closed"])
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    data = opened(name, home)
    assert data.left_out == (f"{tmp_path / 'set' / 'b' / 'closed'}: it can't be read (Permission denied)",)
    monkeypatch.setattr(os, "scandir", lambda path: refusing("closed"))
    with pytest.raises(DataError, match=r"set can't be read \(Permission denied\)"):
        opened(name, home)


def test_names_that_are_not_utf_8_are_read_and_shown_as_text(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    for label in (b"caf\xe9", b"th\xff\xfe"):
        folder = Path(os.fsdecode(os.fsencode(root) + b"/" + label))
        for number in range(5):
            png(folder / os.fsdecode(b"%d\xe9.png" % number), grey=number)
    bad = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9/bad\xe8.png"))
    bad.write_bytes(b"x")
    data = opened(f"folder:{root}", home)
    assert data.classes == (r"caf\xe9", r"th\xff\xfe")
    assert (len(data.train), len(data.test)) == (8, 2)
    assert data.left_out[0].startswith(str(root) + r"/caf\xe9/bad\xe8.png: ")
    for text in (*data.classes, *data.left_out, *data.notes, data.title, data.where):
        text.encode()
