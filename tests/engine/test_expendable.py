"""A file that somebody cuts short while it is read ends no process but one whose end is told in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from engine import expendable
from engine.errors import InspectionError
from engine.inspection.file_requests import FileStatsRequest
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.formats import safetensors_file
from engine.weights.requests import FileRequest
from engine.worker.client import WorkerClient

CUT = """
import os, sys
from pathlib import Path
from engine.weights import tensors
from engine.weights.contents_cache import contents_of

path = Path(sys.argv[1])
def look():
    found = tensors.load(contents_of(path), "a")
    os.truncate(path, 0)
    print(float(found.sum()))
    return 0
"""
ISOLATED = f"""{CUT}
from tui.cli import isolated
sys.exit(isolated.run(look, 2))
"""
IN_PLACE = f"{CUT}\nsys.exit(look())"
PICTURE = """
import os, sys
from PIL import ImageOps
from engine.data import image_files
turned = ImageOps.exif_transpose
def cut(image, **more):
    os.truncate(sys.argv[1], 0)
    return turned(image, **more)
ImageOps.exif_transpose = cut
print(int(image_files.read(sys.argv[1]).pixels.max()))
"""


def ran(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)


@pytest.fixture(params=["a.pt", "a.safetensors"])
def large(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    values = np.ones(1 << 20, np.float32)
    if path.suffix == ".pt":
        torch.save({"a": torch.from_numpy(values)}, path)
    else:
        save_file({"a": values}, path)
    return path


@pytest.mark.slow
def test_a_command_whose_file_is_cut_short_is_one_line_and_exit_code_2(large: Path) -> None:
    found = ran(ISOLATED, large)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.strip().splitlines() == [found.stderr.strip()]
    assert "the file changed while it was read: try again once it is complete" in found.stderr


@pytest.mark.slow
def test_any_other_process_has_read_the_values_and_goes_on(large: Path) -> None:
    found = ran(IN_PLACE, large)
    assert (found.returncode, found.stdout) == (0, f"{float(1 << 20)}\n")


@pytest.mark.parametrize("ending", [".bmp", ".ppm", ".tif", ".png"])
def test_an_image_is_read_before_it_is_decoded(ending: str, tmp_path: Path) -> None:
    """Pillow, and libtiff in it, map files that they open themselves."""
    path = tmp_path / f"a{ending}"
    more = {"compression": "tiff_deflate"} if ending == ".tif" else {}
    Image.new("L", (2000, 2000), 200).save(path, **more)
    found = ran(PICTURE, path)
    assert (found.returncode, found.stdout) == (0, "200\n")


@pytest.mark.slow
def test_the_worker_process_tells_why_it_ended_and_another_answers(large: Path, home: Path) -> None:
    worker = WorkerClient(home)
    try:
        with open(large, "rb+") as file:  # more than it goes through in one turn
            data = file.read()
        if large.suffix == ".safetensors":
            save_file({"a": np.ones(1 << 27, np.float32)}, large)
        else:
            torch.save({"a": torch.ones(1 << 27)}, large)
        assert not worker.ask(FileStatsRequest(large)).done
        os.truncate(large, len(data) // 2)
        with pytest.raises(InspectionError, match=r"^the file changed while it was read: try again once"):
            worker.ask(FileStatsRequest(large))
        large.write_bytes(data)
        assert worker.ask(FileRequest(large)).counts["tensors"] == 1
    finally:
        worker.close()


def test_the_worker_that_a_signal_ends_is_told_of_by_what_the_signal_means(home: Path, large: Path) -> None:
    worker = WorkerClient(home)
    try:
        assert worker.ask(FileRequest(large)).counts["tensors"] == 1
        process = worker._process
        assert process is not None
        for number, words in expendable.ENDED.items():
            assert expendable.why(-number) == words
        os.kill(process.pid, signal.SIGBUS)
        assert process.wait() == -signal.SIGBUS
        assert worker.ask(FileRequest(large)).counts["tensors"] == 1
    finally:
        worker.close()
    assert [expendable.why(code) for code in (0, 1, 2, -signal.SIGTERM)] == [None] * 4


def test_the_library_of_safetensors_is_given_no_file_of_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"b": np.arange(6, dtype=np.int16), "a": np.arange(4, dtype=np.float64)}, path)
    places: list[str] = []
    real = safetensors_file._read

    def read(contents: Contents, place: str, start: int) -> None:
        places.append(place)
        assert not os.path.samefile(place, path)
        assert os.stat(place).st_size == path.stat().st_size
        assert os.stat(place).st_blocks * 512 < 1 << 16
        real(contents, place, start)

    monkeypatch.setattr(safetensors_file, "_read", read)
    contents = contents_of(path)
    assert places
    data = path.read_bytes()
    for name, values in (("a", np.arange(4, dtype=np.float64)), ("b", np.arange(6, dtype=np.int16))):
        record = contents.records[name]
        assert data[record.offset : record.offset + record.size] == values.tobytes()
