"""What torch writes for its tensors, by the function that would rebuild them: each becomes a record."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.terminal_text import printable
from engine.weights.records import Called, Dict, Elements, Global, Quantizer, Storage, Tensor

MOST_SIZES = 64  # dimensions of a tensor; torch's own operations go up to 64
MOST_ELEMENTS = 1 << 62  # of a tensor or a storage: what torch counts with has 63 bits
MOST_NAME = 200  # characters of a name that are kept
SPARSE = {"sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"}
_COMPLEX = {"complex128", "complex64", "complex32", "bcomplex32"}
_PACKED = {"quint4x2", "quint2x4"}
_UNSIGNED = {"bool", "uint8", "uint16", "uint32", "uint64"}
_PLAIN = {"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer", "torch._tensor.Tensor"}


def _sizes(value: Any) -> tuple[int, ...]:
    found = value if type(value) is tuple else value.items if isinstance(value, Elements) else value
    if not isinstance(found, (tuple, list)) or len(found) > MOST_SIZES:
        raise ValueError("it has no sizes")
    for size in found:
        if type(size) is not int:
            raise ValueError("its sizes are not integers")
        if not 0 <= size <= MOST_ELEMENTS:
            raise ValueError("its sizes are negative or overflow")
    return tuple(found)


def placed(
    storage: Any, dtype: str, offset: Any, shape: Any, stride: Any, grad: Any = False, layout: str = "strided"
) -> Tensor:
    """A tensor that is a view of a storage. Raises ValueError where it can't be one."""
    sizes, steps = _sizes(shape), _sizes(stride)
    if type(storage) is not Storage:
        raise ValueError("it has no storage")
    if not isinstance(offset, int) or abs(offset) > MOST_ELEMENTS:
        raise ValueError("its offset is none")
    if len(sizes) != len(steps):
        raise ValueError(f"it has {len(sizes)} sizes and {len(steps)} strides")
    if len(sizes) > 1:
        refuse_overflow(sizes)
    return Tensor(storage, dtype, sizes, steps, offset, grad is True, False, layout)


def _dtype_of(value: Any) -> str:
    if isinstance(value, Global) and value.module == "torch":
        return value.name
    raise ValueError("not a dtype")


def refuse_overflow(sizes: tuple[int, ...]) -> None:
    """Raises ValueError where the number of elements overflows."""
    if math.prod(sizes if 0 not in sizes else filter(None, sizes)) > MOST_ELEMENTS:
        raise ValueError("the product of its sizes overflows")


def _tensor_v2(args: tuple[Any, ...]) -> Tensor:
    storage, offset, shape, stride, *rest = args
    dtype = storage.dtype if type(storage) is Storage else ""
    made = placed(storage, dtype or "uint8", offset, shape, stride, rest[0] if rest else False)
    return _as_view(made, rest[2]) if len(rest) > 2 else made


def _tensor_v3(args: tuple[Any, ...]) -> Tensor:
    storage, offset, shape, stride, grad, _hooks, dtype, *rest = args
    return _as_view(placed(storage, _dtype_of(dtype), offset, shape, stride, grad), rest[0] if rest else None)


def _as_view(tensor: Tensor, metadata: Any) -> Tensor:
    """With what torch notes of a view that computes nothing: `{"conj": True}`, `{"neg": True}`
    (torch._utils.set_tensor_metadata)."""
    if metadata is None:
        return tensor
    if not isinstance(metadata, Dict):
        raise ValueError("its metadata is not a dictionary")
    known = dict(metadata.last())
    conj, neg = known.pop("conj", False), known.pop("neg", False)
    if known:
        raise ValueError(f"its metadata {printable(str(next(iter(known))), 40)!r} is not known")
    if not isinstance(conj, bool) or not isinstance(neg, bool):
        raise ValueError("its metadata is neither true nor false")
    if (conj and tensor.dtype not in _COMPLEX) or (neg and tensor.dtype in _UNSIGNED):
        raise ValueError(f"a {tensor.dtype} tensor can't be a {'conjugate' if conj else 'negative'} view")
    return replace(tensor, conj=conj, neg=neg)


def _parameter(args: tuple[Any, ...]) -> Any:
    tensor, grad, *_ = args
    if isinstance(tensor, Called):
        return tensor  # of a class that is not known here: it is named
    if not isinstance(tensor, Tensor):
        raise ValueError("it is not made from a tensor")
    return replace(tensor, requires_grad=grad is True, parameter=True)


