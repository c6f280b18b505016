"""*Runs*: none, and a family of them."""

import dataclasses
import time
from pathlib import Path

import pytest

from engine.home import Home
from engine.queue import queue_file
from engine.queue.queue_file import Queue, Waiting
from engine.runs import client, meta, store
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.made_up import STEPS, MadeUpRun, evaluated, progress
from tests.support.studies import made_study
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


async def test_a_group_and_the_queue(home: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.queue.client.ensure_scheduler", lambda home: False)
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        run = MadeUpRun(home, f"20260101-10101{seed}-aaaa", name=f"five seed {seed}", dead=True, seed=seed)
        request = store.read_run(run.folder)
        store.write_run(run.folder, request | {"group": {"id": "g", "name": "five", "size": 3}})
        run.train([1, 2])
        run.add(dataclasses.replace(evaluated(2), accuracy=accuracy), ev.Finished(epochs=10, seconds=20))
    waiting = []
    for at, name in enumerate(("next", "later")):
        folder = Home(home).run(f"20260102-00000{at}-bbbb")
        folder.path.mkdir()
        request = client.request(TrainConfig(dataset="demo"), name=name)
        created = time.mktime(time.strptime(folder.id[:15], "%Y%m%d-%H%M%S"))
        store.write_run(folder, request | {"v": 1, "id": folder.id, "created": created, "prepared": True})
        waiting.append(Waiting(folder.id, held=at == 1))
    queue_file.change(home, lambda queue: Queue(waiting=tuple(waiting)))
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("+ five (3)", "held"))
        await pilot.press("end")
        await picture(pilot, "92.0 ± 2.0%", name="folded")
        await pilot.press("enter")
        await picture(pilot, "five seed 0", name="unfolded")


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


# What people say of runs


def said(home: Path) -> None:
    """The family, with tags, a note, a pinned run and a hidden one."""
    family(home)
    folder = Home(home).run
    meta.change(folder("20260101-101010-aaaa"), note="The one to beat.\nlr=1e-2 diverged.", add=["paper", "v2"])
    meta.change(folder("20260103-000000-dddd"), pinned=True)
    meta.change(folder("20260105-000000-ffff"), hidden=True)


async def test_pinned_tagged_marked_and_hidden_runs(home: Path, picture: Picture) -> None:
    said(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("◆ grandchild", "1 hidden"))
        await pilot.press("j", "m")
        await picture(pilot, "1 marked")


async def test_what_can_be_said_of_a_run(home: Path, picture: Picture) -> None:
    said(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("◆ grandchild",))
        await pilot.press(",")
        await picture(pilot, "unpin", "says first what goes")


async def test_asking_for_a_name(home: Path, picture: Picture) -> None:
    said(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("◆ grandchild",))
        await pilot.press("f2")
        await picture(pilot, "Rename grandchild")


async def test_asking_for_tags(home: Path, picture: Picture) -> None:
    said(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("◆ grandchild",))
        await pilot.press("j", "j", "m")
        await typed(pilot, "@", "+fast -v2", enter=False)
        await picture(pilot, "adds fast · takes away v2")


async def test_asking_for_a_note(home: Path, picture: Picture) -> None:
    said(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("◆ grandchild",))
        await typed(pilot, '"', "again\\nand again", enter=False)
        await picture(pilot, "a note of 2 lines")


async def test_asking_whether_to_delete(home: Path, picture: Picture) -> None:
    said(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("◆ grandchild",))
        await pilot.press("m", "m", "m", "delete")
        await picture(pilot, "Delete 2 runs?", "not deleted, as it trains: live one")


async def test_a_study(home: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.studies.client.ensure_worker", lambda folder: None)
    made_study(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("No runs yet",))
        await pilot.press("O")
        await picture(pilot, "12/16", name="list")
        await pilot.press("enter")
        await picture(pilot, "best 0.5005", "best so far", name="by trial")
        await pilot.press(*"jvvv")
        await picture(pilot, "61%", name="importances")
        await pilot.press(*"vv")
        await picture(pilot, "Over optimizer", name="parameter")
        await pilot.press("v")
        await picture(pilot, "best tenth", name="coordinates")
