"""Steps recorded on the original: each is played again from its own beginning, and must come out the same.

The file holds parts of four episodes of safe-rl-pe at 5530529: random players, obstacles and walls with penalties,
masking by line of sight, and an evader against the greedy pursuer under 3 m masking, to the capture.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .pursuit_bridge import angle_gap, make, observation_gap

EPISODES = json.loads(gzip.decompress(Path(__file__).with_name("pursuit_episodes.json.gz").read_bytes()))
STATE = ("px", "py", "ptheta", "ex", "ey", "etheta")


def parameters(config: dict[str, Any]) -> dict[str, Any]:
    """The original's configuration in our names."""
    layout = "original" + "+masked" * config.get("partial_obs", False)
    names = {"sensing_radius": "sensing_range", "combined_masking": "line_of_sight"}
    return {
        "observation": layout + (f"+{config['n_obstacle_obs']}" if "n_obstacle_obs" in config else ""),
        "physics": {name: config[name] for name in ("arena_width", "arena_height", "max_steps") if name in config},
        "rewards": {name: -config.get(f"w_{name}", 0.0) for name in ("collision", "wall")},
        **{ours: config[theirs] for theirs, ours in names.items() if theirs in config},
    }


@pytest.mark.parametrize("episode", EPISODES, ids=lambda episode: episode["name"])
def test_recorded_steps_come_out_the_same(episode: dict[str, Any]) -> None:
    game = make(1, **parameters(episode["config"]))
    circles = np.array(episode["circles"]).reshape(1, -1, 3)
    game.seat_bots(0, episode["bot"])
    ended = 0
    for step in episode["steps"]:
        before = {name: np.array([value]) for name, value in zip(STATE, step["before"], strict=True)}
        game.restore(before | {"step": np.array([step["t"]]), "obstacles": circles})
        actions = np.array([[step.get("pursuer", (0, 0)), step["evader"]]])
        observation, reward, terminated, truncated, _ = game.step(actions)
        state = game.snapshot()
        for name, expected in zip(STATE, step["after"], strict=True):
            gap = angle_gap if "theta" in name else lambda a, b: abs(a - b)
            # The original's greedy pursuer works on a float32 observation, ours on the state.
            assert gap(state[name][0], expected) < (1e-6 if episode["bot"] else 1e-12), (step["t"], name)
        for seat, letter in enumerate("pe"):
            if f"r_{letter}" in step:
                assert reward[0, seat] == pytest.approx(step[f"r_{letter}"], abs=1e-6)
                tolerance = 1e-5 if episode["bot"] else 1e-6
                assert observation_gap(observation[0, seat], step[f"obs_{letter}"]) < tolerance, step["t"]
        assert (terminated[0], truncated[0]) == (step["te"], step["tr"])
        assert state["collision"][0].tolist() == step.get("hit", state["collision"][0].tolist())
        ended += int(terminated[0])
    assert ended == (episode["bot"] is not None), "the game against greedy is recorded to its capture"
