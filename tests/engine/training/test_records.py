"""Which run is compared with which record, and what is said."""

import dataclasses
from typing import Any

import pytest

from engine.training import records
from engine.training.config import TrainConfig
from engine.training.recipes import RECIPES, expanded
from engine.training.records import BESIDE, Record

ONE = Record(
    recipe="fast", device="cpu", threads=2, machine="Some CPU", accuracy=0.92, std=0.002, seconds=25.04, seeds=5
)
MADE_UP = (ONE, dataclasses.replace(ONE, threads=1, seconds=40.0), dataclasses.replace(ONE, device="cuda", seconds=3.0))


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RECORDS", MADE_UP)


def config(**more: Any) -> dict[str, Any]:
    return TrainConfig(**expanded({"recipe": "fast", "dataset": "fashion-mnist", **more})).to_dict()


def test_a_run_of_the_recipe_as_it_is_has_the_record_of_its_kind_of_machine() -> None:
    assert records.of_run(config(seed=7, keep="3"), "cpu", 2) is ONE
    assert records.of_run(config(), "cpu", 1) is MADE_UP[1]
    assert records.of_run(config(), "cuda:0", 7) is MADE_UP[2]
    assert records.of_run(config(), "cpu", 3) is None
    assert records.of_run(config(), "mps", 2) is None


@pytest.mark.parametrize(
    "changed",
    [{"epochs": 1}, {"val": "5000"}, {"dataset": "demo"}, {"tta": "flip"}, {"lr": 0.5}, {"recipe": "tutorial"}],
)
def test_a_run_with_anything_else_has_none(changed: dict[str, Any]) -> None:
    assert records.of_run(config(**changed), "cpu", 2) is None


def test_a_run_of_an_older_version_without_a_recipe_has_none() -> None:
    assert records.of_run({"dataset": "fashion-mnist", "lr": 0.1}, "cpu", 2) is None


def test_what_is_said_has_both_figures() -> None:
    assert records.words(ONE, 0.9234, 27.06) == (
        "this run: 92.34% in 27.1 s; record of fast: 92.00 ± 0.20% in 25.0 s (training alone, mean of 5 seeds, "
        "2 threads of Some CPU)"
    )


def test_the_real_records_are_of_recipes_and_settings_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert set(TrainConfig().to_dict()) >= BESIDE
    for one in records.RECORDS:
        assert one.recipe in RECIPES
        assert records.of_run(config(recipe=one.recipe), one.device, one.threads) is not None
