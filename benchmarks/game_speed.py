"""How fast are the bundled games? All of `ludus bench game dogfight`, and what else a simulator does; then pursuit.

python benchmarks/game_speed.py [--quick] [--json FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy loads: one core, one thread

import argparse
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from rows import Row, row, show

import ludus.games
from ludus.app.game_speed import MATCHES, benchmark, measure

TARGET_EXTERNAL = 1.0e6
TARGET_BOT = 0.5e6
TARGET_COMPETITION = 0.9e6
# Twenty times the original's Python environment, steps per second of one core: 20 100 plain, 5 600 with masking,
# search and three obstacles.
TARGET_PURSUIT = 20 * 20_100
TARGET_PURSUIT_MASKED = 20 * 5_600


def layouts(repetitions: int, steps: int) -> list[Row]:
    """What the other observations cost, bots at 12 Hz, and physics of their own for every match."""
    run = (repetitions, steps)
    return [
        measure("training, 66 floats, external", "dogfight", None, TARGET_EXTERNAL, *run, observation="egocentric"),
        measure("training, against ace at 12 Hz", "dogfight", "ace", TARGET_BOT, *run, bot_period_ticks=10),
        measure(
            "training, 79 floats, drawn physics, external", "dogfight", None, TARGET_EXTERNAL, *run,
            observation="egocentric+config", randomisation="full",
        ),
        measure(
            "competition, 76 floats, external", "dogfight", None, TARGET_COMPETITION, *run,
            rules="competition", observation="egocentric",
        ),
    ]  # fmt: skip


def partial_reset(repetitions: int) -> Row:
    """Restarting three matches of the batch, with a new bot each: what a simulator does after most steps."""
    game = ludus.games.make("dogfight", batch=MATCHES, seed=1, autoreset="disabled")
    game.reset()
    slots, seeds = np.array([3, 77, 200], np.int32), np.array([1, 2, 3], np.uint64)
    times = []
    for _ in range(repetitions):
        begin = process_time()
        for _ in range(1000):
            game.seat_bots(1, ("ace", None, "chaser"), slots)
            game.reset(slots, seeds)
        times.append((process_time() - begin) * 1e3)
    name = "dogfight, restart 3 matches with seating"
    return row(name, median(times), "µs", n=repetitions, target=50.0, interval=(min(times), max(times)), at_most=True)


def pursuit(repetitions: int, steps: int) -> list[Row]:
    """One step of 0.05 s per decision, as in the original; random normalised actions in both seats, or two bots."""
    crowded = {"min_obstacles": 3, "max_obstacles": 3}
    small = crowded | {"arena_width": 10.0, "arena_height": 10.0, "max_steps": 600}
    seen = {"observation": "original+masked+3", "sensing_range": 3.0, "line_of_sight": True}
    cases: list[tuple[str, str | None, float, dict[str, Any]]] = [
        ("pursuit, no obstacles", None, TARGET_PURSUIT, {}),
        ("pursuit, against circler", "circler", TARGET_PURSUIT, {}),
        ("pursuit, 25 floats", None, TARGET_PURSUIT, {"observation": "egocentric"}),
        ("pursuit, 3 obstacles, 20 floats", None, TARGET_PURSUIT, {"observation": "original+3", "physics": crowded}),
        ("pursuit, 3 obstacles, masked, search", None, TARGET_PURSUIT_MASKED,
         seen | {"physics": small, "rewards": {"search": 1e-4}}),
        ("pursuit, 3 obstacles, safety filter", None, TARGET_PURSUIT, {"physics": crowded, "safety_filter": True}),
        ("pursuit, 3 obstacles, sensor layout", None, TARGET_PURSUIT_MASKED,
         {"observation": "sensor", "physics": crowded}),
    ]  # fmt: skip
    return [
        measure(name, "pursuit", bot, target, repetitions, steps, actions="normalised", **parameters)
        for name, bot, target, parameters in cases
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions, a few seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    arguments = parser.parse_args()
    repetitions, steps = (3, 200) if arguments.quick else (7, 1000)
    rows = [*benchmark("dogfight", arguments.quick), *layouts(repetitions, steps), partial_reset(repetitions)]
    rows += pursuit(repetitions, steps)
    show(rows, arguments.json)


if __name__ == "__main__":
    main()
