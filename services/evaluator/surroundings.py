"""What a run is made with: versions and hardware, for whoever wants to repeat it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

from .. import __version__

PACKAGES = ("torch", "warp-lang", "numpy", "scipy", "safetensors", "nats-py", "grpcio", "protobuf", "pydantic")


def surroundings() -> dict[str, str]:
    """Names and values, in the order they are shown."""
    memory = psutil.virtual_memory().total / 2**30
    graphics = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return {
        "Ludus": f"{__version__}{_commit()}",
        "Python": platform.python_version(),
        "packages": packages,
        "system": platform.platform(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.1f} GiB",
        "graphics": ", ".join(graphics) or "none",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """Of a checkout; an installed package has none."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        asked = ["git", "-C", str(root), "describe", "--always", "--dirty"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f", commit {done.stdout.strip()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
