"""The kernels against the scalar float64 reference, decision by decision, over whole episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ludus.games

from .dogfight_bridge import Rules, compare, history_kept
from .dogfight_reference import WEIGHTS

BOTS = ("do_nothing", "chaser", "dogfighter", "ace", "brawler")
ALL_TERMS = WEIGHTS | {"alive": 0.01, "approach": 1e-3, "opening": 2e-3}
FULL_RANGES = {
    "gravity": (40, 120),
    "drag_coeff": (0.5, 1.3),
    "turn_bleed_coeff": (0.05, 0.45),
    "max_speed": (180, 320),
    "min_speed": (10, 40),
    "max_thrust": (100, 260),
    "bullet_speed": (300, 500),
    "gun_cooldown_ticks": (45, 135),
    "bullet_lifetime_ticks": (30, 90),
    "max_hp": (3, 8),
    "max_turn_rate": (2.5, 5.5),
    "min_turn_rate": (0.4, 1.2),
    "rear_aspect_cone": (0.3, 1.2),
}


def random_physics(batch: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """One draw per match from the ranges of the full domain randomisation."""
    physics = {name: generator.uniform(low, high, batch) for name, (low, high) in FULL_RANGES.items()}
    return {name: np.round(v) if name.endswith("ticks") or name == "max_hp" else v for name, v in physics.items()}


def check_episodes(game: Any, rules: Rules, decisions: int, samples: int, seed: int) -> None:
    """Step with random external actions; hold `samples` random matches of every decision against the reference."""
    generator = np.random.default_rng(seed)
    compared = nudges = 0
    for _ in range(decisions):
        before = game.snapshot()
        actions = generator.uniform(-1.2, 1.2, (game.batch, 2, 3)).astype(np.float32)
        step = game.step(actions)
        after = game.snapshot()
        running = np.flatnonzero((before["alive"].all(axis=1)) & (before["tick"] < 10_800))
        for i in generator.permutation(running)[:samples]:
            found, nudged = compare(before, after, i, actions, step, rules)
            if step[0].shape[2] == 224:
                found += [f"history of seat {s}" for s in (0, 1) if not history_kept(before, step[0][i, s], i, s)]
            assert not found, f"decision at tick {before['tick'][i]}, bots {before['bot'][i]}: {found}"
            compared, nudges = compared + 1, nudges + nudged
        if game.rules == "competition" and step[4].done.any():
            game.reset(np.flatnonzero(step[4].done))  # these matches are short, and histories must start anew
    assert compared > decisions * samples / 2
    assert nudges <= max(2, compared / 100), "knife edges must be rare"


@pytest.mark.parametrize("reward_every", ["tick", "decision"])
def test_every_pair_of_bots(reward_every: str) -> None:
    """Random starts, bots at 120 Hz, egocentric observation, all reward terms at work."""
    game = ludus.games.make(
        "dogfight",
        batch=25,
        seed=3,
        observation="egocentric",
        autoreset="disabled",
        rewards=ALL_TERMS,
        reward_every=reward_every,
    )
    game.reset()
    game.seat_bots(0, [bot for bot in BOTS for _ in BOTS])
    game.seat_bots(1, [bot for _ in BOTS for bot in BOTS])
    check_episodes(game, Rules(ALL_TERMS, reward_every), decisions=1080, samples=6, seed=1)


@pytest.mark.parametrize("period", [1, 10, 7])
def test_random_players_and_bots_under_random_physics(period: int) -> None:
    """Every match under its own physics, which the features use; bots at 120, 12 and 17 Hz against random players."""
    names = (None, *BOTS)
    batch = 4 * len(names)
    physics = random_physics(batch, np.random.default_rng(5))
    layout = "egocentric+config"
    game = ludus.games.make(
        "dogfight", batch=batch, seed=9, autoreset="disabled", bot_period_ticks=period, observation=layout
    )
    game.restore(physics)
    game.reset()
    game.seat_bots(1, list(names) * 4)
    check_episodes(game, Rules(WEIGHTS, bot_period_ticks=period), decisions=400, samples=6, seed=period)


@pytest.mark.parametrize("observation", ["original", "egocentric"])
def test_every_pair_of_bots_in_competition(observation: str) -> None:
    """Everybody at 12 Hz; matches restart, so that the histories of new episodes are held too."""
    game = ludus.games.make(
        "dogfight",
        rules="competition",
        batch=25,
        seed=3,
        observation=observation,
        rewards=ALL_TERMS,
        autoreset="disabled",
    )
    game.reset()
    game.seat_bots(0, [bot for bot in BOTS for _ in BOTS])
    game.seat_bots(1, [bot for _ in BOTS for bot in BOTS])
    check_episodes(game, Rules(ALL_TERMS, bot_period_ticks=10), decisions=700, samples=5, seed=2)


def test_random_players_and_bots_in_competition_under_random_physics() -> None:
    names = (None, *BOTS)
    batch = 4 * len(names)
    game = ludus.games.make("dogfight", rules="competition", batch=batch, seed=9, autoreset="disabled")
    game.restore(random_physics(batch, np.random.default_rng(5)))
    game.reset()
    game.seat_bots(1, list(names) * 4)
    check_episodes(game, Rules(WEIGHTS, bot_period_ticks=10), decisions=300, samples=6, seed=1)


def test_long_bursts_need_no_bullet_slot() -> None:
    """A gun that fires every third tick has twenty bullets in the air; none is lost, eight are seen."""
    physics = {"gun_cooldown_ticks": 3, "bullet_lifetime_ticks": 60, "max_hp": 30}
    game = ludus.games.make("dogfight", batch=6, seed=2, physics=physics, autoreset="disabled")
    game.reset()
    game.seat_bots(1, [None, *BOTS])
    check_episodes(game, Rules(WEIGHTS), decisions=120, samples=2, seed=4)
