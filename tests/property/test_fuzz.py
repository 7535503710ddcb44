"""atheris looks for bytes that break a decoder, for some seconds each; longer: `python -m tests.property.fuzz`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .test_bad_bytes import NAMES

ROOT = Path(__file__).parents[2]
SECONDS = 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("atheris"), reason="atheris is not installed; it has wheels for Linux on x86-64"),
]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_in_some_seconds(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.property.fuzz", name, str(SECONDS)]
    path = os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = next(line for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units"))
    assert int(executed.split()[1]) > 100, done.stderr[-3000:]
