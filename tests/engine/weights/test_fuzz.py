"""Files made at random, and files damaged at random: each is read or refused in one line, and nothing else happens.

The same ones in every run of the tests, so that none fails now and then. To look for new ones for as long as you like:
`FUZZ=50000 python -m pytest tests/engine/weights/test_fuzz.py`.
"""

import io
import json
import os
import pickle
import struct
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from engine.errors import CheckpointError
from engine.weights import tensors
from engine.weights.contents import Contents
from engine.weights.formats.torch_zip import check
from engine.weights.reading import read
from tests.support.hostile import checkpoint, named, number, storage, tensor, text

EXAMPLES = int(os.environ.get("FUZZ", "0"))
bounded = settings(
    max_examples=EXAMPLES or 300, deadline=None, derandomize=not EXAMPLES, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@lru_cache
def whole() -> dict[str, bytes]:
    """Files of each format, by their endings."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(4, 3))
    optimizer = torch.optim.Adam(net.parameters())
    found = {}
    for name, value, new in (
        ("state.pt", {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, True),
        ("module.pth", net, True),
        ("old.pt", {"model": net.state_dict()}, False),
        ("oldmodule.pt", net, False),
    ):
        buffer = io.BytesIO()
        torch.save(value, buffer, _use_new_zipfile_serialization=new)
        found[name] = buffer.getvalue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forms = {
            "q": torch.quantize_per_tensor(torch.rand(3, 4), 0.1, 2, torch.qint8), "s": torch.eye(3).to_sparse_csr(),
            "c": torch.quantize_per_channel(torch.rand(2, 3), torch.ones(2), torch.zeros(2), 0, torch.qint8),
            "o": torch.eye(3).to_sparse(), "n": torch._neg_view(torch.rand(3)), "a": np.arange(4.0), "f": np.float32(2),
            "r": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "m": torch.empty(2, device="meta"),
        }  # fmt: skip
    buffer = io.BytesIO()
    torch.save(forms, buffer)
    found["forms.pt"] = buffer.getvalue()
    plain = {"w": torch.rand(3), "x": {"a": np.arange(6, dtype=">i2").reshape(2, 3)}, "n": np.float64(1.5)}
    found["plain2.pkl"], found["plain5.pkl"] = pickle.dumps(plain, 2), pickle.dumps(plain, 5)
    found["a.safetensors"] = save({"a": torch.rand(3, 4), "b": torch.arange(5)}, metadata={"made": "here", "tied": "a"})
    weights = {"weight_map": {"a": "a.safetensors", "b": "a.safetensors"}, "metadata": {"total_size": 88}}
    found["x.index.json"] = json.dumps(weights).encode()
    return found


def looked_through(path: Path) -> None:
    """All that a screen does with a file."""
    refusals = []
    try:
        contents = read(path)
    except CheckpointError as error:
        refusals.append(str(error))
    else:
        json.dumps(contents.to_dict(), allow_nan=False)
        assert all(one.isprintable() for one in printed(contents))
        for one in contents.tensors[:6]:
            json.dumps(one.to_dict())
            try:
                tensors.load(contents, one.name).flatten()[:3].tolist()
            except CheckpointError as error:
                refusals.append(str(error))
        check(contents)
    assert all(line.isprintable() for line in refusals)


def printed(contents: Contents) -> list[str]:
    texts = [contents.safety, contents.format, *contents.notes, *contents.problems, *contents.metadata]
    texts += [str(value) for value in contents.metadata.values()]
    texts += [one.name for one in contents.tensors]
    return texts + [f"{one.name}{one.type}{dict(one.attributes)}" for one in contents.modules]


edits = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6)


@bounded
@given(name=st.sampled_from(sorted(whole())), edits=edits, cut=st.one_of(st.none(), st.floats(0, 1)))
def test_a_damaged_file(
    name: str, edits: list[tuple[float, bytes]], cut: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(whole()[name])
    for place, put in edits:
        at = int(place * (len(data) - 1))
        data[at : at + len(put)] = put
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"damaged{'.index.json' if 'index' in name else Path(name).suffix}"
    path.write_bytes(data[: int(cut * len(data))] if cut is not None else data)
    (folder / "a.safetensors").write_bytes(whole()["a.safetensors"])
    looked_through(path)


small = st.integers(-3, 70)
wide = st.one_of(small, st.integers(-(1 << 70), 1 << 70))
opcodes = st.one_of(
    st.sampled_from(b"(.0122NRQabdehjlopqrstu})]\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94").map(
        lambda one: bytes([one])
    ),
    wide.map(number),
    small.map(lambda at: b"h" + bytes([at % 8])),
    small.map(lambda at: b"q" + bytes([at % 8])),
    st.text(max_size=6).map(lambda value: text(value.encode("utf-8", "replace").decode())),
    st.sampled_from(["storage", "_parameters", "_modules", "_buffers", "model", "weight_map"]).map(text),
    st.sampled_from([
        "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_qtensor", "torch._utils._rebuild_meta_tensor_no_storage", "collections.OrderedDict",
        "torch._tensor._rebuild_from_type_v2", "torch.Size", "torch.device", "torch.FloatStorage", "os.system",
        "torch._utils._rebuild_nested_tensor", "torch.nested._internal.nested_tensor._rebuild_njt", "torch.float32",
        "torch._utils._rebuild_wrapper_subclass", "torch.distributed.tensor.DTensor", "torch.per_tensor_affine",
        "torch.serialization._get_layout", "torch.storage._load_from_bytes", "torch.QInt8Storage", "numpy.dtype",
        "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "numpy.ndarray", "_codecs.encode",
        "numpy._core.numeric._frombuffer", "builtins.bytes",
    ]).map(named),
    st.lists(wide, max_size=4).map(lambda sizes: b"(" + b"".join(map(number, sizes)) + b"t"),
    st.builds(storage, st.integers(0, 9), st.sampled_from(["0", "1", "\x1b"])),
    st.builds(lambda a, b, c: tensor((a, b), (c, 1)), wide, small, wide),
    st.binary(min_size=1, max_size=12).map(lambda data: b"C" + bytes([len(data)]) + data),
    st.binary(min_size=1, max_size=3),
)  # fmt: skip


@bounded
@given(program=st.lists(opcodes, max_size=40), where=st.sampled_from(["zip", "plain", "old"]))
def test_a_pickle_of_any_opcodes(program: list[bytes], where: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    pickled = b"\x80\x04" + b"".join(program) + b"."
    path = tmp_path_factory.getbasetemp() / "made.pt"
    if where == "zip":
        checkpoint(pickled, path)
    elif where == "plain":
        path.write_bytes(pickled)
    else:
        magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
        path.write_bytes(magic + pickled + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + b"\0" * 16)
    looked_through(path)


headers = st.recursive(
    st.one_of(st.none(), st.integers(-5, 1 << 66), st.text(max_size=5), st.lists(wide, max_size=3)),
    lambda inner: st.dictionaries(
        st.sampled_from(["dtype", "shape", "data_offsets", "x", "y", "__metadata__", "\x1b"]),
        st.one_of(inner, st.sampled_from(["F32", "I64", [2, 3], [0, 24], [0, 16]])),
        max_size=4,
    ),
    max_leaves=12,
)


@bounded
@given(header=headers, data=st.binary(max_size=40), wrong=st.integers(-3, 3))
def test_a_safetensors_header_of_anything(
    header: object, data: bytes, wrong: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = json.dumps(header).encode()
    path = tmp_path_factory.getbasetemp() / "made.safetensors"
    path.write_bytes(struct.pack("<Q", max(0, len(told) + wrong)) + told + data)
    looked_through(path)
