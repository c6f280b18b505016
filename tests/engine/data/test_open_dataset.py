"""A data set is opened where it lies, as it is, or refused with a reason; nothing is put in its place in silence."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data import idx
from engine.data import open_dataset as dataset
from engine.data.dataset import Bytes
from engine.data.demo import demo_dataset
from engine.data.fashion_mnist.spec import CLASSES, FILES, File
from engine.data.open_dataset import candidates, describe, open_dataset, peek
from engine.errors import DataError
from tests.engine.data.test_idx import pack, some_images

COUNTS = {"train": 60, "test": 20}
SHARED = Path(os.environ.get("FMNIST_TUI_DATA") or "/nowhere")
real_data = pytest.mark.skipif(
    not (SHARED / "FashionMNIST" / "raw").is_dir(), reason="needs Fashion-MNIST in $FMNIST_TUI_DATA"
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def content(file: File, counts: dict[str, int] = COUNTS) -> bytes:
    count = counts[file.split]
    return pack(some_images(count, seed=count) if file.holds == "images" else np.arange(count, dtype=np.uint8) % 10)


def fill(folder: Path, form: str = "gz") -> Path:
    """Write a small set of the four files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        if form == "gz":
            (folder / file.gz_name).write_bytes(gzip.compress(content(file), mtime=0))
        else:
            (folder / file.name).write_bytes(content(file))
    return folder


