"""File permissions that hold for root too: tests often run as root, whom a mode of 000 does not keep out."""

import contextlib
import ctypes
import os
from collections.abc import Iterator

VERSION_3 = 0x20080522  # of the kernel's struct; see capset(2)
DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2  # the capabilities' numbers in linux/capability.h


@contextlib.contextmanager
def permissions_hold() -> Iterator[None]:
    """Within it, this thread, and what it starts, may not read what its files' modes forbid."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    before = list(sets)
    forbidden = 1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH
    sets[0] &= ~forbidden
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        sets[0] = before[0]
        assert libc.capset(header, sets) == 0
