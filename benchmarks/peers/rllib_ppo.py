"""RLlib's PPO, new API stack, sampling and learning in one process: the fastest of its ways to run on two cores."""

from __future__ import annotations

import logging
import math
from typing import Any, ClassVar

import gymnasium
import numpy as np
import ray
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
    MINIBATCH,
    OBS,
    STEPS,
    Environment,
    Options,
    run,
)
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.tune.registry import register_env

_measured: list[Environment] = []


class Adapter(VectorEnv):
    """All copies stepped together, as RLlib takes a vectorised environment."""

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.num_envs, self.render_mode = ENVIRONMENTS, None
        self.single_observation_space = Box(-1e3, 1e3, (OBS,), np.float32)
        self.single_action_space = Box(-1e3, 1e3, (ACT,), np.float32)
        self.observation_space = Box(-1e3, 1e3, (ENVIRONMENTS, OBS), np.float32)
        self.action_space = Box(-1e3, 1e3, (ENVIRONMENTS, ACT), np.float32)
        self._never = np.zeros(ENVIRONMENTS, np.bool_)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        return self._environment.reset(), {}

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        obs, rewards, truncated = self._environment.step(np.asarray(actions, np.float32))
        return obs, rewards, self._never, ~self._never if truncated else self._never, {}


def make(context: Any) -> gymnasium.Env | VectorEnv:
    return Adapter(_measured[0] if _measured else Environment())


def train(environment: Environment, options: Options) -> None:
    _measured.append(environment)
    torch.set_num_threads(options.threads)
    ray.init(num_cpus=options.threads, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    register_env("cheap", make)
    model = DefaultModelConfig(
        fcnet_hiddens=[HIDDEN, HIDDEN], fcnet_activation=options.activation, vf_share_layers=False
    )
    config = (
        PPOConfig()
        .environment("cheap")
        .env_runners(
            num_env_runners=0, num_envs_per_env_runner=ENVIRONMENTS, rollout_fragment_length=STEPS,
            gym_env_vectorize_mode="vector_entry_point",
        )
        .learners(num_learners=0)
        .training(
            train_batch_size_per_learner=BATCH, minibatch_size=MINIBATCH, num_epochs=EPOCHS, gamma=GAMMA,
            lambda_=GAE_LAMBDA, clip_param=CLIP, lr=LEARNING_RATE, use_kl_loss=False, vf_clip_param=math.inf,
        )
        .rl_module(model_config=model)
        .debugging(log_level="ERROR")
    )  # fmt: skip
    algorithm = config.build_algo()
    for _ in range(options.total_updates):
        algorithm.train()
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    import rllib_ppo  # so that RLlib finds `make` under a name that it imports instead of copying what belongs to it

    run(rllib_ppo.train)
