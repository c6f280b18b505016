"""A check of every byte of a file, by what there is to compare it with."""

from pathlib import Path

import pytest
import torch

from engine.checkpoints import manifest
from engine.checkpoints.verify import listed, sha256, verify
from engine.errors import CheckpointError
from engine.home import RunFolder
from engine.weights.reading import read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A run's checkpoint, in a manifest."""
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "epoch-0001.pt"
    torch.save({"first": torch.zeros(64), "second": torch.ones(64)}, path)
    manifest.write(RunFolder(tmp_path), [manifest.Entry(path.name, 1, 9, path.stat().st_size, sha256(path), 0.0)])
    return path


def test_a_runs_own_checkpoint_is_checked_against_its_manifest(file: Path) -> None:
    heard: list[tuple[int, int]] = []
    found = verify(read(file), lambda done, total: heard.append((done, total)))
    assert found.method == "every byte is as written, according to the SHA-256 in the run's manifest"
    assert not found.damage
    assert heard[-1] == (file.stat().st_size, file.stat().st_size)


@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_any_byte_of_the_tensors_that_is_flipped_is_caught(file: Path, flip: int) -> None:
    contents = read(file)
    whole = file.read_bytes()
    for one in contents.tensors:
        assert one.tensor.storage is not None
        record = contents.records[one.tensor.storage.key]
        for at in range(record.offset, record.offset + record.size, 37):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            found = verify(read(file))
            assert found.damage == (
                "its SHA-256 differs from the one in the run's manifest: the file is damaged",
                f"{one.name}: its bytes are not those that were written (CRC-32)",
            )


def test_without_a_manifest_the_files_own_checksums_are_taken(file: Path, tmp_path: Path) -> None:
    elsewhere = file.rename(tmp_path / "copy.pt")
    assert listed(elsewhere) is None
    assert verify(read(elsewhere)).method == "every byte is as written, according to the file's checksums (CRC-32)"
    torch.save(torch.zeros(3), elsewhere, _use_new_zipfile_serialization=False)
    assert "has no checksums to compare with" in verify(read(elsewhere)).method
    manifest_file = RunFolder(tmp_path).manifest
    manifest_file.write_text("no JSON")
    torch.save(torch.zeros(3), file)
    assert "checksums (CRC-32)" in verify(read(file)).method
    with pytest.raises(CheckpointError, match="No such file"):
        sha256(tmp_path / "gone")
