"""Files that want to do harm, made here byte by byte: none of them is kept in the repository."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

HERE = "tests.support.hostile"


class MadeByNew:
    """Its making is the harm: a file appears."""

    def __new__(cls, path: str = "", **more: str) -> "MadeByNew":
        Path(more.get("path", path)).touch()
        return super().__new__(cls)


class MadeByState:
    def __setstate__(self, state: dict[str, str]) -> None:
        Path(state["path"]).touch()


def text(value: str) -> bytes:
    """The opcode of a text."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def named(full: str) -> bytes:
    """The opcode of an import."""
    module, _, name = full.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def reduced(function: bytes, *args: bytes) -> bytes:
    """A call."""
    return function + b"(" + b"".join(args) + b"tR"


def payloads(made: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles, without their STOP, each of which makes the file `made` when it is unpickled, and what it imports for
    that."""
    touch = text(f"touch {made}")
    script = made.parent / "script.py"
    script.write_text(f"open({str(made)!r}, 'w').close()\n")
    python = text(f"open({str(made)!r}, 'w').close()")
    inner = reduced(named("os.system"), touch) + b"."
    module = reduced(named("importlib.import_module"), text("os"))
    loader = "torch.storage._load_from_bytes"
    torch_file = io.BytesIO()
    torch.save(_Reduces(str(made)), torch_file)
    nested = b"B" + struct.pack("<I", len(torch_file.getvalue())) + torch_file.getvalue()
    return {
        "REDUCE": (reduced(named("os.system"), touch), "os.system"),
        "STACK_GLOBAL": (text("os") + text("system") + b"\x93(" + touch + b"tR", "os.system"),
        "OBJ": (b"(" + named("os.system") + touch + b"o", "os.system"),
        "INST": (b"(" + touch + b"ios\nsystem\n", "os.system"),
        "NEWOBJ": (named(f"{HERE}.MadeByNew") + b"(" + text(str(made)) + b"t\x81", f"{HERE}.MadeByNew"),
        "NEWOBJ_EX": (
            named(f"{HERE}.MadeByNew") + b")}" + text("path") + text(str(made)) + b"s\x92", f"{HERE}.MadeByNew",
        ),
        "BUILD": (
            named(f"{HERE}.MadeByState") + b")\x81}" + text("path") + text(str(made)) + b"sb", f"{HERE}.MadeByState",
        ),
        "persistent id": (text("storage") + reduced(named("os.system"), touch) + b"\x86Q", "os.system"),
        "nested pickle": (
            reduced(named("_pickle.loads"), b"B" + struct.pack("<I", len(inner)) + inner), "_pickle.loads",
        ),
        "memo": (named("os.system") + b"q\x07" + b"0" + b"h\x07(" + touch + b"q\x08" + b"0h\x08tR", "os.system"),
        "duplicated": (named("os.system") + b"2" + b"0(" + touch + b"tR", "os.system"),
        "extension": (b"\x82\xf0(" + touch + b"tR", "copyreg.extension 240"),
        "getattr": (
            reduced(reduced(named("builtins.getattr"), module, text("system")), touch), "builtins.getattr",
        ),
        "eval": (reduced(named("builtins.eval"), python), "builtins.eval"),
        "exec": (reduced(named("builtins.exec"), python), "builtins.exec"),
        "open": (reduced(named("builtins.open"), text(str(made)), text("w")), "builtins.open"),
        "runpy": (reduced(named("runpy.run_path"), text(str(script))), "runpy.run_path"),
        "torch's own loader": (reduced(named(loader), nested), loader),
        "torch's rebuilding": (
            reduced(named("torch._tensor._rebuild_from_type_v2"), named("os.system"), named("torch.Tensor"),
                    b"(" + touch + b"t", b"N"), "os.system",
        ),
        "as a key": (b"}" + reduced(named("os.system"), touch) + b"K\x01s", "os.system"),
    }  # fmt: skip


class _Reduces:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


class Lenient(pickle.Unpickler):
    """As torch's: persistent ids are taken."""

    def persistent_load(self, pid: object) -> None:
        return None


MARK = "@@here@@"


def spliced(payload: bytes, target: Path, *, new: bool = True) -> Path:
    """A file of torch.save, with the tensor `w` (ones), in which a payload stands beside it."""
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(3), "evil": MARK}, buffer, _use_new_zipfile_serialization=new)
    if not new:
        target.write_bytes(buffer.getvalue().replace(text(MARK), payload))
        return target
    with zipfile.ZipFile(buffer) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    return zipped(
        {
            name: data.replace(text(MARK), payload) if name.endswith("data.pkl") else data
            for name, data in parts.items()
        },
        target,
    )


def zipped(parts: Mapping[str, bytes], target: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target


def checkpoint(pickled: bytes, target: Path, *, data: bytes = b"\0" * 16, deflated: bool = False) -> Path:
    """A file as torch writes it, with this pickle and one storage."""
    parts = {"a/data.pkl": pickled, "a/byteorder": b"little", "a/data/0": data, "a/version": b"3\n"}
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            kind = zipfile.ZIP_DEFLATED if deflated and name.endswith(".pkl") else zipfile.ZIP_STORED
            archive.writestr(name, content, kind)
    return target


def storage(count: int = 4, key: str = "0", kind: str = "FloatStorage") -> bytes:
    """A storage, as its persistent id."""
    return b"(" + text("storage") + named(f"torch.{kind}") + text(key) + text("cpu") + number(count) + b"tQ"


def number(value: int) -> bytes:
    """The opcode of a whole number of any size."""
    data = pickle.encode_long(value)
    return b"\x8b" + struct.pack("<i", len(data)) + data


def tensor(shape: tuple[int, ...], stride: tuple[int, ...], offset: int = 0, of: bytes = b"") -> bytes:
    """A tensor, as torch.save writes it."""
    sizes, steps = (b"(" + b"".join(map(number, each)) + b"t" for each in (shape, stride))
    rebuild = named("torch._utils._rebuild_tensor_v2")
    return reduced(
        rebuild, of or storage(), number(offset), sizes, steps, b"\x89", reduced(named("collections.OrderedDict"))
    )


def holding(**tensors: bytes) -> bytes:
    """The pickle of a dictionary."""
    return b"\x80\x02}(" + b"".join(text(name) + one for name, one in tensors.items()) + b"u."
