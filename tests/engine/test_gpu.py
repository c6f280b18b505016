"""Readings of an NVIDIA card, against a stand-in of its library: no test here has seen a real one."""

import os
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine import device
from engine.errors import DeviceError
from engine.gpu import Card, CardReading, choose, open_card
from tests.support.fake_nvml import FakeCard, FakeNvml

A, B, C = "GPU-9a1b0000-1111-2222-3333-444444444444", "GPU-1c2d0000-5555", "GPU-9a1bffff-6666"
ME = os.getpid()
GIB = 2**30


def fake(monkeypatch: pytest.MonkeyPatch, *cards: FakeCard) -> FakeNvml:
    """The library, in place of the real one."""
    made = FakeNvml(*cards)
    monkeypatch.setitem(sys.modules, "pynvml", made)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


def shared(uuid: str = A) -> FakeCard:
    """A card that this process shares with one that computes and one that draws."""
    return FakeCard(uuid, computing={ME: 2 * GIB, 7: GIB}, drawing={8: 100, 7: GIB})


def test_a_card_tells_all_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, shared())
    card = open_card(A, 0)
    assert card.read() == CardReading(
        load=0.37, memory_used=5 * GIB, memory_total=80 * GIB, memory_process=2 * GIB, watts=221.5, watts_limit=700.0,
        temperature=61, others=2, others_memory=GIB + 100,
    )  # fmt: skip
    assert card.problems() == []


