"""The policies at the table: which version plays which seat of which slot, and one pass that acts for all of them.

B slots, S seats, N rows = seats held by policies. Seats of the same version are one matrix product.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..api.v1.policy_pb2 import PolicyRef
from ..games import Game
from ..kernel.config import RunConfig
from .architecture import Architecture
from .distribution import log_prob, mode, sample
from .fixed import FixedPolicy
from .network import Actor

#: Keys of live versions begin with it; no content hash does.
LIVE_PREFIX = "live:"
#: Versions kept in memory; far more than an opponent pool holds, so none that a queued match needs is dropped.
MAX_VERSIONS = 256

FloatArray = npt.NDArray[np.float32]
Policy = TypeVar("Policy", bound=nn.Module)


@dataclass(slots=True)
class _Group:
    """The rows one version plays in one manner."""

    key: str
    deterministic: bool
    rows: Tensor


def live_key(agent: str) -> str:
    """Key of an agent's live version: its newest."""
    return LIVE_PREFIX + agent


class PolicyBank:
    """Versions in memory and the seating plan. `act` is the hot loop of simulator and evaluator.

    Every version computes in the precision that it was loaded with.
    """

    def __init__(self, architecture: Architecture, slots: int, seats: int, *, device: str, seed: int) -> None:
        self.architecture = architecture
        self._device = torch.device(device)
        self._generator = torch.Generator(self._device).manual_seed(seed % 2**63)
        self._versions: OrderedDict[str, tuple[PolicyRef, Actor | FixedPolicy]] = OrderedDict()
        self._keys: list[list[str]] = [[""] * seats for _ in range(slots)]
        self._modes = np.zeros((slots, seats), np.bool_)
        self._groups: list[_Group] | None = None

    @classmethod
    def for_run(cls, config: RunConfig, game: Game, *, device: str, seed: int) -> PolicyBank:
        """The bank for a game and the network that the run's configuration asks for."""
        observation = config.game_parameters.get("observation", next(iter(game.spec.observations[config.rules])))
        architecture = Architecture.of(game.spec, config.rules, observation, config.network)
        return cls(architecture, game.batch, game.num_seats, device=device, seed=seed)

    def __contains__(self, key: str) -> bool:
        if key in self._versions:
            self._versions.move_to_end(key)
            return True
        return False

    def live_ref(self, agent: str) -> PolicyRef:
        """The agent's newest version; an empty ref before the first."""
        found = self._versions.get(live_key(agent))
        return found[0] if found else PolicyRef()

    def rounds_observations(self, agent: str) -> bool:
        """Whether the agent's newest version begins by rounding what it sees to bfloat16: more digits are wasted on it.

        Its learner computes in the same precision.
        """
        actor = self._versions[live_key(agent)][1]
        trunk = actor.trunk if isinstance(actor, Actor) else None
        return trunk is not None and trunk.standardise is None and trunk.compute_dtype == torch.bfloat16

    def ref(self, key: str) -> PolicyRef:
        """Which version a key stands for right now."""
        return self._versions[key][0]

    def set_live(self, ref: PolicyRef, actor: Actor) -> None:
        """Every live seat of its agent plays this version from the next decision on."""
        self._versions[live_key(ref.agent)] = (ref, self._prepare(actor))

    def add(self, ref: PolicyRef, actor: Actor | FixedPolicy) -> None:
        """Keep a version under its content hash; the one asked for longest ago makes room."""
        self._versions[ref.sha256] = (ref, self._prepare(actor))
        while len(self._versions) > MAX_VERSIONS:
            seated = {key for row in self._keys for key in row}
            free = (key for key in self._versions if key not in seated and not key.startswith(LIVE_PREFIX))
            self._versions.pop(next(free))

    def seat(self, slot: int, seat: int, key: str, *, deterministic: bool) -> None:
        """Give a seat to a version (a live key or a content hash), or to nobody ("": a bot, or an empty slot)."""
        self._keys[slot][seat] = key
        self._modes[slot, seat] = deterministic
        self._groups = None

    def generator_state(self) -> bytes:
        """Where the random numbers of `act` stand."""
        return bytes(self._generator.get_state().numpy())

    def set_generator_state(self, state: bytes) -> None:
        """Raises ValueError if this is not what `generator_state` gave."""
        try:
            self._generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{len(state)} bytes are not the state of this generator: {error}") from error

    def act(
        self,
        observations: FloatArray,
        actions: FloatArray,
        log_probs: FloatArray,
        raw: Callable[[], FloatArray] | None = None,
    ) -> None:
        """Choose for every seat held by a policy.

        observations [B, S, obs] in; actions [B, S, act] and log_probs [B, S] are written where a policy sits (log_probs
        only where it samples; a FixedPolicy never does). `raw` gives the raw observations [B, S, D] that a FixedPolicy
        reads, asked for only when one is seated; without it those are the `observations`. Call under
        `torch.inference_mode()`.
        """
        flat = _flat(observations).to(self._device)
        choices = self.architecture.categorical
        flat_raw: Tensor | None = None
        flat_actions, flat_log_probs = _flat(actions), torch.from_numpy(log_probs).view(-1)
        for group in self._plan():
            actor = self._versions[group.key][1]
            seen = flat
            if raw and isinstance(actor, FixedPolicy):
                seen = flat_raw = _flat(raw()).to(self._device) if flat_raw is None else flat_raw
            means, logits = actor(seen.index_select(0, group.rows))
            if group.deterministic or isinstance(actor, FixedPolicy):
                chosen = mode(means, logits, choices)
            else:
                chosen = sample(means, actor.log_std, logits, self._generator, choices)
                density = log_prob(chosen, means, actor.log_std, logits, choices)
                flat_log_probs.index_copy_(0, group.rows.cpu(), density.cpu())
            flat_actions.index_copy_(0, group.rows.cpu(), chosen.cpu())

    def _plan(self) -> list[_Group]:
        if self._groups is None:
            self._groups = list(self._grouped())
        return self._groups

    def _grouped(self) -> Iterator[_Group]:
        rows: dict[tuple[str, bool], list[int]] = {}
        seats = self._modes.shape[1]
        for slot, keys in enumerate(self._keys):
            for seat, key in enumerate(keys):
                if key:
                    rows.setdefault((key, bool(self._modes[slot, seat])), []).append(slot * seats + seat)
        for (key, deterministic), indices in rows.items():
            yield _Group(key, deterministic, torch.tensor(indices, device=self._device))

    def _prepare(self, policy: Policy) -> Policy:
        return policy.to(self._device).eval()


def _flat(array: FloatArray) -> Tensor:
    """[B, S, k] -> a view [B * S, k]."""
    return torch.from_numpy(array).view(-1, array.shape[-1])
