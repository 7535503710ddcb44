"""Does it learn? Trains from scratch through the four services, several seeds, and prints what the evaluator measured.

Every number comes from the run's own report: deterministic play, seeds never trained on, both seats, Wilson intervals.

    python benchmarks/time_to_skill.py                      # 3 seeds of the default preset
    python benchmarks/time_to_skill.py --quick              # 1 seed of the quick preset, under two minutes
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import Row, row, show

TARGET_WIN_RATE = 0.95
TARGET_DECISIONS = 9_000_000
TARGET_SECONDS = 600.0
FOUR_BOTS = ("bot:chaser", "bot:dogfighter", "bot:ace", "bot:brawler")


def ludus(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def train(home: Path, preset: str, seed: int, extra: list[str]) -> tuple[dict[str, Any], float]:
    """One run from scratch; its summary and the wall time from the command to the finished report."""
    run = f"skill-{preset}-{seed}"
    started = time.monotonic()
    overrides = [part for setting in extra for part in ("--set", setting)]
    ludus(home, "train", "dogfight", "--preset", preset, "--seed", str(seed), "--run", run, *overrides)
    return json.loads((home / "runs" / run / "summary.json").read_text()), time.monotonic() - started


def rows_of(seed: int, summary: dict[str, Any], wall_seconds: float, quick: bool) -> list[Row]:
    (final,) = [candidate for candidate in summary["candidates"] if candidate["label"] == "final"]
    found = []
    for entry in final["rows"]:
        target = TARGET_WIN_RATE if entry["opponent"] in FOUR_BOTS and not quick else None
        interval = (entry["low"], entry["high"])
        name = f"seed {seed}: wins against {entry['opponent']}"
        found.append(row(name, entry["win_rate"], "rate", n=entry["n"], target=target, interval=interval))
    found += [
        row(f"seed {seed}: decisions", summary["decisions"], "decisions", n=1, target=TARGET_DECISIONS, at_most=True),
        row(f"seed {seed}: training", summary["seconds"], "s", n=1, target=TARGET_SECONDS, at_most=True),
        row(f"seed {seed}: command to report", wall_seconds, "s", n=1, target=TARGET_SECONDS, at_most=True),
        row(f"seed {seed}: speed", summary["decisions"] / max(summary["seconds"], 1e-9), "decisions/s", n=1),
    ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed of the quick preset; no targets for win rates")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a configuration key")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    preset, seeds = ("quick", options.seeds[:1]) if options.quick else (options.preset, options.seeds)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="ludus-skill-") as folder:
        home = Path(folder)
        try:
            for seed in seeds:
                rows += rows_of(seed, *train(home, preset, seed, options.set), options.quick)
                show(rows, options.json)
        finally:
            ludus(home, "down")


if __name__ == "__main__":
    main()
