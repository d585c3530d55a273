"""Has the C library keep the memory of large frames for the next ones.

Laws: nothing but speed depends on it; where the C library is another one, nothing is done; done once
for a process, and what the user has set by MALLOC_ variables stays.

glibc gives what it gets back of more than 128 KiB to the system at once, or soon, and every page of
the next such frame costs a page fault and is cleared: 256 for a mebibyte, more than all else that is
done to it. Kept, frames of 1 MiB pass at 1.4 to 2 times the rate. What is kept is what was in use at a
time: it is bounded by the windows of the links.
"""

from __future__ import annotations

import logging
import os
import sys

__all__ = ["keep_memory"]

log = logging.getLogger(__name__)

MIB = 1024 * 1024
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
FROM_HEAP = 32 * MIB
"""Allocations up to this come from memory that is kept."""
KEPT = 64 * MIB
"""Free memory beyond this goes back to the system."""

_done = False


def keep_memory() -> bool:
    """Tell the C library; say whether it has been told."""
    global _done
    if not _done and sys.platform == "linux" and not _set_by_user():
        import ctypes  # only here, and only once

        try:
            mallopt = ctypes.CDLL(None).mallopt
        except (AttributeError, OSError):
            log.debug("this C library has no mallopt: large frames are a little slower")
            return False
        _done = bool(mallopt(M_MMAP_THRESHOLD, FROM_HEAP) and mallopt(M_TRIM_THRESHOLD, KEPT))
    return _done


def _set_by_user() -> bool:
    return any(name.startswith("MALLOC_") for name in os.environ) or (
        "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    )
