"""Recipes: what they set, what wins, and what is measured before a run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.errors import ConfigError, ModelError
from engine.training import recipes, tuning
from engine.training.config import TrainConfig, changed
from engine.training.recipes import RECIPES, expanded
from engine.training.setting import TUNE
from engine.training.settings import SETTINGS, find
from engine.training.setup import TrainingSetup
from engine.training.stepping import stepping_of
from tui.runs import form_fields


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_s_settings_go_together(name: str) -> None:
    config = TrainConfig(**expanded({"recipe": name}))
    assert config.recipe == name
    for setting, value in RECIPES[name].settings.items():
        assert getattr(config, setting) == value
        assert value != SETTINGS[setting].default, setting


def test_no_recipe_is_the_tutorials() -> None:
    assert TrainConfig(**expanded({})) == TrainConfig()
    assert TrainConfig(**expanded({"recipe": "tutorial", "lr": 0.5})) == TrainConfig(lr=0.5)


def test_what_is_given_beside_it_wins_and_what_then_does_not_apply_is_left_out() -> None:
    config = TrainConfig(**expanded({"recipe": "fast", "optimizer": "adam", "epochs": 7}))
    assert (config.optimizer, config.epochs, config.momentum, config.nesterov) == ("adam", 7, 0.0, False)
    assert config.muon_lr == SETTINGS["muon_lr"].default
    assert config.model == RECIPES["fast"].settings["model"]
    with pytest.raises(ConfigError, match="adam has no momentum setting"):
        TrainConfig(**expanded({"recipe": "fast", "optimizer": "adam", "momentum": 0.5}))


def test_a_recipe_that_is_not_known_here_is_refused_where_it_is_typed_alone() -> None:
    with pytest.raises(ConfigError, match="--recipe: 'fsat' is unknown; choose from tutorial, fast"):
        expanded({"recipe": "fsat"})
    assert TrainConfig.from_dict({"recipe": "theirs", "lr": 0.5}).lr == 0.5  # a run of somebody else's
    with pytest.raises(ConfigError, match="is no name of a recipe"):
        find("recipe").parse("a b")
    with pytest.raises(ConfigError, match="a recipe is what a new run begins with"):
        changed(TrainConfig(), {"recipe": "fast"})


def test_the_form_takes_a_recipe_over_and_keeps_what_was_changed() -> None:
    values = {**form_fields.start_values(), "seed": 5, "lr": 0.25}
    fast = form_fields.with_recipe(values, "fast")
    assert (fast["model"], fast["seed"]) == (RECIPES["fast"].settings["model"], 5)
    assert fast["lr"] == RECIPES["fast"].settings["lr"]
    assert not form_fields.is_changed("model", fast)
    assert form_fields.command_line(fast) == "fmnist-tui train --recipe fast --seed 5"
    assert form_fields.command_line({**fast, "shuffle": False, "lr": 1e-3}) == (
        "fmnist-tui train --recipe fast --no-shuffle --seed 5 --lr 1e-3"
    )
    back = form_fields.with_recipe(fast, "tutorial")
    assert back == {**values, "lr": SETTINGS["lr"].default}


def test_words_stand_for_what_is_measured() -> None:
    assert find("threads").parse("tune") == find("batch_size").parse("AUTO") == TUNE
    assert (find("threads").typed(TUNE), find("batch_size").typed(TUNE)) == ("tune", "auto")
    with pytest.raises(ConfigError, match="out of range"):
        find("batch_size").parse("0")


def test_what_is_measured_is_decided_told_and_leaves_the_run_as_it_was(
    prepared: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With made-up times: the network, the optimizer and the generators stay, and the fastest way is taken."""
    setup = prepared(memory_format="auto", optimizer="adam")
    setup = dataclasses.replace(setup, config=dataclasses.replace(setup.config, threads=TUNE, batch_size=TUNE))
    monkeypatch.setattr("engine.device.usable_cores", lambda: 3)
    real = tuning._step_s
    images = []

    def made_up(setup: TrainingSetup, X: torch.Tensor, y: torch.Tensor) -> float:
        assert real(setup, X, y) > 0
        images.append(len(X))
        return {1: 3.0, 2: 1.0, 3: 2.0}[torch.get_num_threads()] * (1 + len(X) / 64)

    monkeypatch.setattr(tuning, "_step_s", made_up)
    before = {name: value.clone() for name, value in setup.network.state_dict().items()}
    generator = torch.get_rng_state()
    threads = torch.get_num_threads()
    try:
        made = tuning.tuned(setup)
    finally:
        torch.set_num_threads(threads)
    config = made.config
    assert (config.threads, config.memory_format) == (2, "contiguous")
    assert config.batch_size == 512, "the largest rate is of 512 images, and fewer reach less than 95 % of it"
    assert made.train_batches.batch_size == made.test_batches.batch_size == 512
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, before[name]) for name, value in made.network.state_dict().items())
    assert not made.optimizer.state
    assert [words.split(",")[0] for words in made.measured] == [
        "threads 2", "memory format contiguous", "batch size 512",
    ]  # fmt: skip
    assert made.describe_start()["measured"] == list(made.measured)


