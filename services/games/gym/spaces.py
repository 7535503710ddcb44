"""Gymnasium's spaces as sizes and flat vectors. Duck-typed by class name, so that nothing is imported here.

An observation of any shape becomes float32 [obs]; an action vector float32 [act] becomes what the environment takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..game import ActionSpec, FloatArray

#: Larger observations than this are pictures: they need a network that this system does not have.
MAX_OBSERVATION_SIZE = 1 << 16
_ONE_HOT = ("Discrete", "MultiDiscrete")
ACTION_SPACES = "Discrete, MultiDiscrete, MultiBinary or a bounded Box of floats"


def observation_size(name: str, space: Any) -> int:
    """Floats in a flattened observation. Raises ValueError for a space that has no fixed size."""
    size = sum(_flat_size(name, part) for part in _leaves(space))
    if not 1 <= size <= MAX_OBSERVATION_SIZE:
        raise ValueError(f"{name}: expected an observation of 1 to {MAX_OBSERVATION_SIZE} numbers, found {size}")
    return size


def flattener(space: Any) -> Callable[[Any, FloatArray], None]:
    """Writes an observation into a row float32 [obs].

    Dict and Tuple are laid out in the order of the space, each part flattened: numbers as they are, Discrete and
    MultiDiscrete one-hot.
    """
    if type(space).__name__ == "Box":

        def write(observation: Any, row: FloatArray) -> None:
            row[:] = np.asarray(observation).reshape(-1)

        return write

    def write_parts(observation: Any, row: FloatArray) -> None:
        row[:] = np.concatenate(list(_parts(space, observation)))

    return write_parts


def _leaves(space: Any) -> list[Any]:
    kind = type(space).__name__
    inner = space.spaces.values() if kind == "Dict" else space.spaces if kind == "Tuple" else None
    return [space] if inner is None else [leaf for part in inner for leaf in _leaves(part)]


def _flat_size(name: str, space: Any) -> int:
    kind = type(space).__name__
    if kind == "Discrete":
        return int(space.n)
    if kind == "MultiDiscrete":
        return int(space.nvec.sum())
    if kind in ("Box", "MultiBinary"):
        return int(np.prod(space.shape, dtype=np.int64))
    raise ValueError(
        f"{name}: an observation space {kind} has no fixed size: expected Box, Discrete, MultiDiscrete, MultiBinary, "
        "or Dict and Tuple of them"
    )


def _parts(space: Any, observation: Any) -> list[npt.NDArray[Any]]:
    kind = type(space).__name__
    if kind == "Dict":
        return [part for key, inner in space.spaces.items() for part in _parts(inner, observation[key])]
    if kind == "Tuple":
        pairs = zip(space.spaces, observation, strict=True)
        return [part for inner, value in pairs for part in _parts(inner, value)]
    values = np.asarray(observation).reshape(-1)
    if kind not in _ONE_HOT:
        return [values]
    choices = [int(space.n)] if kind == "Discrete" else space.nvec.reshape(-1)
    starts = np.asarray(getattr(space, "start", 0)).reshape(-1)
    return [np.eye(n, dtype=np.float32)[int(k)] for n, k in zip(choices, values - starts, strict=True)]


def action_spec(name: str, space: Any) -> ActionSpec:
    """The components of an action vector. Raises ValueError for a space that a policy cannot act in."""
    kind = type(space).__name__
    if kind == "Discrete":
        return ActionSpec((), (), {"action": int(space.n)})
    if kind == "MultiDiscrete":
        choices = map(int, space.nvec.reshape(-1))
        return ActionSpec((), (), dict(zip(_names(space), choices, strict=True)))
    if kind == "MultiBinary":
        return ActionSpec((), tuple(_names(space)))
    if kind == "Box" and np.issubdtype(space.dtype, np.floating):
        if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
            raise ValueError(
                f"{name}: its actions are not bounded ({space}): expected a Box with finite limits. "
                "Wrap the environment in gymnasium.wrappers.ClipAction or RescaleAction with limits of your choice."
            )
        return ActionSpec(tuple(_names(space)), ())
    raise ValueError(f"{name}: an action space {space} is not supported: expected {ACTION_SPACES}")


def _names(space: Any) -> list[str]:
    size = int(np.prod(space.shape, dtype=np.int64))
    return ["action"] if size == 1 else [f"action_{index}" for index in range(size)]


def _index(value: float, last: int) -> int:
    """The nearest index from 0 to `last`; 0 for NaN. Plain Python: this is the hot path of most environments."""
    return round(min(value, last)) if value > 0 else 0


def converter(space: Any) -> Callable[[FloatArray], Any]:
    """From an action vector float32 [act] to an action of the space; whatever the numbers, the result is inside it.

    NaN counts as 0. Box: [-1, 1] is mapped linearly onto the limits, and what lies outside is clipped to them.
    Indices are rounded and clipped; a binary component is 1 above ½.
    """
    kind, shape, dtype = type(space).__name__, space.shape, space.dtype
    if kind == "Box":
        low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)

        def to_box(vector: FloatArray) -> Any:
            share = (np.clip(np.nan_to_num(vector), -1, 1).astype(np.float64) + 1) / 2
            return np.clip(low + share.reshape(shape) * (high - low), low, high).astype(dtype)

        return to_box
    if kind == "MultiBinary":
        return lambda vector: (np.nan_to_num(vector) > 0.5).reshape(shape).astype(dtype)
    if kind == "Discrete":
        last, start = int(space.n) - 1, int(space.start)
        return lambda vector: dtype.type(start + _index(float(vector[0]), last))
    most, begin = space.nvec - 1, np.asarray(getattr(space, "start", 0))
    return lambda vector: (begin + np.clip(np.rint(np.nan_to_num(vector)).reshape(shape), 0, most)).astype(dtype)
