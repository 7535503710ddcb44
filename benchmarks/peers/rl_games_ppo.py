"""rl_games' continuous PPO, actor and critic apart."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import Any

import numpy as np
import torch
from common import (
    ACT,
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
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv
from rl_games.torch_runner import Runner


class Adapter(IVecEnv):
    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def reset(self) -> torch.Tensor:
        return torch.from_numpy(self._environment.reset())

    def step(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        obs, rewards, truncated = self._environment.step(actions.numpy())
        return torch.from_numpy(obs), torch.from_numpy(rewards), torch.full((ENVIRONMENTS,), int(truncated)), {}

    def get_env_info(self) -> dict[str, Any]:
        actions = Box(-1, 1, (ACT,), np.float32)
        return {"observation_space": Box(-np.inf, np.inf, (OBS,), np.float32), "action_space": actions}


def configuration(options: Options) -> dict[str, Any]:
    constant = {"name": "const_initializer", "val": LOG_STD}
    default = {"name": "default"}
    space = {"continuous": {"mu_activation": "None", "sigma_activation": "None", "mu_init": default,
                            "sigma_init": constant, "fixed_sigma": True}}  # fmt: skip
    mlp = {"units": [HIDDEN, HIDDEN], "activation": options.activation, "d2rl": False, "initializer": default}
    config = {
        "name": "cheap", "full_experiment_name": "cheap", "env_name": "cheap", "train_dir": tempfile.mkdtemp(),
        "device": "cpu", "device_name": "cpu", "ppo": True, "mixed_precision": False, "normalize_input": False,
        "normalize_value": False, "normalize_advantage": True, "value_bootstrap": True, "num_actors": ENVIRONMENTS,
        "reward_shaper": {"scale_value": 1.0}, "gamma": GAMMA, "tau": GAE_LAMBDA, "learning_rate": LEARNING_RATE,
        "lr_schedule": "identity", "score_to_win": 1e9, "max_epochs": options.total_updates, "save_best_after": 10**9,
        "save_frequency": 0, "print_stats": False, "grad_norm": 0.5, "entropy_coef": 0.0, "truncate_grads": True,
        "e_clip": CLIP, "clip_value": False, "horizon_length": STEPS, "minibatch_size": MINIBATCH,
        "mini_epochs": EPOCHS, "critic_coef": 1.0, "bounds_loss_coef": 0.0, "clip_actions": False,
    }  # fmt: skip
    network = {"name": "actor_critic", "separate": True, "space": space, "mlp": mlp}
    params = {"seed": 1, "algo": {"name": "a2c_continuous"}, "model": {"name": "continuous_a2c_logstd"}}
    return {"params": {**params, "network": network, "config": config}}


def train(environment: Environment, options: Options) -> None:
    torch.set_num_threads(options.threads)
    vecenv.register("CHEAP", lambda name, actors, **rest: Adapter(environment))
    env_configurations.register("cheap", {"vecenv_type": "CHEAP", "env_creator": lambda **rest: None})
    runner = Runner()
    with contextlib.redirect_stdout(sys.stderr):
        runner.load(configuration(options))
        runner.run({"train": True, "play": False})


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())
    run(train)
