"""What the tests of the learner share: a small network, a run's configuration, and slabs that hold together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.rollout_pb2 import Rollout
from ludus.kernel.config import RunConfig, load
from ludus.kernel.tensors import to_tensor
from ludus.learner.signing import Signer
from ludus.learner.slab import Slab
from ludus.learner.state import State, Versions
from ludus.learner.update import Updater
from ludus.play import distribution
from ludus.play.network import Actor, Architecture
from ludus.play.weights import Manifest

# Two threads on a few hundred rows spend their time waiting for each other.
torch.set_num_threads(1)

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
OBS, CONTINUOUS, BINARY, HIDDEN = 7, 2, 1, 16
ARCHITECTURE = Architecture(OBS, CONTINUOUS, BINARY, HIDDEN, 0, "relu", -1.0, -2.0, 0.0)
MANIFEST = Manifest(ARCHITECTURE, "main", 0, 0, "dogfight", "training", "original")
SIGNER = Signer("kit", b"a secret of the tests")


def config(**learner: Any) -> RunConfig:
    """A run whose batches are 256 decisions; keywords override keys of `learner`."""
    settings = {
        "simulator.matches": 16,
        "simulator.slabs": 2,
        "simulator.steps": 16,
        "learner.batch_decisions": 256,
        "learner.minibatch": 64,
        "learner.learning_rate": 1e-3,
        "learner.learning_rate_warmup_updates": 0,
        "decisions": 256 * 20,
        **{f"learner.{key}": value for key, value in learner.items()},
    }
    return load(CONFIG, settings.items(), environment={})


def learner(
    run: RunConfig, *, seed: int = 3, dtype: torch.dtype = torch.float32, epoch: int = 1
) -> tuple[State, Versions, Updater]:
    """A fresh state with its first version in memory."""
    state = State(ARCHITECTURE, run.learner, dtype, seed=seed)
    state.counters.epoch = epoch
    versions = Versions(run.learner.max_lag)
    versions.add(state.counters.step, state.actor)
    return state, versions, Updater(run, state, versions)


def slab(actor: Actor, step: int, seed: int, *, steps: int = 16, slots: int = 8, ends: float = 0.1) -> Slab:
    """Decisions of `actor` on random observations, with episodes that end now and then."""
    rng = np.random.default_rng(seed)
    size = actor.architecture.obs_size
    observations = rng.standard_normal((steps, slots, size), dtype=np.float32)
    with torch.no_grad():
        means, logits = actor(torch.from_numpy(observations).view(-1, size))
        generator = torch.Generator().manual_seed(seed)
        choices = actor.architecture.categorical
        actions = distribution.sample(means, actor.log_std, logits, generator, choices)
        log_probs = distribution.log_prob(actions, means, actor.log_std, logits, choices)
    actions_TBA = actions.numpy().reshape(steps, slots, -1)
    rewards = -np.square(actions_TBA[..., 0] - np.tanh(observations[..., 0])) + actions_TBA[..., -1]
    return Slab(
        rollout_id=f"slab-{step}-{seed}",
        behaviour=PolicyRef(agent="main", epoch=1, step=step, sha256="0" * 64),
        observations_TBO=observations,
        actions_TBA=actions_TBA,
        log_probs_TB=log_probs.numpy().reshape(steps, slots),
        rewards_TB=rewards.astype(np.float32),
        terminated_TB=rng.random((steps, slots)) < ends,
        truncated_TB=np.zeros((steps, slots), np.bool_),
        last_observations_BO=rng.standard_normal((slots, size), dtype=np.float32),
        simulator="kit",
    )


def batch(versions: Versions, step: int, seed: int) -> list[Slab]:
    """Two slabs, 256 decisions, of one version."""
    return [slab(versions[step], step, 1000 * seed + index) for index in range(2)]


def message(made: Slab, run: str = "learning") -> Rollout:
    """The slab as the simulator would send it."""
    return Rollout(
        rollout_id=made.rollout_id,
        run=run,
        behaviour=made.behaviour,
        observations=to_tensor(made.observations_TBO),
        actions=to_tensor(made.actions_TBA),
        log_probs=to_tensor(made.log_probs_TB),
        rewards=to_tensor(made.rewards_TB),
        terminated=to_tensor(made.terminated_TB.astype(np.uint8)),
        truncated=to_tensor(made.truncated_TB.astype(np.uint8)),
        last_observations=to_tensor(made.last_observations_BO),
        simulator=made.simulator,
    )
