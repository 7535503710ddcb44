"""Docker where it is there: images made from what is on this machine, and compose. Otherwise the reason why not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"


def missing(*images: str) -> str:
    """Why nothing can be tried here; "" when it can."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if run("docker", "info", check=False).returncode:
        return "no docker daemon answers"
    absent = [image for image in images if run("docker", "image", "inspect", image, check=False).returncode]
    return f"images are missing: {', '.join(absent)} (docs/cluster.md says how they are built)" if absent else ""


def missing_compose(*images: str) -> str:
    return missing(*images) or ("" if shutil.which("docker-compose") else "docker-compose is not installed")


def run(*command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300, check=False
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done