def _quantized(args: tuple[Any, ...]) -> Tensor:
    storage, offset, shape, stride, params, *rest = args
    dtype = storage.dtype if isinstance(storage, Storage) else ""
    if dtype in _PACKED:
        words = "several numbers in each byte, which are not unpacked"
        return replace(_without_values(dtype, shape, "quantized"), words=words)
    made = placed(storage, dtype, offset, shape, stride, rest[0] if rest else False, layout="quantized")
    try:
        return replace(made, quantizer=_quantizer(params, made.shape))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        return replace(made, words=f"how is not known: {error}")


def _quantizer(params: Any, shape: tuple[int, ...]) -> Quantizer:
    scheme, scale, zero_point, *rest = params
    name = _dtype_of(scheme)
    if name in ("per_tensor_affine", "per_tensor_symmetric"):
        if not isinstance(scale, float | int) or not isinstance(zero_point, int):
            raise ValueError("its scale or zero_point is not a number")
        return Quantizer(name, float(scale), zero_point)
    if not name.startswith("per_channel"):
        raise ValueError(f"the scheme {printable(name, 40)}")
    (axis,) = rest
    if not isinstance(axis, int) or not 0 <= axis < len(shape):
        raise ValueError("its axis is not one of its dimensions")
    return Quantizer(name, _per_channel(scale, shape[axis]), _per_channel(zero_point, shape[axis]), axis)


def _per_channel(values: Any, count: int) -> "tuple[float, ...] | Tensor":
    found = tuple(values.items) if isinstance(values, Elements) else values
    if isinstance(found, Tensor):
        if found.count != count:
            raise ValueError(f"{found.count} scales or zero points for {count} indices")
        return found
    if not isinstance(found, tuple) or len(found) != count or not all(isinstance(one, float | int) for one in found):
        raise ValueError(f"its scales or zero points are not {count} numbers")
    return tuple(float(one) for one in found)


def _sparse(args: tuple[Any, ...]) -> Tensor:
    """Of COO: indices, values, size, and newer ones whether it is coalesced; of the compressed layouts: compressed
    indices, plain indices, values, size."""
    layout, data = args
    if isinstance(layout, Called):
        (layout,) = layout.args  # torch.serialization._get_layout("torch.sparse_coo")
    kind = layout.full if isinstance(layout, Global) else layout
    kind = kind.removeprefix("torch.") if isinstance(kind, str) else "?"
    if kind not in SPARSE:
        raise ValueError(f"the layout {printable(kind, 40)} is not known")
    *parts, shape = data[:3] if kind == "sparse_coo" else data
    if len(parts) != (2 if kind == "sparse_coo" else 3) or not all(isinstance(part, Tensor) for part in parts):
        raise ValueError("its indices or values are not tensors")
    return replace(_without_values(parts[-1].dtype, shape, kind), parts=tuple(parts))


def _nested(args: tuple[Any, ...]) -> Tensor:
    """Its parts differ in shape: listed with how many they are."""
    buffer, sizes, *_ = args
    if not isinstance(buffer, Tensor) or not isinstance(sizes, Tensor) or len(sizes.shape) != 2:
        raise ValueError("its values or sizes are not tensors")
    many, dimensions = sizes.shape
    tensors = f"{many} tensor{'s' * (many != 1)}"
    words = f"{tensors} of {dimensions} dimension{'s' * (dimensions != 1)}, {buffer.count:,} elements together"
    return replace(_without_values(buffer.dtype, (many,), "nested"), words=words)


def _jagged(args: tuple[Any, ...]) -> Tensor:
    (how,) = args
    values, offsets = how.get("values"), how.get("offsets")
    if not isinstance(values, Tensor) or not isinstance(offsets, Tensor) or len(offsets.shape) != 1:
        raise ValueError("its values or offsets are not tensors")
    many = max(0, offsets.count - 1)
    words = f"{many} tensor{'s' * (many != 1)}, {list(values.shape)} together"
    return replace(_without_values(values.dtype, (many,), "nested"), words=words)


def _meta(args: tuple[Any, ...]) -> Tensor:
    dtype, shape, stride, grad = args[:4]
    return replace(_without_values(_dtype_of(dtype), shape, "meta"), stride=_sizes(stride), requires_grad=grad is True)


