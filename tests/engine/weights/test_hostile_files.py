"""Files that want to do harm: nothing of them runs, nothing hangs, memory stays small, and each refusal is one line."""

import contextlib
import copyreg
import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import CheckpointError
from engine.weights import state_dict, tensors, zip_directory
from engine.weights.compare import compare
from engine.weights.formats.torch_zip import check
from engine.weights.reading import read
from tests.support import hostile
from tests.support.hostile import checkpoint, holding, named, reduced, spliced, storage, tensor, text, zipped
from tests.support.memory import memory_below
from tests.support.waiting import HANG_S

NAMES = [
    "REDUCE", "STACK_GLOBAL", "OBJ", "INST", "NEWOBJ", "NEWOBJ_EX", "BUILD", "persistent id", "nested pickle", "memo",
    "duplicated", "extension", "getattr", "eval", "exec", "open", "runpy", "torch's own loader", "torch's rebuilding",
    "as a key",
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Path]:
    """The file that each payload wants to make."""
    copyreg.add_extension("os", "system", 240)
    yield tmp_path / "made"
    copyreg.remove_extension("os", "system", 240)


def test_every_payload_is_tried(made: Path) -> None:
    assert list(hostile.payloads(made)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_runs_when_it_is_unpickled_and_never_here(name: str, made: Path, tmp_path: Path) -> None:
    payload, imported = hostile.payloads(made)[name]
    # The canary: what is tried here does harm where somebody unpickles it, so that this test could fail.
    with contextlib.suppress(AttributeError, TypeError):  # torch's rebuilding goes on with what the command gave
        hostile.Lenient(io.BytesIO(b"\x80\x04" + payload + b".")).load()
    assert made.exists(), "this payload does nothing: it tests nothing"
    made.unlink()
    plain = tmp_path / "plain.pkl"
    plain.write_bytes(b"\x80\x04" + payload + b".")
    for path in (plain, spliced(payload, tmp_path / "new.pt"), spliced(payload, tmp_path / "old.pt", new=False)):
        contents = read(path)
        assert imported in [one.full for one in contents.unknown], path.name
        assert "not executed" in contents.safety
        json.dumps(contents.to_dict())
        for one in contents.tensors:
            tensors.load(contents, one.name)
        compare(contents, contents)
        check(contents)
        if path != plain:
            assert [one.name for one in contents.tensors] == ["w"]
            assert torch.equal(state_dict.of_section(contents)["w"], torch.ones(3))
        assert not made.exists(), path.name


def limited(path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`inspect` of a file in a process of its own, with 1.5 GB of memory."""
    most = 1500 << 20
    return subprocess.run(
        [sys.executable, "-m", "tui.cli.main", "inspect", str(path), *more], capture_output=True, text=True,
        timeout=HANG_S, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )  # fmt: skip


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    return str(caught.value)


LONG = 100_000
REBUILD = named("torch._tensor._rebuild_from_type_v2")
DOUBLED = b"".join(b"2\x86" for _ in range(60))
BOMBS: dict[str, Callable[[], bytes]] = {  # made when they are needed: together they take seconds
    "lists in lists": lambda: b"]" * LONG + b"a" * (LONG - 1),
    "tuples in tuples": lambda: b")" + b"\x85" * LONG,
    "dictionaries in dictionaries": lambda: b"}" + b"K\x01}" * (LONG - 1) + b"s" * (LONG - 1),
    "calls of calls": lambda: b"cx\ny\n" * LONG + b")" + (b"R\x85") * LONG,
    # rebuild(rebuild, None, (rebuild, None, (…), None), None)
    "rebuilding of rebuilding": lambda: (
        REBUILD + (b"(" + REBUILD + b"N") * 20_000 + b")" + b"Nt" * 20_000 + b"R"
    ),
    "the same twice, sixty times": lambda: b"K\x01" + DOUBLED,
    "as a text, sixty times": lambda: text("a") + DOUBLED + text("b") + b"\x93",
    "many lists": lambda: b"]" * 40_000_000,
    "many texts": lambda: b"(" + text("x" * 1000) * 200_000 + b"l",
    "long keys": lambda: (
        b"]q\x00" + b"(" + b"}" + text("k" * 1_000_000) + b"q\x01" + b"K\x01s" + b"".join(
            b"}h\x01" + b"K\x02s" for _ in range(1000)
        ) + b"e"
    ),
    "a long whole number": lambda: b"\x8b" + struct.pack("<i", 2_000_000) + b"\x7f" * 2_000_000,
    "many OrderedDicts of one list": lambda: (
        b"](" + (b"K\x01K\x02\x86" * 100_000) + b"eq\x000" + b"(" + (
            named("collections.OrderedDict") + b"h\x00\x85R"
        ) * 20_000 + b"l"
    ),
    "a shape of a million sizes": lambda: (
        b"(" + b"K\x02" * 1_000_000 + b"tq\x000" + b"(" + (
            named("torch._utils._rebuild_tensor_v2") + b"(" + storage() + b"K\x00h\x00h\x00\x89NtR"
        ) * 2000 + b"l"
    ),
    "a hundred thousand parts": lambda: (
        b"}(" + b"".join(
            text(f"part{at}") + b"}" + text("w") + tensor((1,), (1,)) + b"s" for at in range(100_000)
        ) + b"u"
    ),
    "a module's state, ever again": lambda: (
        b"}(" + b"".join(text(f"key{at}") + b"K\x01" for at in range(100_000)) + b"uq\x000("
        + (named("x.Y") + b")\x81h\x00b") * 50_000 + b"l"
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "deflated"), [*((name, False) for name in BOMBS), ("many lists", True), ("many texts", True)]
)
def test_a_bomb_takes_little_memory_and_time(name: str, deflated: bool, tmp_path: Path) -> None:
    path = checkpoint(b"\x80\x02" + BOMBS[name]() + b".", tmp_path / "bomb.pt", deflated=deflated)
    ended = limited(path, "--json")
    assert ended.returncode in (0, 2), ended.stderr[-500:]
    assert len(ended.stderr.splitlines()) == (1 if ended.returncode else 0)
    assert "Traceback" not in ended.stderr
    assert "MemoryError" not in ended.stderr


@pytest.mark.parametrize(
    ("opcode", "claimed"),
    [
        (b"\x8b" + struct.pack("<i", 2**31 - 1), "LONG4"),
        (b"\x96" + struct.pack("<Q", 2 << 30), "BYTEARRAY8"),
        (b"\x8e" + struct.pack("<Q", 2 << 30), "BINBYTES8"),
        (b"\x8d" + struct.pack("<Q", 1 << 62), "BINUNICODE8"),
        (b"B" + struct.pack("<I", 2**32 - 1), "BINBYTES"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("where", ["zip", "plain"])
def test_a_pickle_that_claims_gigabytes_is_damaged(opcode: bytes, claimed: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.pt"
    pickled = b"\x80\x04" + opcode + b"x" * 900
    if where == "zip":
        checkpoint(pickled, path)
    else:
        path.write_bytes(pickled)
    with memory_below(32 << 20):
        assert "its pickle is damaged" in refused(path)


def test_a_pickle_deflated_to_more_than_is_looked_at_is_refused(tmp_path: Path) -> None:
    path = checkpoint(b"\x80\x02" + b"N0" * (130 << 20) + b".", tmp_path / "bomb.pt", deflated=True)
    assert path.stat().st_size < 2 << 20
    assert "too many to read" in refused(path)


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (tensor((1 << 20, 1 << 20), (0, 0)), "x repeats 16 stored bytes until they are 4,398,046,511,104"),
        (tensor((2, 2), (1, 1)), ""),  # rows that overlap: odd, and allowed
        (tensor((2,), (1,), -1), "x begins 1 element before its storage"),
        (tensor((2,), (-1,)), "its sizes are negative or overflow"),
        (tensor((-1,), (1,)), "its sizes are negative or overflow"),
        (tensor((1 << 63,), (1,)), "its sizes are negative or overflow"),
        (tensor((1 << 40, 1 << 40), (1, 1)), "the product of its sizes overflows"),
        (tensor((5,), (1,)), "x reaches element 5 of a storage that has 4"),
        (tensor((2, 2), (1 << 61, 1)), "x reaches element 2,305,843,009,213,693,954 of a storage that has 4"),
        (tensor((2,), (1,), 1 << 61), "of a storage that has 4"),
        (tensor((8,), (1,), 0, storage(8)), "x claims 32 bytes, but the file has 16"),
        (tensor((8,), (1,), 0, storage(1 << 40)), "x claims 4,398,046,511,104 bytes, but the file has 16"),
        (tensor((2, 2), (1,)), "it has 2 sizes and 1 strides"),
        (tensor((1,) * 65, (1,) * 65), "it has no sizes"),
        (tensor((2,), (1,), 0, text("no storage")), "it has no storage"),
        (tensor((2,), (1,), 0, storage(4, "../../etc/passwd")), "x: its values are not in the file"),
    ],
)
def test_a_tensor_that_can_not_be_is_told_and_takes_nothing(made: bytes, problem: str, tmp_path: Path) -> None:
    contents = read(checkpoint(holding(x=made, good=tensor((4,), (1,))), tmp_path / "odd.pt"))
    assert torch.equal(tensors.load(contents, "good"), torch.zeros(4))
    found = [one.name for one in contents.tensors]
    if not problem:
        assert contents.problems == []
        return
    assert problem in " ".join(contents.problems)
    if "x" in found:
        with memory_below(32 << 20):
            with pytest.raises(CheckpointError):
                state_dict.of_section(contents)
            (odd,) = (one for one in compare(contents, contents).tensors if one.name == "x")
        assert odd.kind == "unread"


def test_the_values_of_a_tensor_that_repeats_its_numbers_are_not_gone_through(tmp_path: Path) -> None:
    path = checkpoint(holding(x=tensor((1 << 20, 1 << 20), (0, 0))), tmp_path / "huge.pt")
    ended = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", "inspect", str(path), "--values", "x"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert ended.returncode == 2
    assert "x repeats 16 stored bytes until they are 4,398,046,511,104: print a slice of it" in ended.stderr
    ended = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", "inspect", str(path), "--values", "x[:2, :3]"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert "tensor([[0., 0., 0.]" in ended.stdout


def test_records_that_torch_would_not_write_are_told(tmp_path: Path) -> None:
    pickled = holding(x=tensor((4,), (1,)))
    with zipfile.ZipFile(tmp_path / "twice.pt", "w") as archive:
        archive.writestr("a/data/0", b"\0" * 16)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/data/0", b"\1" * 16)
        archive.writestr("a/data.pkl", pickled)
    assert read(tmp_path / "twice.pt").problems == [
        "a/data/0 is in the zip twice: which one is loaded is up to the reader"
    ]
    # The last one, as Python's zipfile takes it.
    last = torch.frombuffer(bytearray(b"\1" * 16), dtype=torch.float32)
    assert torch.equal(tensors.load(read(tmp_path / "twice.pt"), "x"), last)
    parts = {"a/data.pkl": pickled, "a/data/0": b"\0" * 16}
    for odd in ("/etc/passwd", "a/../../x", "..\\x"):
        (problem,) = read(zipped({**parts, odd: b"x"}, tmp_path / "paths.pt")).problems or [""]
        assert (problem.startswith(odd) and "a path outside of the zip" in problem) or odd == "..\\x"
    (problem,) = read(zipped({**parts, "b/data.pkl": pickled}, tmp_path / "two.pt")).problems
    assert problem == "besides a/data.pkl, which is read here, it has b/data.pkl"
    assert not (tmp_path.parent / "x").exists()


def test_two_zips_in_one_file_and_other_polyglots_are_told(tmp_path: Path) -> None:
    first = checkpoint(holding(x=tensor((4,), (1,))), tmp_path / "first.pt").read_bytes()
    second = checkpoint(holding(y=tensor((2,), (1,))), tmp_path / "second.pt").read_bytes()
    both = tmp_path / "both.pt"
    both.write_bytes(first + second)
    assert "can be read in two ways" in refused(both)  # Python finds the second, PyTorch none
    both.write_bytes(b"#!/bin/sh\nrm -rf /\n" + second)
    assert "it is a script" in refused(both)
    save_file({"x": torch.ones(2)}, both)
    both.write_bytes(both.read_bytes() + second)
    assert "damaged" in refused(both)
    both.write_bytes(pickle.dumps({"x": 1}) + second)  # which torch.load takes for a pickle too
    assert read(both).format == "pickle, not from torch.save"


def test_a_directory_that_lies_is_told(tmp_path: Path) -> None:
    path = checkpoint(holding(x=tensor((4,), (1,))), tmp_path / "lies.pt")
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1) + 1)
    assert data[at + 46 : at + 54] == b"a/data/0"
    data[at + 20 : at + 28] = struct.pack("<II", 1 << 30, 1 << 30)
    path.write_bytes(data)
    assert "a/data/0: its 1,073,741,824 bytes extend beyond the end of the file" in read(path).problems
    with pytest.raises(CheckpointError):
        tensors.load(read(path), "x")
    data[at + 42 : at + 46] = struct.pack("<I", 7)  # where there is no record
    path.write_bytes(data)
    assert any("there is no record" in problem for problem in read(path).problems)
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", 0xF0000000)
    path.write_bytes(data)
    assert "its zip directory claims 4,026,531,840 bytes" in refused(path)


def safetensors(header: bytes, data: bytes = b"\0" * 16) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (struct.pack("<Q", 100 << 20) + b"{" + b" " * 1000, "claims 104,857,600 bytes"),
        (struct.pack("<Q", (1 << 64) - 1) + b"{" + b" " * 1000, "too many to read"),
        (safetensors(b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[4],'
                     b'"data_offsets":[0,16]}}'), "damaged"),
        (safetensors(b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,160]}}'), "damaged"),
        (safetensors(b'{"x":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,16]}}'), "damaged"),
        (safetensors(b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]'), "damaged"),
        (safetensors(b'{"x":' + b"[" * 100_000 + b"}"), "damaged"),
        (safetensors(b'{"\xff":1}'), "damaged"),
        (safetensors(b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', b"\0" * 20), "damaged"),
    ],
)  # fmt: skip
def test_safetensors_that_do_not_fit_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_name_twice_in_safetensors_is_what_the_library_makes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "twice.safetensors"
    one = b'"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'
    path.write_bytes(safetensors(b"{" + one + b"," + one + b"}"))
    assert [tensor.name for tensor in read(path).tensors] == ["x"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "not an index"),
        (b"[1]", "not an index"),
        (b'{"weight_map": {"x": 3}}', "not an index"),
        (b'{"weight_map": ' + b"[" * 100_000 + b"}", "not an index"),
        (b'{"weight_map": {"x": "a.safetensors"}, "metadata": [3]}', "not an index"),
        (b"\xff\xfe", "not an index"),
    ],
)
def test_an_index_that_is_none_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(content)
    assert words in refused(path)


def test_an_index_of_very_many_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {f"t{at}": f"{at}.safetensors" for at in range(10_001)}}))
    assert "it lists 10,001 files: too many to read" in refused(path)


def test_files_of_an_index_that_lie_elsewhere_are_told_up_to_a_number(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {f"t{at}": f"/elsewhere/{at}.safetensors" for at in range(1000)}}))
    assert 100 < len(read(path).problems) < 300


def test_an_index_of_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"x": path.name, "y": "/etc/passwd", "z": "gone.safetensors"}}))
    assert len(read(path).problems) == 4 + 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page"),
        (b"\n <html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
        ("Grüße an alle".encode(), "a text file that begins with 'Grüße an alle'"),
        (b'{"model": 1}', "a text"),
        (b"\0" * 5000, "all zeros"),
        (b"\x1f\x8b\x08\0" + b"x" * 50, "compressed with gzip"),
        (b"x" * 257 + b"ustar" + b"\0" * 300, "a tar archive"),
        (b"\x7fELF\x02\x01", "an executable or a library"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"PK\x05\x06" + b"\0" * 18, "an empty zip file"),
        (os.urandom(0) + bytes(range(128, 256)), "in no known format of weights"),
    ],
)
def test_a_refusal_says_what_the_file_really_is(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_pipe_a_device_and_a_folder_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    assert "it is a named pipe, not a file" in refused(tmp_path / "pipe.pt")
    assert "it is a device, not a file" in refused(Path("/dev/zero"))
    assert "a folder without weights" in refused(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = checkpoint(holding(x=tensor((4,), (1,))), tmp_path / "mine.pt")
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_a_file_that_changes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint(holding(x=tensor((4,), (1,))), tmp_path / "file.pt")
    contents = read(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="has changed since it was listed"):
        tensors.load(contents, "x")
    checkpoint(holding(x=tensor((4,), (1,))), path)
    real = zip_directory.find_end

    def written_to(file: IO[bytes]) -> zip_directory.End:
        found = real(file)
        with open(path, "ab") as other:
            other.write(b"\0")
        return found

    monkeypatch.setattr(zip_directory, "find_end", written_to)
    assert "it changed while it was read" in refused(path)


def test_escape_sequences_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    wild = "\x1b[31mred\x07\x9b2J\u202e\r\n"
    pickled = holding(**{wild: tensor((4,), (1,)), "note": text(wild)})
    pickled = pickled[:-2] + text("made") + reduced(text(wild) + text(wild) + b"\x93", text(wild)) + b"u."
    for name, path in (
        ("zip", checkpoint(pickled, tmp_path / "wild.pt")),
        ("place", checkpoint(holding(x=tensor((4,), (1,), 0, storage(4, wild))), tmp_path / "\x1b[31m.pt")),
    ):
        ended = limited(path, "--tensors")
        assert ended.returncode == 0, name
        printed = ended.stdout + ended.stderr
        assert not [one for one in printed if not one.isprintable() and one != "\n"], name
        assert "\\x1b[31m" in printed
    save_file({wild: torch.ones(2)}, tmp_path / "wild.safetensors", metadata={wild: wild})
    contents = read(tmp_path / "wild.safetensors")
    (one,) = contents.tensors
    assert one.name == "\\x1b[31mred\\x07\\x9b2J\\u202e\\r\\n"
    assert torch.equal(tensors.load(contents, one.name), torch.ones(2))
    assert contents.metadata == {one.name: one.name}
    ended = limited(tmp_path / "\x1b[2J.pt")
    assert ended.returncode == 2
    assert ended.stderr == f"fmnist-tui: {tmp_path}/\\x1b[2J.pt: No such file or directory\n"


def small(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in ("new.pt", "old.pt", "a.safetensors")}
    state = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
    torch.save(state, paths["new.pt"])
    torch.save(state, paths["old.pt"], _use_new_zipfile_serialization=False)
    save_file(state, paths["a.safetensors"])
    return paths


def listed(path: Path) -> list[tuple[str, tuple[int, ...], str, list[float]]] | None:
    """What is in a file; None where it is refused, or its damage is told."""
    try:
        contents = read(path)
        found = [
            (one.name, one.tensor.shape, one.tensor.dtype, tensors.load(contents, one.name).tolist())
            for one in contents.tensors
        ]
    except CheckpointError as error:
        if len(str(error).splitlines()) > 1:
            raise
        return None
    return None if contents.problems else found


@pytest.mark.parametrize("name", ["new.pt", "old.pt", "a.safetensors"])
def test_a_file_cut_off_anywhere_is_refused_or_its_damage_told(name: str, tmp_path: Path) -> None:
    path = small(tmp_path)[name]
    whole = path.read_bytes()
    for percent in range(100):
        path.write_bytes(whole[: len(whole) * percent // 100])
        assert listed(path) is None, percent


@pytest.mark.parametrize("name", ["new.pt", "old.pt", "a.safetensors"])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_byte_flipped_is_right_or_refused_or_told(name: str, flip: int, tmp_path: Path) -> None:
    path = small(tmp_path)[name]
    whole, right = path.read_bytes(), listed(path)
    assert right is not None
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
        found = listed(path)
        # Only PyTorch's zip has checksums; of the others no more can be said than that nothing breaks.
        if found not in (None, right) and name == "new.pt":
            assert check(read(path)), f"byte {at} changed what is listed, and nobody says so"


def test_a_file_cut_short_while_its_numbers_are_read_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "large.pt"
    torch.save({"w": torch.ones(4 << 20)}, path)
    code = (
        "import os, sys, engine.weights.tensors as values\n"
        "real = values.load\n"
        "def cut(contents, name):\n"
        "    found = real(contents, name)\n"
        "    os.truncate(contents.path, 5000)\n"
        "    return found\n"
        "values.load = cut\n"
        f"sys.argv = ['fmnist-tui', 'inspect', {str(path)!r}, '--values', 'w']\n"
        "from tui.cli.main import main\n"
        "sys.exit(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_S)
    assert ended.returncode == 2
    assert ended.stderr == "fmnist-tui: the file changed while it was read: try again once it is complete\n"
