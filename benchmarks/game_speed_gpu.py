"""How fast is the dogfight on a GPU? The same kernels on `cuda`, with 1024 to 65536 matches side by side.

Decisions per second of wall time, actions and results crossing to the host and back in every step as they do in a run,
so the numbers say what a simulator gets. Without a CUDA device it says so and ends.

    python benchmarks/game_speed_gpu.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import warp as wp
from rows import Row, row, show

from ludus.app.game_speed import random_actions
from ludus.games import make

BATCHES = (1_024, 4_096, 16_384, 65_536)
WARM_UP = 20
#: Nothing is promised for a GPU yet; one core of a CPU is what it has to beat.
TARGET = 1.0e6


def measure(rules: str, opponent: str | None, batch: int, repetitions: int, steps: int) -> Row:
    game = make("dogfight", rules=rules, batch=batch, seed=1, device="cuda")
    game.reset()
    game.seat_bots(1, opponent)
    actions = random_actions(game, 4)
    speeds = []
    for repetition in range(repetitions + 1):
        begin = time.perf_counter()
        for k in range(steps if repetition else WARM_UP):
            game.step(actions[k % len(actions)])
        wp.synchronize_device("cuda")
        if repetition:
            speeds.append(steps * batch / (time.perf_counter() - begin))
    name = f"{rules}, {batch:>6} matches, {f'against {opponent}' if opponent else 'external actions'}"
    interval = (min(speeds), max(speeds))
    return row(name, median(speeds), "decisions/s", n=repetitions, target=TARGET, interval=interval)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    arguments = parser.parse_args()
    wp.init()
    if not wp.is_cuda_available():
        print("skipped: there is no CUDA device here; the CPU is measured by benchmarks/game_speed.py", file=sys.stderr)
        show([], arguments.json)
        return
    repetitions, steps = (3, 50) if arguments.quick else (7, 500)
    rows = []
    for rules in ("training", "competition"):
        for opponent in (None, "ace"):
            rows += [measure(rules, opponent, batch, repetitions, steps) for batch in BATCHES]
    show(rows, arguments.json)


if __name__ == "__main__":
    main()
