import ctypes
import os
import subprocess
import sys
import threading

import pytest

from engine import allocator, device

MEASURE = """
import ctypes, resource, sys, threading
from engine.allocator import keep_freed_memory

SIZE, TIMES = 24 << 20, 20  # bytes; a page has 4096 at least
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]

def use():
    for _ in range(TIMES):
        blocks = [libc.malloc(SIZE), libc.malloc(2 * SIZE)]
        for block in blocks:
            ctypes.memset(block, 1, SIZE)
        for block in blocks:
            libc.free(block)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

kept = sys.argv[1] == "keep" and keep_freed_memory()
threads = [threading.Thread(target=use) for _ in range(2)]
for thread in threads:  # one after the other, as a run is trained in one
    before = faults()
    thread.start()
    thread.join()
print(kept, (faults() - before) * resource.getpagesize() / (2 * SIZE * TIMES))
"""
glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="needs glibc")


def measured(how: str, **variables: str) -> tuple[str, float]:
    """Whether memory is kept, and which part of what a thread used came fresh from the system."""
    clean = {name: value for name, value in os.environ.items() if name not in allocator.CHOSEN}
    command = [sys.executable, "-P", "-c", MEASURE, how]
    kept, part = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**clean, "PYTHONPATH": os.getcwd(), **variables}
    ).stdout.split()
    return kept, float(part)


@glibc
def test_memory_that_was_freed_is_used_again_in_place_of_fresh_pages() -> None:
    kept, part = measured("keep")
    assert kept == "True"
    assert part < 0.1  # of the 20 rounds at most the first takes any


@glibc
def test_without_it_each_block_is_new() -> None:
    assert measured("give")[1] > 0.5


@glibc
@pytest.mark.parametrize("name", allocator.CHOSEN)
def test_what_the_environment_says_counts(name: str) -> None:
    assert measured("keep", **{name: "" if name == "GLIBC_TUNABLES" else "1000000"})[0] == "False"


class OtherLibrary:
    """A C library without glibc's functions."""


@pytest.mark.parametrize("library", [OtherLibrary(), OSError("no such library")])
def test_other_c_libraries_are_left_as_they_are(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in allocator.CHOSEN:
        monkeypatch.delenv(name, raising=False)

    def loaded(_: object) -> object:
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", loaded)
    assert allocator.keep_freed_memory() is False


def test_a_run_s_thread_has_both_settings_before_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.runs.torch_thread import TorchThread

    called: list[str] = []
    monkeypatch.setattr(device, "spin_shortly", lambda: called.append("spin"))
    monkeypatch.setattr(device, "keep_freed_memory", lambda: called.append("keep"))
    thread = TorchThread("training")
    assert thread.call(threading.get_ident) != threading.get_ident()
    thread.close()
    assert called == ["spin", "keep"]