@pytest.mark.parametrize("says", ["Not Supported", "GPU is lost", ""])
@pytest.mark.parametrize(
    ("functions", "words", "lacks"),
    [
        (["nvmlDeviceGetUtilizationRates"], "load", {"load"}),
        (["nvmlDeviceGetMemoryInfo"], "memory", {"memory_used", "memory_total"}),
        (["nvmlDeviceGetPowerUsage"], "watts", {"watts"}),
        (["nvmlDeviceGetEnforcedPowerLimit"], "limit of watts", {"watts_limit"}),
        (["nvmlDeviceGetTemperatureV"], "", set()),  # the older function is asked
        (["nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"], "temperature", {"temperature"}),
        (["nvmlDeviceGetComputeRunningProcesses"], "processes", {"memory_process", "others", "others_memory"}),
    ],
)
def test_what_fails_is_left_out_alone_and_said_once(
    functions: list[str], words: str, lacks: set[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = fake(monkeypatch, shared())
    card = open_card(A, 0)
    whole = card.read()
    nvml.broken = dict.fromkeys(functions, says)
    nothing: dict[str, Any] = dict.fromkeys(lacks)
    assert [card.read() for _ in range(3)] == [replace(whole, **nothing)] * 3
    said = card.problems()
    assert [
        one.startswith(f"the GPU does not tell its {words} (") and (says or functions[-1]) in one for one in said
    ] == ([True] if words else [])
    nvml.broken = {}
    assert card.read() == whole, "it may come back"
    nvml.broken = dict.fromkeys(functions, says)
    card.read()
    assert card.problems() == []


def test_with_a_driver_that_is_gone_nothing_is_known_and_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake(monkeypatch, shared())
    card = open_card(A, 0)
    functions = (
        "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature",
        "nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses",
    )  # fmt: skip
    nvml.broken = dict.fromkeys(functions, "Driver Not Loaded")
    assert card.read() == CardReading()
    (said,) = card.problems()
    assert said == (
        "the GPU does not tell its load, memory, watts, limit of watts, temperature and processes (Driver Not Loaded)"
    )


@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({"load": 4_000_000_000}, "load"),
        ({"load": -1}, "load"),
        ({"milliwatts": 2**32 - 1}, "watts"),
        ({"limit": -5}, "watts_limit"),
        ({"celsius": 2**31}, "temperature"),
        ({"celsius": float("nan")}, "temperature"),
        ({"used": 2**64 - 1}, "memory_used"),
        ({"total": "80 GiB"}, "memory_total"),
        ({"computing": {ME: None}}, "memory_process"),
        ({"computing": {ME: 2 * GIB, 7: None}}, "others_memory"),
    ],
)
def test_a_number_beyond_all_bounds_is_no_reading(
    changed: dict[str, Any], lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(
        monkeypatch,
        replace(shared(), **changed) if lacks != "others_memory" else replace(shared(), drawing={}, **changed),
    )
    card = open_card(A, 0)
    found = card.read()
    assert getattr(found, lacks) is None
    assert found.watts_limit is not None or lacks == "watts_limit"
    assert len(card.problems()) == 1


@pytest.mark.parametrize("listed", [{}, {4242: 2 * GIB, 4243: GIB}])
def test_processes_that_are_numbered_as_another_container_does_are_not_taken_for_others(
    listed: dict[int, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, FakeCard(A, computing=listed))
    card = open_card(A, 0)
    found = card.read()
    assert (found.memory_process, found.others, found.others_memory) == (None, None, None)
    assert "as in a container" in card.problems()[0]


def test_alone_on_a_card_there_are_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, FakeCard(A, computing={ME: GIB}))
    found = open_card(A, 0).read()
    assert (found.others, found.others_memory) == (0, 0)


PCI = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@pytest.mark.parametrize(
    ("uuid", "index", "environ", "found"),
    [
        # As torch has it, whatever the numbers are.
        (A, 0, {}, A),
        (A.removeprefix("GPU-").upper(), 1, {"CUDA_VISIBLE_DEVICES": "1,0"}, A),
        (B, 0, {"CUDA_VISIBLE_DEVICES": "1"}, B),
        # By the variable.
        ("", 0, PCI, A),
        ("", 2, PCI, C),
        ("", 0, PCI | {"CUDA_VISIBLE_DEVICES": "1"}, B),
        ("", 1, PCI | {"CUDA_VISIBLE_DEVICES": " 2 , 0 "}, A),
        ("", 0, {"CUDA_VISIBLE_DEVICES": B}, B),
        ("", 1, {"CUDA_VISIBLE_DEVICES": "GPU-1c,GPU-9a1bf"}, C),
        ("", 0, {"CUDA_VISIBLE_DEVICES": "gpu-1C2D"}, B),
        ("", 0, {"CUDA_VISIBLE_DEVICES": "GPU-1c,GPU-9a1b"}, B),  # the second is ambiguous, and not asked for
    ],
)
def test_the_card_is_found_that_cuda_means(uuid: str, index: int, environ: dict[str, str], found: str) -> None:
    assert choose([A, B, C], uuid, index, environ) == found


@pytest.mark.parametrize(
    ("uuid", "index", "environ", "why"),
    [
        ("", 0, {"CUDA_VISIBLE_DEVICES": "GPU-9a1b"}, "GPU-9a1b may be any of GPU-9a1b0000.*, GPU-9a1bffff"),
        ("", 0, {"CUDA_VISIBLE_DEVICES": "MIG-1c2d"}, r"names a slice of a card \(MIG\).*MIG-1c2d"),
        (A, 0, {"CUDA_VISIBLE_DEVICES": "MIG-GPU-9a1b0000/1/0"}, r"a slice of a card \(MIG\)"),
        (A, 1, {"CUDA_VISIBLE_DEVICES": "0,mig-5"}, r"a slice of a card \(MIG\)"),
        ("GPU-ffff", 0, {}, "NVML knows no card GPU-ffff"),
        ("", 0, {}, "CUDA_DEVICE_ORDER=PCI_BUS_ID"),
        ("", 0, {"CUDA_VISIBLE_DEVICES": "1"}, "CUDA_DEVICE_ORDER=PCI_BUS_ID"),
        ("", 0, PCI | {"CUDA_VISIBLE_DEVICES": ""}, "no cuda:0"),
        ("", 0, PCI | {"CUDA_VISIBLE_DEVICES": "-1,0"}, "no cuda:0"),
        ("", 1, PCI | {"CUDA_VISIBLE_DEVICES": "0,9,1"}, "no cuda:1"),
        ("", 1, PCI | {"CUDA_VISIBLE_DEVICES": "1,1"}, "no cuda:1"),
        ("", 0, {"CUDA_VISIBLE_DEVICES": "GPU-77"}, "no cuda:0"),
        ("", 3, PCI, "no cuda:3"),
    ],
)
def test_a_card_that_can_not_be_told_is_none(uuid: str, index: int, environ: dict[str, str], why: str) -> None:
    with pytest.raises(DeviceError, match=why):
        choose([A, B, C], uuid, index, environ)


def test_the_only_card_needs_no_order() -> None:
    assert choose([A], "", 0, {}) == A
    assert choose([A], "", 0, {"CUDA_VISIBLE_DEVICES": "0"}) == A


def test_a_card_beside_a_lost_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, FakeCard(A, lost=True), FakeCard(B, load=5, computing={ME: 1}))
    assert open_card(B, 0).read().load == 0.05
    with pytest.raises(DeviceError, match="knows no card"):
        open_card(A, 0)


