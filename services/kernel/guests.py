"""Guests of a run: policies from elsewhere, named by its configuration."""

from __future__ import annotations

from ..api.v1.policy_pb2 import PolicyRef
from .config import RunConfig
from .players import guest_ref, version_id

#: `PolicyHead.format` of a guest.
ONNX = "onnx"
#: Ending of a guest's file that holds an actor of the run's own network instead of an ONNX graph.
WEIGHTS = ".safetensors"


def guests_of(config: RunConfig) -> dict[str, PolicyRef]:
    """Identity of each guest by its name, in the order of the configuration."""
    return {guest.player: guest_ref(guest.player, guest.sha256) for guest in config.league.guests}


def guest_ids(config: RunConfig) -> tuple[str, ...]:
    """`starter@0.0` for each."""
    return tuple(version_id(ref) for ref in guests_of(config).values())
