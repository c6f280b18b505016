"""IDX files are read as their header says, or refused with a reason."""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import idx
from engine.data.dataset import Bytes
from engine.errors import DataError
from tests.support.memory import memory_below

ITEM = (28, 28)


def some_images(count: int, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (count, *ITEM), np.uint8)


def pack(array: Bytes) -> bytes:
    """An IDX file of `array`, written without the code under test."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(params=["", ".gz"], ids=["extracted", "gz"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(folder: Path, suffix: str, content: bytes) -> Path:
    path = folder / f"images{suffix}"
    path.write_bytes(gzip.compress(content, mtime=0) if suffix else content)
    return path


def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    images = some_images(50)
    read = idx.read(write(tmp_path, suffix, pack(images)), ITEM)
    assert read.dtype == np.uint8
    assert np.array_equal(read, images)
    assert not read.flags.writeable


def test_labels_are_read(tmp_path: Path, suffix: str) -> None:
    labels = np.arange(10, dtype=np.uint8)
    assert idx.read(write(tmp_path, suffix, pack(labels)), ()).tolist() == list(range(10))


def test_a_file_that_is_cut_short_later_has_left_its_images_here(tmp_path: Path, suffix: str) -> None:
    """As torchvision cuts it, to extract it anew: where it was mapped, the next look would end the process."""
    images = some_images(50)
    path = write(tmp_path, suffix, pack(images))
    read = idx.read(path, ITEM)
    assert not isinstance(read, np.memmap)
    os.truncate(path, 0)
    assert np.array_equal(read, images)


@pytest.mark.parametrize("change", [lambda path: os.truncate(path, 500), lambda path: os.utime(path, ns=(1, 1))])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    path = write(tmp_path, "", pack(some_images(50)))
    count = idx._count

    def changing(*asked: Any) -> int:
        change(path)
        return count(*asked)

    monkeypatch.setattr(idx, "_count", changing)
    with pytest.raises(DataError, match=r"changed while it was read: try again|cut short"):
        idx.read(path, ITEM)


def test_what_fills_no_memory_here_is_refused(tmp_path: Path) -> None:
    """A file without a byte on the disk may claim any size."""
    path, count = tmp_path / "images", 6_000_000
    path.write_bytes(struct.pack(">HBBIII", 0, 8, 3, count, 28, 28))
    os.truncate(path, 16 + count * 784)
    with memory_below(1 << 20), pytest.raises(DataError, match="too many to hold in memory"):
        idx.read(path, ITEM)


@pytest.mark.parametrize("count", [0, 1, 9, 49, 50, 1000])
def test_the_first_images_are_those_of_the_whole(tmp_path: Path, suffix: str, count: int) -> None:
    images = some_images(50)
    first, total = idx.read_first(write(tmp_path, suffix, pack(images)), ITEM, count)
    assert total == 50
    assert np.array_equal(first, images[:count])


def test_the_first_images_need_only_the_beginning_of_the_file(tmp_path: Path, suffix: str) -> None:
    images = some_images(500)
    path = write(tmp_path, suffix, pack(images))
    path.write_bytes(path.read_bytes()[:40_000])
    first, _ = idx.read_first(path, ITEM, 9)
    assert np.array_equal(first, images[:9])
    with pytest.raises(DataError, match="cut short"):
        idx.read_first(path, ITEM, 100)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut short"),
        (b"\0\0\x08", "cut short"),
        (pack(some_images(5))[:-1], "cut short"),
        (pack(some_images(5))[:16], "cut short"),
        (pack(some_images(5)) + b"\0", "more than its header says|too long"),
        (b"\x89PNG" + pack(some_images(5))[4:], "begins 89504e47, not 00000803"),
        (pack(np.zeros(5, np.uint8)) + bytes(16), "begins 00000801, not 00000803"),
        (pack(np.zeros((5, 32, 32), np.uint8)), "elements of 32×32, not of 28×28"),
        (pack(np.zeros((0, 28, 28), np.uint8)), "0 elements"),
        (struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 28, 28) + bytes(784), "cut short"),  # would be 3 TB
        (struct.pack(">HBBIII", 0, 13, 3, 1, 28, 28) + bytes(4 * 784), "begins 00000d03"),  # floats
    ],
    ids=[
        "nothing",
        "half a header",
        "a byte less",
        "a header alone",
        "a byte more",
        "a picture",
        "labels",
        "other size",
        "no images",
        "terabytes",
        "floats",
    ],
)
def test_what_is_not_such_a_file_is_refused_by_name(tmp_path: Path, suffix: str, content: bytes, says: str) -> None:
    path = write(tmp_path, suffix, content)
    with pytest.raises(DataError, match=says) as caught:
        idx.read(path, ITEM)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, idx.IdxError)  # who knows where the file is from says what to do about it


def test_a_gz_that_was_cut_off_is_refused_wherever_the_cut_is(tmp_path: Path) -> None:
    path = write(tmp_path, ".gz", pack(some_images(5)))
    whole = path.read_bytes()
    for kept in (0, 1, 9, 12, 40, len(whole) // 2, len(whole) - 9, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(DataError, match="cut short"):
            idx.read(path, ITEM)


def test_a_gz_with_a_byte_changed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ".gz", pack(some_images(5)))
    whole = path.read_bytes()
    for place in (0, len(whole) // 2, len(whole) - 6):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(DataError, match=r"does not decompress|begins|cut short"):
            idx.read(path, ITEM)


def test_a_gz_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(b"<html>Please log in to the network</html>" * 50)
    for read in (lambda: idx.read(path, ITEM), lambda: idx.read_first(path, ITEM, 1)):
        with pytest.raises(DataError, match="does not decompress"):
            read()


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"images{suffix}"
    path.symlink_to(path)
    for read in (lambda: idx.read(path, ITEM), lambda: idx.read_first(path, ITEM, 1)):
        with pytest.raises(DataError, match=rf"cannot read .*{path.name}"):
            read()
