"""What an NVIDIA card says of itself, through NVML: load, memory, watts, temperature, and who else uses it.

NVML knows every card of the machine and numbers them by their slots. CUDA knows those that CUDA_VISIBLE_DEVICES leaves,
and numbers them as that says, or by their speed. So a card is found by its UUID. Every call may fail by itself, as not
every card and driver knows all of them: what is missing is left out, and `Card.problems` says it once.

`pynvml` (the package nvidia-ml-py) is imported when a card is opened. Imports no torch.
"""

import importlib
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.errors import DeviceError

MOST_WATTS = 1e5  # of one card; what lies beyond these bounds is no reading
LEAST_CELSIUS, MOST_CELSIUS = -273.0, 1000.0
MOST_BYTES = 10**15
MOST_PROCESSES = 10**6
HOW = "CUDA_VISIBLE_DEVICES"

T = TypeVar("T")


@dataclass(frozen=True)
class CardReading:
    """A card at one moment; None for what it does not tell."""

    load: float | None = None  # 0..1: the part of the last sixth to whole second in which it computed
    memory_used: int | None = None  # bytes, of all processes and the driver
    memory_total: int | None = None  # bytes
    memory_process: int | None = None  # bytes of this process, CUDA's own part of them too
    watts: float | None = None
    watts_limit: float | None = None
    temperature: float | None = None  # °C
    others: int | None = None  # processes on the card beside this one
    others_memory: int | None = None  # bytes they use


