"""Anybody's files, read without executing them, compared with what torch.load makes of them."""

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from engine.errors import CheckpointError
from engine.weights import opcodes, tensors
from engine.weights.contents import Contents
from engine.weights.formats.torch_zip import check
from engine.weights.reading import read
from tests.support.memory import memory_below


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))


def compare(contents: Contents, expected: dict[str, torch.Tensor]) -> None:
    found = {one.name: one.tensor for one in contents.tensors}
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].shape == tuple(tensor.shape), name
        assert found[name].dtype == str(tensor.dtype).removeprefix("torch."), name
        assert found[name].stride == tensor.stride(), name
        assert found[name].bytes == tensor.numel() * tensor.element_size()
        assert torch.equal(tensors.load(contents, name), tensor.detach()), name


@pytest.mark.parametrize("new", [True, False])
def test_a_state_dict_is_what_torch_loads(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=new)
    contents = read(path)
    assert contents.format == ("PyTorch (zip)" if new else "PyTorch (legacy, before 1.6)")
    compare(contents, torch.load(path, weights_only=True))
    assert contents.notes == ["a state_dict"]
    assert not contents.problems
    assert contents.safety.startswith("not executed; all ")
    assert "safe" not in contents.safety


KINDS = {
    "bf16": torch.arange(6.0).bfloat16(),
    "half": torch.arange(6.0).half(),
    "f8": torch.arange(4.0).to(torch.float8_e4m3fn),
    "double": torch.rand(3, dtype=torch.float64),
    "complex": torch.tensor([1 + 2j, 3j]),
    "bool": torch.tensor([True, False]),
    "int8": torch.tensor([-1, 2], dtype=torch.int8),
    "u16": torch.tensor([1, 65535], dtype=torch.uint16),
    "number": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "turned": torch.arange(12.0).reshape(3, 4).T,
    "part": torch.arange(10.0)[3:7],
    "wide": torch.tensor(1.0).expand(3, 2),
    "steps": torch.arange(20).reshape(4, 5)[::2, 1:],
}


def test_tensors_of_every_kind_and_nesting(tmp_path: Path) -> None:
    path = tmp_path / "kinds.pt"
    torch.save({"deep": {"list": [{"x": KINDS}, 3]}, "epoch": 7, "name": "run", "none": None, "pair": (1, 2.5)}, path)
    contents = read(path)
    compare(contents, {f"deep.list.0.x.{name}": tensor for name, tensor in KINDS.items()})
    assert {name: contents.metadata[name] for name in ("epoch", "name", "deep.list.1")} == {
        "epoch": 7, "name": "run", "deep.list.1": 3,
    }  # fmt: skip


