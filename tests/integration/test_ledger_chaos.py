"""Every result exactly once, whatever dies: the benchmark itself, short, and as long as its claim."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from .league_kit import NEEDS_REDIS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ledger_chaos.py"


@NEEDS_REDIS
@pytest.mark.parametrize(
    "options", [["--quick"], pytest.param(["--kills", "300"], marks=[pytest.mark.slow, pytest.mark.timeout(2400)])]
)
async def test_nothing_is_lost_or_counted_twice_whatever_is_killed(options: list[str], tmp_path: Path) -> None:
    table = tmp_path / "rows.json"
    command = [sys.executable, str(SCRIPT), *options, "--json", str(table)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    print(output)
    assert process.returncode == 0, output
    rows = {row["name"]: row for row in json.loads(table.read_text())}
    assert rows["results acknowledged"]["value"] == rows["results applied"]["value"] > 0
    assert rows["kills"]["value"] >= (12 if options == ["--quick"] else 300)
    assert [name for name, row in rows.items() if row["unit"] == "violations" and row["value"]] == []
