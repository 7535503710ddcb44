"""Stable-Baselines3's PPO on a vectorised environment of its own kind."""

from __future__ import annotations

from typing import Any

import numpy as np
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
from gymnasium.spaces import Box
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv


class Adapter(VecEnv):
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        # bounds it needs to have and never reaches
        super().__init__(ENVIRONMENTS, Box(-1e3, 1e3, (OBS,), np.float32), Box(-1e3, 1e3, (ACT,), np.float32))
        self._infos: list[dict[str, Any]] = [{} for _ in range(ENVIRONMENTS)]

    def reset(self) -> np.ndarray:
        return self._environment.reset()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        obs, rewards, truncated = self._environment.step(self._actions)
        return obs, rewards, np.full(ENVIRONMENTS, truncated), self._infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * ENVIRONMENTS

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        pass

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * ENVIRONMENTS


def train(environment: Environment, options: Options) -> None:
    torch.set_num_threads(options.threads)
    phi = torch.nn.Tanh if options.activation == "tanh" else torch.nn.ReLU
    sizes = {"pi": [HIDDEN, HIDDEN], "vf": [HIDDEN, HIDDEN]}
    policy = {"net_arch": sizes, "activation_fn": phi, "log_std_init": LOG_STD}
    agent = PPO(
        "MlpPolicy", Adapter(environment), n_steps=STEPS, batch_size=MINIBATCH, n_epochs=EPOCHS, gamma=GAMMA,
        gae_lambda=GAE_LAMBDA, clip_range=CLIP, learning_rate=LEARNING_RATE, policy_kwargs=policy, device="cpu", seed=1,
    )  # fmt: skip
    agent.learn(options.total_updates * BATCH)


if __name__ == "__main__":
    run(train)
