"""The images that are kept: found again, and read again where what was kept is damaged."""

from pathlib import Path

import pytest

from tests.support.images import opened, png, tree


def kept(home: Path) -> Path:
    [path] = (home / "cache").glob("*.npz")
    return path


@pytest.mark.parametrize("place", [0, 4, 30, 140, 0.3, 0.6, 0.95, -40, -33, -32, -1])
def test_a_bit_that_flipped_anywhere_is_found_and_the_images_are_read_again(
    place: float, home: Path, tmp_path: Path
) -> None:
    name = tree(tmp_path / "set", ["a", "b"])
    first = opened(name, home)
    path = kept(home)
    whole = path.read_bytes()
    at = int(place * len(whole)) if 0 < place < 1 else int(place)
    data = bytearray(whole)
    data[at] ^= 0x10
    path.write_bytes(data)
    again = opened(name, home)
    assert again.checksum == first.checksum
    assert again.notes == (f"the cache was damaged or can't be read, and the images were read again: {path}",)
    assert path.read_bytes() == whole
    assert opened(name, home).notes == ()


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_short_is_made_anew(share: float, home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / "set", ["a", "b"])
    first = opened(name, home)
    path = kept(home)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    again = opened(name, home)
    assert again.checksum == first.checksum
    assert len(again.notes) == 1


def test_what_stands_in_the_place_of_the_file_is_no_bug(home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / "set", ["a", "b"])
    first = opened(name, home)
    path = kept(home)
    path.unlink()
    path.mkdir()
    assert opened(name, home).checksum == first.checksum


def test_a_changed_image_is_read_again_without_a_word(home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / "set", ["a", "b"])
    first = opened(name, home)
    png(tmp_path / "set" / "a" / "0.png", grey=222)
    again = opened(name, home)
    assert again.checksum != first.checksum
    assert again.notes == ()