class Card:
    """One card. For one thread: its calls take up to milliseconds, and with a driver in trouble seconds."""

    def __init__(self, nvml: Any, handle: Any, uuid: str) -> None:
        """`nvml`: the module pynvml; `handle`: the card's."""
        self.uuid = uuid
        self._nvml, self._handle = nvml, handle
        self._missing: dict[str, str] = {}  # what the card did not tell, and why
        self._told: set[str] = set()  # of those, what `problems` has said

    def read(self) -> CardReading:
        """The card now. Raises nothing."""
        card, nvml = self._handle, self._nvml
        load = self._ask("load", lambda: nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100, most=1.0)
        memory = self._call("memory", lambda: nvml.nvmlDeviceGetMemoryInfo(card))
        watts = self._ask("watts", lambda: nvml.nvmlDeviceGetPowerUsage(card) / 1000, most=MOST_WATTS)
        limit = self._ask("limit of watts", lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(card) / 1000, most=MOST_WATTS)
        celsius = self._ask("temperature", self._temperature, least=LEAST_CELSIUS, most=MOST_CELSIUS)
        used = self._bytes("memory in use", lambda: memory.used) if memory is not None else None
        total = self._bytes("memory", lambda: memory.total) if memory is not None else None
        ours, others, theirs = self._processes()
        return CardReading(load, used, total, ours, watts, limit, celsius, others, theirs)

    def problems(self) -> list[str]:
        """What the card does not tell, with the reason, since the last call: each thing once."""
        by_reason: dict[str, list[str]] = {}
        for what, reason in self._missing.items():
            if what not in self._told:
                by_reason.setdefault(reason, []).append(what)
        self._told.update(self._missing)
        return [f"the GPU does not tell its {_and(what)} ({reason})" for reason, what in by_reason.items()]

    def _temperature(self) -> Any:
        """By the function that replaces the older one, where the driver has it. Raises what NVML raises."""
        sensor = getattr(self._nvml, "NVML_TEMPERATURE_GPU", 0)
        return _first_that_works(
            lambda: self._nvml.nvmlDeviceGetTemperatureV(self._handle, sensor),
            lambda: self._nvml.nvmlDeviceGetTemperature(self._handle, sensor),
        )

    def _processes(self) -> tuple[int | None, int | None, int | None]:
        """Bytes of this process, how many others there are, and their bytes."""
        nvml, card = self._nvml, self._handle
        computing = self._call("processes", lambda: _by_pid(nvml.nvmlDeviceGetComputeRunningProcesses(card)))
        if computing is None:
            return None, None, None
        drawing = self._call("processes that draw", lambda: _by_pid(nvml.nvmlDeviceGetGraphicsRunningProcesses(card)))
        every = (drawing or {}) | computing
        if os.getpid() not in every:  # in a container: the driver numbers them as the host does, or names none
            self._missing.setdefault(
                "other processes", "this one is not among those that it names, as in a container or with CUDA's MPS"
            )
            return None, None, None
        ours = every.pop(os.getpid())
        others = self._ask("other processes", lambda: len(every), most=MOST_PROCESSES)
        theirs = self._bytes("memory of other processes", lambda: _sum(every.values()))
        return self._bytes("memory of this process", lambda: ours), _whole(others), theirs

    def _bytes(self, what: str, call: Callable[[], Any]) -> int | None:
        return _whole(self._ask(what, call, most=MOST_BYTES))

    def _ask(self, what: str, call: Callable[[], Any], *, most: float, least: float = 0.0) -> float | None:
        """A number within its bounds."""
        value = self._call(what, call)
        if value is None:
            self._missing.setdefault(what, "not known")
            return None
        if not isinstance(value, int | float) or not math.isfinite(value) or not least <= value <= most:
            self._missing.setdefault(what, f"{str(value)[:40]} is none")
            return None
        return float(value)

    def _call(self, what: str, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Exception as error:  # NVML's, or one of a library that lacks the function: a training goes on without it
            self._missing.setdefault(what, _reason(error))
            return None


def open_card(uuid: str, index: int, environ: Mapping[str, str] = os.environ) -> Card:
    """The card that CUDA calls `cuda:<index>` in this process. Raises DeviceError: why it can't be read.

    `uuid`: as torch has it; empty: not known, then CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER in `environ` decide.
    """
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handles = _handles(nvml)
    except ImportError:
        raise DeviceError("nvidia-ml-py is missing: pip install nvidia-ml-py") from None
    except Exception as error:
        raise DeviceError(f"NVML can't be used ({_reason(error)})") from None
    found = choose(list(handles), uuid, index, environ)
    if _is_sliced(nvml, handles[found]):
        raise DeviceError("the card is divided into slices (MIG), and NVML tells of all of them together")
    return Card(nvml, handles[found], found)


def choose(uuids: Sequence[str], uuid: str, index: int, environ: Mapping[str, str]) -> str:
    """Which of the machine's cards `cuda:<index>` is. Raises DeviceError where that can't be told.

    `uuids`: the cards' (`GPU-…`), by their slots; `uuid`: the wanted one's, with or without `GPU-`; empty: not known.
    """
    entries = _entries(environ.get(HOW))
    entry = entries[index] if entries is not None and index < len(entries) else ""
    if entry.upper().startswith("MIG-"):
        raise DeviceError(f"{HOW} names a slice of a card (MIG), and NVML tells of whole cards: {entry}")
    if uuid:
        wanted = _bare(uuid)
        for one in uuids:
            if _bare(one) == wanted:
                return one
        raise DeviceError(f"NVML knows no card GPU-{wanted}; it may be a slice of one (MIG)")
    left = list(uuids) if entries is None else _left(entries[: index + 1], uuids, environ)
    if index >= len(left):
        raise DeviceError(f"there is no cuda:{index} with {HOW}={environ.get(HOW, '')}")
    if entries is None:
        _check_order(uuids, environ)
    return left[index]


def _left(entries: Sequence[str], uuids: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The cards that are meant: as CUDA reads them, up to the first entry that means none."""
    found: list[str] = []
    for entry in entries:
        if entry.upper().startswith("GPU-"):
            meant = [one for one in uuids if one.lower().startswith(entry.lower())]
            if len(meant) > 1:
                raise DeviceError(f"{HOW}: {entry} may be any of {', '.join(meant)}")
        elif entry.isascii() and entry.isdigit() and int(entry) < len(uuids):
            _check_order(uuids, environ)
            meant = [uuids[int(entry)]]
        else:
            meant = []
        if not meant:
            break
        if meant[0] in found:  # CUDA takes none of a list that names a card twice
            return []
        found += meant
    return found


def _check_order(uuids: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raises DeviceError where a card's number may be another one for NVML than for CUDA."""
    if len(uuids) > 1 and environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        raise DeviceError(
            "which of the cards it is can't be told: this PyTorch does not know its UUID, and CUDA numbers cards by "
            "their speed; with CUDA_DEVICE_ORDER=PCI_BUS_ID it numbers them as NVML does"
        )


def _entries(value: str | None) -> list[str] | None:
    """Of CUDA_VISIBLE_DEVICES; None: it is not set, all cards are visible."""
    return None if value is None else [entry.strip() for entry in value.split(",")]


def _handles(nvml: Any) -> dict[str, Any]:
    """The cards by their UUIDs, in the order of their slots. Raises what NVML raises where none can be asked."""
    found: dict[str, Any] = {}
    failed: Exception | None = None
    for at in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(at)
            uuid = nvml.nvmlDeviceGetUUID(handle)
        except Exception as error:  # one that is lost, or another user's: the others can be read
            failed = error
            uuid, handle = f"{at}", None
        found[uuid.decode() if isinstance(uuid, bytes) else str(uuid)] = handle
    if failed is not None and all(handle is None for handle in found.values()):
        raise failed
    return found


def _is_sliced(nvml: Any, handle: Any) -> bool:
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)
        return bool(current)
    except Exception:  # a card without MIG, or a library that does not know of it
        return False


def _sum(numbers: Iterable[int | None]) -> int | None:
    """None where one of them is not known."""
    found = list(numbers)
    known = [number for number in found if number is not None]
    return sum(known) if len(known) == len(found) else None


def _by_pid(processes: Any) -> dict[int, int | None]:
    return {int(one.pid): one.usedGpuMemory for one in processes}


def _first_that_works(*calls: Callable[[], Any]) -> Any:
    for call in calls[:-1]:
        try:
            return call()
        except Exception:  # the next one says what is wrong
            continue
    return calls[-1]()


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _bare(uuid: str) -> str:
    return uuid.lower().removeprefix("gpu-")


def _reason(error: Exception) -> str:
    """One line."""
    return (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
