"""What PyTorch and Python's C unpickler would import from a file: a program, given a path a line, that lists the names.

Nothing of a file is executed: whatever it imports is an object that does nothing. The process may write no files, and
has little memory and time.
"""

import json
import pickle
import resource
import sys
import types
from pathlib import Path
from typing import Any


class Inert:
    """Stands for everything that is imported, and for whatever that makes."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __call__(self, *_: Any, **__: Any) -> "Inert":
        return Inert()

    def __setstate__(self, _: Any) -> None: ...

    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("inert")

    def append(self, _: Any) -> None: ...

    def extend(self, _: Any) -> None: ...

    def add(self, _: Any) -> None: ...

    def __setitem__(self, *_: Any) -> None: ...


SEEN: list[str] = []


class Recorder(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        SEEN.append(f"{module}.{name}")
        return type("Imported", (Inert,), {})

    def persistent_load(self, _: Any) -> Any:
        return Inert()


def seen_by_torch(path: str) -> None:
    import torch

    recorder = types.ModuleType("recorder")
    recorder.Unpickler = Recorder  # type: ignore[attr-defined]
    recorder.load = lambda file, **_: Recorder(file).load()  # type: ignore[attr-defined]
    torch.load(path, pickle_module=recorder, weights_only=False, map_location="cpu")


def seen_by_c(path: str) -> None:
    with open(path, "rb") as file:
        Recorder(file).load()


def main() -> None:
    import torch  # noqa: F401 - before the limits

    see = {"torch": seen_by_torch, "c": seen_by_c}[sys.argv[1]]
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (600, 600))
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    for line in sys.stdin:
        SEEN.clear()
        ended = "whole"
        try:
            see(str(Path(line.rstrip("\n"))))
        except BaseException as error:
            ended = type(error).__name__
        print(json.dumps([sorted(set(SEEN)), ended]), flush=True)


if __name__ == "__main__":
    main()
