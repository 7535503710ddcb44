"""PPO in one file, one process and one loop: what `time_to_skill.py` is measured beside.

Clip, generalised advantages, Adam, orthogonal initialisation: the usual recipe, after `ppo_continuous_action.py` of
CleanRL (Huang et al., JMLR 23, 2022), with a Bernoulli head for the trigger. It knows nothing of Ludus but its game:
same observation, rewards and opponents, drawn evenly, and by default the same hyper-parameters as Ludus' preset, all
cores given to its matrix products. `--textbook` takes the common ones instead: 64-64 tanh, batches of 16 × 2 048, ten
epochs of minibatches of 1 024, learning rate 3e-4, the game's own observation and rewards.

    python benchmarks/peers/plain_dogfight_ppo.py --decisions 9000000 --threads 2 --json curve.json

Writes one entry per evaluation: decisions, seconds of training, and wins of n against every bot.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import log, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import ludus.games

BOTS = ("do_nothing", "chaser", "dogfighter", "ace", "brawler")
POOL = ("do_nothing", "do_nothing", "chaser", "dogfighter", "ace", "brawler", "brawler")
EVALUATION_SEED = 2**63


@dataclass(frozen=True)
class Recipe:
    matches: int = 128
    steps: int = 128
    epochs: int = 2
    minibatch: int = 4096
    rate: float = 1.5e-3
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    reward_scale: float = 0.2
    target_kl: float = 0.045
    hidden: int = 256
    activation: type[nn.Module] = nn.ReLU
    log_std: float = -1.0
    observation: str = "egocentric"
    rewards: Mapping[str, float] = field(default_factory=dict)
    """weights that differ from the game's own"""


TEXTBOOK = Recipe(
    matches=16, steps=2048, epochs=10, minibatch=1024, rate=3e-4, reward_scale=1.0, target_kl=float("inf"),
    hidden=64, activation=nn.Tanh, log_std=0.0, observation="original",
)  # fmt: skip


def layer(inputs: int, outputs: int, gain: float) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


def mlp(inputs: int, outputs: int, gain: float, recipe: Recipe) -> nn.Sequential:
    h, act = recipe.hidden, recipe.activation
    return nn.Sequential(layer(inputs, h, 2**0.5), act(), layer(h, h, 2**0.5), act(), layer(h, outputs, gain))


