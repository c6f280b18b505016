"""The allow-list of `torch.load(weights_only=True)`: the names that it imports without being asked, by torch's version.

Written out here, so that judging a file imports no torch. Tests compare it with the installed torch's own list, and
`make allowlist` with those of several versions.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from engine.terminal_text import printable
from engine.weights.records import Global

_KINDS = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
_DTYPES = (
    "bfloat16", "bits16", "bits1x8", "bits2x4", "bits4x2", "bits8", "bool", "complex128", "complex32",
    "complex64", "float16", "float32", "float4_e2m1fn_x2", "float64", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
    "float8_e5m2fnuz", "float8_e8m0fnu", "qint32", "qint8", "quint2x4", "quint4x2", "quint8",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64)),
)  # fmt: skip
_REBUILDING = (
    "device_tensor_from_cpu_tensor", "device_tensor_from_numpy", "meta_tensor_no_storage", "nested_tensor", "parameter",
    "parameter_with_state", "qtensor", "sparse_tensor", "tensor", "tensor_v2", "tensor_v3", "wrapper_subclass",
)  # fmt: skip
# What torch 2.10 has; TABLE says what each later version adds and removes.
BASE = frozenset(
    {
        "_codecs.encode", "builtins.bytearray", "builtins.complex", "builtins.set", "collections.Counter",
        "collections.OrderedDict", "torch.Size", "torch.Tensor", "torch.device", "torch.nn.parameter.Parameter",
        "torch._tensor._rebuild_from_type_v2", "torch.serialization._get_layout", "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage", "torch.ComplexDoubleStorage", "torch.ComplexFloatStorage",
        "torch.cuda.ComplexDoubleStorage", "torch.cuda.ComplexFloatStorage", "torch.per_channel_affine",
        "torch.per_channel_affine_float_qparams", "torch.per_channel_symmetric", "torch.per_tensor_affine",
        "torch.per_tensor_symmetric", *(f"torch.Q{kind}Storage" for kind in ("Int32", "Int8", "UInt8")),
        "torch.QUInt2x4Storage", "torch.QUInt4x2Storage",
    }
    | {f"torch.{place}{kind}Storage" for place in ("", "cuda.") for kind in _KINDS}
    | {f"torch.{place}{kind}Tensor" for place in ("", "cuda.", "cuda.sparse.", "sparse.") for kind in _KINDS
       if not ("sparse" in place and kind == "Bool")}
    | {f"torch.{name}" for name in _DTYPES}
    | {f"torch._utils._rebuild_{name}" for name in _REBUILDING}
)  # fmt: skip
# The same things by the names that older files and Python 2 have for them; torch maps them.
ALIASES = {
    "__builtin__.set": "builtins.set", "__builtin__.bytearray": "builtins.bytearray",
    "__builtin__.complex": "builtins.complex",
}  # fmt: skip

_RELEASE = re.compile(r"(\d{1,4})\.(\d{1,4})(\.\d+)*(\.post\d+)?(\+[\w.]+)?")  # 2.12, 2.12.1, 2.12.1+cpu
_MINOR = re.compile(r"(\d{1,4})\.(\d{1,4})(?!\d)")  # how any version begins: 2.12.0a0+git1234567, 2.12rc1
Minor = tuple[int, int]  # (2, 12): torch 2.12 and its patch releases


@dataclass(frozen=True)
class Span:
    """Minor versions of torch, one after another, that have the same list."""

    first: Minor
    last: Minor
    adds: tuple[str, ...] = ()  # to the list of the span before; of the first span, to BASE
    removes: tuple[str, ...] = ()  # from it


# `make allowlist ARGS="--write …"` rewrites the rows between the two marks.
TABLE: tuple[Span, ...] = (
    # rows
    Span((2, 10), (2, 13)),
    Span((2, 14), (2, 14), adds=("torch.bcomplex32",)),
    Span((2, 15), (2, 15), removes=("torch._utils._rebuild_nested_tensor",)),
    # end of rows
)  # fmt: skip


@dataclass(frozen=True)
class AllowList:
    """The names that a file's imports are judged by, and which torch has them."""

    torch: str  # the version whose list it is: "2.12", its patch releases included
    installed: str  # the version that is installed: "2.12.1+cpu"; "" where torch is not
    exact: bool  # whether the installed torch is a release of that version; else its own list is not known here
    names: frozenset[str]

    def allows(self, name: Global) -> bool:
        """Whether `torch.load(weights_only=True)` of that torch imports the name by itself."""
        return ALIASES.get(name.full, name.full) in self.names

    @property
    def caveat(self) -> str:
        """Whose list it is, and why, where it is not known to be the installed torch's; else ""."""
        if self.exact:
            return ""
        why = (
            f"that of the installed torch {self.installed} is not known" if self.installed else "torch is not installed"
        )
        return f"checked against the list of torch {self.torch}, as {why}"

    def to_dict(self) -> dict[str, str | bool]:
        """As JSON can hold it (docs/events.md)."""
        return {"torch": self.torch, "installed": self.installed, "exact": self.exact}


def lists(table: Iterable[Span] = TABLE) -> list[tuple[Span, frozenset[str]]]:
    """The whole list of each span, oldest first."""
    names, found = BASE, []
    for span in table:
        names = (names - set(span.removes)) | set(span.adds)
        found.append((span, names))
    return found


def release(version: str) -> Minor | None:
    """The minor version that a release belongs to: (2, 12) for "2.12.1+cpu". None for a pre-release, a build from the
    source ("2.12.0a0+git1234567"), and what is not a version."""
    found = _RELEASE.fullmatch(version)
    return (int(found[1]), int(found[2])) if found else None


def of(installed: str, table: Iterable[Span] = TABLE) -> AllowList:
    """The list of a version of torch, as its metadata spells it ("2.12.1+cpu"; "": torch is not installed).

    A version that the table does not have is judged by the newest before it, or by the oldest where there is none; a
    pre-release as its release would be; what is not a version by the newest of all. None of these is `exact`."""
    known = lists(table)
    begin = _MINOR.match(installed)
    asked = (int(begin[1]), int(begin[2])) if begin else known[-1][0].last
    span, names = next((one for one in reversed(known) if one[0].first <= asked), known[0])
    nearest = min(max(asked, span.first), span.last)
    return AllowList(".".join(map(str, nearest)), printable(installed, 60), release(installed) == nearest, names)


@lru_cache(1)
def installed() -> AllowList:
    """The list of the torch that is installed, found by its metadata: torch itself is not imported."""
    try:
        return of(version("torch") or "?")  # None where its metadata names none
    except PackageNotFoundError:
        return of("")
