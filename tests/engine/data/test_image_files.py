"""What becomes of the pixels of image files of every kind."""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import image_files
from engine.data.custom import cache
from engine.data.dataset import Bytes
from engine.errors import DataError
from engine.progress import silent
from tests.support.images import opened

RAMP = np.arange(784, dtype=np.uint16).reshape(28, 28) * 83  # 0 to 64,989


def save(path: Path, image: Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def read(*paths: Path) -> cache.Images:
    return cache.read_now([str(path) for path in paths], silent)


@pytest.mark.parametrize("name", ["x.png", "x.tiff", "x.pgm"])
def test_sixteen_bits_become_eight_and_keep_their_shades(name: str, tmp_path: Path) -> None:
    image = Image.fromarray(RAMP if not name.endswith("pgm") else RAMP.astype(np.int32))
    found = read(save(tmp_path / name, image))
    assert np.array_equal(found.pixels[0], np.rint(RAMP / 257))
    assert found.scaled == ("16-bit values scaled to 8 bits",)


def test_sixteen_bits_in_the_other_order_of_bytes(tmp_path: Path) -> None:
    image = Image.frombytes("I;16B", (28, 28), RAMP.astype(">u2").tobytes())
    assert np.array_equal(read(save(tmp_path / "x.tif", image)).pixels[0], np.rint(RAMP / 257))


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_of_a_colour_become_eight_and_that_is_said(channels: int, tmp_path: Path) -> None:
    """A PNG of 16 bits a channel, written byte by byte: Pillow writes none."""
    values = np.zeros((28, 28, channels), np.uint16)
    values[..., 0], values[..., 1], values[..., 3:] = RAMP, 65535 - RAMP, 65535
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 28, 28, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    found = read(tmp_path / "x.png")
    assert found.scaled == ("16-bit values scaled to 8 bits",)
    assert np.abs(found.pixels[0][..., 0].astype(float) - RAMP / 257).max() < 1
    assert np.abs(found.pixels[0][..., 1].astype(float) - (65535 - RAMP) / 257).max() < 1


def test_sixteen_bits_are_resized_before_they_are_rounded(tmp_path: Path) -> None:
    large = np.zeros((56, 56), np.uint16)
    large[:, ::2] = 65535
    pixels = read(save(tmp_path / "x.png", Image.fromarray(large))).pixels[0]
    assert 110 < pixels.mean() < 145
    assert len(np.unique(pixels[:, 5:-5])) <= 2


@pytest.mark.parametrize(
    ("values", "words", "expected"),
    [
        (np.linspace(0, 1, 784), "values 0–1 scaled to 0–255", np.linspace(0, 255, 784)),
        (np.linspace(0, 255, 784), "", np.linspace(0, 255, 784)),
        (np.linspace(0, 65535, 784), "16-bit values scaled to 8 bits", np.linspace(0, 255, 784)),
        (np.linspace(-4, 12, 784), "values -4 to 12 scaled to 0–255", np.linspace(0, 255, 784)),
        (np.linspace(0, 1e6, 784), "values 0 to 1e+06 scaled to 0–255", np.linspace(0, 255, 784)),
    ],
)
def test_floating_point_values_are_scaled_by_what_they_are(
    values: np.ndarray, words: str, expected: np.ndarray, tmp_path: Path
) -> None:
    image = Image.fromarray(values.astype(np.float32).reshape(28, 28))
    found = read(save(tmp_path / "x.tiff", image))
    assert found.scaled == ((words,) if words else ())
    assert np.abs(found.pixels[0].astype(float).ravel() - expected).max() <= 0.51


def test_all_images_of_a_set_are_scaled_alike_also_a_dark_one(home: Path, tmp_path: Path) -> None:
    for label, top in (("a", 0.25), ("b", 1.0)):
        for number in range(5):
            values = np.full((28, 28), top, np.float32)
            save(tmp_path / "set" / label / f"{number}.tif", Image.fromarray(values))
    integers = np.full((28, 28), 120_000, np.int32)
    data = opened(f"folder:{tmp_path / 'set'}", home)
    assert data.title == "set (folder), values 0–1 scaled to 0–255"
    found = {int(image[0, 0]) for split in data.splits.values() for image in split.images}
    assert found == {64, 255}
    again = opened(f"folder:{tmp_path / 'set'}", home)  # from the cache
    assert (again.title, again.checksum) == (data.title, data.checksum)
    save(tmp_path / "set" / "b" / "9.tif", Image.fromarray(integers))
    assert opened(f"folder:{tmp_path / 'set'}", home).title == "set (folder), values 0.25 to 120000 scaled to 0–255"


def gradient(mode: str) -> Image.Image:
    return Image.fromarray((np.arange(784) // 4).astype(np.uint8).reshape(28, 28)).convert(mode)


def grey() -> Bytes:
    return (np.arange(784) // 4).astype(np.uint8).reshape(28, 28)


def palette() -> Image.Image:
    image = Image.fromarray(255 - grey())
    image = Image.frombytes("P", (28, 28), image.tobytes())
    image.putpalette([value for shade in range(256) for value in (255 - shade,) * 3])
    return image


def half_transparent() -> Image.Image:
    return Image.merge("LA", (Image.fromarray(grey()), Image.new("L", (28, 28), 255)))


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("x.png", lambda: Image.fromarray(grey() > 90), np.where(grey() > 90, 255, 0)),
        ("x.tif", lambda: Image.fromarray(grey() > 90), np.where(grey() > 90, 255, 0)),
        ("x.png", palette, grey()),
        ("x.gif", palette, grey()),
        ("x.png", half_transparent, grey()),
        ("x.tif", lambda: gradient("RGB").convert("CMYK"), grey()),
        ("x.ppm", lambda: gradient("RGB"), grey()),
        ("x.pbm", lambda: Image.fromarray(grey() > 90), np.where(grey() > 90, 255, 0)),
        ("x.bmp", lambda: gradient("L"), grey()),
    ],
    ids=["1 bit", "1 bit, TIFF", "palette", "GIF", "grey with alpha", "CMYK", "PPM", "PBM", "BMP"],
)
def test_images_of_other_modes_have_the_same_shades(
    name: str, make: Callable[[], Image.Image], expected: Bytes, tmp_path: Path
) -> None:
    found = read(save(tmp_path / name, make()))
    assert np.array_equal(found.pixels[0], expected)
    assert found.scaled == found.notes == ()


@pytest.mark.parametrize("name", ["x.jfif", "x.jpe", "x.JPG"])
def test_a_jpeg_by_any_ending_is_turned_as_its_exif_says(name: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.repeat(np.arange(28, dtype=np.uint8)[:, None] * 9, 28, axis=1))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    pixels = read(save(tmp_path / name, image, format="JPEG", exif=exif, quality=98)).pixels[0].astype(int)
    assert pixels[14, 2] > pixels[14, 25] + 100  # what was at the bottom is at the left
    assert abs(pixels[2, 14] - pixels[25, 14]) < 20


def test_a_transparent_value_of_sixteen_bits_is_black(tmp_path: Path) -> None:
    values = np.full((28, 28), 40_000, np.uint16)
    values[:14] = 50_000
    pixels = read(save(tmp_path / "x.png", Image.fromarray(values), transparency=50_000)).pixels[0]
    assert set(pixels[:14].ravel()) == {0}
    assert set(pixels[14:].ravel()) == {156}


def test_of_a_file_with_several_images_the_first_is_read_and_that_is_said(tmp_path: Path) -> None:
    frames = [Image.new("L", (28, 28), shade) for shade in (10, 200)]
    paths = [
        save(tmp_path / name, frames[0], save_all=True, append_images=frames[1:])
        for name in ("x.gif", "x.tif", "y.tif")
    ]
    found = read(*paths, save(tmp_path / "one.png", frames[0]))
    assert found.pixels.max() == 10
    assert found.notes == ("3 files hold several images; the first is read",)


def test_what_the_system_refuses_and_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="it is a named pipe, not a file"):
        image_files.read(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"it can't be read \(File name too long\)"):
        image_files.read(tmp_path / f"{'x' * 300}.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(DataError, match=r"it can't be read \(Too many levels of symbolic links\)"):
        image_files.read(tmp_path / "loop.png")


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    values = np.full((28, 28), np.nan, np.float32)
    with pytest.raises(DataError, match="it holds values that are not finite"):
        image_files.read(save(tmp_path / "x.tif", Image.fromarray(values)))


def test_what_pillow_says_of_a_damaged_file_goes_over_no_screen(tmp_path: Path) -> None:
    save(tmp_path / "x.tif", Image.new("RGB", (28, 28)))
    data = bytearray((tmp_path / "x.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 277, 3, 1))  # SamplesPerPixel: one 16-bit number
    data[at + 8 : at + 10] = struct.pack("<H", 2048)
    (tmp_path / "x.tif").write_bytes(data)
    code = (
        "import sys; from pathlib import Path; from engine.data import image_files\n"
        "try: image_files.read(Path(sys.argv[1]))\n"
        "except image_files.DataError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.tif")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    assert shown.stdout.startswith("it ")
