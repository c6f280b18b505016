"""The search space, as it is typed, and what a trial is given of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.studies import space
from engine.studies.space import Choices, Range, Space
from engine.training.config import TrainConfig

BASE = TrainConfig()


def parsed(*texts: str) -> Space:
    return space.parse_pairs(texts, BASE)[0]


def test_ranges_choices_and_single_values_are_told_apart() -> None:
    found, config = space.parse_pairs(
        ["lr=1e-4..1e-1:log", "epochs=2..10:2", "batch_size=32|64|128", "optimizer=sgd,adam", "model=cnn"], BASE
    )
    assert found["lr"] == Range("lr", 1e-4, 1e-1, log=True)
    assert found["epochs"] == Range("epochs", 2, 10, step=2, integer=True)
    assert found["batch_size"] == Choices("batch_size", ("32", "64", "128"))
    assert found["optimizer"] == Choices("optimizer", ("sgd", "adam"))
    assert config.model == "cnn"
    assert config.lr == BASE.lr
    assert space.parse(found.to_dict(), config)[0] == found  # as it is written down


def test_what_decides_whether_others_apply_is_first() -> None:
    assert parsed("momentum=0..0.9", "lr=1e-3..1e-2", "optimizer=sgd,adam").names[0] == "optimizer"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr=1e-1..1e-4", "ends before it begins"),
        ("lr=0..1:log", "out of range"),  # a learning rate of 0 is none
        ("momentum=0..0.9:log", "needs numbers above 0"),
        ("lr=1..2..3", "no range"),
        ("lr=1e-4..1e-1:logarithmic", "no range"),
        ("epochs=2..10:0.5", "a whole number"),
        ("epochs=2..10:20", "at most 8"),
        ("epochs=2..ten", "no range"),
        ("optimizer=sgd,sgd", "given twice"),
        ("optimizer=sgd,lion", "'lion' is unknown"),
        ("batch_size=32|many", "is not an integer"),
        ("device=cpu,cuda:0", "'cpu,cuda:0'"),
        ("threads=1..4", "can't be searched"),
        ("learning_rate=1..2", "there is no setting"),
        ("lr", "not of the form"),
        ("lr=", "is not a number"),
        ("lr=nan..1", "no range"),
        ("lr=1..1e400", "not a finite number"),
    ],
)
def test_what_can_not_be_searched_is_refused_in_a_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_setting_is_not_given_twice() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        parsed("lr=1e-3..1e-2", "lr=1e-4..1e-3")


def test_a_trial_is_not_given_what_does_not_apply() -> None:
    found = parsed("optimizer=sgd,adam", "momentum=0.5..0.9", "lr=1e-3..1e-2")
    asked = list[str]()
    texts = {"optimizer": "adam"}
    while (one := space.wanted(found, BASE, texts)) is not None:
        asked.append(one.name)
        texts[one.name] = "5e-3"
    assert asked == ["lr"]
    with_sgd = space.wanted(found, BASE, {"optimizer": "sgd", "lr": "5e-3"})
    assert with_sgd is not None
    assert with_sgd.name == "momentum"


def test_what_does_not_apply_is_left_at_its_default() -> None:
    found, base = space.parse_pairs(["optimizer=sgd,adam", "momentum=0.9"], BASE)
    assert space.settings_of(found, base, {"optimizer": "sgd"}).momentum == 0.9
    assert space.settings_of(found, base, {"optimizer": "adam"}).momentum == 0


def test_a_grid_has_each_trial_once() -> None:
    found = parsed("optimizer=sgd,adam", "momentum=0|0.9", "epochs=1..3")
    points = space.grid(found, BASE)
    assert len(points) == 2 * 3 + 3  # adam has no momentum
    assert len({tuple(sorted(point.items())) for point in points}) == len(points)
    assert {"optimizer": "adam", "epochs": "2"} in points


@pytest.mark.parametrize("text", ["lr=1e-4..1e-1:log", "lr=1e-4..1e-1", "epochs=1..9:log"])
def test_a_grid_needs_an_end_of_values(text: str) -> None:
    with pytest.raises(ConfigError, match=r"needs a list \(.*=.*,.*,.*\), or a step"):
        space.grid(parsed(text), BASE)


def test_a_grid_has_a_bound() -> None:
    with pytest.raises(ConfigError, match="at most 10000 are possible"):
        space.grid(parsed("epochs=1..200", "batch_size=1..200"), BASE)


@given(
    low=st.floats(1e-6, 1e3),
    times=st.floats(0.01, 1e3),
    steps=st.integers(1, 200),
)
def test_the_points_of_a_range_lie_in_it(low: float, times: float, steps: int) -> None:
    width = low * times
    high = low + width
    step = width / steps
    found = parsed(f"lr={low!r}..{high!r}:{step!r}")["lr"]
    assert isinstance(found, Range)
    numbers = [float(text) for text in found.points]
    assert abs(len(numbers) - (steps + 1)) <= 1
    assert numbers[0] == pytest.approx(low)
    assert all(low - 1e-9 <= number <= high * (1 + 1e-9) for number in numbers)
    assert math.isclose(found.high, numbers[-1], rel_tol=1e-9)


def test_a_trial_by_hand_has_parameters_of_the_study() -> None:
    found = parsed("lr=1e-4..1e-1:log", "optimizer=sgd,adam")
    assert space.check_point(found, BASE, {"lr": "0.0010"}) == {"lr": "1e-3"}
    for texts, words in (
        ({"lr": "1"}, "out of the study's range"),
        ({"optimizer": "rmsprop"}, "none of the study's choices"),
        ({"epochs": "3"}, "no parameter of the study"),
        ({"lr": "fast"}, "is not a number"),
    ):
        with pytest.raises(ConfigError, match=words):
            space.check_point(found, BASE, texts)
