"""What opens over every screen: help, prompts, the download."""

from pathlib import Path

import pytest

from engine.errors import DataError
from tests.tui.data.test_data import Mirror
from tests.tui.pictures.conftest import SIZES, Picture, opened, still, typed
from tests.tui.pictures.world import run_with_checkpoints

MODES = ("data", "train", "runs", "model", "checkpoints")
READY = ("of 6,000", "image 0 ")


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("mode", MODES)
async def test_help(home: Path, picture: Picture, mode: str) -> None:
    run_with_checkpoints(home, dead=True)
    async with opened(home, mode).run_test(size=SIZES[0]) as pilot:
        await still(pilot, (mode.capitalize(),))
        await pilot.press("question_mark")
        await picture(pilot, "Keys", "This panel" if mode == "train" else "This screen")  # the form has all the keys


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [("slash", "sneak, 3", "Dress, Sneaker"), ("slash", "hat", "no class is called 'hat'"),
     ("i", "17", "image 17"), ("e", "~/somewhere", "annotations.csv"), ("o", "last@best", "my run")],
    ids=["filter", "refused", "index", "export", "predictions"],
)  # fmt: skip
async def test_a_prompt_of_data(home: Path, picture: Picture, key: str, text: str, words: str) -> None:
    run_with_checkpoints(home, dead=True)
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await typed(pilot, key, text, enter=False)
        await picture(pilot, words)


async def test_the_download(home: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Mirror()
    monkeypatch.setattr("engine.data.fashion_mnist.download.download", mirror)
    mirror.error = DataError("could not download: no network")
    mirror.go_on.set()
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("D")
        await picture(pilot, "no network", name="failed")
        mirror.go_on.clear()
        await pilot.press("r")
        await picture(pilot, "9.5 MiB of 28.6 MiB", name="under-way")


async def test_damaged_data(home: Path, picture: Picture) -> None:
    folder = home / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"not gzip")
    app = opened(home)
    app.dataset = "auto"
    async with app.run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "Press r to try again")
