"""Nothing that turns data into code: what `ruff` is told to refuse, it does refuse, and nobody has switched it off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "import pickle\n": "TID251",
    "import cloudpickle\n": "TID251",
    "import dill\n": "TID251",
    "import joblib\n": "TID251",
    "import marshal\n": "TID251",
    "import torch\ntorch.load('x')\n": "TID251",
    "import torch\ntorch.save({}, 'x')\n": "TID251",
    "import yaml\nyaml.load('x')\n": "TID251",
    "import os\nos.system('x')\n": "TID251",
    "eval('x')\n": "S307",
    "exec('x')\n": "S102",
    "import subprocess\nsubprocess.run('x', shell=True)\n": "S602",
}


def _codes(source: str, name: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "-"]
    done = subprocess.run(
        [*command, "--stdin-filename", name], input=source, capture_output=True, text=True, cwd=ROOT, check=False
    )
    return done.stdout


@pytest.mark.parametrize("source", FORBIDDEN)
def test_forbidden_calls_are_refused(source: str) -> None:
    assert FORBIDDEN[source] in _codes(source, "services/kernel/example.py")


def test_nobody_has_switched_it_off() -> None:
    """S603 and S607 (argument lists) may be argued about, these not."""
    codes = sorted(set(FORBIDDEN.values()))
    switched_off = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in (ROOT / "services").rglob("*.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if "noqa" in line and any(code in line for code in codes)
    ]
    assert switched_off == []


def test_numpy_reads_no_pickle() -> None:
    """Its default; ruff has no rule for those who ask for it."""
    files = (ROOT / "services").rglob("*.py")
    assert [file.name for file in files if "allow_pickle=True" in file.read_text()] == []
