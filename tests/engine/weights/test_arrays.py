"""Plain pickles: NumPy's arrays and scalars, and tensors that torch.save has not written, by their values."""

import io
import pickle
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import CheckpointError
from engine.runs import from_weights
from engine.weights import matching, safe_load, tensors
from engine.weights.convert import convert
from engine.weights.key_mapping import KeyMapping
from engine.weights.reading import read
from tests.support.memory import memory_below


def dumped(path: Path, value: Any, protocol: int) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


ARRAYS: dict[str, Any] = {
    "float32": np.linspace(-2, 3, 6, dtype=np.float32).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "cube": np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
    "big-endian": np.arange(5, dtype=">f4") - 2,
    "big-endian complex": (np.arange(3) + 1j).astype(">c8"),
    "half": np.array([0.5, -1.5], dtype=np.float16),
    "bytes": np.arange(256, dtype=np.uint8),  # every one of them
    "bool": np.array([True, False, True]),
    "number": np.array(7.25),
    "empty": np.zeros((0, 3), dtype=np.float32),
    "view": np.arange(20, dtype=np.int64).reshape(4, 5)[::2, 1:],
    "u16": np.array([1, 65535], dtype=np.uint16),
    "long": np.arange(400_000, dtype=np.float32) - 7,  # passed over, and read from its place
    "long bytes": (np.arange(1_500_000) % 251).astype(np.uint8),
    "long big-endian": np.arange(300_000, dtype=">i8"),
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_arrays_of_every_kind_are_listed_and_read(tmp_path: Path, protocol: int) -> None:
    known = {name: value for name, value in ARRAYS.items() if protocol or value.nbytes < 1 << 19}
    path = dumped(tmp_path / "model.pkl", {"model": known, "__author__": "them", "epoch": np.int64(3)}, protocol)
    contents = read(path)
    assert contents.problems == []
    assert (contents.metadata["__author__"], contents.metadata["epoch"]) == ("them", 3)
    assert [one.name for one in contents.tensors] == [f"model.{name}" for name in known]
    for one in contents.tensors:
        value = ARRAYS[one.name_in_section]
        assert one.tensor.shape == value.shape, one.name
        expected = torch.from_numpy(np.ascontiguousarray(value.astype(value.dtype.newbyteorder("="))))
        assert one.tensor.dtype == str(expected.dtype).removeprefix("torch."), one.name
        assert torch.equal(tensors.load(contents, one.name), expected.reshape(value.shape)), one.name


def test_a_line_that_is_too_long_is_named(tmp_path: Path) -> None:
    path = dumped(tmp_path / "m.pkl", {"w": ARRAYS["long"]}, 0)
    with pytest.raises(CheckpointError, match=r"a line of its pickle \(protocol 0\) has more than 1,048,576 bytes"):
        read(path)


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_array_that_stands_in_several_places_is_read_in_each(tmp_path: Path, protocol: int) -> None:
    one = np.arange(4.0)
    contents = read(dumped(tmp_path / "a.pkl", {"a": one, "b": [one, {"c": one}], "d": one}, protocol))
    assert [each.name for each in contents.tensors] == ["a", "b.0", "b.1.c", "d"]
    assert all(tensors.load(contents, each.name).tolist() == [0, 1, 2, 3] for each in contents.tensors)
    assert contents.shared == {"a": ["a", "b.0", "b.1.c", "d"]}


def test_arrays_in_a_file_of_torch_save_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "mixed.pt"
    content = {"w": torch.ones(2), "mean": np.array([0.5, 0.25]), "best": np.float32(0.75), "steps": np.int32(-4)}
    for new in (True, False):
        torch.save(content, path, _use_new_zipfile_serialization=new)
        contents = read(path)
        assert tensors.load(contents, "mean").tolist() == [0.5, 0.25]
        assert (contents.metadata["best"], contents.metadata["steps"]) == (0.75, -4)
        made = safe_load.load(contents, contents.root)
        assert (made["best"], made["steps"], made["mean"].tolist()) == (0.75, -4, [0.5, 0.25])


def test_arrays_that_python_2_has_written(tmp_path: Path) -> None:
    """Its strings are bytes: the opcodes U and T in the places of C and B."""
    short, long = np.arange(5, dtype=np.float32) - 3, np.arange(300_000, dtype=np.float32) * 0.5
    for value, new, old in ((short, b"C\x14", b"U\x14"), (long, b"B\x80\x4f\x12\x00", b"T\x80\x4f\x12\x00")):
        data = pickle.dumps({"w": value}, 3)
        assert data.count(new) == 1
        path = tmp_path / "r50.pkl"
        path.write_bytes(data.replace(new, old).replace(b"numpy._core", b"numpy.core").replace(b"C\x01b", b"U\x01b"))
        contents = read(path)
        assert contents.problems == []
        assert torch.equal(tensors.load(contents, "w"), torch.from_numpy(value))


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_is_no_array_of_numbers_is_named(tmp_path: Path, protocol: int) -> None:
    value = {
        "names": np.array(["a", "bcd"]), "when": np.array(["2024-01-01"], dtype="M8[D]"),
        "rows": np.zeros(2, dtype=[("x", "f4")]), "objects": np.array([{"w": np.ones(2)}, None], dtype=object),
        "w": np.ones(3, dtype=np.float32),
    }  # fmt: skip
    contents = read(dumped(tmp_path / "m.pkl", value, protocol))
    assert contents.problems == []
    assert [one.name for one in contents.tensors] == ["objects.0.w", "w"]
    assert contents.metadata["names"] == "numpy.ndarray of U3, 2(…)"
    assert str(contents.metadata["when"]).startswith("numpy.ndarray of M8")
    assert str(contents.metadata["rows"]).startswith("numpy.ndarray of V4")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_state_dict_that_pickle_has_written_is_read_and_used(tmp_path: Path, protocol: int) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(700, 600), torch.nn.BatchNorm1d(600), torch.nn.Linear(600, 3))
    path = dumped(tmp_path / "state.pkl", network.state_dict(), protocol)
    with memory_below(256 << 20):
        contents = read(path)
    assert contents.problems == []
    assert "torch.storage._load_from_bytes" in [one.full for one in contents.unknown]
    assert any(note.startswith("a plain pickle") for note in contents.notes)
    for name, value in network.state_dict().items():
        assert torch.equal(tensors.load(contents, name), value), name
    other = torch.nn.Sequential(torch.nn.Linear(700, 600), torch.nn.BatchNorm1d(600), torch.nn.Linear(600, 3))
    matching.load(other, str(path), "net")
    assert torch.equal(other.state_dict()["0.weight"], network.state_dict()["0.weight"])
    convert([path], tmp_path / "plain.pt", KeyMapping())
    assert torch.equal(torch.load(tmp_path / "plain.pt", weights_only=True)["2.bias"], network.state_dict()["2.bias"])
    assert not from_weights.look(path).own


