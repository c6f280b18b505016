"""Images as pixels in real terminals, on a display that nobody sees: what is on the screen then is looked at. Skips
itself where the terminals, Xvfb or ImageMagick are not here."""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.data.demo.demo_dataset import demo_dataset
from tests.support.waiting import HANG_S, wait_for

PROGRAM = str(Path(sys.executable).with_name("fmnist-tui"))
SCREEN = (1300, 900)  # pixels
ALIKE = 0.97  # the correlation of what is shown with the image itself
Pixels = npt.NDArray[np.float32]


def kitty_version() -> tuple[int, ...]:
    if shutil.which("kitty") is None:
        return (0,)
    said = subprocess.run(["kitty", "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:2]))


needs_a_display = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("import")), reason="needs Xvfb and ImageMagick"
)


@pytest.fixture
def display() -> Iterator[str]:
    """A display of its own."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp", "-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as numbers:
                yield f":{int(numbers.readline())}"
        finally:
            server.kill()


def shown(display: str) -> Pixels:
    """The display's pixels as greys, [rows, columns]."""
    done = subprocess.run(
        ["import", "-window", "root", "png:-"], env={**os.environ, "DISPLAY": display}, capture_output=True, check=False
    )
    if done.returncode:
        return np.zeros((1, 1), np.float32)
    return np.asarray(Image.open(io.BytesIO(done.stdout)).convert("L"), np.float32)


def likeness(screen: Pixels, image: npt.NDArray[np.uint8], side: int) -> float:
    """The best correlation of the image at `side` pixels with any place of the screen's upper left part, where the
    first of a page stands."""
    wanted = np.asarray(Image.fromarray(image).resize((side, side)), np.float32)
    wanted = wanted - wanted.mean()
    best = -1.0
    for top in range(30, 110):
        for left in range(60):
            part = screen[top : top + side, left : left + side]
            if part.shape == wanted.shape and part.std() > 1:
                part = part - part.mean()
                best = max(best, float((part * wanted).sum() / np.sqrt((part**2).sum() * (wanted**2).sum())))
    return best


@needs_a_display
@pytest.mark.slow
@pytest.mark.parametrize(
    ("terminal", "sides"),
    [
        pytest.param(
            ["xterm", "-ti", "vt340", "-tn", "xterm-256color", "-u8", "-fn", "fixed", "-geometry", "120x40", "-e"],
            range(36, 37),  # six cells of 6 × 13 pixels
            marks=pytest.mark.skipif(shutil.which("xterm") is None, reason="xterm is not here"),
            id="xterm",
        ),
        pytest.param(
            ["kitty", "--config", "NONE", "-o", "font_size=10"],
            range(36, 80),
            marks=pytest.mark.skipif(kitty_version() < (0, 28), reason="kitty 0.28 or newer is not here"),
            id="kitty",
        ),
    ],
)
def test_the_images_themselves_are_on_the_screen(
    home: Path, display: str, terminal: list[str], sides: range, tmp_path: Path
) -> None:
    image = demo_dataset().train.images[0]
    env = {
        **os.environ, "DISPLAY": display, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "COLORTERM": "truecolor",
        "LIBGL_ALWAYS_SOFTWARE": "1", "FMNIST_TUI_CONFIG": str(tmp_path / "config.toml"), "FMNIST_TUI_PRELOAD": "0",
    }  # fmt: skip
    for name in ("COLUMNS", "LINES", "NO_COLOR", "TMUX"):
        env.pop(name, None)
    command = [*terminal, PROGRAM, "--home", str(home), "--dataset", "demo"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(
                lambda: max(likeness(shown(display), image, side) for side in sides) > ALIKE,
                "the first image on the screen",
                seconds=HANG_S,
            )
        finally:
            process.kill()
