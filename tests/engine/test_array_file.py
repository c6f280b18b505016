"""Arrays that are kept come back as they were, or not at all."""

from pathlib import Path

import numpy as np

from engine import array_file

ARRAYS = {"numbers": np.arange(40).reshape(8, 5), "names": np.array(["a", "é"]), "one": np.array(3.5)}


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "x.npz"
    assert array_file.read(path) == array_file.Kept(None)
    array_file.keep(path, ARRAYS)
    found = array_file.read(path)
    assert found.arrays is not None
    assert not found.damaged
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }
    with np.load(path, allow_pickle=False) as plain:  # other programs read it too
        assert plain["numbers"].tolist() == ARRAYS["numbers"].tolist()


def test_no_byte_may_change_and_none_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    array_file.keep(path, ARRAYS)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert array_file.read(path) == array_file.Kept(None, damaged=True), at
        path.write_bytes(whole[:at])
        assert array_file.read(path) == array_file.Kept(None, damaged=True), at


def test_a_file_of_an_older_version_is_not_used_and_not_called_damaged(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **ARRAYS)  # type: ignore[arg-type]
    assert array_file.read(tmp_path / "x.npz") == array_file.Kept(None)


def test_a_place_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    array_file.keep(tmp_path / "file" / "x.npz", ARRAYS)
    (tmp_path / "folder.npz").mkdir()
    assert array_file.read(tmp_path / "folder.npz") == array_file.Kept(None, damaged=True)