def _without_values(dtype: str, shape: Any, layout: str) -> Tensor:
    sizes = _sizes(shape)
    refuse_overflow(sizes)
    return Tensor(None, dtype, sizes, tuple(1 for _ in sizes), layout=layout)


def _from_cpu(args: tuple[Any, ...]) -> Tensor:
    """A tensor of a device without storages, such as XLA's: from its copy on the CPU."""
    data, dtype, _device, grad = args
    if not isinstance(data, Tensor):
        raise ValueError("it is not made from a tensor")
    if data.dtype != _dtype_of(dtype):
        raise ValueError(f"it is {_dtype_of(dtype)}, and its copy is {data.dtype}")
    return replace(data, requires_grad=grad is True)


def _wrapper(args: tuple[Any, ...]) -> Tensor:
    """A subclass that keeps its values in tensors of its own."""
    kind, dtype, shape, _stride, _offset, _layout, _device, grad = args
    name = kind.full if isinstance(kind, Global) else "?"
    return replace(_without_values(_dtype_of(dtype), shape, name), requires_grad=grad is True)


def _of_type(args: tuple[Any, ...]) -> Any:
    function, kind, inner, state = args
    if not isinstance(function, Global) or function.full == "torch._tensor._rebuild_from_type_v2":
        raise ValueError("it is made from itself")
    rebuild = REBUILDING.get(function.full)
    made = rebuild(inner) if rebuild is not None else None
    if not isinstance(made, Tensor):
        return Called(kind, inner, state)
    name = kind.full if isinstance(kind, Global) else "?"
    if name.endswith(".DTensor"):
        return _distributed(made, state)
    if name in _PLAIN or not made.readable:
        return made
    return replace(made, words=", ".join(filter(None, (f"of the class {name}", made.words))))


def _distributed(whole: Tensor, state: Any) -> Tensor:
    """A DTensor: the values are those of its local tensor, where that is all of it."""
    own = _fields(state)
    local, spec = own.get("_local_tensor"), own.get("_spec")
    if not isinstance(local, Tensor):
        return replace(whole, layout="DTensor", words="its local tensor is not there")
    placements = _fields(spec.state).get("placements") if isinstance(spec, Called) else None
    kinds = [one.class_name for one in placements if isinstance(one, Called)] if isinstance(placements, tuple) else []
    if not kinds or any("Partial" in kind for kind in kinds):
        return replace(whole, layout="DTensor", words="how it is distributed is not known, or it is a partial sum")
    if local.shape != whole.shape:
        words = f"only the part {list(local.shape)} of one process: save its full_tensor()"
        return replace(whole, layout="DTensor", words=words)
    return replace(local, layout="DTensor", requires_grad=whole.requires_grad, words="whole in this file")


def _fields(state: Any) -> Dict:
    """What `copyreg` makes of an object: its `__dict__`, or that and its slots."""
    parts = state if isinstance(state, tuple) else (state,)
    return Dict([pair for part in parts if isinstance(part, Dict) for pair in part.items])


def _ordered(args: tuple[Any, ...]) -> Dict:
    found = Dict(kind="OrderedDict")
    for pair in args[0].items if args else ():
        key, value = pair.items if isinstance(pair, Elements) else pair
        found.items.append((key, value))
    return found


def _first(args: tuple[Any, ...]) -> Any:
    (value,) = args
    return _sizes(value)


def _device(args: tuple[Any, ...]) -> str:
    if not all(isinstance(part, str | int) for part in args):
        raise ValueError("it is not a device")
    return printable(":".join(str(part) for part in args), MOST_NAME)


REBUILDING: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "torch._utils._rebuild_tensor": _tensor_v2,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_qtensor": _quantized,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_nested_tensor": _nested,
    "torch.nested._internal.nested_tensor._rebuild_njt": _jagged,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _from_cpu,
    "torch._utils._rebuild_device_tensor_from_numpy": _from_cpu,
    "torch._utils._rebuild_xla_tensor": _from_cpu,
    "torch._utils._rebuild_wrapper_subclass": _wrapper,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch._tensor._rebuild_from_type": _of_type,
    "collections.OrderedDict": _ordered,
    "torch.Size": _first,
    "torch.device": _device,
}