def test_a_training_checkpoint_with_its_optimizer(tmp_path: Path) -> None:
    net = network()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.rand(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    path = tmp_path / "train.pt"
    torch.save({"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    contents = read(path)
    assert contents.notes == ["a training checkpoint"]
    assert contents.state_dicts == ["model", "optimizer"]
    assert list(contents.section("model")) == list(net.state_dict())
    moment = tensors.load(contents, "optimizer.state.0.exp_avg")
    assert torch.equal(moment, optimizer.state_dict()["state"][0]["exp_avg"])
    assert contents.metadata["optimizer.param_groups.0.lr"] == 1e-3


@pytest.mark.parametrize("new", [True, False])
def test_a_whole_module_is_a_tree_of_names_and_nothing_of_it_runs(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "whole.pt"
    torch.save(network(), path, _use_new_zipfile_serialization=new)
    contents = read(path)
    assert [(one.name, one.type) for one in contents.modules] == [
        ("", "torch.nn.modules.container.Sequential"), ("0", "torch.nn.modules.conv.Conv2d"),
        ("1", "torch.nn.modules.batchnorm.BatchNorm2d"), ("2", "torch.nn.modules.flatten.Flatten"),
        ("3", "torch.nn.modules.linear.Linear"),
    ]  # fmt: skip
    assert contents.modules[4].attributes["in_features"] == "12"
    compare(contents, dict(network().state_dict()))
    assert "torch.nn.modules.conv.Conv2d" in [one.full for one in contents.unknown]
    assert "5 globals outside the allow-list" in contents.safety
    assert any(note.startswith("a whole pickled module") for note in contents.notes)


@pytest.mark.parametrize(("name", "new"), [("resnet18", True), ("resnet18", False), ("vgg16", True)])
def test_whole_networks_of_torchvision_are_what_torch_loads(tmp_path: Path, name: str, new: bool) -> None:
    net = torchvision.models.get_model(name, weights=None, **({"init_weights": False} if name == "vgg16" else {}))
    path = tmp_path / "whole.pth"
    torch.save(net, path, _use_new_zipfile_serialization=new)
    contents = read(path)
    again = torch.load(path, weights_only=False)
    assert {one.name: one.type for one in contents.modules} == {
        inner: f"{type(module).__module__}.{type(module).__qualname__}" for inner, module in again.named_modules()
    }
    compare(contents, dict(in_order(again)))
    assert not contents.problems
    path.unlink()  # 528 MB


def in_order(module: nn.Module, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The state in the order of the file: a module's own, then that of what is in it."""
    for key, value in [*module._parameters.items(), *module._buffers.items()]:
        if value is not None:
            yield f"{name}{key}", value
    for key, inner in module._modules.items():
        if inner is not None:
            yield from in_order(inner, f"{name}{key}.")


def test_a_module_of_a_class_that_is_no_more_is_listed(tmp_path: Path) -> None:
    gone = type("Gone", (nn.Module,), {"__module__": "tests.engine.weights.test_reading"})
    globals()["Gone"] = gone
    net = gone()
    net.layer, net.width, net.table = nn.Linear(3, 2), 3, torch.ones(2)
    net.never = None
    path = tmp_path / "gone.pt"
    torch.save({"net": net, "epoch": 2}, path)
    state = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    del globals()["Gone"]
    with pytest.raises(AttributeError):
        torch.load(path, weights_only=False)
    contents = read(path)
    compare(contents, state)
    assert [(one.name, one.type) for one in contents.modules] == [
        ("net", "tests.engine.weights.test_reading.Gone"), ("net.layer", "torch.nn.modules.linear.Linear"),
    ]  # fmt: skip
    assert contents.modules[0].attributes["width"] == "3"
    assert contents.modules[0].attributes["table"] == "a tensor [2]"
    assert contents.metadata["epoch"] == 2


def test_shared_storage_is_told(tmp_path: Path) -> None:
    base = torch.arange(12.0)
    path = tmp_path / "shared.pt"
    torch.save({"a": base[:6], "b": base.reshape(3, 4), "c": torch.zeros(2)}, path)
    assert read(path).shared == {"a": ["a", "b"]}


def test_other_peoples_formats(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in net.state_dict().items()}}, tmp_path / "ddp.pt"
    )
    (note,) = [note for note in read(tmp_path / "ddp.pt").notes if "DistributedDataParallel" in note]
    assert "of state_dict begin with module." in note
    torch.save({"pytorch-lightning_version": "2.4", "state_dict": net.state_dict(), "epoch": 4}, tmp_path / "pl.ckpt")
    assert read(tmp_path / "pl.ckpt").notes[0] == "a checkpoint of PyTorch Lightning"
    scripted = torch.jit.trace(net, torch.zeros(1, 2))
    scripted.save(str(tmp_path / "script.pt"))
    script = read(tmp_path / "script.pt")
    assert script.format == "TorchScript archive (zip)"
    assert {one.name for one in script.tensors} == {"0.weight", "0.bias"}


def test_safetensors_alone_sharded_and_in_a_folder(tmp_path: Path) -> None:
    first, second = {"a": torch.rand(3, 4), "half": torch.rand(5).bfloat16()}, {"b.c": torch.arange(6)}
    save_file(first, tmp_path / "one.safetensors", metadata={"made": "by hand"})
    contents = read(tmp_path / "one.safetensors")
    assert contents.metadata == {"made": "by hand"}
    assert contents.safety == "not executed; it imports nothing"
    assert torch.equal(tensors.load(contents, "half"), first["half"])
    save_file(second, tmp_path / "two.safetensors")
    whole = read(tmp_path)
    assert {one.name for one in whole.tensors} == {"a", "half", "b.c"}
    assert torch.equal(tensors.load(whole, "b.c"), second["b.c"])
    index = tmp_path / "model.safetensors.index.json"
    weights = {"a": "one.safetensors", "half": "one.safetensors", "b.c": "two.safetensors", "gone": "two.safetensors"}
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weights}))
    for path in (index, tmp_path):
        sharded = read(path)
        assert sharded.format == "safetensors in 2 files"
        assert sharded.problems == ["gone is in the index but not in two.safetensors"]
    index.write_text(json.dumps({"weight_map": {"x": "../../etc/passwd"}}))
    assert read(index).problems[0].endswith("not a file next to the index")


