"""An exploiter begins anew: the weights it is given, a fresh critic and fresh moments."""

from __future__ import annotations

from ..kernel.config import RunConfig
from ..play.weights import from_bytes
from . import tools
from .state import State


def begin_with(state: State, fresh: State, weights: bytes, config: RunConfig) -> None:
    """Put published weights into a learner's state; its counters go on. Raises ValueError if they do not fit, with the
    state as it was."""
    actor, _ = from_bytes(weights, state.architecture)
    state.restore(fresh.remember())
    state.actor.load_state_dict(actor.state_dict())
    if state.reference is not None:
        state.reference.load_state_dict(state.actor.state_dict())
    tools.begin(state, config, "load")
