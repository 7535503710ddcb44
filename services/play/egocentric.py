"""The egocentric features of the dogfight, computed outside the game from the 46 floats of a raw observation.

Written once, over columns: torch evaluates the formulas, and the ONNX exporter records them as graph nodes. They are
those of docs/games/dogfight.md, in the order of operations of the game's kernel, so that both round alike.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..games.dogfight.constants import (
    ARENA_DIAMETER,
    ARENA_HEIGHT,
    BULLET_SLOTS,
    EGOCENTRIC_FLOATS,
    ORIGINAL_FLOATS,
)

RAW_SIZE = ORIGINAL_FLOATS
FEATURES = EGOCENTRIC_FLOATS
FIRST_BULLET = 13
FULL_SPEED = 250.0
SPEED_SCALE = 200.0
BULLET_SPEED = 400.0

#: One number per row, [n, 1]: a tensor, or the name of one in a graph. Takes + - * / with columns and numbers.
Column = Any


class Operations(Protocol):
    """What the formulas need beside arithmetic."""

    def sqrt(self, x: Column) -> Column: ...

    def exp(self, x: Column) -> Column: ...

    def abs(self, x: Column) -> Column: ...

    def clip(self, x: Column, low: float | None, high: float | None) -> Column: ...

    def less(self, x: Column, bound: float) -> Column:
        """x < bound, as a condition."""

    def greater(self, x: Column, bound: float) -> Column:
        """x > bound, as a condition."""

    def both(self, a: Column, b: Column) -> Column:
        """Where both conditions hold."""

    def where(self, condition: Column, then: Column, otherwise: Column | float) -> Column: ...


class TorchOperations:
    """The operations on float32 tensors [n, 1]."""

    def sqrt(self, x: Tensor) -> Tensor:
        return x.sqrt()

    def exp(self, x: Tensor) -> Tensor:
        return x.exp()

    def abs(self, x: Tensor) -> Tensor:
        return x.abs()

    def clip(self, x: Tensor, low: float | None, high: float | None) -> Tensor:
        return x.clamp(low, high)

    def less(self, x: Tensor, bound: float) -> Tensor:
        return x < bound

    def greater(self, x: Tensor, bound: float) -> Tensor:
        return x > bound

    def both(self, a: Tensor, b: Tensor) -> Tensor:
        return a & b

    def where(self, condition: Tensor, then: Tensor, otherwise: Tensor | float) -> Tensor:
        return torch.where(condition, then, otherwise)


class EgocentricFeatures(nn.Module):
    """float32 [n, 46] -> [n, 20]: the floats that the layout `egocentric` appends to a raw observation."""

    def forward(self, obs: Tensor) -> Tensor:
        return torch.cat(features([obs[:, k : k + 1] for k in range(RAW_SIZE)], TorchOperations()), dim=1)


def features(o: list[Column], ops: Operations) -> list[Column]:
    """The 20 features from the 46 columns of a raw observation."""
    return _flight(o, ops) + _bullet(o, ops)


def _flight(o: list[Column], ops: Operations) -> list[Column]:
    """The 17 features about the two aircraft."""
    speed, c, s = o[0] * FULL_SPEED, o[1], o[2]
    speed2, c2, s2 = o[8] * FULL_SPEED, o[9], o[10]
    rx, ry, d = o[6] * ARENA_DIAMETER, o[7] * ARENA_DIAMETER, o[12] * ARENA_DIAMETER
    reach = ops.clip(d, 1.0, None)
    ux, uy = rx / reach, ry / reach
    wx, wy = speed * c - speed2 * c2, speed * s - speed2 * s2
    lx, ly = rx + c2 * speed2 * d / BULLET_SPEED, ry + s2 * speed2 * d / BULLET_SPEED
    lead = ops.clip(ops.sqrt(lx * lx + ly * ly), 1.0, None)
    return [
        c * ux + s * uy,
        c * uy - s * ux,
        -(c2 * ux + s2 * uy),
        s2 * ux - c2 * uy,
        ops.clip((c * rx + s * ry) / 200.0, -2.0, 2.0),
        ops.clip((c * ry - s * rx) / 200.0, -2.0, 2.0),
        (wx * ux + wy * uy) / SPEED_SCALE,
        (wy * ux - wx * uy) / SPEED_SCALE,
        (c * lx + s * ly) / lead,
        (c * ly - s * lx) / lead,
        ops.exp(-d / 100.0),
        ops.clip(d / 300.0, None, 2.0),
        c * c2 + s * s2,
        c * s2 - s * c2,
        speed / 100.0 - 1.0,
        speed2 / 100.0 - 1.0,
        o[5] * ARENA_HEIGHT / 200.0 - 1.5,
    ]


def _bullet(o: list[Column], ops: Operations) -> list[Column]:
    """The 3 features about the first slot with an enemy bullet; zeros without one."""
    bx, by = o[0] * 0.0, o[0] * 0.0
    for slot in reversed(range(BULLET_SLOTS)):
        k = FIRST_BULLET + 4 * slot
        x, y = o[k] * ARENA_DIAMETER, o[k + 1] * ARENA_DIAMETER
        enemy = ops.both(ops.less(o[k + 2], 0.5), ops.greater(ops.abs(x) + ops.abs(y), 0.0))
        bx, by = ops.where(enemy, x, bx), ops.where(enemy, y, by)
    seen = ops.greater(ops.abs(bx) + ops.abs(by), 0.0)
    nearness = ops.exp(-ops.sqrt(bx * bx + by * by) / 80.0)
    return [
        (o[1] * bx + o[2] * by) / 100.0,
        (o[1] * by - o[2] * bx) / 100.0,
        ops.where(seen, nearness, 0.0),
    ]
