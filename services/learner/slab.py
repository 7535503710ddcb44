"""A rollout message as arrays, checked before anything trusts it.

T decisions, B match slots, time-major. A slab is accepted whole or refused with a reason that is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from ..api.v1.policy_pb2 import PolicyRef
from ..api.v1.rollout_pb2 import Rollout
from ..kernel.tensors import from_float_tensor, from_tensor
from ..kernel.topology import MAX_PAYLOAD_BYTES
from ..play.architecture import Architecture
from .gae import BoolArray, FloatArray

#: Beyond this a reward or an observation is a defect of the game, not a number to learn from.
MAX_MAGNITUDE = 1e6


class Refused(Exception):
    """A slab that must not be learned from. `reason` is its label in ludus_learner_rollouts_dropped_total.

    `poison` says that no later look would change that: the message is bad, not merely late.
    """

    def __init__(self, reason: str, detail: str, *, poison: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.poison = poison


@dataclass(frozen=True, slots=True)
class Slab:
    """Decisions of one policy version. The arrays are views of the message, or of what was made from it."""

    rollout_id: str
    behaviour: PolicyRef
    observations_TBO: FloatArray
    actions_TBA: FloatArray
    log_probs_TB: FloatArray
    rewards_TB: FloatArray
    terminated_TB: BoolArray
    truncated_TB: BoolArray
    last_observations_BO: FloatArray
    simulator: str
    final_observations_NO: FloatArray | None = None
    """what was seen after each truncated decision, in the order of `truncated_TB`; None: not known"""
    window: int = 0
    """in lockstep: its number"""
    simulator_state: bytes = b""
    """in lockstep, with the last slab of a window: the simulator after it"""

    @property
    def decisions(self) -> int:
        return self.rewards_TB.size


def decode(data: bytes, run: str, agent: str, architecture: Architecture) -> Slab:
    """Parse and check a Rollout message. Raises Refused."""
    try:
        message = Rollout.FromString(data)
    except DecodeError as error:
        raise Refused("invalid", str(error)) from error
    if (message.run, message.behaviour.agent) != (run, agent):
        raise Refused("invalid", f"run {message.run!r}, agent {message.behaviour.agent!r}")
    slab = _arrays(message, architecture)
    _check_numbers(slab, architecture)
    return slab


def _arrays(message: Rollout, architecture: Architecture) -> Slab:
    if len(message.rewards.shape) != 2 or min(message.rewards.shape) < 1:
        raise Refused("invalid", f"rewards {list(message.rewards.shape)} are not [T, B]")
    steps, slots = message.rewards.shape
    obs, act = architecture.obs_size, architecture.act_size

    def array(name: str, dtype: str, *shape: int) -> npt.NDArray[Any]:
        try:
            tensor = getattr(message, name)
            return from_tensor(tensor, dtype=np.dtype(dtype), shape=shape, max_bytes=MAX_PAYLOAD_BYTES)
        except ValueError as error:
            raise Refused("invalid", f"{name}: {error}") from error

    try:
        observations_TBO = from_float_tensor(
            message.observations, shape=(steps, slots, obs), max_bytes=MAX_PAYLOAD_BYTES
        )
    except ValueError as error:
        raise Refused("invalid", f"observations: {error}") from error
    truncated_TB = array("truncated", "uint8", steps, slots) != 0
    finals = None
    if message.HasField("final_observations"):
        finals = array("final_observations", "float32", int(truncated_TB.sum()), obs)
    return Slab(
        rollout_id=message.rollout_id,
        behaviour=message.behaviour,
        observations_TBO=observations_TBO,
        actions_TBA=array("actions", "float32", steps, slots, act),
        log_probs_TB=array("log_probs", "float32", steps, slots),
        rewards_TB=array("rewards", "float32", steps, slots),
        terminated_TB=array("terminated", "uint8", steps, slots) != 0,
        truncated_TB=truncated_TB,
        last_observations_BO=array("last_observations", "float32", slots, obs),
        simulator=message.simulator,
        final_observations_NO=finals,
        window=message.window,
        simulator_state=message.simulator_state,
    )


def _check_numbers(slab: Slab, architecture: Architecture) -> None:
    names = ("observations_TBO", "actions_TBA", "log_probs_TB", "rewards_TB", "last_observations_BO")
    for name in (*names, "final_observations_NO"):
        array = getattr(slab, name)
        if array is None:
            continue
        # abs of NaN compares false with everything, so NaN and infinity fail here as well as the absurdly large
        if array.size and not float(np.abs(array).max()) <= MAX_MAGNITUDE:
            raise Refused("not_finite", f"{name} holds NaN, infinity or more than {MAX_MAGNITUDE:g}")
    first_index = architecture.continuous + architecture.binary
    binary = slab.actions_TBA[..., architecture.continuous : first_index]
    if not ((binary == 0) | (binary == 1)).all():
        raise Refused("invalid", "a binary action is neither 0 nor 1")
    indices, choices = slab.actions_TBA[..., first_index:], np.array(architecture.categorical, np.float32)
    if not ((indices >= 0) & (indices < choices) & (indices == np.floor(indices))).all():
        raise Refused("invalid", f"a categorical action is no index below {list(architecture.categorical)}")


def check_window(window: int, due: int) -> None:
    """Lockstep: the slab must belong to the window that is due. Raises Refused."""
    if window != due:
        raise Refused("stale", f"window {window}, while window {due} is due", poison=False)


def check_version(behaviour: PolicyRef, epoch: int, step: int, max_lag: int) -> None:
    """Fencing and staleness: the version must be of this epoch and at most `max_lag` steps old. Raises Refused."""
    if behaviour.epoch < epoch:
        raise Refused("epoch", f"epoch {behaviour.epoch}, this learner is {epoch}", poison=False)
    if behaviour.epoch > epoch or behaviour.step > step:
        made = f"{behaviour.epoch}.{behaviour.step}"
        raise Refused("invalid", f"version {made} was never published by this learner, which is at {epoch}.{step}")
    if step - behaviour.step > max_lag:
        raise Refused("stale", f"{step - behaviour.step} steps old, at most {max_lag} are used", poison=False)
