"""The record of what is held out is read by its types: one that is damaged is told, and not resumed without a word."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.demo.demo_dataset import demo_dataset
from engine.data.holdout import HoldOut, split_off
from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import launch, validation_json
from engine.runs.unreadable import UnreadableError
from engine.training.config import TrainConfig
from tests.engine.runs.test_host_resume import go_on
from tests.support.trained import TrainOnce

VALIDATED = TrainConfig(dataset="demo", epochs=1, threads=1, batch_size=512, val="0.2")
HELD_OUT = split_off(demo_dataset().train, HoldOut(share=0.2))


def kept(folder: RunFolder) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(folder.validation_json.read_text())
    return content


def change(at: int, to: Any) -> Callable[[dict[str, Any]], Any]:
    def changed(content: dict[str, Any]) -> dict[str, Any]:
        content["indices"][at] = to(content["indices"]) if callable(to) else to
        return content

    return changed


def field(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content | {name: value}


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: {key: value for key, value in content.items() if key != name}


def counted(change_by: int) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content | {"images": content["images"] + change_by}


def resigned(content: dict[str, Any]) -> dict[str, Any]:
    """Other images, with the SHA-256 that belongs to them."""
    indices = np.array([0, *content["indices"][1:]] if content["indices"][0] else content["indices"][1:], "<i8")
    return content | {"indices": indices.tolist(), "sha256": hashlib.sha256(indices.tobytes()).hexdigest()}


DAMAGED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "negative": change(0, -1),
    "huge": change(-1, 10**12),
    "beyond 64 bits": change(-1, 10**30),
    "just beyond": lambda content: change(-1, content["images"])(content),
    "fractional": change(3, 1.5),
    "a whole number as a fraction": change(3, lambda indices: float(indices[3])),
    "repeated": change(4, lambda indices: indices[3]),
    "out of order": change(4, 0),
    "another one": change(0, lambda indices: indices[0] + 1 if indices[1] > indices[0] + 1 else max(0, indices[0] - 1)),
    "true": change(0, True),
    "a text": change(2, "7"),
    "null": change(2, None),
    "a list in it": change(2, [2]),
    "too few": lambda content: content | {"indices": content["indices"][:-1]},
    "too many": lambda content: content | {"indices": [*content["indices"], content["indices"][-1] + 1]},
    "none": field("indices", []),
    "no list": field("indices", {"0": 1}),
    "a number for the list": field("indices", 3),
    "no indices": without("indices"),
    "no SHA-256": without("sha256"),
    "a SHA-256 of another type": field("sha256", 5),
    "a SHA-256 that is none": field("sha256", "\x1b[2Jab"),
    "another SHA-256": field("sha256", "0" * 64),
    "another version": field("v", 2),
    "true for the version": field("v", True),
    "no image": field("images", 0),
    "fewer images": field("images", 5),
    "one image more": counted(1),
    "half an image": field("images", 60000.5),
    "a list": lambda content: [content],
    "nothing": lambda content: None,
    "other images, well signed": resigned,
}  # fmt: skip


@pytest.fixture
def straight(home: Path, train_once: TrainOnce) -> RunFolder:
    return train_once(home, VALIDATED, "")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert validation_json.read(folder) is None
    validation_json.write(folder, HELD_OUT)
    found = validation_json.read(folder)
    assert found is not None
    assert (found.images, found.held_out, found.sha256) == (
        len(demo_dataset().train), len(HELD_OUT.val), HELD_OUT.sha256,
    )  # fmt: skip


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_record_is_not_resumed(how: str, straight: RunFolder) -> None:
    straight.validation_json.write_text(json.dumps(DAMAGED[how](kept(straight))))
    before = straight.validation_json.read_bytes()
    with pytest.raises(RunError) as error:
        launch.resume(straight, {"epochs": 2})
    line = str(error.value)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "validation.json can't be read (" in line or "the validation images are not those that the run had" in line
    assert straight.validation_json.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, '{"v": 1, "indices": [NaN]}', "\0" * 100, "ÿ"])
def test_what_is_no_json_is_not_resumed(text: str, straight: RunFolder) -> None:
    straight.validation_json.write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableError, match=r"validation\.json can't be read \(.+\)"):
        launch.resume(straight, {"epochs": 2})


def test_a_pipe_and_a_huge_file_are_refused_at_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    os.mkfifo(folder.validation_json)
    with pytest.raises(UnreadableError, match="a named pipe, not a file"):
        validation_json.read(folder)
    folder.validation_json.unlink()
    with open(folder.validation_json, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadableError, match="more than 128 MB"):
        validation_json.read(folder)


def test_a_run_without_the_record_is_resumed_and_gets_one(straight: RunFolder) -> None:
    recorded = straight.validation_json.read_bytes()
    straight.validation_json.unlink()
    assert launch.resume(straight, {"epochs": 2}).prepared.held_out is not None
    assert go_on(straight, epochs=2).status == "finished"
    assert straight.validation_json.read_bytes() == recorded