def test_why_nothing_is_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(DeviceError, match="pip install nvidia-ml-py"):
        open_card(A, 0)
    nvml = fake(monkeypatch, FakeCard(A, lost=True))
    with pytest.raises(DeviceError, match=r"NVML can't be used \(GPU is lost\)"):
        open_card(A, 0)
    nvml.broken = {"nvmlInit": "NVML Shared Library Not Found"}
    with pytest.raises(DeviceError, match=r"NVML can't be used \(NVML Shared Library Not Found\)"):
        open_card(A, 0)
    fake(monkeypatch, FakeCard(A, mig=True))
    with pytest.raises(DeviceError, match="divided into slices"):
        open_card(A, 0)


def test_the_stand_in_has_no_function_that_the_library_lacks() -> None:
    library = pytest.importorskip("pynvml")
    assert [name for name in FakeNvml.FUNCTIONS if not callable(getattr(library, name, None))] == []
    assert isinstance(library.NVML_TEMPERATURE_GPU, int)


def test_a_card_that_knows_no_slices_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake(monkeypatch, shared())
    nvml.broken = {"nvmlDeviceGetMigMode": "Not Supported"}
    assert isinstance(open_card(A, 0), Card)


class TestMeter:
    """The device of a run, on which torch knows its own memory and the card's UUID."""

    @pytest.fixture(autouse=True)
    def torch_has_two_cards(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In another order than NVML, and `cuda:1` is the one whose UUID is A."""

        def properties(which: torch.device) -> SimpleNamespace:
            return SimpleNamespace(uuid=[B, A][which.index].removeprefix("GPU-"), total_memory=79 * GIB)

        monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda which: 3 * GIB)

    def test_the_card_and_what_torch_holds_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fake(monkeypatch, shared(A), FakeCard(B, load=99))
        meter = device.Meter(torch.device("cuda:1"))
        found = meter.read()
        assert (found.load, found.memory, found.memory_total) == (0.37, 3 * GIB, 79 * GIB)
        assert (found.memory_process, found.others, found.watts) == (2 * GIB, 2, 221.5)
        assert meter.problems() == []
        assert device.Meter(torch.device("cuda:0")).read().load == 0.99

    def test_without_the_library_what_torch_knows_is_left_and_the_rest_said_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pynvml", None)
        meter = device.Meter(torch.device("cuda:0"))
        assert meter.read() == device.Reading(memory=3 * GIB, memory_total=79 * GIB)
        (said,) = meter.problems()
        assert said.startswith("the GPU's load, watts and temperature are not read: nvidia-ml-py is missing")
        meter.read()
        assert meter.problems() == []


def test_the_processor_has_a_load_and_no_watts() -> None:
    meter = device.Meter(torch.device("cpu"))
    found = meter.read()
    assert found.memory is not None
    assert found.memory_total is not None
    assert 0 < found.memory < found.memory_total
    assert found.load is not None
    assert 0 <= found.load <= 1
    assert (found.watts, found.others, meter.problems()) == (None, None, [])
