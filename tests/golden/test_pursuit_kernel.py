"""The kernels against the scalar float64 reference, decision by decision, over whole episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ludus.games.pursuit.constants import ROLE_BOTS

from .pursuit_bridge import differences, make

SMALL = {"arena_width": 10.0, "arena_height": 8.0, "max_steps": 150, "min_separation": 1.0}
CROWDED = SMALL | {"min_obstacles": 2, "max_obstacles": 6, "min_obstacle_radius": 0.3, "max_obstacle_radius": 1.2}
ALL_TERMS = {
    "approach": 2.0,
    "capture": 10.0,
    "timeout": -5.0,
    "sight": 0.1,
    "search": 0.01,
    "occlusion": 0.2,
    "survival": 0.005,
    "cover": 5.0,
    "collision": -0.2,
    "wall": -0.5,
}
CASES: dict[str, dict[str, Any]] = {
    "original": {"physics": SMALL},
    "obstacles": {"physics": CROWDED, "observation": "original+3", "rewards": {"collision": -0.2, "wall": -0.5}},
    "line of sight": {"physics": CROWDED, "observation": "original+masked+2", "rewards": ALL_TERMS},
    "range and obstacles": {
        "physics": CROWDED,
        "observation": "egocentric+masked+8",
        "sensing_range": 3.0,
        "line_of_sight": True,
        "rewards": ALL_TERMS | {"visibility": 0.5},
    },
    "cone of the pursuer": {
        "physics": CROWDED | {"evader_speed": 1.2, "pursuer_turn_rate": 2.0, "prep_steps": 20},
        "observation": "original+masked",
        "fov": 1.5,
        "sensing_range": 4.0,
        "masked": "pursuer",
        "rewards": ALL_TERMS,
    },
    "cone and obstacles": {
        "physics": CROWDED,
        "observation": "egocentric+masked",
        "fov": 2.0,
        "line_of_sight": True,
        "rewards": {"search": 1.0},
    },
    "egocentric": {"physics": CROWDED, "observation": "egocentric+3", "steps_per_decision": 4},
    "sensor": {"physics": CROWDED, "observation": "sensor", "rewards": {"search": 0.1}},
    "safety filter": {"physics": CROWDED, "safety_filter": True, "observation": "original+2"},
    "normalised": {"physics": SMALL, "actions": "normalised", "fixed_speed": "evader"},
}


def check_episodes(parameters: dict[str, Any], pairs: list[tuple[str | None, str | None]], seed: int) -> int:
    """Play a batch over 170 decisions; hold four random running matches of each against the reference."""
    game = make(len(pairs), seed=seed, **parameters)
    game.reset()
    for seat in (0, 1):
        game.seat_bots(seat, [pair[seat] for pair in pairs])
    generator, compared = np.random.default_rng(seed), 0
    drift = generator.uniform(-1, 1, (game.batch, 2, 2))
    for _ in range(170):
        before = game.snapshot()
        # Half of the players keep a direction for long, so that they meet walls and obstacles.
        drift = np.where(generator.random((game.batch, 2, 1)) < 0.05, generator.uniform(-1, 1, drift.shape), drift)
        actions = (drift * [1.3, 0.6] + generator.normal(0, 0.3, drift.shape)).astype(np.float32)
        step = game.step(actions)
        after = game.snapshot()
        for i in generator.permutation(np.flatnonzero(~before["over"]))[:4]:
            found = differences(before, after, i, actions, step, parameters)
            assert not found, f"step {before['step'][i]}, bots {before['bot'][i]}: {found}"
            compared += 1
        if step[4].done.any():
            game.reset(np.flatnonzero(step[4].done))
    return compared


@pytest.mark.parametrize("case", CASES)
def test_random_players(case: str) -> None:
    assert check_episodes(CASES[case], [(None, None)] * 12, seed=3) > 600


@pytest.mark.parametrize("case", ["original", "range and obstacles", "egocentric", "safety filter"])
def test_every_pair_of_bots(case: str) -> None:
    bots = {role: [None, *(bot for bot in names if bot != "random")] for role, names in ROLE_BOTS.items()}
    pairs = [(one, other) for one in bots["pursuer"] for other in bots["evader"]]
    assert check_episodes(CASES[case], pairs, seed=5) > 600
