"""What is read here of a malformed file is never less than what PyTorch, or Python's C unpickler, makes of it.

Thousands of zips and pickles in which two readers may see different things. Each is read here, and by the real ones in
a process of their own, which notes what would be imported: all of that is named here, or the file is refused. For more
cases than those of every run: `FUZZ=50000 python -m pytest` on this file.
"""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import CheckpointError
from engine.terminal_text import identifier
from engine.weights import opcodes
from engine.weights.pickle_stream import PickleError
from engine.weights.reading import read

EXAMPLES = int(os.environ.get("FUZZ", "0"))
bounded = settings(
    max_examples=EXAMPLES or 250, deadline=None, derandomize=not EXAMPLES, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Reference:
    """The real reader, in its process."""

    def __init__(self, which: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.weights.torch_sees", which],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def sees(self, path: Path) -> set[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        names, _ = json.loads(self._process.stdout.readline())
        return set(names)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def torch_reader() -> Iterator[Reference]:
    reference = Reference("torch")
    yield reference
    reference.close()


@pytest.fixture(scope="module")
def c_reader() -> Iterator[Reference]:
    reference = Reference("c")
    yield reference
    reference.close()


def named_here(path: Path) -> set[str] | None:
    """What is named here; None: the file is refused."""
    try:
        return {one.full for one in read(path).globals}
    except CheckpointError:
        return None


def never_less(path: Path, reference: Reference) -> None:
    seen, named = reference.sees(path), named_here(path)
    if named is not None:
        assert seen <= named, f"seen by the other reader alone: {seen - named}"


# Zips


def archive(name: str, folder: str = "a") -> bytes:
    """A file of PyTorch's, whose pickle imports `name`."""
    module, _, attribute = name.rpartition(".")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(f"{folder}/data.pkl", f"c{module}\n{attribute}\n.".encode())
        file.writestr(f"{folder}/version", b"3\n")
        file.writestr(f"{folder}/byteorder", b"little")
    return made.getvalue()


GOOD, EVIL = "collections.OrderedDict", "evil.payload"
END = struct.Struct("<4s4H2IH")


def parts(data: bytes) -> tuple[bytes, bytes, list[int]]:
    """The records, the directory, and the fields of the end."""
    at = data.rindex(b"PK\x05\x06")
    fields = list(END.unpack(data[at : at + 22]))
    return data[: fields[6]], data[fields[6] : fields[6] + fields[5]], fields


def ended(
    records: int, size: int, offset: int, comment: bytes = b"", *, here: int | None = None, disk: int = 0
) -> bytes:
    here = records if here is None else here
    return END.pack(b"PK\x05\x06", disk, disk, here, records, size, offset, len(comment)) + comment


def ended64(records: int, size: int, offset: int, at: int, pointed: int | None = None, full: bool = False) -> bytes:
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, records, records, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at if pointed is None else pointed, 1)
    last = ended(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF) if full else ended(records, size, offset)
    return record + locator + last


def moved(directory: bytes, by: int) -> bytes:
    """A directory whose records lie further on."""
    found, at = bytearray(directory), 0
    while at < len(found):
        (offset,) = struct.unpack_from("<I", found, at + 42)
        struct.pack_into("<I", found, at + 42, offset + by)
        name, extra, comment = struct.unpack_from("<3H", found, at + 28)
        at += 46 + name + extra + comment
    return bytes(found)


def cases() -> dict[str, bytes]:
    """Two archives in one, where which one is read is up to the reader."""
    good, evil = archive(GOOD), archive(EVIL)
    (records, directory, _), (evil_records, evil_directory, _) = parts(good), parts(evil)
    both = records + evil_records
    evil_there = moved(evil_directory, len(records))
    n = 3
    found = {"as it is": good}
    for order, (first, second) in {
        "good first": (directory, evil_there),
        "evil first": (evil_there, directory),
    }.items():
        at = len(both)
        whole = both + first + second
        second_at = at + len(first)
        for points, offset in {"the first": at, "the second": second_at}.items():
            found[f"{order}, the end points at {points}"] = whole + ended(n, len(first), offset)
            found[f"{order}, zip64 points at {points}"] = whole + ended64(n, len(first), offset, len(whole))
            found[f"{order}, zip64 in full points at {points}"] = whole + ended64(
                n, len(first), offset, len(whole), full=True
            )
        found[f"{order}, a second end in the comment"] = (
            both + first + ended(n, len(first), at, second + ended(n, len(second), second_at + 22))
        )
        for behind in (b"", b"x", b"x" * 21, b"x" * 22, b"PK\x05\x06", b"PK\x05\x06" + b"\0" * 17):
            found[f"{order}, an end in the comment and {behind!r} behind it"] = (
                both + first + ended(n, len(first), at, second + ended(n, len(second), second_at + 22) + behind)
            )
        one = ended64(n, len(first), at, at + len(first))[:56]
        body = both + first + second + one
        other = ended64(n, len(second), second_at, len(body), pointed=len(body) - 56)
        found[f"{order}, a locator that points at another record"] = body + other
        found[f"{order}, a locator that points nowhere"] = body + ended64(
            n, len(second), second_at, len(body), pointed=len(body) + 500
        )
        for count in (0, 1, 2, 6):
            found[f"{order}, {count} records of 6"] = whole + ended(count, len(first) + len(second), at)
        found[f"{order}, one of two parts"] = whole + ended(6, len(first) + len(second), at, here=3)
        found[f"{order}, on another disk"] = whole + ended(6, len(first) + len(second), at, disk=1)
        found[f"{order}, all six"] = whole + ended(6, len(first) + len(second), at)
    for shift in (-1, 1, 30, 46, 4096):
        found[f"the directory is {shift} bytes off"] = (
            records + directory + ended(n, len(directory), len(records) + shift)
        )
        found[f"{shift} bytes longer"] = records + directory + ended(n, len(directory) + shift, len(records))
        if shift > 0:
            found[f"{shift} bytes before"] = b"x" * shift + good
            found[f"{shift} bytes behind"] = good + b"x" * shift
            found[f"{shift} bytes between"] = (
                records + b"x" * shift + directory + ended(n, len(directory), len(records) + shift)
            )
            found[f"{shift} bytes before the end"] = (
                records + directory + b"x" * shift + ended(n, len(directory), len(records))
            )
    return found | named_cases() | header_cases()


def named_cases() -> dict[str, bytes]:
    """Names that are one to one reader and two to another."""
    names = [
        ("a/data.pkl", "a/DATA.PKL"), ("a/DATA.PKL", "a/data.pkl"), ("a/Data.pkl",), ("A/data.pkl", "a/data.pkl"),
        ("a/data.pkl", "a/data.pkl"), ("b/data.pkl", "a/data.pkl"), ("b/x", "a/data.pkl", "b/data.pkl"),
        ("data.pkl", "a/data.pkl"), ("a/xdata.pkl", "a/data.pkl"), ("a/data.pkl\0x", "a/data.pkl"),
        ("a/data.pkl\0", "a/version"), ("a\\data.pkl", "a/data.pkl"), ("a/./data.pkl", "a/data.pkl"),
        ("/a/data.pkl", "a/data.pkl"), ("//data.pkl",), ("/data.pkl",), ("a/b/data.pkl", "a/data.pkl"),
        ("a/data.pkl ", "a/data.pkl"), ("ａ/data.pkl", "a/data.pkl"), ("K/data.pkl", "\u212a/data.pkl"),
    ]  # fmt: skip
    found = {}
    for group in names:
        for turned in (False, True):
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w") as file:
                for at, name in enumerate(group):
                    which = GOOD if (at == 0) != turned else EVIL
                    module, _, attribute = which.rpartition(".")
                    info = zipfile.ZipInfo("placeholder")
                    info.filename = name
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # a name twice
                        file.writestr(info, f"c{module}\n{attribute}\n.".encode())
            found[f"{group} {turned}"] = made.getvalue()
    return found


def header_cases() -> dict[str, bytes]:
    """One field of the pickle's record, in its own header or in the directory, is another."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("a/data.pkl", f"c{GOOD.replace('.', chr(10))}\n.".encode())
        file.writestr("a/other", f"c{EVIL.replace('.', chr(10))}\n.".encode())
    data = made.getvalue()
    directory = parts(data)[2][6]
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = packed.compress(b"cevil\npayload\n.") + packed.flush()
    found = {}
    fields = {"version": (4, 6), "flags": (6, 8), "method": (8, 10), "crc": (14, 16), "packed": (18, 20),
              "whole": (22, 24), "name length": (26, 28), "extra length": (28, 30)}  # fmt: skip
    for name, (own, central) in fields.items():
        for where, at in {"its own header": own, "the directory": directory + central}.items():
            for value in (0, 1, 8, 15, 16, 0x41, 0x800, 0xFFFF):
                changed = bytearray(data)
                struct.pack_into("<H", changed, at, value)
                found[f"{name} is {value} in {where}"] = bytes(changed)
    for at in (0, 30, 45, 60, 75, directory, len(data)):
        changed = bytearray(data)
        struct.pack_into("<I", changed, directory + 42, at)
        found[f"the record is at {at}"] = bytes(changed)
    for folder in "ab":  # the record that names PyTorch's folder is not there
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            file.writestr(f"{folder}/x", b"")
            for name, what in ((f"{'ab'.replace(folder, '')}/data.pkl", GOOD), (f"{folder}/data.pkl", EVIL)):
                file.writestr(name, f"c{what.replace('.', chr(10))}\n.".encode())
        for at in (1, 30, 40, 4000):
            changed = bytearray(made.getvalue())
            struct.pack_into("<I", changed, parts(bytes(changed))[2][6] + 42, at)
            found[f"the first record, of {folder}, is at {at}"] = bytes(changed)
    for extra in (b"\1\0\x08\0" + struct.pack("<Q", 60), b"\1\0\x10\0" + struct.pack("<2Q", 15, 60), b"\1\0\x04\0abcd"):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            info = zipfile.ZipInfo("a/data.pkl")
            info.extra = extra
            file.writestr(info, f"c{GOOD.replace('.', chr(10))}\n.".encode())
            file.writestr("a/other", f"c{EVIL.replace('.', chr(10))}\n.".encode())
        for full in ("<I", "<H"):
            changed = bytearray(made.getvalue())
            at = parts(bytes(changed))[2][6]
            for field in (20, 24, 42):
                struct.pack_into(full, changed, at + field, 0xFFFFFFFF if full == "<I" else 0xFFFF)
                found[f"extra {extra.hex()} {full} {field}"] = bytes(changed)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"cevil\npayload\n." + b" " * 100)
    found["deflated"] = made.getvalue()
    found["deflated, as if it were stored"] = data.replace(b"ccollections\nOrderedDict\n.", deflated.ljust(26, b" "))
    return found


CASES = cases()


def test_there_are_enough_of_them() -> None:
    assert len(CASES) > 200


@pytest.mark.parametrize("name", CASES)
def test_a_zip_shows_no_less_here_than_to_pytorch(name: str, tmp_path: Path, torch_reader: Reference) -> None:
    path = tmp_path / "case.pt"
    path.write_bytes(CASES[name])
    never_less(path, torch_reader)


def test_the_reference_does_see_what_is_hidden(tmp_path: Path, torch_reader: Reference, c_reader: Reference) -> None:
    """Else nothing above could fail."""
    path = tmp_path / "case.pt"
    path.write_bytes(archive(EVIL))
    assert torch_reader.sees(path) == {EVIL} == named_here(path)
    two_ways = CASES["good first, the end points at the first"]
    path.write_bytes(two_ways)
    assert torch_reader.sees(path) == {GOOD}
    path.write_bytes(CASES["evil first, the end points at the first"])
    assert torch_reader.sees(path) == {EVIL}
    assert named_here(path) is None
    path.write_bytes(b"cevil\npayload\n.")
    assert c_reader.sees(path) == {EVIL}


def test_what_torch_itself_saves_is_read_without_a_problem(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    for name, value in {"state": network.state_dict(), "whole": network, "large": {"x": torch.zeros(300_000)}}.items():
        torch.save(value, tmp_path / f"{name}.pt")
        assert read(tmp_path / f"{name}.pt").problems == []
    torch.jit.save(torch.jit.script(network), tmp_path / "script.pt")
    assert read(tmp_path / "script.pt").problems == []


@bounded
@given(
    which=st.sampled_from(sorted(CASES)),
    edits=st.lists(
        st.tuples(st.integers(0, 700), st.sampled_from([0, 1, 2, 3, 8, 22, 46, 0x41, 0x61, 0xFF, 0x50, 0x4B])),
        max_size=4,
    ),
    joined=st.one_of(st.none(), st.sampled_from(sorted(CASES))),
    cut=st.integers(0, 40),
)
def test_a_zip_damaged_at_random_shows_no_less(
    which: str,
    edits: list[tuple[int, int]],
    joined: str | None,
    cut: int,
    tmp_path_factory: pytest.TempPathFactory,
    torch_reader: Reference,
) -> None:
    data = bytearray(CASES[which] + (CASES[joined] if joined else b""))
    for back, value in edits:
        if back < len(data):
            data[-1 - back] = value
    path = tmp_path_factory.getbasetemp() / "damaged.pt"
    path.write_bytes(bytes(data[: len(data) - (cut if cut < 20 else 0)]))
    never_less(path, torch_reader)


# Pickles

IMPORT = b"cevil\npayload\n"


def framed(*inside: bytes) -> bytes:
    return b"".join(b"\x95" + struct.pack("<Q", len(one)) + one for one in inside)


def frame(length: int) -> bytes:
    return b"\x95" + struct.pack("<Q", length)


PICKLES = {
    "a whole frame": b"\x80\x04" + framed(IMPORT + b"."),
    "no PROTO": IMPORT + b".",
    "PROTO later": IMPORT + b"\x80\x02.",
    "PROTO twice": b"\x80\x02\x80\x04" + IMPORT + b".",
    "a text that crosses its frame's end": b"\x80\x04" + frame(4) + b"X\x10\0\0" + IMPORT + b"\0" * 30 + b".",
    "a short text that hides an import": b"\x80\x04" + frame(3) + b"U\x05ab" + b"K\x01" + IMPORT + b"." + b"." * 20,
    "a frame in a frame": b"\x80\x04" + frame(30) + b"K\x01" + frame(4) + b"K\x020." + IMPORT + b"." * 40,
    "a frame in a frame, read on behind both": (
        b"\x80\x04" + frame(12) + b"K\x01" + frame(40) + b"K\x02." + IMPORT * 4 + b"."
    ),
    "a line that crosses its frame's end": b"\x80\x04" + frame(6) + b"I1" + IMPORT + b"." + IMPORT + b".",
    "an import that crosses its frame's end": b"\x80\x04" + frame(3) + b"cev" + b"il\npayload\n." + IMPORT + b".",
    "a frame longer than the file": b"\x80\x04" + frame(10_000) + IMPORT + b".",
    "a frame of nothing": b"\x80\x04" + frame(0) + IMPORT + b".",
    "a frame behind STOP": b"\x80\x04" + frame(2) + b"N." + IMPORT + b".",
    "damaged after an import": IMPORT + b"\xff",
    "damaged within a reduction": IMPORT + b"(tR\xff",
    "truncated after an import": IMPORT + b"X\xff\xff\0\0ab",
    "an empty stack": IMPORT + b"R.",
    "a text without an end": IMPORT + b"S'abc\n.",
    "a memo with holes": b"K\x01q\x05K\x02\x94K\x03\x940h\x05" + IMPORT + b".",
    "a put of what is not there": IMPORT + b"0q\0.",
    "a get of what is not there": IMPORT + b"h\x07.",
    "an integer that is none": IMPORT + b"Iabc\n.",
    "a long integer of a negative length": IMPORT + b"\x8b\xff\xff\xff\xff.",
    "a long that is none": IMPORT + b"L12x\n.",
    "a float that is none": IMPORT + b"Fnothing\n.",
    "an unknown extension": IMPORT + b"\x82\x01.",
    "extension zero": IMPORT + b"\x82\0.",
    "a persistent id": b"Pevil\n" + IMPORT + b".",
    "a binary persistent id": b"K\x01Q" + IMPORT + b".",
    "an instance": b"(ievil\npayload\n.",
    "an object": b"(cevil\npayload\no.",
    "names from the stack": b"\x8c\x04evil\x8c\x07payload\x93.",
    "a name from the stack that is no text": b"K\x01\x8c\x07payload\x93" + IMPORT + b".",
    "names with dots": b"\x80\x04\x8c\x04evil\x8c\x0bpayload.sub\x93.",
    "a name with a space": b"cevil\npay load\n.",
    "a module with a space": b"cev il\npayload\n.",
    "names that are not ASCII": "cévil\npaylöad\n.".encode(),
    "names that are no UTF-8": b"cev\xffil\npayload\n.",
    "lines that end in CR LF": b"cevil\r\npayload\r\n.",
    "an empty name": b"c\n\n.",
    "a very long name": b"cevil\n" + b"p" * 5000 + b"\n.",
    "an out-of-band buffer": IMPORT + b"\x97\x98.",
    "surrogates": IMPORT + b"X\x03\0\0\0\xed\xa0\x80.",
    "quotes that do not match": IMPORT + b"S'abc\"\n.",
    "a string without quotes": IMPORT + b"Sabc\n.",
    "an escape that is none": IMPORT + b"S'\\xZZ'\n.",
    "a build on anything": IMPORT + b"(tR}b.",
    "keywords that are none": IMPORT + b")K\x01\x92.",
    "bytes as a module": b"C\x04evil\x8c\x07payload\x93" + IMPORT + b".",
    "a mark that is popped": b"(" + IMPORT + b"1N.",
    "a mark on top": IMPORT + b"(.",
    "two pickles": b"N." + IMPORT + b".",
    "a tuple of too few": IMPORT + b"\x87.",
    "a dictionary of an odd number": b"(" + IMPORT + b"d.",
    "an unhashable key": b"}" + IMPORT + b"0]K\x01s" + IMPORT + b".",
    "items of an odd number": IMPORT + b"}(K\x01u.",
    "a recursive list": b"]q\0h\0a" + IMPORT + b"a.",
}  # fmt: skip


def spelled(name: str) -> str:
    """As it is named here: escaped, and not too long."""
    module, _, attribute = name.partition(".")
    return f"{identifier(module)}.{identifier(attribute)}"


def pickle_never_less(path: Path, reference: Reference) -> None:
    seen, refused, named = reference.sees(path), "", set[str]()
    try:
        named = {one.full for one in read(path).globals}
    except PickleError as error:
        refused, named = str(error), {one.full for one in error.globals}
    except CheckpointError as error:
        refused = str(error)
    seen = {spelled(name) for name in seen}
    assert seen <= named or "in two ways" in refused, f"seen by the other reader: {seen}; here: {named} {refused}"


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_shows_no_less_here_than_to_the_c_unpickler(name: str, tmp_path: Path, c_reader: Reference) -> None:
    path = tmp_path / "case.pkl"
    path.write_bytes(PICKLES[name])
    pickle_never_less(path, c_reader)


@pytest.mark.parametrize("protocol", range(6))
def test_what_python_pickles_is_read(protocol: int, tmp_path: Path) -> None:
    value = {"a": [1, 2.5, "x" * 70_000, b"y" * 70_000], "b": {1, 2}, "c": (None, True), "d": zipfile.ZipInfo}
    path = tmp_path / "good.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert "zipfile.ZipInfo" in {one.full for one in read(path).globals}


OPCODES = [
    b"(", b"0", b"1", b"2", b"N", b"\x88", b"\x89", b"]", b"l", b"a", b"e", b")", b"t", b"\x85", b"\x86",
    b"\x87", b"}", b"d",
    b"s", b"u", b"\x8f", b"\x90", b"\x91", b"R", b"b", b"o", b"\x81", b"\x92", b"\x93", b"\x94", b"K\x01",
    b"I01\n", b"L5L\n",
    b"F1.5\n", b"J\1\0\0\0", b"M\1\0", b"G?\xf0\0\0\0\0\0\0", b"\x8a\x01\x05", b"S'ab'\n", b"U\x02ab", b"X\2\0\0\0ab",
    b"\x8c\x02ab", b"C\x02ab", b"B\2\0\0\0ab", b"\x8e\2\0\0\0\0\0\0\0ab", b"\x96\2\0\0\0\0\0\0\0ab",
    b"Vab\n", b"p1\n", b"q\x02",
    b"r\3\0\0\0", b"g1\n", b"h\x02", b"j\3\0\0\0", b"\x80\x02", b"\x80\x05", b"Pid\n", b"Q", b"\x82\x07",
    b"\x97", b"\x98",
    b"cevil\na\n", b"cevil\nb\n", b"ievil\nc\n", b"\x8c\x04evil", b"\x8c\x01d", b"\x95\x02\0\0\0\0\0\0\0",
    b"\x95\x09\0\0\0\0\0\0\0", b"\x95\x20\0\0\0\0\0\0\0", b".", b"\xff", b"\n",
]  # fmt: skip


@bounded
@given(chosen=st.lists(st.sampled_from(OPCODES), max_size=30), cut=st.integers(0, 6))
def test_any_opcodes_show_no_less(
    chosen: list[bytes], cut: int, tmp_path_factory: pytest.TempPathFactory, c_reader: Reference
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pkl"
    data = b"\x80\x04" + b"".join(chosen) + b"."
    path.write_bytes(data[: len(data) - (cut if cut < 3 else 0)])
    pickle_never_less(path, c_reader)


def test_a_refusal_says_what_would_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pkl"
    path.write_bytes(b"\x80\x02cposix\nsystem\nX\x02\0\0\0lsq\0\x85R\xff")
    with pytest.raises(PickleError, match=r"damaged at byte \d+: .*; before that it would import posix\.system"):
        read(path)


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_in_memory_is_read_as_one_in_a_file(name: str) -> None:
    data = PICKLES[name]
    assert opcodes.globals_of(io.BytesIO(data)) == opcodes.globals_of(io.BytesIO(data))
