"""skrl's PPO, in float32 or with its mixed precision."""

from __future__ import annotations

import sys
import tempfile
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
from skrl.agents.torch.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.torch import Wrapper
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
from skrl.trainers.torch import SequentialTrainer
from torch import Tensor, nn

SPACES = {
    "observation_space": Box(-np.inf, np.inf, (OBS,), np.float32),
    "state_space": None,
    "action_space": Box(-np.inf, np.inf, (ACT,), np.float32),
}


class Adapter(Wrapper):
    device = torch.device("cpu")
    num_envs, num_agents = ENVIRONMENTS, 1
    state_space, observation_space, action_space = None, SPACES["observation_space"], SPACES["action_space"]

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def reset(self) -> tuple[Tensor, dict[str, Any]]:
        return torch.from_numpy(self._environment.reset()), {}

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Any]]:
        obs, rewards, truncated = self._environment.step(actions.float().numpy())
        never, ended = torch.zeros(ENVIRONMENTS, 1, dtype=torch.bool), torch.full((ENVIRONMENTS, 1), truncated)
        return torch.from_numpy(obs), torch.from_numpy(rewards)[:, None], never, ended, {}

    def state(self) -> None:
        return None

    def render(self, *args: Any, **kwargs: Any) -> None:
        pass

    def close(self) -> None:
        pass


def layers(outputs: int, activation: str) -> nn.Sequential:
    phi = nn.Tanh if activation == "tanh" else nn.ReLU
    return nn.Sequential(nn.Linear(OBS, HIDDEN), phi(), nn.Linear(HIDDEN, HIDDEN), phi(), nn.Linear(HIDDEN, outputs))


class Policy(GaussianMixin, Model):
    def __init__(self, activation: str) -> None:
        Model.__init__(self, **SPACES, device="cpu")
        GaussianMixin.__init__(self)
        self.net, self.log_std = layers(ACT, activation), nn.Parameter(torch.full((ACT,), LOG_STD))

    def compute(self, inputs: dict[str, Any], role: str = "") -> tuple[Tensor, dict[str, Any]]:
        return self.net(inputs["observations"]), {"log_std": self.log_std}


class Value(DeterministicMixin, Model):
    def __init__(self, activation: str) -> None:
        Model.__init__(self, **SPACES, device="cpu")
        DeterministicMixin.__init__(self)
        self.net = layers(1, activation)

    def compute(self, inputs: dict[str, Any], role: str = "") -> tuple[Tensor, dict[str, Any]]:
        return self.net(inputs["observations"]), {}


def train(environment: Environment, options: Options) -> None:
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    config = PPO_CFG(
        rollouts=STEPS, learning_epochs=EPOCHS, mini_batches=BATCH // MINIBATCH, learning_rate=LEARNING_RATE,
        discount_factor=GAMMA, gae_lambda=GAE_LAMBDA, ratio_clip=CLIP, value_loss_scale=0.5,
        mixed_precision=options.precision == "mixed",
    )  # fmt: skip
    config.experiment.write_interval = config.experiment.checkpoint_interval = 0
    config.experiment.directory = tempfile.mkdtemp(prefix="skrl-")
    models = {"policy": Policy(options.activation), "value": Value(options.activation)}
    memory = RandomMemory(memory_size=STEPS, num_envs=ENVIRONMENTS, device="cpu")
    adapter = Adapter(environment)
    agent = PPO(models=models, memory=memory, cfg=config, device="cpu", **SPACES)
    settings = {"timesteps": options.total_updates * STEPS, "headless": True, "disable_progressbar": True}
    SequentialTrainer(env=adapter, agents=agent, cfg=settings).train()


if __name__ == "__main__":
    run(train)
    sys.stdout.flush()
