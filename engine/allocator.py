"""What a process that trains does with the memory of tensors that are no longer needed."""

import ctypes
import os

# Of glibc's <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8

LARGEST = 1 << 30  # bytes of a tensor whose memory is kept
LARGEST_BEFORE_2_35 = 32 << 20  # what older versions of glibc take
FREE = (1 << 31) - 1  # bytes at the end of the heap that may be free: the most that mallopt takes
CHOSEN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let this process keep the memory of tensors that were freed, for the next ones. Returns whether it does.

    By default glibc gives a large block back to the system as soon as it is freed, and each step of a training asks for
    all of its activations and gradients anew: the system fills every page with zeros before the process may write to
    it, which takes a tenth to two fifths of a step of a convolutional network (`benchmarks.kept_memory`). The process
    stays as large as it was at its largest, and with large batches a third larger than it would be. One arena is for
    all threads, since those of single threads are given back whatever is asked for.

    Where the environment says how memory is allocated, that counts; other C libraries than glibc are left as they are.
    Threads that have allocated memory before keep their arenas.
    """
    if any(name in os.environ for name in CHOSEN):
        return False
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return False
    if not (hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt")):
        return False
    mallopt = libc.mallopt
    kept = mallopt(M_MMAP_THRESHOLD, LARGEST) or mallopt(M_MMAP_THRESHOLD, LARGEST_BEFORE_2_35)
    return bool(kept and mallopt(M_TRIM_THRESHOLD, FREE) and mallopt(M_ARENA_MAX, 1))
