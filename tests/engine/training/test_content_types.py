"""What a checkpoint holds besides tensors is compared with its types before anything is made of it."""

from typing import Any

import pytest

from engine.errors import CheckpointError
from engine.training import resume

GOOD: dict[str, Any] = {
    "format": resume.FORMAT, "model": {}, "optimizer": {"state": {}, "param_groups": []}, "rng": [{}], "order": None,
    "config": {"lr": 0.1, "epochs": 3, "shuffle": True, "model": "mlp"}, "epoch": 1, "step": 0, "steps": 10,
    "evaluated": False, "edits": [{"epoch": 1, "step": 2, "setting": "lr", "after": 0.01}], "hooks": {"a": {"b": 1}},
    "batch_size": 64, "shuffle": True, "best": [1, 0.5], "loss_sum": float("nan"), "seconds": 1.0, "training_s": 2,
    "accuracy": None, "environment": {"torch": "2"}, "finite": True,
}  # fmt: skip
WRONG: list[tuple[str, Any]] = [
    ("epoch", True), ("epoch", 1.0), ("epoch", -1), ("epoch", 0), ("epoch", "1"), ("epoch", None), ("epoch", 10**30),
    ("step", -1), ("step", 0.5), ("steps", []), ("evaluated", 1), ("evaluated", "yes"), ("seconds", -0.1),
    ("seconds", float("nan")), ("training_s", "1"), ("loss_sum", True), ("loss_sum", {}), ("batch_size", -1),
    ("batch_size", True), ("shuffle", 0), ("best", [1]), ("best", [0, 0.5]), ("best", ["1", 0.5]), ("best", 0.5),
    ("config", []), ("config", {"lr": "0.1"}), ("config", {"epochs": 1.5}), ("config", {1: 2}),
    ("config", {"lr": [0.1]}), ("edits", {}), ("edits", [1]), ("edits", [{"epoch": 1}]),
    ("edits", [{"epoch": 1, "step": "2", "setting": "lr", "after": 0.1}]),
    ("edits", [{"epoch": 1, "step": 2, "setting": 3, "after": 0.1}]), ("hooks", []), ("hooks", {"a": 1}),
    ("hooks", {1: {}}), ("rng", {}), ("rng", [1]), ("model", []), ("optimizer", 1), ("environment", "x"),
    ("finite", 1),
]  # fmt: skip


def test_a_good_one_is_taken() -> None:
    assert resume.check(GOOD) is GOOD
    assert resume.check({name: GOOD[name] for name in GOOD if name not in ("hooks", "finite", "accuracy")})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_another_type_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(CheckpointError, match=rf"^its {name}\S* is not as fmnist-tui writes it$"):
        resume.check(GOOD | {name: value})
