"""The policies at the table: which version plays which seat of which slot, and one pass that acts for all of them.

B slots, S seats, N rows = seats held by policies. Seats of the same version are one matrix product; frozen versions
with few seats each share one (`crowd`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..api.v1.policy_pb2 import PolicyRef
from ..games import Game
from ..kernel.config import RunConfig
from .architecture import Architecture
from .crowd import MAX_ROWS, Crowd, may_join
from .distribution import log_prob, mode, sample
from .fixed import FixedPolicy
from .network import Actor

#: Keys of live versions begin with it; no content hash does.
LIVE_PREFIX = "live:"
#: Versions kept in memory; far more than an opponent pool holds, so none that a queued match needs is dropped.
MAX_VERSIONS = 256

FloatArray = npt.NDArray[np.float32]
#: What versions must share to compute together: architecture, precision, and whether they play their best action.
_Kind = tuple[Architecture, torch.dtype, bool]
Policy = TypeVar("Policy", bound=nn.Module)


@dataclass(slots=True)
class _Group:
    """The rows one version plays in one manner."""

    key: str
    deterministic: bool
    rows: Tensor


class _Heads(NamedTuple):
    """What the heads of one group's networks gave."""

    rows: Tensor
    """[n]"""
    means: Tensor
    """[n, C]"""
    logits: Tensor
    """[n, L]"""
    log_std: Tensor | None
    """[n, C] or [C]; None: the best action is played"""

    @classmethod
    def joined(cls, parts: list[_Heads]) -> _Heads:
        """Choosing costs the same for few rows and for many. Of parts that all draw, or all do not."""
        if len(parts) == 1:
            return parts[0]
        rows, means, logits = (torch.cat(column) for column in zip(*(part[:3] for part in parts), strict=True))
        spread = [part.log_std.expand_as(part.means) for part in parts if part.log_std is not None]
        return cls(rows, means, logits, torch.cat(spread) if spread else None)


class _Out(NamedTuple):
    """Where choices are written."""

    actions: Tensor
    """[B * S, act]"""
    log_probs: Tensor
    """[B * S]"""


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
        self._crowds: dict[_Kind, Crowd] = {}
        self._crowded: list[tuple[Crowd, bool]] = []

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
        out = _Out(_flat(actions), torch.from_numpy(log_probs).view(-1))
        heads = list(self._heads(_flat(observations).to(self._device), raw))
        if best := [one for one in heads if one.log_std is None]:
            self._play_best(_Heads.joined(best), out)
        if drawn := [one for one in heads if one.log_std is not None]:
            self._draw(_Heads.joined(drawn), out)

    def _heads(self, flat: Tensor, raw: Callable[[], FloatArray] | None) -> Iterator[_Heads]:
        """Of all that are seated; flat observations [N, obs]."""
        flat_raw: Tensor | None = None
        for group in self._plan():
            actor, seen = self._versions[group.key][1], flat
            if raw and isinstance(actor, FixedPolicy):
                seen = flat_raw = _flat(raw()).to(self._device) if flat_raw is None else flat_raw
            log_std = None if group.deterministic or isinstance(actor, FixedPolicy) else actor.log_std
            means, logits = actor(seen.index_select(0, group.rows))
            yield _Heads(group.rows, means, logits, log_std)
        for crowd, deterministic in self._crowded:
            given, deviations = crowd.act(flat)
            means, logits = given.tensor_split((self.architecture.continuous,), dim=1)
            yield _Heads(crowd.rows, means, logits, None if deterministic else deviations)

    def _play_best(self, heads: _Heads, out: _Out) -> None:
        chosen = mode(heads.means, heads.logits, self.architecture.categorical)
        out.actions.index_copy_(0, heads.rows.cpu(), chosen.cpu())

    def _draw(self, heads: _Heads, out: _Out) -> None:
        rows, means, logits, log_std = heads
        assert log_std is not None
        choices = self.architecture.categorical
        chosen = sample(means, log_std, logits, self._generator, choices)
        density = log_prob(chosen, means, log_std, logits, choices)
        out.log_probs.index_copy_(0, rows.cpu(), density.cpu())
        out.actions.index_copy_(0, rows.cpu(), chosen.cpu())

    def _plan(self) -> list[_Group]:
        """Who computes alone; `_crowded` are those who do it together."""
        if self._groups is None:
            self._groups = []
            crowds: dict[_Kind, dict[str, list[int]]] = {}
            for (key, deterministic), rows in self._seated_rows().items():
                if kind := self._company(key, rows, deterministic=deterministic):
                    crowds.setdefault(kind, {})[key] = rows
                else:
                    self._groups.append(_Group(key, deterministic, torch.tensor(rows, device=self._device)))
            self._crowded = [(self._gather(kind, groups), kind[2]) for kind, groups in crowds.items()]
        return self._groups

    def _seated_rows(self) -> dict[tuple[str, bool], list[int]]:
        rows: dict[tuple[str, bool], list[int]] = {}
        seats = self._modes.shape[1]
        for slot, (keys, modes) in enumerate(zip(self._keys, self._modes.tolist(), strict=True)):
            for seat, key in enumerate(keys):
                if key:
                    rows.setdefault((key, modes[seat]), []).append(slot * seats + seat)
        return rows

    def _company(self, key: str, rows: list[int], *, deterministic: bool) -> _Kind | None:
        """With whom a version may compute; None if it does so alone."""
        actor = self._versions[key][1]
        if key.startswith(LIVE_PREFIX) or len(rows) > MAX_ROWS or not may_join(actor):
            return None
        assert isinstance(actor, Actor)
        return actor.architecture, actor.trunk.compute_dtype, deterministic

    def _gather(self, kind: _Kind, groups: dict[str, list[int]]) -> Crowd:
        crowd = self._crowds.setdefault(kind, Crowd())
        crowd.seat(groups, self._frozen, self._device)
        return crowd

    def _frozen(self, key: str) -> Actor:
        actor = self._versions[key][1]
        assert isinstance(actor, Actor)
        return actor

    def _prepare(self, policy: Policy) -> Policy:
        return policy.to(self._device).eval()


def _flat(array: FloatArray) -> Tensor:
    """[B, S, k] -> a view [B * S, k]."""
    return torch.from_numpy(array).view(-1, array.shape[-1])
