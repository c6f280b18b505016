"""`verify-resume`'s comparison: each thing that can differ makes it differ."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.home import RunFolder
from engine.runs import verify_resume
from engine.runs.log import EventLog
from engine.training import events as ev


def content(**other: Any) -> dict[str, Any]:
    model = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}
    return {
        "model": model,
        "optimizer": {"step": 3},
        "rng": [{"torch": torch.arange(3)}],
        "order": torch.arange(2),
        **other,
    }


def logged(folder: RunFolder, loss: float = 0.25) -> RunFolder:
    folder.path.mkdir()
    log = EventLog(folder)
    log.append(ev.BatchLoss(epoch=1, step=1, loss=0.5, seen=0, of=9))
    log.append(ev.EpochFinished(epoch=1, loss=loss, seconds=1.0, samples_per_s=1.0))
    log.append(ev.Evaluated(epoch=1, loss=0.125, accuracy=0.5, per_class=[0.5], confusion=[[1]], seconds=1.0))
    log.close()
    return folder


@pytest.mark.parametrize(
    ("other", "loss", "differs"),
    [
        ({}, 0.25, ""),
        ({"model": {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0000002])}}, 0.25, "weights"),
        ({"optimizer": {"step": 4}}, 0.25, "optimizer"),
        ({"rng": [{"torch": torch.arange(1, 4)}]}, 0.25, "generators"),
        ({"order": torch.tensor([1, 0])}, 0.25, "generators"),
        ({}, 0.25000003, "losses"),
    ],
)
def test_one_difference_is_enough(
    other: dict[str, Any], loss: float, differs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, broken = logged(RunFolder(tmp_path / "straight")), logged(RunFolder(tmp_path / "broken"), loss)
    states = {straight: content(), broken: content(**other)}
    monkeypatch.setattr(verify_resume, "_last", states.__getitem__)
    lines: list[str] = []
    assert verify_resume._compare(straight, broken, lines.append) is not bool(differs)
    assert [line.split()[0] for line in lines if line.endswith("NOT EQUAL")] == ([differs] if differs else [])
    assert lines[-1].startswith("NOT the same run" if differs else "the resumed run is the uninterrupted one")
    assert "losses      3 of the log" in lines[-2]


def test_a_fingerprint_is_of_names_shapes_dtypes_and_every_bit() -> None:
    same = verify_resume.fingerprint(content())
    assert verify_resume.fingerprint(content()) == same
    others = [
        content(order=torch.arange(2).float()), content(order=torch.arange(2).reshape(2, 1)), content(order=[0, 1]),
        content(optimizer={"steps": 3}), content(optimizer={"step": 3.0}), content(rng=[]),
        content(model={"b": torch.tensor([3.0]), "a": torch.tensor([1.0, 2.0])}),
    ]  # fmt: skip
    assert len({same, *map(verify_resume.fingerprint, others)}) == len(others) + 1
