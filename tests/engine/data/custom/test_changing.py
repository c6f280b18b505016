"""Custom data that changes while it is read: what is gone is named; what is of no one state is said, and not kept."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import image_files
from engine.data.custom import cache, csv_file, image_folder
from engine.data.dataset import Dataset
from engine.data.open_dataset import open_dataset
from engine.errors import DataError


def picture(path: Path, shade: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((28, 28), shade, np.uint8)).save(path)
    return path


def pictures(root: Path) -> list[Path]:
    return [
        picture(root / split / label / f"{number}.bmp", 10 * number + 5)
        for split in ("train", "test")
        for label in ("a", "b")
        for number in range(4)
    ]


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "removed": (lambda path: path.unlink(), "there is no such file"),
    "truncated": (lambda path: os.truncate(path, 60), "it "),
    "emptied": (lambda path: os.truncate(path, 0), "it is not a PNG"),
    "a folder now": (a_folder, "it is a folder, not a file"),
    "a pipe now": (a_pipe, "it is a named pipe, not a file"),
}


@pytest.fixture(params=["folder", "csv"])
def named(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, list[Path]]:
    """A data set's name, and its images, which are read in this order."""
    found = pictures(tmp_path / "images")
    if request.param == "folder":
        found = [one for one in found if "train" in one.parts] + [one for one in found if "test" in one.parts]
        return f"folder:{tmp_path / 'images'}", found
    lines = [f"{one.relative_to(tmp_path / 'images')},{one.parent.name},{one.parts[-3]}" for one in found]
    (tmp_path / "list.csv").write_text("\n".join(["file,label,split", *lines]) + "\n")
    return f"csv:{tmp_path / 'list.csv'}:{tmp_path / 'images'}", found


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object], *, listed: bool) -> None:
    """Once the files are listed, or once the first image is read."""
    done: list[bool] = []

    def once() -> None:
        if not done:
            done.append(True)
            change()

    if listed:
        for module in (csv_file, image_folder):
            real_list = module.list_samples

            def then_list(spec: object, real: Callable[..., object] = real_list) -> object:
                found = real(spec)
                once()
                return found

            monkeypatch.setattr(module, "list_samples", then_list)
    else:
        real_read = image_files.read

        def then_read(path: str) -> image_files.Picture:
            found = real_read(path)
            once()
            return found

        monkeypatch.setattr(image_files, "read", then_read)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("how", CHANGES)
def test_an_image_that_is_none_any_more_is_named(
    named: tuple[str, list[Path]], how: str, listed: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, files = named
    change, why = CHANGES[how]
    with monkeypatch.context() as patched:
        changing(patched, lambda: change(files[2]), listed=listed)
        found = open_dataset(name, None, home)
    assert (len(found.train), len(found.test)) == (7, 8)
    (left_out,) = found.left_out
    assert str(files[2]) in left_out
    assert why in left_out
    assert (cache.CHANGED in found.notes) == (not listed)
    again = open_dataset(name, None, home)
    assert cache.CHANGED not in again.notes
    assert same(again, found) or how == "a folder now"


def same(a: Dataset, b: Dataset) -> bool:
    return all(
        np.array_equal(a.splits[one].images, b.splits[one].images)
        and np.array_equal(a.splits[one].labels, b.splits[one].labels)
        for one in ("train", "test")
    )


def test_what_was_read_while_an_image_was_replaced_is_taken_for_no_later_state(
    named: tuple[str, list[Path]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the file of before comes back, with its time: that a cache would take for what it knows."""
    name, files = named
    wanted = open_dataset(name, None, home / "other")
    status = files[-1].stat()

    def replace() -> None:
        picture(files[-1].with_suffix(".png"), 250).replace(files[-1])

    before = files[-1].read_bytes()
    with monkeypatch.context() as patched:
        changing(patched, replace, listed=False)
        mixed = open_dataset(name, None, home)
    assert mixed.test.images.max() == 250
    assert cache.CHANGED in mixed.notes
    files[-1].write_bytes(before)
    os.utime(files[-1], ns=(status.st_atime_ns, status.st_mtime_ns))
    found = open_dataset(name, None, home)
    assert cache.CHANGED not in found.notes
    assert same(found, wanted)


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_a_table_of_pixels_that_is_cut_short_is_refused_or_said(
    keep: float, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pixels.csv"
    line = ",".join(["7"] * 784)
    path.write_text("".join(f"{number % 3},{line}\n" for number in range(3000)))
    done: list[int] = []

    def progress(at: int, total: int) -> None:
        if not done:
            done.append(at)
            os.truncate(path, int(keep * path.stat().st_size))

    found, refused = None, ""
    try:
        found = open_dataset(f"csv:{path}", None, home, progress=progress)
    except DataError as error:
        refused = str(error)
    assert done
    assert not list(home.rglob("*.npz"))
    assert len(refused.splitlines()) == 1 if found is None else cache.CHANGED in found.notes
