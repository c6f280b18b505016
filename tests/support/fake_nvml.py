"""A stand-in of `pynvml`: cards that a test makes up, and calls that fail as it wants. Put it into `sys.modules`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar


class NVMLError(Exception):
    """What the library raises."""


@dataclass
class FakeCard:
    uuid: str
    load: int = 37  # percent
    used: int = 5 * 2**30
    total: int = 80 * 2**30
    milliwatts: int = 221_500
    limit: int = 700_000
    celsius: int = 61
    computing: dict[int, int | None] = field(default_factory=dict)  # pid: bytes
    drawing: dict[int, int | None] = field(default_factory=dict)
    mig: bool = False
    lost: bool = False


class FakeNvml:
    """Its attributes are the library's functions, as far as the program calls them."""

    NVML_TEMPERATURE_GPU = 0
    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {
        "nvmlInit": lambda nvml: None,
        "nvmlDeviceGetCount": lambda nvml: len(nvml._cards),
        "nvmlDeviceGetHandleByIndex": lambda nvml, index: nvml._handle(index),
        "nvmlDeviceGetUUID": lambda nvml, card: card.uuid,
        "nvmlDeviceGetUtilizationRates": lambda nvml, card: SimpleNamespace(gpu=card.load, memory=1),
        "nvmlDeviceGetMemoryInfo": lambda nvml, card: SimpleNamespace(used=card.used, total=card.total),
        "nvmlDeviceGetPowerUsage": lambda nvml, card: card.milliwatts,
        "nvmlDeviceGetEnforcedPowerLimit": lambda nvml, card: card.limit,
        "nvmlDeviceGetTemperatureV": lambda nvml, card, sensor: card.celsius,
        "nvmlDeviceGetTemperature": lambda nvml, card, sensor: card.celsius,
        "nvmlDeviceGetComputeRunningProcesses": lambda nvml, card: _processes(card.computing),
        "nvmlDeviceGetGraphicsRunningProcesses": lambda nvml, card: _processes(card.drawing),
        "nvmlDeviceGetMigMode": lambda nvml, card: [int(card.mig), int(card.mig)],
    }

    def __init__(self, *cards: FakeCard) -> None:
        self._cards = cards
        self.broken: dict[str, str] = {}  # functions that fail, with what they say; "": the library lacks them

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self.FUNCTIONS or self.broken.get(name) == "":
            raise AttributeError(f"no function {name}")
        if name in self.broken:
            return self._failing(name)
        return lambda *arguments: self.FUNCTIONS[name](self, *arguments)

    def _failing(self, name: str) -> Callable[..., Any]:
        def fail(*_: object) -> None:
            raise NVMLError(self.broken[name])

        return fail

    def _handle(self, index: int) -> FakeCard:
        if self._cards[index].lost:
            raise NVMLError("GPU is lost")
        return self._cards[index]


def _processes(found: dict[int, int | None]) -> list[SimpleNamespace]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in found.items()]