def test_mixed_precision_that_is_slower_is_refused_with_its_times(
    prepared: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = prepared(amp="bf16")
    monkeypatch.setattr(tuning, "_step_s", lambda setup, X, y: 0.004 if setup.stepping is None else 0.012)
    with pytest.raises(ConfigError, match=r"--amp bf16: .* is slower with it: a step takes 12 ms, and 4 ms in float32"):
        tuning.tuned(setup)
    monkeypatch.setattr(tuning, "_step_s", lambda setup, X, y: 0.004 if setup.stepping is not None else 0.012)
    assert tuning.tuned(setup).stepping is setup.stepping


def test_a_network_that_can_not_be_compiled_is_refused_in_a_line(
    prepared: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler(model: torch.nn.Module) -> torch.nn.Module:
        class Fails(torch.nn.Module):
            def forward(self, X: torch.Tensor) -> torch.Tensor:
                raise RuntimeError("\nno C++ compiler\nlong text")

        return Fails()

    monkeypatch.setattr(torch, "compile", no_compiler)
    with pytest.raises(ModelError, match=r"--compile: torch.compile can't make mlp: RuntimeError: no C\+\+ compiler$"):
        tuning.tuned(prepared(compile=True))


def test_a_compiled_network_is_what_trains_and_its_time_is_told(
    prepared: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With something in the place of torch.compile, which takes a minute."""
    made: list[torch.nn.Module] = []

    def compiled(model: torch.nn.Module) -> torch.nn.Module:
        made.append(torch.nn.Sequential(model))
        return made[0]

    monkeypatch.setattr(torch, "compile", compiled)
    setup = tuning.tuned(prepared(compile=True, clip=1.0, batch_size=50))
    assert setup.model is made[0]
    assert setup.network is made[0][0]  # type: ignore[index]
    assert setup.compile_s > 0
    assert setup.describe_start()["compile_s"] == setup.compile_s
    there = stepping_of(setup.config, setup.model, setup.train_loss_fn, setup.optimizer, setup.device)
    assert there is not None
    assert setup.stepping is not None
    assert setup.stepping._model is made[0]
    assert recipes.RECIPES


def test_a_recipe_of_config_toml_is_taken_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse

    from tui.cli import options

    monkeypatch.setattr("engine.training.recipes.RECIPES", dict(RECIPES))
    monkeypatch.setattr(options, "RECIPES", recipes.RECIPES)
    path = tmp_path / "config.toml"
    path.write_text('[recipes.mine]\noptimizer = "adam"\nlr = 0.5\n')
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    options.add_train_options(parser)
    given = parser.parse_args(["--config", str(path), "--recipe", "mine", "--lr", "0.25"])
    config = options.config(given)
    assert (config.recipe, config.optimizer, config.lr) == ("mine", "adam", 0.25)
    with pytest.raises(ConfigError, match=r"--recipe: 'yours' is unknown; choose from tutorial, fast.*, mine"):
        options.config(parser.parse_args(["--config", str(path), "--recipe", "yours"]))


def test_what_does_not_apply_any_more_is_named_together() -> None:
    config = TrainConfig(**expanded({"recipe": "fast"}))
    with pytest.raises(
        ConfigError,
        match=r"^--muon-lr: adam has no muon_lr setting; leave it at 0\.02, or choose muon; also momentum=0 "
        r"muon_momentum=0\.95 nesterov=no$",
    ):
        changed(config, {"optimizer": "adam"})
    left = {"optimizer": "adam", "momentum": "0", "nesterov": "no", "muon_lr": "0.02", "muon_momentum": "0.95"}
    assert changed(config, left).optimizer == "adam"


def test_a_learning_rate_range_test_measures_what_a_run_would(home: Path) -> None:
    """A batch size that is left to be measured is a size, over the end of an epoch too."""
    from engine.inspection import lr_find
    from engine.inspection.lr_find_requests import LrFindRequest
    from engine.progress import silent
    from engine.training.lr_sweep import Sweep

    config = TrainConfig(dataset="demo", batch_size=TUNE, threads=1, memory_format="auto")
    found = lr_find.compute(home, LrFindRequest(config, Sweep(1e-4, 1e-2, 60)), silent)
    assert len(found.curve.losses) == 60


def test_several_runs_at_once_share_the_cores_and_measure_none() -> None:
    from engine.queue import resources

    assert resources.threads_of({"threads": TUNE}, 1) == resources.threads_of({}, 1) >= 1
    assert resources.threads_of({"threads": 3}, 2) == 3
