"""How fast are the bundled games? Decisions per second of one core, a decision being one match moved by one step.

The time is CPU time of this process with one thread, so other load on the machine disturbs little. Each number is the
median of several repetitions, its interval their lowest and highest. Matches auto-reset, actions are drawn beforehand.

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

MATCHES = 256
TARGET_EXTERNAL = 1.0e6
TARGET_BOT = 0.5e6
TARGET_COMPETITION = 0.9e6
# Twenty times the original's Python environment, steps per second of one core: 20 100 plain, 5 600 with masking,
# search and three obstacles.
TARGET_PURSUIT = 20 * 20_100
TARGET_PURSUIT_MASKED = 20 * 5_600


def decisions_per_second(game: Any, actions: np.ndarray, steps: int) -> float:
    """One repetition: `steps` steps of the whole batch, cycling through prepared actions [k, B, S, act]."""
    begin = process_time()
    for k in range(steps):
        game.step(actions[k % len(actions)])
    return float(steps * game.batch / (process_time() - begin))


def measure(
    name: str,
    opponent: str | None,
    target: float,
    repetitions: int,
    steps: int,
    rules: str = "training",
    game: str = "dogfight",
    **parameters: Any,
) -> Row:
    """Speed with random actions in seat 0 and an opponent (None: random actions too) in seat 1."""
    played = ludus.games.make(game, rules=rules, batch=MATCHES, seed=1, **parameters)
    played.reset()
    played.seat_bots(1, opponent)
    shape = (16, MATCHES, played.num_seats, played.act_size)
    actions = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    decisions_per_second(played, actions, 300)  # so that bullets fly and matches are out of step
    speeds = [decisions_per_second(played, actions, steps) for _ in range(repetitions)]
    interval = (min(speeds), max(speeds))
    return row(name, median(speeds), "decisions/s", n=repetitions, target=target, interval=interval)


def measure_partial_reset(repetitions: int) -> Row:
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


def benchmark(quick: bool) -> list[Row]:
    repetitions, steps = (3, 200) if quick else (7, 1000)
    rows = [
        measure("dogfight, external actions in both seats", None, TARGET_EXTERNAL, repetitions, steps),
        measure("dogfight, 66 floats, external", None, TARGET_EXTERNAL, repetitions, steps, observation="egocentric"),
    ]
    for bot in ludus.games.spec("dogfight").bots["training"]:
        target = TARGET_EXTERNAL if bot == "do_nothing" else TARGET_BOT
        rows.append(measure(f"dogfight, against {bot} at 120 Hz", bot, target, repetitions, steps))
    name = "dogfight, against ace at 12 Hz"
    rows.append(measure(name, "ace", TARGET_BOT, repetitions, steps, bot_period_ticks=10))
    rows += [*competition(repetitions, steps), measure_partial_reset(repetitions)]
    return [*rows, *pursuit(repetitions, steps)]


def competition(repetitions: int, steps: int) -> list[Row]:
    """224 floats, everybody at 12 Hz."""
    rules = "competition"
    rows = [measure("competition, external actions", None, TARGET_COMPETITION, repetitions, steps, rules)]
    name = "competition, 76 floats, external"
    rows.append(measure(name, None, TARGET_COMPETITION, repetitions, steps, rules, observation="egocentric"))
    for bot in ludus.games.spec("dogfight").bots[rules]:
        rows.append(measure(f"competition, against {bot}", bot, TARGET_COMPETITION, repetitions, steps, rules))
    return rows


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
        measure(name, bot, target, repetitions, steps, "pursuit", "pursuit", actions="normalised", **parameters)
        for name, bot, target, parameters in cases
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions, a few seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    arguments = parser.parse_args()
    show(benchmark(arguments.quick), arguments.json)


if __name__ == "__main__":
    main()
