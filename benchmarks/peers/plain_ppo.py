"""PPO in one file, the way it is usually written: torch autograd, Adam fused, one process."""

from __future__ import annotations

import torch
from common import (
    ACT,
    BATCH,
    CLIP,
    ENVIRONMENTS,
    EPOCHS,
    GAE_LAMBDA,
    GAMMA,
    HIDDEN,
    LEARNING_RATE,
    LOG_STD,
    MINIBATCH,
    OBS,
    STEPS,
    Environment,
    Options,
    run,
)
from torch import Tensor, nn
from torch.distributions import Normal


def network(outputs: int, activation: str) -> nn.Sequential:
    phi = nn.Tanh if activation == "tanh" else nn.ReLU
    return nn.Sequential(nn.Linear(OBS, HIDDEN), phi(), nn.Linear(HIDDEN, HIDDEN), phi(), nn.Linear(HIDDEN, outputs))


class Agent(nn.Module):
    def __init__(self, activation: str) -> None:
        super().__init__()
        self.actor, self.critic = network(ACT, activation), network(1, activation)
        self.log_std = nn.Parameter(torch.full((ACT,), LOG_STD))

    def policy(self, obs: Tensor) -> Normal:
        return Normal(self.actor(obs), self.log_std.exp(), validate_args=False)


def gae(rewards: Tensor, values: Tensor, last: Tensor, done: Tensor) -> Tensor:
    advantages, running = torch.zeros_like(rewards), torch.zeros_like(last)
    following = torch.cat((values[1:], last[None]))
    deltas = rewards + GAMMA * following * ~done - values
    for t in reversed(range(STEPS)):
        running = deltas[t] + GAMMA * GAE_LAMBDA * running * ~done[t]
        advantages[t] = running
    return advantages


def train(environment: Environment, options: Options) -> None:
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    agent = Agent(options.activation)
    adam = torch.optim.Adam(agent.parameters(), lr=LEARNING_RATE, eps=1e-5, fused=True)
    shape = (STEPS, ENVIRONMENTS)
    obs_TBO, actions_TBA = torch.zeros(*shape, OBS), torch.zeros(*shape, ACT)
    log_probs, rewards, values = torch.zeros(shape), torch.zeros(shape), torch.zeros(shape)
    done = torch.zeros(shape, dtype=torch.bool)
    obs = torch.from_numpy(environment.reset())
    for _ in range(options.total_updates):
        with torch.no_grad():
            for t in range(STEPS):
                policy = agent.policy(obs)
                action = policy.sample()
                obs_TBO[t], actions_TBA[t] = obs, action
                log_probs[t], values[t] = policy.log_prob(action).sum(-1), agent.critic(obs).squeeze(-1)
                after, reward, truncated = environment.step(action.numpy())
                obs, rewards[t], done[t] = torch.from_numpy(after), torch.from_numpy(reward), truncated
            advantages = gae(rewards, values, agent.critic(obs).squeeze(-1), done)
        update(agent, adam, obs_TBO, actions_TBA, log_probs, values, advantages)


def update(agent: Agent, adam: torch.optim.Adam, *batch: Tensor) -> None:
    obs, actions, old_log_probs, values, advantages = (tensor.flatten(0, 1) for tensor in batch)
    returns = advantages + values
    for _ in range(EPOCHS):
        for chosen in torch.randperm(BATCH).split(MINIBATCH):
            rows, advantage = obs[chosen], advantages[chosen]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            log_prob = agent.policy(rows).log_prob(actions[chosen]).sum(-1)
            ratio = (log_prob - old_log_probs[chosen]).exp()
            policy_loss = -torch.min(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
            value_loss = 0.5 * (agent.critic(rows).squeeze(-1) - returns[chosen]).square().mean()
            adam.zero_grad()
            (policy_loss + 0.5 * value_loss).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            adam.step()


if __name__ == "__main__":
    run(train)
