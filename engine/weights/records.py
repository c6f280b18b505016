"""What a file's pickle describes, as inert records: nothing in here is an object of the file's own classes."""

import math
from dataclasses import dataclass, field
from typing import Any

# Bytes of an element, by the name of its dtype in torch.
ITEM_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1, "complex128": 16, "complex64": 8, "complex32": 4,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "bool": 1,
    "qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1,
    "float4_e2m1fn_x2": 1, "bcomplex32": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the file would import."""

    module: str
    name: str
    full: str = field(init=False, repr=False, compare=False)  # asked for at each call of it

    def __post_init__(self) -> None:
        object.__setattr__(self, "full", f"{self.module}.{self.name}")


@dataclass(frozen=True, slots=True)
class Long:
    """A text, or bytes, too long to be read: an array of NumPy's, as a rule."""

    size: int  # bytes
    text: bool
    offset: int = 0  # where it begins, in the file that the pickle is read from
    utf8: bool = False  # its characters are spelled in UTF-8


@dataclass(eq=False, slots=True)
class Called:
    """What calling something would have made: an object of a class, mostly."""

    what: Any  # a Global, as a rule
    args: Any
    state: Any = None  # what it would have been given by __setstate__, or as its __dict__
    items: list[tuple[Any, Any]] = field(default_factory=list)  # set by key
    elements: list[Any] = field(default_factory=list)  # appended

    @property
    def class_name(self) -> str:
        return self.what.full if isinstance(self.what, Global) else "?"


@dataclass(eq=False, slots=True)
class Dict:
    """A dictionary; its keys may be of any kind."""

    items: list[tuple[Any, Any]] = field(default_factory=list)
    kind: str = "dict"
    state: Any = None

    def get(self, key: str) -> Any:
        """The value of a text key, the last one where there are several; None where there is none."""
        return next((value for name, value in reversed(self.items) if isinstance(name, str) and name == key), None)

    def last(self) -> list[tuple[Any, Any]]:
        """The items as a dictionary ends up with them: of several with one key the last value, in the first's place."""
        found: dict[Any, tuple[Any, Any]] = {}
        for pair in self.items:
            key = pair[0]
            plain = key is None or isinstance(key, (str, int, float, bytes))
            found[key if plain else ("record", id(key))] = pair
        return list(found.values())

    @property
    def keys(self) -> list[str]:
        """Those that are text."""
        return [name for name, _ in self.items if isinstance(name, str)]


@dataclass(eq=False, slots=True)
class Elements:
    """A list, or a set."""

    kind: str  # "list", "set", "frozenset"
    items: list[Any] = field(default_factory=list)


@dataclass(slots=True, unsafe_hash=True)  # never changed; making a frozen one takes three times as long
class Storage:
    """A stretch of numbers in the file, which tensors are views of."""

    key: str
    dtype: str  # of its elements; "" where it has none of its own
    count: int  # elements that it claims to have; of one without a dtype: bytes
    location: str  # the device that it was saved from

    @property
    def size(self) -> int:
        """Bytes that it claims to have."""
        return self.count * (ITEM_BYTES.get(self.dtype, 1) if self.dtype else 1)


@dataclass(frozen=True, eq=False, slots=True)
class Quantizer:
    """How the whole numbers of a quantized tensor stand for real ones: (number - zero point) × scale."""

    scheme: str  # "per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams"
    scale: "float | tuple[float, ...] | Tensor"  # one, or one for each index of the dimension `axis`
    zero_point: "float | tuple[float, ...] | Tensor"
    axis: int | None = None  # None: of a scheme per tensor

    def __str__(self) -> str:
        if self.axis is not None:
            return f"{self.scheme}, a scale for each index of dimension {self.axis}"
        return f"{self.scheme}, scale {self.scale}, zero_point {self.zero_point}"


@dataclass(eq=False, slots=True)  # never changed, as a storage
class Tensor:
    """A tensor of the file."""

    storage: Storage | None  # None: it has no values, in other tensors (`parts`), or not where they can be read
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0  # elements into its storage
    requires_grad: bool = False
    parameter: bool = False
    layout: str = "strided"  # or "sparse_coo", "quantized", "meta", "nested", "DTensor", a class, …
    conj: bool = False  # the values are the conjugates of those that are stored
    neg: bool = False  # the values are those that are stored, times -1
    quantizer: Quantizer | None = None
    parts: "tuple[Tensor, ...]" = ()  # of a sparse tensor: its indices, and last its values
    words: str = ""  # what else it is, such as why its values can't be read

    @property
    def about(self) -> str:
        """What it is besides a strided tensor of its shape and dtype, in words; "": nothing."""
        if self.layout == "strided" and not (self.parts or self.conj or self.neg or self.quantizer or self.words):
            return ""
        views = [word for word, on in (("a conjugate view", self.conj), ("a negative view", self.neg)) if on]
        kind = [] if self.layout == "strided" else [self.layout]
        stored = [f"{self.parts[-1].shape[0] if self.parts[-1].shape else 1:,} stored"] if self.parts else []
        how = [f"({self.quantizer})"] if self.quantizer is not None else []
        return ", ".join([" ".join([*kind, *how]), *stored, *views, self.words]).strip(", ").replace(", , ", ", ")

    @property
    def readable(self) -> bool:
        """Whether its values can be read here, if they are in the file."""
        known = self.layout != "quantized" or self.quantizer is not None
        return (self.storage is not None and known) or bool(self.parts)

    @property
    def stored(self) -> int:
        """Bytes that are stored of it."""
        own = self.storage.size if self.storage is not None else 0
        return own + sum(part.stored for part in self.parts)

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Of its elements, whether another tensor shares them or not."""
        return self.count * ITEM_BYTES.get(self.dtype, 0)

    @property
    def end(self) -> int:
        """The last element of the storage that it reaches, plus one."""
        last = self.offset
        for size, step in zip(self.shape, self.stride, strict=True):
            if not size:
                return self.offset
            last += (size - 1) * step
        return last + 1

    @property
    def contiguous(self) -> bool:
        expected = 1
        for size, step in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size != 1 and step != expected:
                return False
            expected *= size
        return True
