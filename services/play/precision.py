"""Which number format the hidden layers run in.

Heads, losses, optimizer and weights on disk are float32 always; only the matrix products of the hidden layers
change. The simulator must act in the same format as the learner recomputes in: an fp32 actor against a bf16 learner
differs by up to 0.2 in log-probability at log_std -2.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

#: Names of the formats, as manifests and configurations have them.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

#: CPU flags that mean fast bfloat16 matrix products: x86 AVX512-BF16 and AMX, Arm's BF16 extension.
BF16_CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def resolve(name: str, device: str | torch.device = "cpu") -> torch.dtype:
    """`"auto"`, `"fp32"`, `"bf16"` or `"fp16"` -> the dtype of the hidden layers on `device`.

    Raises ValueError for an unknown name, for bf16 where the device has no fast bfloat16, and for fp16 on a CPU.
    """
    if name == "fp32":
        return torch.float32
    if name not in ("auto", *DTYPES):
        raise ValueError(f"network.precision: expected one of auto, {', '.join(DTYPES)}, found {name!r}")
    if name == "fp16":
        if torch.device(device).type == "cuda":
            return torch.float16
        raise ValueError(f"network.precision is 'fp16', but {device} is no GPU. Use 'auto', 'bf16' or 'fp32'.")
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
