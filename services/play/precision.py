"""Which number format the hidden layers run in.

Heads, losses, optimizer and weights on disk are float32 always; only the matrix products of the hidden layers
change. The simulator must act in the same format as the learner recomputes in: an fp32 actor against a bf16 learner
differs by up to 0.2 in log-probability at log_std -2.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

#: CPU flags that mean fast bfloat16 matrix products: x86 AVX512-BF16 and AMX, Arm's BF16 extension.
BF16_CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def resolve(name: str, device: str | torch.device = "cpu") -> torch.dtype:
    """`"auto"`, `"fp32"` or `"bf16"` -> the dtype of the hidden layers on `device`.

    Raises ValueError for an unknown name, and for bf16 where the device has no fast bfloat16.
    """
    if name == "fp32":
        return torch.float32
    if name not in ("auto", "bf16"):
        raise ValueError(f"network.precision: expected 'auto', 'fp32' or 'bf16', found {name!r}")
    if has_bf16(torch.device(device)):
        return torch.bfloat16
    if name == "auto":
        return torch.float32
    raise ValueError(
        f"network.precision is 'bf16', but {device} has no fast bfloat16 (on a CPU: AVX512-BF16 or AMX). "
        "Use 'auto', which takes bf16 only where it helps, or 'fp32'."
    )


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 matrix products are fast there."""
    if device.type == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and not BF16_CPU_FLAGS.isdisjoint(_cpu_flags())


@cache
def _cpu_flags() -> frozenset[str]:
    """Flags of the first CPU (`flags` on x86, `Features` on Arm); empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
