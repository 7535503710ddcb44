"""The shape of a policy: enough to build its network and to tell whether two policies are interchangeable. No torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from ..games.game import GameSpec
from ..games.registry import expect
from ..kernel.config import NetworkConfig

ACTIVATIONS = ("relu", "tanh")
#: Nothing above this is a policy; a size read from a file is checked against it before anything is built.
MAX_WIDTH = 1 << 16


class ArchitectureMismatch(ValueError):
    """Weights belong to another architecture. The message lists what differs."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of actor and critic. How exactly they compute (precision, device) is not part of it."""

    obs_size: int
    continuous: int
    """Gaussian action components, first in the action vector"""
    binary: int
    """Bernoulli action components, after the Gaussian ones"""
    hidden: int
    blocks: int
    """residual blocks; 0 is the plain two-layer network"""
    activation: str
    log_std_init: float
    log_std_min: float
    log_std_max: float
    categorical: tuple[int, ...] = ()
    """numbers of choices of the categorical action components, after the Bernoulli ones"""
    critic_hidden: int = 0
    """0: as the actor"""
    critic_blocks: int = -1
    """-1: as the actor"""
    normalise_observations: bool = False
    """a layer of its own before the first one, in actor and critic"""
    normalise_returns: bool = False
    """a layer of its own after the critic's head"""

    def __post_init__(self) -> None:
        # Resolved at once: two policies are equal or not, however their sizes were written down.
        object.__setattr__(self, "critic_hidden", self.critic_hidden or self.hidden)
        object.__setattr__(self, "critic_blocks", self.blocks if self.critic_blocks < 0 else self.critic_blocks)
        smallest_sizes = {"obs_size": 1, "continuous": 0, "binary": 0, "hidden": 1, "blocks": 0}
        for name, smallest in (smallest_sizes | {"critic_hidden": 1, "critic_blocks": 0}).items():
            if not smallest <= getattr(self, name) <= MAX_WIDTH:
                raise ValueError(f"{name}: expected {smallest} to {MAX_WIDTH}, found {getattr(self, name)}")
        if any(not 1 <= choices <= MAX_WIDTH for choices in self.categorical) or self.head_size > MAX_WIDTH:
            expected = f"1 to {MAX_WIDTH} choices each, at most {MAX_WIDTH} outputs in all"
            raise ValueError(f"categorical: expected {expected}, found {self.categorical}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, found {self.activation!r}")
        if not self.log_std_min <= self.log_std_init <= self.log_std_max:
            found = f"{self.log_std_min}, {self.log_std_init}, {self.log_std_max}"
            raise ValueError(f"log_std: expected min <= init <= max, found {found}")

    @property
    def act_size(self) -> int:
        """Floats in an action vector."""
        return self.continuous + self.binary + len(self.categorical)

    @property
    def head_size(self) -> int:
        """Outputs of the actor: a mean, a logit, or one logit per choice."""
        return self.continuous + self.binary + sum(self.categorical)

    @classmethod
    def of(cls, spec: GameSpec, rules: str, observation: str, network: NetworkConfig) -> Architecture:
        """The architecture for a game's rule set and observation layout. Raises ValueError naming what is unknown."""
        layouts = spec.observations[expect(f"rule set of {spec.name}", rules, spec.rules)]
        layout = expect(f"observation of {spec.name} {rules}", observation, list(layouts))
        return cls(
            obs_size=layouts[layout],
            continuous=len(spec.action.continuous),
            binary=len(spec.action.binary),
            hidden=network.hidden,
            blocks=network.blocks,
            activation=network.activation,
            log_std_init=network.log_std_init,
            log_std_min=network.log_std_min,
            log_std_max=network.log_std_max,
            categorical=tuple(spec.action.categorical.values()),
            critic_hidden=network.critic_hidden or network.hidden,
            critic_blocks=network.blocks if network.critic_blocks is None else network.critic_blocks,
            normalise_observations=network.normalise_observations,
            normalise_returns=network.normalise_returns,
        )

    @property
    def of_critic(self) -> Architecture:
        """The same with the critic's sizes in the place of the actor's."""
        return replace(self, hidden=self.critic_hidden, blocks=self.critic_blocks)

    def to_tree(self) -> dict[str, Any]:
        """For JSON. What is as it would be anyway is left out: policies without it keep their hash."""
        tree = asdict(self)
        usual = {field.name: field.default for field in fields(self) if field.default is not MISSING}
        usual |= {"critic_hidden": self.hidden, "critic_blocks": self.blocks}
        return {name: value for name, value in tree.items() if name not in usual or value != usual[name]}

    def to_json(self) -> str:
        """Canonical: sorted keys, no blanks. Equal architectures give equal text."""
        return json.dumps(self.to_tree(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Inverse of `to_json`. Raises ValueError naming the wrong or missing key."""
        tree = json.loads(text)
        if not isinstance(tree, dict):
            raise ValueError("architecture: expected a JSON object")
        known = {field.name: str(field.type) for field in fields(cls)}
        needed = {field.name for field in fields(cls) if field.default is MISSING}
        if odd := sorted(set(tree) - set(known) | needed - set(tree)):
            raise ValueError(f"architecture: unknown or missing keys {', '.join(map(repr, odd))}")
        return cls(**{name: _checked(name, known[name], value) for name, value in tree.items()})

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def difference(self, other: Architecture) -> str:
        """What differs, one `name: mine here, theirs there` per field; empty when equal."""
        mine, theirs = asdict(self), asdict(other)
        told, heard = self.to_tree(), other.to_tree()
        return "; ".join(
            f"{name}: expected {mine[name]!r}, found {theirs[name]!r}"
            for name in mine
            if told.get(name) != heard.get(name)
        )


def _checked(name: str, kind: str, value: Any) -> Any:
    """`value` as the declared type. A bool is not an int here, and an int is a fine float."""
    if kind == "tuple[int, ...]":
        if not isinstance(value, list | tuple):
            raise ValueError(f"architecture: {name!r} must be a list of int, found {value!r}")
        return tuple(_checked(name, "int", item) for item in value)
    accepted: tuple[type, ...] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}[kind]
    if (isinstance(value, bool) and kind != "bool") or not isinstance(value, accepted):
        raise ValueError(f"architecture: {name!r} must be a {kind}, found {value!r}")
    return float(value) if isinstance(value, int) and kind == "float" else value
