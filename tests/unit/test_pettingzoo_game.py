"""PettingZoo's parallel environments as games of two seats."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from ludus.games import make, spec
from ludus.games.game import ActionSpec


class Auction:
    """Two agents bid for a prize, `rounds` times; who bids higher gains what the other loses."""

    def __init__(self, agents: int = 2, equal: bool = True, rounds: int = 3, bids: int = 3, leave: bool = False):
        self.possible_agents = [f"bidder_{index}" for index in range(agents)]
        self.equal, self.rounds, self.bids, self.leave = equal, rounds, bids, leave

    def observation_space(self, agent: str) -> Any:
        return spaces.Box(-1, 1, (2,))

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(self.bids if self.equal or agent == "bidder_0" else 4)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        assert seed is not None
        self.left, self.agents = self.rounds, list(self.possible_agents)
        self.prize = float(np.random.default_rng(seed).uniform(0, 1))
        return self._seen(), {}

    def step(self, actions: dict[str, Any]) -> tuple[Any, ...]:
        self.left -= 1
        difference = int(actions["bidder_0"]) - int(actions["bidder_1"])
        gain = self.prize * float(np.sign(difference))
        over = dict.fromkeys(self.agents, self.left == 0)
        none = dict.fromkeys(self.agents, False)
        rewards = {"bidder_0": gain, "bidder_1": -gain}
        terminated, truncated = (over, none) if self.leave else (none, over)
        if self.left == 0:
            self.agents = []
        seen = {} if self.leave and self.left == 0 else self._seen()
        return seen, rewards, terminated, truncated, {}

    def _seen(self) -> dict[str, Any]:
        return {agent: np.array([self.prize, index]) for index, agent in enumerate(self.possible_agents)}

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, arguments in {"auction": {}, "auction_leave": {"leave": True}, "auction_three": {"agents": 3},
                            "auction_odd": {"equal": False}}.items():  # fmt: skip
        module = ModuleType(name)
        module.parallel_env = lambda fixed=arguments, **given: Auction(**fixed, **given)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "auction_none", ModuleType("auction_none"))


def test_two_equal_agents_are_two_seats() -> None:
    found = spec("pettingzoo:auction")
    assert (found.seats, found.action, found.observations) == (
        2, ActionSpec((), (), {"action": 3}), {"default": {"flat": 2}},
    )  # fmt: skip
    assert found.bots == {"default": ()}
    assert not found.snapshots


@pytest.mark.parametrize(("bids", "outcome"), [((2, 0), 1), ((1, 1), 2), ((0, 1), 3)])
@pytest.mark.parametrize("module", ["auction", "auction_leave"])
def test_the_higher_undiscounted_return_wins(module: str, bids: tuple[int, int], outcome: int) -> None:
    game = make(f"pettingzoo:{module}", batch=2, autoreset="disabled")
    game.reset(seeds=np.array([4, 2**63 + 9], np.uint64))
    actions = np.broadcast_to(np.array(bids, np.float32)[None, :, None], (2, 2, 1))
    for decision in range(3):
        seen, rewards, terminated, truncated, info = game.step(actions.copy())
        assert rewards.sum() == 0
        assert info.done.all() == (decision == 2)
    assert info.outcome.tolist() == [outcome] * 2
    assert (terminated.all(), truncated.all()) == ((True, False) if module == "auction_leave" else (False, True))
    assert seen[0, :, 1].tolist() == [0, 1], "each seat sees what its agent sees"
    assert seen[0, 0, 0] != seen[1, 0, 0]


@pytest.mark.parametrize(("module", "complaint"), [
    ("auction_three", "expected two agents with equal observation and action spaces, found 3 agents"),
    ("auction_odd", r"expected two agents with equal .*Discrete\(4\)"),
    ("auction_none", r"expected a module with parallel_env"),
    ("no_such_module", "cannot be imported"),
])  # fmt: skip
def test_what_is_not_supported_is_said(module: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        spec(f"pettingzoo:{module}")


def test_arguments_reach_the_environment() -> None:
    game = make("pettingzoo:auction", batch=1, arguments={"rounds": 1})
    game.reset()
    assert game.step(np.zeros((1, 2, 1), np.float32))[4].done.all()
    with pytest.raises(ValueError, match="change the spaces"):
        make("pettingzoo:auction", batch=1, arguments={"bids": 5})


def test_rock_paper_scissors_of_pettingzoo() -> None:
    pytest.importorskip("pygame")
    game = make("pettingzoo:classic.rps_v2", batch=1, autoreset="disabled")
    assert game.obs_size == 4
    game.reset()
    for _ in range(15):
        _, rewards, _, truncated, info = game.step(np.array([[[1.0], [0.0]]], np.float32))  # paper, rock
        assert rewards.tolist() == [[1, -1]]
    assert truncated.all()
    assert info.outcome[0] == 1
