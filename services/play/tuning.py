"""Settings for numerical work on a CPU: once per process, and `tune_thread` once per thread that computes."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

log = logging.getLogger(__name__)

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_KEEP_BYTES = 1 << 30


def tune_process(threads: int) -> None:
    """Keep freed memory, and set the number of CPU threads of the matrix products.

    glibc hands buffers of a few MB back to the kernel at once and faults them in again page by page: up to half of the
    CPU time of a training step. Freed memory stays with the process instead; its size is bounded by its own peak.
    """
    _keep_memory()
    torch.set_num_threads(threads)
    tune_thread(threads)


def tune_thread(threads: int) -> None:
    """Settings that each thread has for itself. Denormal numbers cost a hundred times the cycles of others."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


@contextmanager
def like_services() -> Iterator[None]:
    """For a while, this thread rounds as those of the services do: the last bit of a match may depend on it."""
    smallest = float.fromhex("0x1p-1074")
    flushing = smallest * 1.0 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushing)


def _keep_memory() -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        log.debug("this C library has no mallopt: memory settings stay as they are")
        return
    mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
    mallopt(_M_ARENA_MAX, 1)
