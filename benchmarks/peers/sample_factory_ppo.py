"""Sample Factory's PPO, synchronous, in one process (`serial_mode`): the faster of its modes on two cores."""

from __future__ import annotations

import math
import tempfile
from typing import Any

import gymnasium
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
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.envs.env_utils import register_env
from sample_factory.train import run_rl


class Adapter(gymnasium.Env):
    """One environment of many agents, which is how Sample Factory takes a vectorised one."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.observation_space = Box(-1e3, 1e3, (OBS,), np.float32)
        self.action_space = Box(-1e3, 1e3, (ACT,), np.float32)
        self.num_agents, self.is_multiagent, self.render_mode = ENVIRONMENTS, True, None
        self._never = torch.zeros(ENVIRONMENTS, dtype=torch.bool)
        self._infos: list[dict[str, Any]] = [{} for _ in range(ENVIRONMENTS)]

    def reset(self, **kwargs: Any) -> tuple[torch.Tensor, list[dict[str, Any]]]:
        return torch.from_numpy(self._environment.reset()), self._infos

    def step(self, actions: Any) -> tuple[Any, ...]:
        obs, rewards, truncated = self._environment.step(np.asarray(actions, np.float32))
        cut = ~self._never if truncated else self._never
        return torch.from_numpy(obs), torch.from_numpy(rewards), self._never, cut, self._infos


def arguments(options: Options, folder: str) -> list[str]:
    settings = {
        "algo": "APPO", "env": "cheap", "experiment": "cheap", "train_dir": folder, "device": "cpu", "seed": 1,
        "serial_mode": True, "async_rl": False, "batched_sampling": True, "num_workers": 1, "num_envs_per_worker": 1,
        "worker_num_splits": 1, "rollout": STEPS, "batch_size": MINIBATCH, "num_batches_per_epoch": BATCH // MINIBATCH,
        "num_epochs": EPOCHS, "gamma": GAMMA, "gae_lambda": GAE_LAMBDA, "ppo_clip_ratio": CLIP,
        "learning_rate": LEARNING_RATE, "normalize_input": False, "normalize_returns": False, "use_rnn": False,
        "nonlinearity": options.activation, "actor_critic_share_weights": False, "adaptive_stddev": False,
        "initial_stddev": math.exp(LOG_STD), "continuous_tanh_scale": 0.0, "decorrelate_experience_max_seconds": 0,
        "train_for_env_steps": options.total_updates * BATCH - 1, "save_every_sec": 100_000,
        "use_record_episode_statistics": False,
    }  # fmt: skip
    return [*(f"--{name}={value}" for name, value in settings.items()), "--encoder_mlp_layers", *[str(HIDDEN)] * 2]


_measured: list[Environment] = []


def make(*_: Any, **__: Any) -> Adapter:
    """The environment with the clock; in the process that only asks for its spaces, any."""
    return Adapter(_measured[0] if _measured else Environment())


def train(environment: Environment, options: Options) -> None:
    _measured.append(environment)
    register_env("cheap", make)
    with tempfile.TemporaryDirectory(prefix="sample-factory-") as folder:
        parser, _ = parse_sf_args(arguments(options, folder))
        config = parse_full_cfg(parser, arguments(options, folder))
        torch.set_num_threads(options.threads)
        run_rl(config)


if __name__ == "__main__":
    import sample_factory_ppo  # so that another process finds `make` under a name that it can import

    run(sample_factory_ppo.train)
