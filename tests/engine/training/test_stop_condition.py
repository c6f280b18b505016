"""`--stop-when`: what can be typed, and when it holds."""

import math

import pytest

from engine.errors import ConfigError
from engine.training.config import TrainConfig
from engine.training.stop_condition import Comparison, holds, parse


def test_comparisons_are_joined_by_and() -> None:
    assert parse("") == ()
    assert parse("val_accuracy>=0.92") == (Comparison("val_accuracy", ">=", 0.92),)
    wanted = (Comparison("val_accuracy", ">=", 0.92), Comparison("train_loss", "<", 0.3))
    assert parse(" Val_Accuracy >= 92% AND train_loss<3e-1 ") == wanted
    assert parse("val_accuracy>=0.92&&train_loss<.3") == wanted
    assert " and ".join(map(str, wanted)) == "val_accuracy>=0.92 and train_loss<0.3"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("val_accuracy", "is not a comparison"),
        ("val_accuracy=0.9", "is not a comparison"),
        ("val_accuracy>=", "is not a comparison"),
        ("val_accuracy>=x", "is not a comparison"),
        ("val_accuracy>=1e999", "is not a comparison"),
        ("val_accuracy>=nan", "is not a comparison"),
        ("val_accuracy>=0.9 or train_loss<1", "is not a comparison"),
        ("val_accuracy>=0.9 and ", "is not a comparison"),
        ("accuracy>=0.9", "choose from val_accuracy"),
        ("__import__>1", "choose from val_accuracy"),
        ("val_accuracy>=92", "fraction from 0 to 1"),
    ],
)
def test_what_can_not_be_typed(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


def test_all_must_hold_and_what_is_not_known_does_not() -> None:
    both = parse("val_accuracy>=0.92 and train_loss<0.3")
    assert holds(both, {"val_accuracy": 0.92, "train_loss": 0.2})
    assert not holds(both, {"val_accuracy": 0.92, "train_loss": 0.3})
    assert not holds(both, {"train_loss": 0.2})
    assert not holds(parse("val_loss<1"), {"val_loss": math.nan})
    assert not holds((), {"val_loss": 0.1})


def test_a_result_that_no_epoch_has_is_refused_before_the_run() -> None:
    TrainConfig(stop_when="test_accuracy>0.9")
    TrainConfig(stop_when="val_accuracy>0.9 and train_loss<1", val="100")
    TrainConfig(stop_when="test_accuracy>0.9", val="100", test_every_epoch=True)
    with pytest.raises(ConfigError, match="without validation images; add --val 5000"):
        TrainConfig(stop_when="val_loss<0.3")
    with pytest.raises(ConfigError, match="compare val_accuracy"):
        TrainConfig(stop_when="train_loss<1 and test_accuracy>0.9", val="100")
