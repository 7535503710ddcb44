"""Policies that always play their best action, on raw observations: trained ones as they are exported, and others'."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..games import GameSpec
from ..games.registry import spec
from .egocentric import EgocentricFeatures
from .network import Actor
from .weights import Manifest

#: Game and layout that can be computed from the raw observation: the features to append to the first floats of it.
DERIVED = {("dogfight", "egocentric"): EgocentricFeatures}
#: Ranges of continuous action components that are not [-1, 1].
LIMITS = {"throttle": (0.0, 1.0)}


class FixedPolicy(nn.Module):
    """A policy without chance. Rows of raw observations [n, D] -> means [n, C], logits [n, L], float32."""

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class DeployedActor(FixedPolicy):
    """A trained actor on raw observations: features of its layout are computed here, the way an exported file does."""

    def __init__(self, actor: Actor, manifest: Manifest) -> None:
        """`actor` computes in float32. Raises ValueError for a layout that cannot be had from raw observations."""
        super().__init__()
        self.actor = actor
        self.features = features_of(manifest)
        self.raw_size = raw_size(spec(manifest.game), manifest.rules)
        self.limits = limits(spec(manifest.game))

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        raw = obs[:, : self.raw_size]
        if self.features is not None:
            raw = torch.cat((raw[:, : self.features.kept], self.features(raw)), dim=1)
        means, logits = self.actor(raw)
        return self.clamp(means), logits

    def clamp(self, means: Tensor) -> Tensor:
        """[n, C], each component within its limits."""
        columns = [means[:, k : k + 1].clamp(*limit) for k, limit in enumerate(self.limits)]
        return torch.cat(columns, dim=1) if columns else means


def raw_layout(game: GameSpec, rules: str) -> str:
    """The observation that the rule set itself defines: the first one listed."""
    return next(iter(game.observations[rules]))


def raw_size(game: GameSpec, rules: str) -> int:
    """D, floats in a raw observation."""
    return game.observations[rules][raw_layout(game, rules)]


def limits(game: GameSpec) -> list[tuple[float, float]]:
    """Lowest and highest value of each continuous action component."""
    return [LIMITS.get(name, (-1.0, 1.0)) for name in game.action.continuous]


def features_of(manifest: Manifest) -> EgocentricFeatures | None:
    """What computes the layout's features from a raw observation, None for the raw layout. Raises ValueError."""
    if manifest.observation == raw_layout(spec(manifest.game), manifest.rules):
        return None
    if found := DERIVED.get((manifest.game, manifest.observation)):
        return found(manifest.rules)
    raise ValueError(
        f"a policy of {manifest.game} with observation {manifest.observation!r} cannot play on raw observations: "
        f"expected {raw_layout(spec(manifest.game), manifest.rules)!r} or a layout computed from it"
    )