class Agent(nn.Module):
    """Actor with two Gaussian components and one Bernoulli; critic."""

    def __init__(self, obs_size: int, recipe: Recipe) -> None:
        super().__init__()
        self.actor = mlp(obs_size, 3, 0.01, recipe)
        self.critic = mlp(obs_size, 1, 1.0, recipe)
        self.log_std = nn.Parameter(torch.full((2,), recipe.log_std))

    def log_prob(self, out: Tensor, actions: Tensor) -> Tensor:
        """[n, 3] from the actor, [n, 3] actions -> [n]"""
        log_std = self.log_std.clamp(-2, 0)
        gauss = -0.5 * ((actions[:, :2] - out[:, :2]) / log_std.exp()).square() - log_std - 0.5 * log(2 * pi)
        return gauss.sum(1) + actions[:, 2] * out[:, 2] - functional.softplus(out[:, 2])

    def sample(self, obs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.actor(obs)
        noise = torch.randn(len(out), 2) * self.log_std.clamp(-2, 0).exp()
        gun = torch.bernoulli(out[:, 2:].sigmoid())
        actions = torch.cat((out[:, :2] + noise, gun), 1)
        return actions, self.log_prob(out, actions), self.critic(obs)[:, 0]


def rollout(game: Any, agent: Agent, obs: np.ndarray, recipe: Recipe) -> tuple[dict[str, Tensor], np.ndarray]:
    """T decisions of seat 0 in all matches; every match that ends meets another bot."""
    shape = (recipe.steps, recipe.matches)
    data = {"obs": torch.empty(*shape, game.obs_size), "actions": torch.empty(*shape, 3)}
    data |= {name: torch.empty(*shape) for name in ("log_probs", "values", "rewards", "dones")}
    actions = np.zeros((recipe.matches, 2, 3), np.float32)
    for t in range(recipe.steps):
        data["obs"][t] = torch.from_numpy(obs[:, 0])
        data["actions"][t], data["log_probs"][t], data["values"][t] = agent.sample(data["obs"][t])
        actions[:, 0] = data["actions"][t].numpy()
        obs, rewards, terminated, _, _ = game.step(actions)
        data["rewards"][t] = torch.from_numpy(rewards[:, 0]) * recipe.reward_scale
        data["dones"][t] = torch.from_numpy(terminated)
        if ended := np.flatnonzero(terminated).astype(np.int32).tolist():
            game.seat_bots(1, np.random.choice(POOL, len(ended)).tolist(), np.array(ended, np.int32))
    return data, obs


def advantages(data: dict[str, Tensor], last_values: Tensor, recipe: Recipe) -> Tensor:
    """GAE [T, B]; every end is terminal in this game."""
    out, running, following = torch.empty_like(data["rewards"]), torch.zeros_like(last_values), last_values
    for t in reversed(range(recipe.steps)):
        alive = 1 - data["dones"][t]
        delta = data["rewards"][t] + recipe.gamma * following * alive - data["values"][t]
        running = delta + recipe.gamma * recipe.gae_lambda * alive * running
        out[t], following = running, data["values"][t]
    return out


def learn(
    agent: Agent, optimizer: torch.optim.Adam, data: dict[str, Tensor], advantage: Tensor, recipe: Recipe
) -> None:
    flat = {name: data[name].flatten(0, 1) for name in ("obs", "actions", "log_probs")}
    returns = (advantage + data["values"]).flatten()
    advantage = advantage.flatten()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    for _ in range(recipe.epochs):
        for rows in torch.split(torch.randperm(len(returns)), recipe.minibatch):
            obs = flat["obs"][rows]
            log_ratio = agent.log_prob(agent.actor(obs), flat["actions"][rows]) - flat["log_probs"][rows]
            ratio = log_ratio.exp()
            if float((ratio.detach() - 1 - log_ratio.detach()).mean()) > recipe.target_kl:
                return
            gain = torch.min(ratio * advantage[rows], ratio.clamp(1 - recipe.clip, 1 + recipe.clip) * advantage[rows])
            value_loss = 0.5 * (agent.critic(obs)[:, 0] - returns[rows]).square().mean()
            optimizer.zero_grad()
            (0.5 * value_loss - gain.mean()).backward()
            nn.utils.clip_grad_norm_([*agent.actor.parameters(), agent.log_std], 0.5)
            nn.utils.clip_grad_norm_(agent.critic.parameters(), 0.5)
            optimizer.step()


@torch.inference_mode()
def wins(agent: Agent, bot: str, n: int, rules: str, recipe: Recipe) -> int:
    """Matches won of n, best action, both seats, starts that training never sees."""
    game = ludus.games.make("dogfight", rules=rules, batch=n, observation=recipe.observation, autoreset="disabled")
    seat = np.arange(n) % 2
    game.seat_bots(0, [bot if own else None for own in seat])
    game.seat_bots(1, [None if own else bot for own in seat])
    seeds = np.array([EVALUATION_SEED + k // 2 for k in range(n)], np.uint64)
    obs, rows, won = game.reset(np.arange(n, dtype=np.int32), seeds), np.arange(n), 0
    actions = np.zeros((n, 2, 3), np.float32)
    running = np.ones(n, np.bool_)
    while running.any():
        out = agent.actor(torch.from_numpy(obs[rows, seat]))
        actions[rows, seat] = torch.cat((out[:, :2], (out[:, 2:] > 0).float()), 1).numpy()
        obs, _, _, _, info = game.step(actions)
        won += int((info.done & running & (info.outcome == np.where(seat, 3, 1))).sum())
        running &= ~info.done
    return won


def train(
    rules: str, decisions: int, seed: int, recipe: Recipe, every: int, n: int, seconds: float
) -> tuple[list[dict[str, Any]], Agent]:
    """The curve: an entry per `every` decisions and one at the end. Evaluation does not count as training time."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    layout: dict[str, Any] = {"observation": recipe.observation, "rewards": recipe.rewards}
    game = ludus.games.make("dogfight", rules=rules, batch=recipe.matches, seed=seed, **layout)
    agent = Agent(game.obs_size, recipe)
    optimizer = torch.optim.Adam(agent.parameters(), lr=recipe.rate, eps=1e-5)
    game.seat_bots(1, [POOL[k % len(POOL)] for k in range(recipe.matches)])
    obs, batch = game.reset(), recipe.matches * recipe.steps
    curve: list[dict[str, Any]] = []
    total, elapsed = max(1, decisions // batch), 0.0
    for update in range(1, total + 1):
        started = time.perf_counter()
        optimizer.param_groups[0]["lr"] = recipe.rate * (1 - 0.9 * (update - 1) / total)
        with torch.no_grad():
            data, obs = rollout(game, agent, obs, recipe)
            advantage = advantages(data, agent.critic(torch.from_numpy(obs[:, 0]))[:, 0], recipe)
        learn(agent, optimizer, data, advantage, recipe)
        elapsed += time.perf_counter() - started
        last = update == total or elapsed > seconds
        if last or update * batch // every > (update - 1) * batch // every:
            entry = {"decisions": update * batch, "seconds": elapsed, "n": n}
            curve.append(entry | {"wins": {bot: wins(agent, bot, n, rules, recipe) for bot in BOTS}})
        if last:
            break
    return curve, agent


def export(agent: Agent, obs_size: int, path: Path) -> None:
    """The actor as an ONNX file of raw observations: means and logit, as submissions are."""
    axes = {"obs": {0: "n"}, "action": {0: "n"}}
    example = (torch.zeros(1, obs_size),)
    torch.onnx.export(
        agent.actor, example, path, dynamo=False, input_names=["obs"], output_names=["action"], dynamic_axes=axes
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", default="training", choices=("training", "competition"))
    parser.add_argument("--decisions", type=int, default=9_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this much training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=1_000_000, help="decisions between two evaluations")
    parser.add_argument("--matches", type=int, default=100, help="of an evaluation, against each bot")
    parser.add_argument("--textbook", action="store_true", help="common hyper-parameters instead of those of Ludus")
    parser.add_argument("--reward", action="append", default=[], metavar="TERM=WEIGHT", help="not with --textbook")
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="with --textbook: a submission, by torch's exporter")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    given = {term: float(weight) for term, _, weight in (one.partition("=") for one in options.reward)}
    recipe = TEXTBOOK if options.textbook else replace(Recipe(), rewards=given)
    if options.onnx and not options.textbook:
        parser.error("--onnx: expected --textbook with it, whose observation is the game's own")
    curve, agent = train(
        options.rules, options.decisions, options.seed, recipe, options.every, options.matches, options.seconds
    )
    for entry in curve:
        shares = "  ".join(f"{bot} {won / entry['n']:.0%}" for bot, won in entry["wins"].items())
        print(f"{entry['decisions']:>12,} decisions {entry['seconds']:7.1f} s  {shares}", flush=True)
    if options.onnx:
        export(agent, agent.actor[0].in_features, options.onnx)
    if options.json:
        options.json.write_text(json.dumps(curve, indent=1) + "\n")


if __name__ == "__main__":
    main()
