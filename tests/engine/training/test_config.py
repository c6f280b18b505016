import math

import pytest

from engine.errors import ConfigError
from engine.training.config import TrainConfig, option, parse


def test_the_defaults_are_the_tutorials_reference_run() -> None:
    config = TrainConfig()
    assert (config.model, config.loss, config.optimizer) == ("mlp", "cross_entropy", "sgd")
    assert (config.lr, config.batch_size, config.epochs, config.shuffle, config.momentum) == (1e-3, 64, 10, False, 0.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("lr", -1.0),
        ("lr", 0.0),
        ("lr", math.nan),
        ("lr", math.inf),
        ("lr", "fast"),
        ("momentum", 1.5),
        ("weight_decay", -1e-3),
        ("epochs", 0),
        ("seed", -1),
        ("threads", -2),
        ("optimizer", "lion"),
        ("loss", "hinge"),
        ("model", "resnet"),
        ("model", "file.py"),
        ("model", "file.py:not a name"),
        ("dataset", "imagenet"),
        ("device", "tpu"),
        ("device", "cuda:x"),
        ("shuffle", "maybe"),
        ("transform", "file.txt:NAME"),
        ("on_non_finite", "panic"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as refused:
        TrainConfig(**{field: value})  # type: ignore[arg-type]
    assert refused.value.field == field
    assert option(field) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_momentum_is_refused_where_the_optimizer_has_none() -> None:
    with pytest.raises(ConfigError, match="adam has no momentum"):
        TrainConfig(optimizer="adam", momentum=0.9)


def test_what_is_typed_becomes_the_fields_own_type() -> None:
    assert parse("lr", " 3e-4 ") == 3e-4
    assert parse("batch_size", "128") == 128
    assert parse("shuffle", "yes") is True
    assert parse("model", "nets/mine.py:Net") == "nets/mine.py:Net"


@pytest.mark.parametrize(
    ("field", "text"), [("lr", "1e"), ("batch_size", "6.4"), ("shuffle", "perhaps"), ("lr", "nan")]
)
def test_what_can_not_be_read_says_what_was_typed(field: str, text: str) -> None:
    with pytest.raises(ConfigError, match=option(field)) as refused:
        parse(field, text)
    assert text in str(refused.value)


def test_a_config_survives_json_and_a_newer_versions_fields() -> None:
    config = TrainConfig(lr=0.5, model="cnn", shuffle=True)
    assert TrainConfig.from_dict(config.to_dict() | {"invented_later": 1}) == config
