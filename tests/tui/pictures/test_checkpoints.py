"""*Checkpoints*: the list, a file, and two compared."""

from pathlib import Path

import pytest

from tests.support.hostile import checkpoint, holding, tensor
from tests.tui.pictures.conftest import SIZES, Picture, opened, still, typed
from tests.tui.pictures.world import run_with_checkpoints, weights_file

pytestmark = pytest.mark.usefixtures("answers")


async def test_the_list(home: Path, picture: Picture) -> None:
    async with opened(home, "checkpoints").run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "No checkpoints yet", name="empty")
    run_with_checkpoints(home, dead=True)
    async with opened(home, "checkpoints").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("3 files",))
        await pilot.press("m", "down", "m", "s")
        await picture(pilot, "2 marked", "by age", name="marked")


async def test_a_file(home: Path, picture: Picture) -> None:
    weights_file(Path("first.pt"))
    async with opened(home, "checkpoints").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("No checkpoints yet",))
        await typed(pilot, "o", "first.pt", enter=False)
        await picture(pilot, "first.pt", name="prompt")
        await pilot.press("enter")
        await picture(pilot, "hidden.weight", "PyTorch (zip)", name="tensors")
        for view in ("values", "imports"):
            await pilot.press("v")
            await picture(pilot, "PyTorch (zip)", name=view)
        await typed(pilot, "E", "mlp", enter=False)
        await picture(pilot, "mlp", name="which-network")


async def test_a_file_with_problems(home: Path, picture: Picture) -> None:
    odd = {f"x{at}": tensor((9,), (1,)) for at in range(5)}
    checkpoint(holding(good=tensor((4,), (1,)), **odd), Path("odd.pt"))
    async with opened(home, "checkpoints").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("No checkpoints yet",))
        await typed(pilot, "o", "odd.pt")
        await still(pilot, ("more problems (v)",))
        await pilot.press("v", "v", "v", "down")
        await picture(pilot, "reaches element 9 of a storage that has 4")


async def test_two_files_compared(home: Path, picture: Picture) -> None:
    weights_file(Path("first.pt"))
    weights_file(Path("second.pt"), added=0.25)
    async with opened(home, "checkpoints").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("No checkpoints yet",))
        await typed(pilot, "o", "first.pt")
        await still(pilot, ("hidden.weight", "PyTorch (zip)"))
        await typed(pilot, "d", "second.pt")
        await picture(pilot, "first.pt → second.pt", "2 changed")