class Evil:
    """Unpickling this would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("new", [True, False])
def test_a_file_that_would_run_a_command_is_listed_and_runs_nothing(tmp_path: Path, new: bool) -> None:
    made = tmp_path / "made"
    path = tmp_path / "evil.pt"
    torch.save({"weight": torch.ones(2), "evil": Evil(made)}, path, _use_new_zipfile_serialization=new)
    contents = read(path)
    assert [one.full for one in contents.unknown] == ["posix.system"]
    assert "1 global outside the allow-list: posix.system" in contents.safety
    assert torch.equal(tensors.load(contents, "weight"), torch.ones(2))
    assert not made.exists()
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil(made)))
    plain = read(tmp_path / "plain.pkl")
    assert plain.format == "pickle, not from torch.save"
    assert [one.full for one in plain.unknown] == ["posix.system"]
    assert not made.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_pickle_is_read(protocol: int) -> None:
    value: dict[Any, Any] = {"a": [1, -2, 2**70, 2.5, True, None], "c": OrderedDict(x=1), 7: bytearray(b"y")}
    value["b"] = (b"x", "ü", {3, 4}, frozenset({5}))
    found = opcodes.read(io.BytesIO(pickle.dumps(value, protocol)))
    assert found.root.get("a").items == [1, -2, 2**70, 2.5, True, None]
    assert found.root.get("b")[1] == "ü"
    assert [key for key, _ in found.root.items] == ["a", "c", 7, "b"]


def rewritten(path: Path, target: Path, name: str, change: Any) -> Path:
    """A copy of a zip with one of its records changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename.endswith(name) else data)
    return target


def test_a_file_that_claims_more_than_it_has_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(4)}, path)
    short = rewritten(path, tmp_path / "short.pt", "data/0", lambda data: data[:8])
    (problem,) = read(short).problems
    assert problem.startswith("w claims 16 bytes, but the file has 8")
    with pytest.raises(CheckpointError, match="w needs 16 bytes, but the file has 8"):
        tensors.load(read(short), "w")
    # 2 GB by a pickle of some hundred bytes.
    huge = struct.pack("<i", 500_000_000)
    claims = rewritten(path, tmp_path / "huge.pt", "data.pkl", lambda data: data.replace(b"K\x04", b"J" + huge))
    with memory_below(32 << 20):
        assert any("2,000,000,000 bytes" in problem for problem in read(claims).problems)
    gone = tmp_path / "gone.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(gone, "w") as new:
        for info in old.infolist():
            if not info.filename.endswith("data/0"):
                new.writestr(info.filename, old.read(info))
    assert read(gone).problems == ["w: its values are not in the file"]


