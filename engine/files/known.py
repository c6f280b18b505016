"""The names that `torch.load(weights_only=True)` imports without being asked: what is outside needs somebody's trust.

Written out here, so that judging a file imports no torch; a test compares it with torch's own list.
"""

from engine.files.records import Global

_KINDS = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
_DTYPES = (
    "bcomplex32", "bfloat16", "bits16", "bits1x8", "bits2x4", "bits4x2", "bits8", "bool", "complex128", "complex32",
    "complex64", "float16", "float32", "float4_e2m1fn_x2", "float64", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
    "float8_e5m2fnuz", "float8_e8m0fnu", "qint32", "qint8", "quint2x4", "quint4x2", "quint8",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64)),
)  # fmt: skip
_REBUILDING = (
    "device_tensor_from_cpu_tensor", "device_tensor_from_numpy", "meta_tensor_no_storage", "parameter",
    "parameter_with_state", "qtensor", "sparse_tensor", "tensor", "tensor_v2", "tensor_v3", "wrapper_subclass",
)  # fmt: skip
KNOWN = frozenset(
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
       if not ("sparse" in place and kind == "Bool") and not (place == "cuda.sparse." and kind == "Bool")}
    | {f"torch.{name}" for name in _DTYPES}
    | {f"torch._utils._rebuild_{name}" for name in _REBUILDING}
)  # fmt: skip
# The same things by the names that older files and Python 2 have for them; torch maps them.
ALIASES = {
    "__builtin__.set": "builtins.set", "__builtin__.bytearray": "builtins.bytearray",
    "__builtin__.complex": "builtins.complex",
}  # fmt: skip


def known(name: Global) -> bool:
    """Whether `torch.load(weights_only=True)` would import it by itself."""
    return ALIASES.get(name.full, name.full) in KNOWN
