"""*Runs*: none, and a family of them."""

from pathlib import Path

from engine.runs import store
from engine.training import events as ev
from tests.support.made_up import STEPS, progress
from tests.tui.pictures.conftest import SIZES, Picture, opened, still, typed
from tests.tui.pictures.world import NOW, made_up_run, run_with_checkpoints, validated_run


def family(home: Path) -> None:
    """Five runs: a parent, its branch and that one's, one that trains, one that is finished."""
    parent = run_with_checkpoints(home, dead=True)
    for run_id, name, of in (
        ("20260102-000000-cccc", "child", parent.folder.id),
        ("20260103-000000-dddd", "grandchild", "20260102-000000-cccc"),
    ):
        made = made_up_run(home, run_id, name=name, dead=True, demo=True, model="cnn")
        asked = store.read_run(made.folder)
        store.write_run(made.folder, asked | {"parent": {"run": of, "epoch": 2, "step": STEPS, "file": "x"}})
    made_up_run(home, "20260104-000000-eeee", name="live one").add(progress(1, 50))
    finished = made_up_run(home, "20260105-000000-ffff", name="", dead=True, begun=NOW - 3 * 86400)
    finished.train(range(1, 11))
    finished.add(ev.Finished(epochs=10, seconds=20))


async def test_none(home: Path, picture: Picture) -> None:
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "No runs yet")


async def test_several_with_branches(home: Path, picture: Picture) -> None:
    family(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("my run", "live one"))
        await pilot.press(*"jjj")
        await picture(pilot, "branch of my run at epoch 2", name="all")
        await typed(pilot, "slash", "live")
        await picture(pilot, "1 of 5 runs", name="filtered")


async def test_one_with_validation_images(home: Path, picture: Picture) -> None:
    family(home)
    validated_run(home, "20260106-000000-9999")
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "held out", "54.0%")


async def test_choosing_columns(home: Path, picture: Picture) -> None:
    family(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("my run", "live one"))
        await pilot.press("|")
        await picture(pilot, "automatic: those that differ and fit")


async def test_a_filter_that_cannot_be_read(home: Path, picture: Picture) -> None:
    family(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("my run", "live one"))
        await typed(pilot, "slash", "best>=85 lr>=x", enter=False)
        await picture(pilot, "lr is compared with a number")


async def test_stopping_one(home: Path, picture: Picture) -> None:
    family(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("my run", "live one"))
        await pilot.press("j", "x")
        await picture(pilot, "Stop live one?")