@pytest.fixture(params=["gz", "extracted"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    fill(tmp_path / "data" / "FashionMNIST" / "raw", request.param)
    return tmp_path / "data"


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_both_splits_are_there_with_their_labels(root: Path, home: Path) -> None:
    data = open_dataset("fashion-mnist", root, home)
    assert (data.name, data.title, data.demo, data.classes) == ("fashion-mnist", "Fashion-MNIST", False, CLASSES)
    assert (len(data.train), len(data.test)) == (60, 20)
    assert data.where == str(root / "FashionMNIST" / "raw")
    assert np.array_equal(data.train.images, some_images(60, seed=60))
    assert np.array_equal(data.test.labels, np.arange(20) % 10)


def test_the_checksum_is_of_the_data_not_of_its_form(tmp_path: Path, home: Path) -> None:
    gz = open_dataset("auto", fill(tmp_path / "gz", "gz"), home)
    extracted = open_dataset("auto", fill(tmp_path / "extracted", "extracted"), home)
    assert gz.checksum == extracted.checksum
    assert len(gz.checksum) == 64
    path = tmp_path / "extracted" / FILES[1].name
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert open_dataset("auto", tmp_path / "extracted", home).checksum != gz.checksum


@pytest.mark.parametrize("inner", ["FashionMNIST/raw", "raw", "."])
def test_the_files_are_found_in_a_root_and_in_its_folders(tmp_path: Path, home: Path, inner: str) -> None:
    fill(tmp_path / "data" / inner)
    assert len(open_dataset("auto", tmp_path / "data", home).train) == 60


def test_the_folders_are_looked_in_in_order(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert candidates(None, home) == [home / "data"]
    monkeypatch.setenv("FMNIST_TUI_DATA", str(tmp_path / "env"))
    assert candidates(None, home) == [tmp_path / "env", home / "data"]
    assert candidates(tmp_path / "given", home) == [tmp_path / "given"]

    fill(home / "data")
    assert open_dataset("auto", None, home).where == str(home / "data")
    fill(tmp_path / "env")
    assert open_dataset("auto", None, home).where == str(tmp_path / "env")


def test_of_two_forms_the_whole_extracted_one_is_read(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(fill(tmp_path / "data", "gz"), "extracted")
    read: list[Path] = []
    real = idx.read

    def noted(path: Path, item: idx.Shape) -> Bytes:
        read.append(path)
        return real(path, item)

    monkeypatch.setattr(idx, "read", noted)
    assert len(open_dataset("auto", folder, home).train) == 60
    assert {path.name for path in read} == {file.name for file in FILES}
    for file in FILES:
        path = folder / file.name
        path.write_bytes(path.read_bytes()[:-5])
    read.clear()
    assert len(open_dataset("auto", folder, home).train) == 60
    assert {path.name for path in read} == {file.gz_name for file in FILES}


def test_a_data_folder_is_not_written_to(root: Path, home: Path) -> None:
    def everything() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}

    before = everything()
    open_dataset("auto", root, home)
    peek("auto", root, home)
    describe(root, home)
    assert everything() == before
    assert not home.exists()


def test_without_a_download_auto_is_the_demo_data(home: Path) -> None:
    assert open_dataset("auto", None, home).demo
    assert peek("auto", None, home).demo


def test_fashion_mnist_that_is_not_there_is_an_error_that_names_the_folders(home: Path) -> None:
    for action in (lambda: open_dataset("fashion-mnist", None, home), lambda: peek("fashion-mnist", None, home)):
        message = refused(action)
        assert str(home / "data") in message
        assert "fmnist-tui data --download" in message
        assert "--dataset demo" in message


def test_a_folder_asked_for_that_holds_nothing_is_an_error_even_for_auto(tmp_path: Path, home: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("not a folder")
    assert str(tmp_path / "empty") in refused(lambda: open_dataset("auto", tmp_path / "empty", home))
    assert "no such folder" in refused(lambda: open_dataset("auto", tmp_path / "absent", home))
    assert "not a folder" in refused(lambda: open_dataset("auto", tmp_path / "file", home))


def test_the_demo_data_need_no_folder_at_all(tmp_path: Path, home: Path) -> None:
    assert open_dataset("demo", tmp_path / "absent", home).demo


def test_an_unknown_name_is_refused(home: Path) -> None:
    assert "mnist" in refused(lambda: open_dataset("mnist", None, home))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_set_that_lacks_a_file_is_refused_by_its_name(root: Path, home: Path, file: File) -> None:
    for path in (root / "FashionMNIST" / "raw").glob(f"{file.name}*"):
        path.unlink()
    for name in ("auto", "fashion-mnist"):
        message = refused(lambda name=name: open_dataset(name, root, home))  # type: ignore[misc]
        assert f"lacks {file.gz_name};" in message
    assert file.gz_name in refused(lambda: peek("auto", root, home))


def test_a_damaged_set_is_an_error_not_the_demo_data(home: Path) -> None:
    folder = fill(home / "data" / "FashionMNIST" / "raw")
    path = folder / FILES[0].gz_name
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path} is cut short" in refused(lambda: open_dataset("auto", None, home))
    assert "fetch it again with fmnist-tui data --download" in refused(lambda: open_dataset("auto", None, home))


def test_images_and_labels_that_do_not_belong_together_are_refused(tmp_path: Path, home: Path) -> None:
    folder = fill(tmp_path / "data", "extracted")
    (folder / FILES[1].name).write_bytes(pack(np.zeros(59, np.uint8)))
    for action in (lambda: open_dataset("auto", folder, home), lambda: peek("auto", folder, home)):
        message = refused(action)
        assert "60 images" in message
        assert "59 labels" in message


def test_a_label_that_no_class_has_is_refused(tmp_path: Path, home: Path) -> None:
    folder = fill(tmp_path / "data", "extracted")
    (folder / FILES[3].name).write_bytes(pack(np.full(20, 10, np.uint8)))
    message = refused(lambda: open_dataset("auto", folder, home))
    assert "the label 10, where 0 to 9" in message
    assert FILES[3].name in message


def test_files_that_are_not_the_published_ones_are_refused_when_asked_to_verify(root: Path, home: Path) -> None:
    open_dataset("auto", root, home)
    assert "not the published file" in refused(lambda: open_dataset("auto", root, home, verify=True))


def test_a_folder_that_may_not_be_looked_into_is_an_error_not_the_demo_data(home: Path) -> None:
    (home / "data" / "FashionMNIST").mkdir(parents=True)
    loop = home / "data" / "FashionMNIST" / "raw"
    loop.symlink_to(loop)
    assert "cannot read" in refused(lambda: open_dataset("auto", None, home))
    assert "cannot read" in (describe(None, home).problem or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(root: Path, home: Path) -> None:
    for path in (root / "FashionMNIST" / "raw").iterdir():
        path.chmod(0)
    assert "Permission denied" in refused(lambda: open_dataset("auto", root, home))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_preview_is_the_beginning_of_the_split(root: Path, home: Path, split: str) -> None:
    preview = peek("auto", root, home, split, 7)
    whole = open_dataset("auto", root, home).splits[split]
    assert (preview.split, preview.total, preview.demo) == (split, len(whole), False)
    assert np.array_equal(preview.images, whole.images[:7])
    assert np.array_equal(preview.labels, whole.labels[:7])


def test_a_preview_of_more_than_there_is_is_all_of_it(root: Path, home: Path) -> None:
    assert len(peek("auto", root, home, "test", 1000).images) == 20
    assert len(peek("demo", root, home, "test", 5000).images) == demo_dataset.SIZES["test"]


def test_the_report_says_what_is_there(root: Path, home: Path) -> None:
    report = describe(root, home, verify=False)
    assert report.problem is None
    assert (report.title, report.demo, report.used) == ("Fashion-MNIST", False, str(root / "FashionMNIST" / "raw"))
    assert [file.count for file in report.files] == [60, 60, 20, 20]
    assert {file.md5 for file in report.files} == {"not checked"}
    assert [(split.name, split.images) for split in report.splits] == [("train", 60), ("test", 20)]
    assert report.splits[0].per_class == dict.fromkeys(CLASSES, 6)
    assert report.checksum == open_dataset("auto", root, home).checksum
    assert json.loads(json.dumps(report.to_dict()))["splits"][1]["images"] == 20


def test_the_report_names_what_is_wrong_and_does_not_raise(root: Path, tmp_path: Path, home: Path) -> None:
    wrong = describe(root, home)
    assert {file.md5 for file in wrong.files} == {"bad"}
    assert "not the published file" in (wrong.problem or "")

    raw = root / "FashionMNIST" / "raw"
    (first, *_) = raw.glob(f"{FILES[0].name}*")
    first.write_bytes(first.read_bytes()[:-50])
    assert "cut short" in (describe(root, home).problem or "")
    first.unlink()
    partial = describe(root, home)
    assert [file.kind == "missing" for file in partial.files] == [True, False, False, False]
    assert FILES[0].gz_name in (partial.problem or "")

    assert "no such folder" in (describe(tmp_path / "absent", home).problem or "")


def test_the_report_of_the_demo_data_says_so(home: Path) -> None:
    report = describe(None, home)
    assert (report.demo, report.title, report.used, report.files) == (True, "demo data", None, ())
    assert report.looked_in == (str(home / "data"),)
    assert report.problem is None


def test_looking_at_data_needs_no_torch() -> None:
    modules = "dataset, open_dataset, idx, report, fashion_mnist.files, fashion_mnist.download, demo.demo_dataset"
    names = ", ".join(f"engine.data.{name}" for name in modules.split(", "))
    code = f"import sys, {names}; print([m for m in sys.modules if m.startswith('torch')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


def test_the_door_has_everything_a_caller_needs() -> None:
    assert all(hasattr(dataset, name) for name in dataset.__all__)


@real_data
def test_the_published_files_are_whole_in_both_forms(tmp_path: Path, home: Path) -> None:
    gz = open_dataset("fashion-mnist", SHARED, home, verify=True)
    assert (len(gz.train), len(gz.test)) == (60_000, 10_000)
    assert np.bincount(gz.train.labels).tolist() == [6_000] * 10
    report = describe(SHARED, home)
    assert report.problem is None
    assert {file.md5 for file in report.files} == {"ok"}

    for file in FILES:
        with gzip.open(SHARED / "FashionMNIST" / "raw" / file.gz_name) as packed:
            (tmp_path / file.name).write_bytes(packed.read())
        assert (tmp_path / file.name).stat().st_size == file.size
    extracted = open_dataset("fashion-mnist", tmp_path, home, verify=True)
    assert extracted.checksum == gz.checksum


@real_data
def test_a_published_file_packed_anew_is_still_it(tmp_path: Path, home: Path) -> None:
    raw = SHARED / "FashionMNIST" / "raw"
    for file in FILES:
        shutil.copy(raw / file.gz_name, tmp_path)
    labels = tmp_path / FILES[3].gz_name
    labels.chmod(0o644)
    labels.write_bytes(gzip.compress(gzip.decompress(labels.read_bytes()), 1))
    open_dataset("fashion-mnist", tmp_path, home, verify=True)
    content = bytearray(gzip.decompress(labels.read_bytes()))
    content[-1] ^= 1
    labels.write_bytes(gzip.compress(bytes(content), 1))
    assert labels.name in refused(lambda: open_dataset("fashion-mnist", tmp_path, home, verify=True))
