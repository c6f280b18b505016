"""The numbers of small tensors, exactly: compared with NumPy's and with what PyTorch reads back."""

import itertools
import math
import struct
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.inspection.exact_numbers import exact_numbers, of_python


@given(st.floats(width=32))
def test_a_float32_has_its_bits_its_digits_and_its_neighbours(value: float) -> None:
    (found,) = exact_numbers(torch.tensor(value))
    code = struct.unpack(">I", struct.pack(">f", value))[0]
    if not math.isnan(value):
        assert "".join(found.bits) == f"{code:032b}"
        assert found.code == f"0x{code:08x}"
        assert np.float32(found.value).tobytes() == np.float32(value).tobytes()
    assert [len(part) for part in found.bits] == [1, 8, 23]
    if not math.isfinite(value):
        assert (found.exact, found.below, found.above, found.hexadecimal) == ("", "", "", "")
        return
    assert Decimal(found.exact) == Decimal(value)
    assert float.fromhex(found.hexadecimal) == value
    with np.errstate(over="ignore"):
        for text, towards in ((found.below, -np.inf), (found.above, np.inf)):
            assert np.float32(text) == np.nextafter(np.float32(value), np.float32(towards))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -3.5, 0.001953125, 57344.0, -448.0])
def test_other_floats_have_the_values_beside_them(kind: torch.dtype, value: float) -> None:
    element = torch.tensor(value).to(kind)
    (found,) = exact_numbers(element)
    assert float(found.value) == float(element) or math.isnan(float(element))
    every = sorted({
        float(one)
        for one in (torch.arange(256, dtype=torch.uint8).view(kind) if kind.itemsize == 1 else torch.empty(0)).float()
        if math.isfinite(one)
    })  # fmt: skip
    for text, side in ((found.below, -1), (found.above, 1)):
        if not text or not math.isfinite(float(text)):
            continue
        beside = float(torch.tensor(float(text), dtype=torch.float64).to(kind))
        assert (beside - float(element)) * side > 0
        assert not any(min(beside, float(element)) < one < max(beside, float(element)) for one in every)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_is_told_in_other_types_and_among_the_values_around_it(value: float) -> None:
    (found,) = exact_numbers(torch.tensor(value))
    others = {name: (text, off) for name, text, off in found.others}
    assert others["torch.float64"][1] == "exact"
    assert "torch.float32" not in others
    with np.errstate(over="ignore"):
        half = np.float16(np.float32(value))
    assert np.float16(others["torch.float16"][0]) == half
    assert others["torch.bool"] == (str(bool(value)), "")
    assert ("torch.int8" in others) == (-128 <= value <= 127)
    if "torch.int8" in others:
        assert int(others["torch.int8"][0]) == math.trunc(value)
    around = [np.float32(text) for text, _ in found.around]
    assert around == sorted(around, reverse=True)
    assert np.float32(value) in around
    for (_, bits), number in zip(found.around, around, strict=True):
        if number:  # which zero it is, its digits say alone
            assert struct.pack(">f", number) == int(bits.replace(" ", ""), 2).to_bytes(4, "big")
    for above, below in itertools.pairwise(around):
        assert np.nextafter(above, np.float32(-np.inf)) == below


@pytest.mark.parametrize("value", [448.0, -448.0])
def test_at_the_ends_of_a_type_there_are_fewer_values_around(value: float) -> None:
    (found,) = exact_numbers(torch.tensor(value).to(torch.float8_e4m3fn))
    numbers = [float(text) for text, _ in found.around]
    assert len(numbers) == 9
    assert max(numbers, key=abs) == value


def test_whole_numbers_truth_values_and_complex_ones() -> None:
    (found,) = exact_numbers(torch.tensor([[-7]], dtype=torch.int8))
    assert (found.index, found.value, found.bits, found.code, found.limits) == (
        (0, 0), "-7", ("11111001",), "0xf9", "-128 to 127",
    )  # fmt: skip
    (found,) = exact_numbers(torch.tensor(True))
    assert (found.value, found.bits, found.limits) == ("True", ("00000001",), "")
    real, imag = exact_numbers(torch.tensor(1 - 2j).conj())
    assert (real.part, real.value, imag.part, imag.value) == ("real", "1.0", "imag", "2.0")
    (found,) = exact_numbers(torch.tensor(2**64 - 1, dtype=torch.uint64))
    assert found.value == str(2**64 - 1)


def test_only_tensors_of_one_or_two_numbers_have_them() -> None:
    two = exact_numbers(torch.ones(2, 1, requires_grad=True))
    assert [one.index for one in two] == [(0, 0), (1, 0)]
    for tensor in (torch.ones(3), torch.ones(0), torch.ones(2, device="meta")):
        assert exact_numbers(tensor) == ()
    assert [one.value for one in exact_numbers(torch.tensor([0.0, 3]).to_sparse())] == ["0.0", "3.0"]
    assert [one.value for one in exact_numbers(torch.quantize_per_tensor(torch.ones(1), 0.5, 1, torch.qint8))] == [
        "1.0"
    ]


def test_python_numbers() -> None:
    (found,) = of_python(0.1)
    assert (found.value, len("".join(found.bits))) == ("0.1", 64)
    assert [one.value for one in of_python(10**30)] == [str(10**30)]
    assert [one.bits for one in of_python(5)] == [(f"{5:064b}",)]
    assert of_python(True) == ()
