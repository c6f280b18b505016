"""A few numbers of a tensor exactly: the bits that stand for each, and the values that its type has beside it."""

import itertools
import math
import re
from decimal import Decimal

import torch

from engine.digits import significant
from engine.inspection.tensor_requests import ExactNumber

OTHERS = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.bool)
AROUND = 8  # values of its type below a float, and above
MOST = 2  # elements of a tensor whose numbers are shown so
WIDTHS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes, of the type that has the bits
FEW_DIGITS = 12  # characters of a number that is written with all its digits
MOST_DIGITS = 17  # that any value of float64 needs


def exact_numbers(view: torch.Tensor) -> tuple[ExactNumber, ...]:
    """Those of a tensor of at most `MOST` elements, two of each complex one; none of a larger tensor, or one without
    values."""
    if view.is_meta or not 0 < view.numel() <= MOST:
        return ()
    dense = view if view.layout == torch.strided else view.to_dense()
    if dense.is_quantized:
        dense = dense.dequantize()
    dense = dense.detach().resolve_conj().resolve_neg().cpu()
    found = list[ExactNumber]()
    for index in itertools.product(*map(range, dense.shape)):
        element = dense[index].clone()
        if element.is_complex():
            found += [_of(element.real.clone(), index, "real"), _of(element.imag.clone(), index, "imag")]
        else:
            found.append(_of(element, index))
    return tuple(found)


def of_python(number: float) -> tuple[ExactNumber, ...]:
    """Of a Python number: a float is one of float64, an integer that fits it one of int64."""
    if isinstance(number, float):
        return (_of(torch.tensor(number, dtype=torch.float64), ()),)
    if isinstance(number, bool):
        return ()
    if -(1 << 63) <= number < 1 << 63:
        return (_of(torch.tensor(number), ()),)
    return (ExactNumber((), "", str(number), bits=(), code=hex(number)),)


def _of(element: torch.Tensor, index: tuple[int, ...], part: str = "") -> ExactNumber:
    """`element`: of no dimensions."""
    code = _code(element)
    bits = f"{code:0{8 * element.element_size()}b}"
    if not element.is_floating_point():
        value = element.item()
        limits = "" if element.dtype == torch.bool else _limits(element.dtype)
        return ExactNumber(
            index, part, str(value), bits=(bits,), code=_hex(code, len(bits)), limits=limits, others=_others(element)
        )
    value = float(element)
    info = torch.finfo(element.dtype)
    fraction = round(-math.log2(info.eps))
    signed = info.min < 0
    exponent = len(bits) - fraction - signed
    below, above, up = _beside(element, code)
    return ExactNumber(
        index,
        part,
        _shortest(element),
        exact=f"{Decimal(value):f}" if math.isfinite(value) else "",
        bits=tuple(one for one in (bits[:signed], bits[signed : signed + exponent], bits[signed + exponent :]) if one),
        code=_hex(code, len(bits)),
        hexadecimal=re.sub(r"\.?0*p", "p", value.hex()) if math.isfinite(value) else "",
        below=below,
        above=above,
        step=up,
        limits=f"{info.min:.5g} to {info.max:.5g}, smallest normal {info.smallest_normal:.3g}",
        others=_others(element),
        around=_around(element, code, (signed, exponent)),
    )


def _code(element: torch.Tensor) -> int:
    """The bits as a number that is not negative."""
    size = element.element_size()
    return int(element.reshape(1).view(WIDTHS[size]).item()) % (1 << 8 * size)


def _hex(code: int, bits: int) -> str:
    return f"0x{code:0{bits // 4}x}"


def _limits(kind: torch.dtype) -> str:
    info = torch.iinfo(kind)
    return f"{info.min} to {info.max}"


def _beside(element: torch.Tensor, code: int) -> tuple[str, str, str]:
    """The next smaller and the next larger value of the type, and how far the larger one is; empty: there is none."""
    value, size = float(element), element.element_size()
    if not math.isfinite(value) or torch.finfo(element.dtype).min >= 0:
        return "", "", ""
    sign = 1 << 8 * size - 1
    least = sign | 1 if value == 0 else code + 1 if code & sign else code - 1
    most = 1 if value == 0 else code - 1 if code & sign else code + 1
    below, above = (_decoded(one, element) for one in (least, most))
    texts = ["" if math.isnan(float(one)) else _shortest(one) for one in (below, above)]
    return texts[0], texts[1], f"{float(above) - value:.4g}" if math.isfinite(float(above)) else ""


def _around(element: torch.Tensor, code: int, parts: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    """As many values of its type above and below as there are, itself among them. `parts`: bits of the sign and the
    exponent."""
    if not math.isfinite(float(element)) or torch.finfo(element.dtype).min >= 0:
        return ()
    bits, (signed, exponent) = 8 * element.element_size(), parts
    sign = 1 << bits - 1
    place = sign - code if code & sign else code  # in the order of the values; both zeros have place 0
    found = []
    for at in range(place + AROUND, place - AROUND - 1, -1):
        if abs(at) >= sign:
            continue
        near = code if at == place else sign - at if at < 0 else at
        value = _decoded(near, element)
        if math.isfinite(float(value)):
            text = f"{near:0{bits}b}"
            spaced = " ".join((text[:signed], text[signed : signed + exponent], text[signed + exponent :]))
            found.append((_shortest(value), spaced))
    return tuple(found)


def _others(element: torch.Tensor) -> tuple[tuple[str, str, str], ...]:
    """The value in other types, and how far it is off there; of integers only those that have room for it, as PyTorch
    defines no other."""
    value = element.item()
    found = []
    for kind in OTHERS:
        if kind == element.dtype:
            continue
        whole = not kind.is_floating_point and kind != torch.bool
        if whole and not (math.isfinite(value) and torch.iinfo(kind).min <= value <= torch.iinfo(kind).max):
            continue
        other = element.to(kind)
        text = _shortest(other) if kind.is_floating_point else str(other.item())
        off = ""
        if kind != torch.bool and math.isfinite(value) and math.isfinite(other.item()):
            difference = Decimal(other.item()) - Decimal(value)
            off = f"{'+' if difference > 0 else ''}{significant(float(difference), 3)}" if difference else "exact"
        found.append((str(kind), text, off))
    return tuple(found)


def _decoded(code: int, like: torch.Tensor) -> torch.Tensor:
    """The value that has these bits."""
    size = like.element_size()
    kind = WIDTHS[size]
    bits = 8 * size
    number = code if kind == torch.uint8 or code < 1 << bits - 1 else code - (1 << bits)
    return torch.tensor([number], dtype=kind).view(like.dtype)[0]


def _shortest(element: torch.Tensor) -> str:
    """The fewest decimal digits that are read back as this value of its type; all, where they are few."""
    value = float(element)
    if not math.isfinite(value):
        return str(value)
    if len(f"{Decimal(value):f}") <= FEW_DIGITS:
        return repr(value)
    code = _code(element)
    for digits in range(1, MOST_DIGITS + 1):
        text = f"{value:.{digits}g}"
        if _code(torch.tensor(float(text), dtype=torch.float64).to(element.dtype)) == code:
            return repr(float(text))
    return repr(value)
