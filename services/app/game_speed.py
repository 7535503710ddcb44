"""Decisions per second of one core in a game, a decision being one match moved by one step.

The time is CPU time of this process with one thread, so other load on the machine disturbs little. Each number is the
median of several repetitions, its interval their lowest and highest. Matches auto-reset where the game can do that.
Actions are drawn beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt

from ..games import Game, make, spec
from .rows import Row, row

MATCHES = 256
#: Steps before the clock starts, so that bullets fly and matches are out of step.
WARM_UP = 300
EXTERNAL = "external actions"
#: Game, rules and opponent -> decisions per second of one core that a run can count on; "" for any other opponent.
TARGETS: dict[tuple[str, str], dict[str, float]] = {
    ("dogfight", "training"): {EXTERNAL: 1.0e6, "do_nothing": 1.0e6, "": 0.5e6},
    ("dogfight", "competition"): {"": 0.9e6},
}


def benchmark(game: str, quick: bool) -> Iterator[Row]:
    """Every rule set under external actions in all seats, then against each bot in the last one. Raises ValueError."""
    repetitions, steps = (3, 200) if quick else (7, 1000)
    for rules in spec(game).rules:
        bots = spec(game).bots[rules] if spec(game).seats > 1 else ()
        for opponent in (None, *bots):
            name = f"{game} {rules}, {EXTERNAL if opponent is None else f'against {opponent}'}"
            yield measure(name, game, opponent, target_of(game, rules, opponent), repetitions, steps, rules=rules)


def target_of(game: str, rules: str, opponent: str | None) -> float | None:
    """None for a game that promises nothing."""
    targets = TARGETS.get((game, rules), {})
    return targets.get(opponent or EXTERNAL, targets.get(""))


def measure(
    name: str,
    game_name: str,
    opponent: str | None,
    target: float | None,
    repetitions: int,
    steps: int,
    **parameters: Any,
) -> Row:
    """Speed with random actions and an opponent (None: random actions there too) in the last seat."""
    game = make(game_name, batch=MATCHES, seed=1, **parameters)
    game.reset()
    if opponent is not None:
        game.seat_bots(game.num_seats - 1, opponent)
    actions = random_actions(game, 16)
    decisions_per_second(game, actions, WARM_UP)
    speeds = [decisions_per_second(game, actions, steps) for _ in range(repetitions)]
    interval = (min(speeds), max(speeds))
    return row(name, median(speeds), "decisions/s", n=repetitions, target=target, interval=interval)


def random_actions(game: Game, count: int) -> npt.NDArray[np.float32]:
    """[count, B, S, act], uniform in [-1, 1]."""
    shape = (count, game.batch, game.num_seats, game.act_size)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def decisions_per_second(game: Game, actions: npt.NDArray[np.float32], steps: int) -> float:
    """One repetition: `steps` steps of the whole batch, cycling through prepared actions [k, B, S, act]."""
    begin = process_time()
    for k in range(steps):
        game.step(actions[k % len(actions)])
    return float(steps * game.batch / (process_time() - begin))
