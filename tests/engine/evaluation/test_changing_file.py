"""A file of weights that changes while it is evaluated: no result is shown, or kept, for a file that it is not of."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import CheckpointError, EngineError
from engine.evaluation import evaluate as evaluation
from engine.evaluation.evaluate import compare, evaluate
from engine.evaluation.requests import EvaluationSettings
from engine.models.registry import build
from engine.sources import WeightsFile
from engine.weights import state_dict, tensors

DEMO = EvaluationSettings("demo")


def saved(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    torch.save(build("mlp").state_dict(), path)
    return path


def replaced(path: Path) -> None:
    os.replace(saved(path.with_suffix(".new"), 1), path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "replaced": replaced,
    "written over": lambda path: saved(path, 1),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "deleted": lambda path: path.unlink(),
}
# What is done last before it changes: the file is listed, its SHA-256 is known, its shapes fit, its values are read.
MOMENTS = {
    "listed": (evaluation, "_setup"), "hashed": (evaluation, "identity"), "fits": (evaluation, "refuse_other_numbers"),
    "read": (tensors, "whole"), "loaded": (state_dict, "_values"),
}  # fmt: skip


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_it_is_refused_and_nothing_is_kept(
    moment: str, how: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "weights.pt", 0)
    module, name = MOMENTS[moment]
    real, done = getattr(module, name), list[str]()

    def then(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        if not done:
            done.append(how)
            CHANGES[how](path)
        return found

    monkeypatch.setattr(module, name, then)
    with pytest.raises(EngineError) as refused:
        evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    assert done
    assert len(str(refused.value).splitlines()) == 1
    assert not list(home.rglob("*.json"))


def test_the_next_time_it_is_what_the_file_holds_then(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = saved(tmp_path / "weights.pt", 0), saved(tmp_path / "other.pt", 1)
    wanted = [evaluate(WeightsFile(one, model="mlp"), DEMO, home=home / "x", data_dir=None) for one in (path, other)]
    real = getattr(evaluation, "identity")  # noqa: B009

    def then(file: Path) -> str:
        found: str = real(file)
        os.replace(other, path)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "identity", then)
        with pytest.raises(CheckpointError, match="changed while it was read: try again once it is complete"):
            evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    found = evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    assert (found.sha256, found.confusion, found.cached) == (wanted[1].sha256, wanted[1].confusion, False)
    saved(path, 0)
    found = evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    assert (found.sha256, found.confusion, found.cached) == (wanted[0].sha256, wanted[0].confusion, False)


def test_two_that_are_compared(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = saved(tmp_path / "first.pt", 0), saved(tmp_path / "second.pt", 1)
    real = tensors.whole

    times = itertools.count(1)

    def then(*arguments: Any, **more: Any) -> Any:
        os.utime(second, ns=(1, next(times)))
        return real(*arguments, **more)

    monkeypatch.setattr(tensors, "whole", then)
    with pytest.raises(CheckpointError, match="changed"):
        compare(WeightsFile(first, model="mlp"), WeightsFile(second, model="mlp"), DEMO, home=home, data_dir=None)
