"""What listing a file of weights costs, against torch.load; a folder of shards; and reading all of a checkpoint.

    python -m benchmarks.inspect [--rounds 5] [--json]

A vgg16 state_dict, 528 MB, is listed and loaded in processes of their own, in turn, whose imports are done before the
clock starts; memory is what the process has at most beyond what it had before. The shards are sparse files: their
headers are real, their numbers are holes. The check of a checkpoint against its manifest is set against reading the
file alone and hashing alone, whichever is slower; both readings are from the disk: what the system keeps of the file is
dropped before each (other caches, such as those of a virtual machine's host, are not).
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.table import Row, at_least, at_most, parser, report
from engine.home import RunFolder

SHARDS, TENSORS, ROWS = 4, 80, 4096  # 4 × 80 tensors of 1,024 × 4,096 float32: 5.4 GB

# Run in a process of its own: what comes before the clock, and what is timed.
READING = "from engine.weights.reading import read", "found = read(Path({path!r}))"
LOADING = "import torch", "found = torch.load({path!r}, weights_only=True)"
MAPPING = "import torch", "found = torch.load({path!r}, weights_only=True, mmap=True)"
OPENING = (
    "from engine.weights import tensors; from engine.weights.reading import read; import torch",
    "found = tensors.load(read(Path({path!r})), 'classifier.0.weight')[:8, :8].tolist()",
)
TIMED = """
import json, resource, time
from pathlib import Path
{before}

def most():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

def now():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

Path("/proc/self/clear_refs").write_text("5")  # the most so far is what it is now
start, begin = now(), time.perf_counter()
{timed}
seconds = time.perf_counter() - begin
print(json.dumps([seconds, max(0, most() - start)]))
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--small", action="store_true", help="small files, to try the benchmark itself")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            *listed(Path(folder), given.rounds, small=given.small),
            *sharded(Path(folder), given.rounds, small=given.small),
            *checked(Path(folder), given.rounds),
        ]
    report("inspect", rows, as_json=given.json, rounds=given.rounds)


def measured(what: tuple[str, str], path: Path) -> tuple[float, float]:
    """Seconds, and bytes at most beyond those before."""
    code = TIMED.format(before=what[0], timed=what[1].format(path=os.fspath(path)))
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    seconds, memory = json.loads(told)
    return seconds, memory


def best(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """The shortest, and the least memory."""
    return min(seconds for seconds, _ in pairs), min(memory for _, memory in pairs)


def listed(folder: Path, rounds: int, *, small: bool) -> list[Row]:
    import torch
    import torchvision

    path = folder / "vgg16.pth"
    name, more = ("squeezenet1_0", {}) if small else ("vgg16", {"init_weights": False})
    torch.save(torchvision.models.get_model(name, weights=None, **more).state_dict(), path)
    ways = {"list": READING, "load": LOADING, "map": MAPPING} | ({} if small else {"open": OPENING})
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, what in ways.items():
            found[way].append(measured(what, path))
    seconds, memory = ({way: best(pairs)[at] for way, pairs in found.items()} for at in (0, 1))
    least = 4096  # bytes: one page, where less was taken than can be seen
    rows = [
        Row("the file", path.stat().st_size / 2**20, "MiB"),
        Row("torch.load(weights_only=True)", 1000 * seconds["load"], "ms"),
        Row("the same with mmap=True", 1000 * seconds["map"], "ms"),
        Row("listing", 1000 * seconds["list"], "ms"),
        at_least("listing is faster than torch.load", seconds["load"] / seconds["list"], 20),
        Row("listing is faster than mmap=True", seconds["map"] / seconds["list"], "×"),
        Row("memory of torch.load", memory["load"] / 2**20, "MiB"),
        Row("memory of listing", memory["list"] / 2**20, "MiB"),
        at_most("memory of listing to that of torch.load", max(least, memory["list"]) / memory["load"], 0.1),
    ]
    if not small:
        rows += [
            at_most("listing, and a part of the 392 MiB tensor", seconds["open"], 0.5, "s"),
            Row("memory of that", memory["open"] / 2**20, "MiB"),
        ]
    command = [sys.executable, "-m", "tui.cli.main", "inspect", os.fspath(path)]
    return [*rows, at_most("fmnist-tui inspect, the whole command", shortest(lambda: run(command), rounds), 1.0, "s")]


def sharded(folder: Path, rounds: int, *, small: bool) -> list[Row]:
    target = folder / "shards"
    target.mkdir()
    weights: dict[str, str] = {}
    total = 0
    for shard in range(SHARDS):
        name = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        header: dict[str, Any] = {}
        at = 0
        for number in range(TENSORS):
            size = 4 * 1024 * (4 if small else ROWS)
            shape = [1024, size // 4096]
            header[f"layers.{shard}.{number}.weight"] = {
                "dtype": "F32",
                "shape": shape,
                "data_offsets": [at, at + size],
            }
            at += size
        weights |= dict.fromkeys(header, name)
        told = json.dumps(header).encode()
        with open(target / name, "wb") as file:
            file.write(struct.pack("<Q", len(told)) + told)
            file.truncate(8 + len(told) + at)
        total += at
    (target / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    command = [sys.executable, "-m", "tui.cli.main", "inspect", os.fspath(target)]
    seconds, _ = best([measured(READING, target) for _ in range(rounds)])
    return [
        Row(f"{SHARDS} shards, {len(weights)} tensors", total / 2**30, "GiB"),
        at_most("listing them", seconds, 1.0, "s"),
        at_most("fmnist-tui inspect, the whole command", shortest(lambda: run(command), rounds), 1.0, "s"),
    ]


def checked(folder: Path, rounds: int) -> list[Row]:
    """A run's checkpoint, made of the vgg16's bytes, against its manifest."""
    from engine.checkpoints import manifest
    from engine.checkpoints.verify import sha256, verify
    from engine.weights.reading import read

    path = folder / "vgg16.pth"
    RunFolder(folder).checkpoints.mkdir()
    path = path.rename(RunFolder(folder).checkpoint("epoch-0001.pt"))
    manifest.write(RunFolder(folder), [manifest.Entry(path.name, 1, 1, path.stat().st_size, sha256(path), 0.0)])
    contents = read(path)

    def checks() -> None:
        assert not verify(contents).damage

    size = path.stat().st_size
    ways: dict[str, Callable[[], object]] = {
        "read": lambda: read_through(path), "hash": lambda: hashed(size), "check": checks,
    }  # fmt: skip
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for way, do in ways.items():
            dropped(path)
            begin = time.perf_counter()
            do()
            seconds[way] = min(seconds[way], time.perf_counter() - begin)
    slower = max(seconds["read"], seconds["hash"])
    return [
        Row("reading a checkpoint, from the disk", size / 2**20 / seconds["read"], "MiB/s"),
        Row("SHA-256 of as many bytes in memory", size / 2**20 / seconds["hash"], "MiB/s"),
        Row("checking the checkpoint", size / 2**20 / seconds["check"], "MiB/s"),
        at_most("checking takes, to the slower of the two", seconds["check"] / slower, 1.25),
    ]


def read_through(path: Path) -> None:
    block = bytearray(1 << 20)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(block):
            pass


def hashed(size: int) -> None:
    digest, block = hashlib.sha256(), bytes(1 << 20)
    for _ in range(-(-size // len(block))):
        digest.update(block)


def dropped(path: Path) -> None:
    """Let the system forget what it has of the file in memory."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def shortest(do: Callable[[], None], rounds: int) -> float:
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        do()
        found.append(time.perf_counter() - begin)
    return min(found)


if __name__ == "__main__":
    main()