def test_containers_in_themselves_and_bombs_end(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"w": torch.ones(1)}
    loop["self"] = loop
    torch.save(loop, tmp_path / "loop.pt")
    contents = read(tmp_path / "loop.pt")
    assert [one.name for one in contents.tensors] == ["w"]
    assert any("contains itself" in problem for problem in contents.problems)
    bomb: Any = ["x", ["y"]]
    for _ in range(40):
        bomb = [bomb, bomb]
    torch.save(bomb, tmp_path / "bomb.pt")
    assert any("too many parts" in problem for problem in read(tmp_path / "bomb.pt").problems)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.pt", b"", "it is empty"),
        ("text.pt", b"hello, this is text\n", "a text file that begins with 'hello"),
        ("model.gguf", b"GGUF\x03\x00\x00\x00" + b"\x00" * 20, "it is a GGUF file"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "it is apparently an ONNX model"),
        ("keras.h5", b"\x89HDF\r\n\x1a\n" + b"\x00" * 20, "an HDF5 file"),
        ("array.npy", b"\x93NUMPY\x01\x00", "read it with np.load"),
        ("cut.pt", b"PK\x03\x04" + b"\x00" * 30, "a damaged or truncated zip file"),
        ("cut.pkl", pickle.dumps({"a": list(range(99))})[:-20], "damaged|cut off"),
        ("bad.safetensors", struct.pack("<Q", 12) + b"{this is no}", "a damaged safetensors file"),
    ],
)
def test_what_can_not_be_read_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_zip_that_is_no_checkpoint_and_a_folder_without_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(CheckpointError, match=r"a zip file without a data\.pkl"):
        read(tmp_path / "a.zip")
    with pytest.raises(CheckpointError, match="a folder without weights"):
        read(tmp_path)
    with pytest.raises(CheckpointError, match="No such file"):
        read(tmp_path / "gone.pt")


def test_writing_to_what_was_read_does_not_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(4)}, path)
    before = path.read_bytes()
    tensors.load(read(path), "w").fill_(7.0)
    assert path.read_bytes() == before


def test_a_flipped_byte_is_found_by_the_checksums(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"first": torch.zeros(64), "second": torch.ones(64)}, path)
    contents = read(path)
    assert check(contents) == []
    record = contents.records[next(one for one in contents.tensors if one.name == "second").tensor.storage.key]  # type: ignore[union-attr]
    data = bytearray(path.read_bytes())
    data[record.offset + 5] ^= 0x40
    path.write_bytes(data)
    torch.load(path, weights_only=True)  # without a word
    assert check(read(path)) == ["second: its bytes are not those that were written (CRC-32)"]
    torch.save(torch.zeros(2), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (line,) = check(read(tmp_path / "old.pt"))
    assert "has no checksums" in line


@pytest.mark.parametrize("where", ["zip", "old", "plain", "plain 5"])
def test_long_arrays_in_a_pickle_are_passed_over(tmp_path: Path, where: str) -> None:
    path = tmp_path / ("buffer.pkl" if "plain" in where else "buffer.pt")
    replay = bytearray(90 << 20) if where == "plain 5" else b"\1" * (90 << 20)
    content = {"replay": replay, "text": "y" * (2 << 20), "step": 7}
    if "plain" in where:
        path.write_bytes(pickle.dumps(content, 5))
    else:
        torch.save({"w": torch.ones(3)} | content, path, _use_new_zipfile_serialization=where == "zip")
    tracemalloc.start()
    contents = read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert contents.metadata["step"] == 7
    assert contents.metadata["text"] == f"a text of {2 << 20:,} bytes, not read"
    if "plain" in where:  # its protocol writes bytes as they are; the one of torch.save as a call, with a text
        assert contents.metadata["replay"] == f"{90 << 20:,} bytes, not read"
    else:
        assert torch.equal(tensors.load(contents, "w"), torch.ones(3))
    assert most < 32 << 20
