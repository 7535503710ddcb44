"""Does measuring delay the learner? The same run with and without evaluation, in turns, through the four services.

Both arms train on the same seed; one measures as configured (at most `evaluator.share` of all decisions, 5 %), the
other measures nothing while it learns. Compared are decisions per second of training: the ratio of a pair that ran one
after the other, the median of all pairs, its interval from the lowest to the highest. The share that measuring took is
what the evaluator's scheduler has counted (`ludus_evaluator_share_ratio`).

    python benchmarks/evaluation_cost.py            # 4 pairs of the default preset, 3 M decisions each
    python benchmarks/evaluation_cost.py --quick    # one pair of the quick preset
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from rows import Row, row, show

#: So little that nothing is measured while somebody learns.
NOTHING = 1e-9
#: The learner may be this much slower; measurements of the same thing differ by more on a shared machine.
TARGET_RATIO = 0.95


def ludus(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def train(home: Path, name: str, preset: str, decisions: int, share: float, every: int) -> tuple[float, float]:
    """Decisions per second of training, and the share of all decisions that measuring took meanwhile."""
    settings = {
        "evaluator.share": share, "evaluator.every_updates": every, "evaluator.final_matches_per_opponent": 2,
        "evaluator.other_play_matches_per_opponent": 0,
    }  # fmt: skip
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    ludus(home, "train", "dogfight", "--preset", preset, "--run", name, "--decisions", str(decisions), *changes)
    summary = json.loads((home / "runs" / name / "summary.json").read_text())
    used = json.loads((home / "runs" / name / "services" / "evaluator.json").read_text()).get("share_used", 0.0)
    return summary["decisions"] / summary["seconds"], float(used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short pair of the quick preset")
    parser.add_argument("--pairs", type=int, help="default: 4, or 1 with --quick")
    parser.add_argument("--share", type=float, default=0.05, help="evaluator.share of the arm that measures")
    parser.add_argument("--home", type=Path, help="keep the runs here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    options = parser.parse_args()
    preset, decisions, every = ("quick", 600_000, 8) if options.quick else ("default", 3_000_000, 20)
    pairs = options.pairs or (1 if options.quick else 4)
    with tempfile.TemporaryDirectory(prefix="ludus-cost-", ignore_cleanup_errors=True) as folder:
        home = options.home or Path(folder)
        try:
            rows = compare(home, preset, decisions, every, pairs, options.share)
        finally:
            ludus(home, "down")
    show(rows, options.json)


def compare(home: Path, preset: str, decisions: int, every: int, pairs: int, share: float) -> list[Row]:
    """The arms take turns in going first."""
    speeds: dict[str, list[float]] = {"with": [], "without": []}
    used = []
    for pair in range(pairs):
        for arm in sorted(speeds, reverse=bool(pair % 2)):
            asked = share if arm == "with" else NOTHING
            speed, took = train(home, f"{arm}-{pair}", preset, decisions, asked, every)
            speeds[arm].append(speed)
            used += [took] if arm == "with" else []
    ratios = [one / other for one, other in zip(speeds["with"], speeds["without"], strict=True)]
    return [
        *(row(f"{arm} evaluation", median(found), "decisions/s", n=pairs, interval=(min(found), max(found)))
          for arm, found in speeds.items()),
        row("with / without", median(ratios), "ratio", n=pairs, target=TARGET_RATIO,
            interval=(min(ratios), max(ratios))),
        row("share that measuring took", max(used), "of decisions", n=pairs, target=share,
            interval=(min(used), max(used)), at_most=True),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
