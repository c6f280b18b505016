"""Messages to and from the worker process: what is sent arrives, equal and of the same types."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, EngineError
from engine.sources import NetworkRef, RunCheckpoint, WeightsFile
from engine.weights.key_mapping import KeyMapping
from engine.worker import wire
from engine.worker.messages import Answered, Ask


def over(message: object) -> Any:
    stream = io.BytesIO()
    wire.send(stream, message)
    stream.seek(0)
    return wire.receive(stream)


@pytest.mark.parametrize(
    "message",
    [
        None,
        {"a": [1, 2.5, "é\n×", None, True], "$": 3, "deep": {"b": ()}},
        {(1, 2): {"x"}, None: frozenset({3})},
        (Path("/a b/c"), (1, (2, [3]))),
        Ask(3, NetworkRef(WeightsFile(Path("w.pth"), KeyMapping("module.", (("a", "b"),)), "mlp"), freeze=None)),
        Answered([RunCheckpoint("last", "3:412"), Entry("e.pt", 1, 2, 3, "ab", 4.5, "epoch")]),
    ],
)
def test_a_value_arrives_as_it_was_sent(message: object) -> None:
    arrived = over(message)
    assert arrived == message
    assert repr(arrived) == repr(message)  # 1 and True, a list and a tuple, are not the same


def test_floats_that_are_not_finite_arrive() -> None:
    arrived = over([float("inf"), float("-inf"), float("nan"), -0.0])
    assert repr(arrived) == "[inf, -inf, nan, -0.0]"


def test_arrays_of_several_dtypes_arrive_whole_and_in_their_places() -> None:
    rng = np.random.default_rng(0)
    sent: dict[str, Any] = {
        "u8": rng.integers(0, 255, (2, 3, 5), dtype=np.uint8),
        "f4": rng.normal(size=(4, 2)).astype(np.float32)[::2, ::-1],  # not contiguous
        "none": np.zeros((0, 7), np.int64),
        "scalar": np.array(3.5),
    }
    arrived = over(({"n": np.int64(7)}, sent))
    assert arrived[0] == {"n": 7}
    assert list(arrived[1]) == list(sent)
    for name, array in sent.items():
        assert arrived[1][name].dtype == array.dtype
        assert arrived[1][name].shape == array.shape
        assert np.array_equal(arrived[1][name], array)


def test_an_error_arrives_with_what_it_carries() -> None:
    arrived = over(ConfigError("lr", "--lr: -1 is out of range"))
    assert type(arrived) is ConfigError
    assert (str(arrived), arrived.field) == ("--lr: -1 is out of range", "lr")
    assert isinstance(arrived, EngineError)


def test_two_messages_in_a_row_are_read_one_by_one() -> None:
    stream = io.BytesIO()
    wire.send(stream, np.arange(5))
    wire.send(stream, "second")
    stream.seek(0)
    assert wire.receive(stream).tolist() == [0, 1, 2, 3, 4]
    assert wire.receive(stream) == "second"
    with pytest.raises(EOFError):
        wire.receive(stream)


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_message_that_is_cut_off_is_the_end(cut: int) -> None:
    stream = io.BytesIO()
    wire.send(stream, np.arange(100))
    data = stream.getvalue()
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(data[:-cut]))


@dataclass(frozen=True)
class Stranger:
    x: int = 0


def test_only_the_engines_own_classes_are_made_from_a_message() -> None:
    for name in (
        "subprocess:Popen",
        "pathlib:Path",
        "engine.sources:parse",
        "engine.sources:Path",
        f"{__name__}:Stranger",
    ):
        stream = io.BytesIO(json.dumps({"body": {"$": name}, "arrays": []}).encode() + b"\n")
        with pytest.raises(ValueError, match=r"engine's|dataclass"):
            wire.receive(stream)


def test_what_cannot_be_sent_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match=r"an? object can't be sent"):
        wire.send(io.BytesIO(), object())
