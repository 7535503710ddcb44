"""How a service of a run is started: its command line and its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..kernel.config import ENV_PREFIX
from .home import RunFolder

#: glibc gives large blocks back to the kernel at every free and faults them in again at the next message; with these
#: limits it keeps them, which makes encoding a rollout several times cheaper.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(512 * 1024 * 1024), "MALLOC_MMAP_THRESHOLD_": str(256 * 1024 * 1024)}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def program() -> str:
    """Version and place of the code that this process runs, and whose services it would start."""
    return f"Ludus {__version__} in {Path(__file__).resolve().parents[1]}"


def service_argv(run: RunFolder, name: str, resume: bool, nats_url: str) -> Sequence[str]:
    """`python -m ludus.<service> --config ...`, as on any other machine."""
    service, _, part = name.partition("-")
    argv = [sys.executable, "-P", "-m", f"ludus.{service}", "--config", str(run.config_file), "--nats-url", nats_url]
    argv += ["--http-port", "0", "--grpc-port", "0"]
    argv += ["--agent" if service == "learner" else "--worker", part] if part else []
    return [*argv, "--resume"] if resume else argv


def service_environment(run: RunFolder, name: str) -> Mapping[str, str]:
    """The supervisor's own environment without configuration overrides: config.json already holds what they said."""
    section = run.config().get(name.partition("-")[0], {})
    threads = str(section.get("threads", 1))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
    return {**MALLOC, **kept, **dict.fromkeys(THREAD_VARIABLES, threads), "PYTHONUNBUFFERED": "1"}