def test_tensors_of_every_dtype_that_pickle_has_written(tmp_path: Path) -> None:
    values = {
        "u16": torch.tensor([1, 65535], dtype=torch.uint16), "bf16": torch.tensor([1.5, -2]).bfloat16(),
        "turned": torch.arange(6.0).reshape(2, 3).T, "negative": torch._neg_view(torch.ones(2)),
        "parameter": torch.nn.Parameter(torch.ones(2)), "f8": torch.ones(3).to(torch.float8_e4m3fn),
    }  # fmt: skip
    contents = read(dumped(tmp_path / "s.pickle", OrderedDict(values), 4))
    assert contents.problems == []
    for name, value in values.items():
        assert torch.equal(tensors.load(contents, name).float(), value.detach().float()), name


class Legacy:
    """Bytes that are said to be a file of torch.save's."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return torch.storage._load_from_bytes, (self.data,)  # type: ignore[attr-defined]


def inner() -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(torch.ones(300).storage(), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


@pytest.mark.parametrize("cut", [0, 1, 40, 200, 500, 1100])
@pytest.mark.parametrize("padding", [0, 1 << 21])
def test_bytes_that_are_no_storage_stand_for_what_they_are(tmp_path: Path, cut: int, padding: int) -> None:
    data = inner()[:cut] + b"\0" * padding
    contents = read(dumped(tmp_path / "x.pkl", {"x": Legacy(data), "after": np.ones(2)}, 4))
    assert [one.name for one in contents.tensors] == ["after"]
    assert tensors.load(contents, "after").tolist() == [1, 1]


def test_files_in_files_in_files_are_not_gone_into(tmp_path: Path) -> None:
    data = inner()
    for _ in range(30):
        data = pickle.dumps(Legacy(data), 4)
    contents = read(dumped(tmp_path / "x.pkl", {"x": Legacy(data)}, 4))
    assert contents.tensors == []


@pytest.mark.parametrize("shape", [(1 << 40,), (5,), (2, 3), (-1,), ("x",)])
def test_an_array_that_claims_what_it_has_not_is_left_out(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    class Claims:
        def __reduce__(self) -> tuple[Any, ...]:
            made: Any = np.ones(4, dtype=np.float32).__reduce__()
            reconstruct, arguments, state = made
            return reconstruct, arguments, (state[0], shape, *state[2:])

    with memory_below(64 << 20):
        contents = read(dumped(tmp_path / "x.pkl", {"x": Claims(), "y": np.ones(2)}, 4))
    assert [one.name for one in contents.tensors] == ["y"]
    assert "NumPy array that can't be read" in contents.problems[0]
    with pytest.raises(CheckpointError, match="is refused: left out a NumPy array"):
        from_weights.look(contents.path)
