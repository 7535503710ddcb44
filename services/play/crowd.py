"""Many versions with few rows each, computed together: one batched matrix product per layer, not one per version.

G versions of one architecture and precision, R rows each (the fewer are padded), n rows in all. A row comes out with
the same bits whoever else takes part: `baddbmm` rounds like the layers of a version that computes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .network import Actor

#: A version with more rows than this computes alone: padding the others to as many would cost more than it saves.
MAX_ROWS = 32
#: Products of fewer rows take another path through the library and round differently.
MIN_ROWS = 4
#: Versions that left their last seat stay in the stack while it holds no more than so many times those seated.
SPARE = 3


def may_join(actor: object) -> bool:
    """Whether it is a frozen plain network whose layers are computed alike in company and alone."""
    if not isinstance(actor, Actor) or any(parameter.requires_grad for parameter in actor.parameters()):
        return False
    trunk = actor.trunk
    return trunk.hidden is not None and trunk.standardise is None and trunk.activation == "relu" and trunk.by_hand


class Stack(NamedTuple):
    """The weights of G versions side by side, [G, inputs, outputs], and biases [G, 1, outputs]."""

    weight_1: Tensor
    bias_1: Tensor
    weight_2: Tensor
    bias_2: Tensor
    head: Tensor
    head_bias: Tensor
    log_std: Tensor
    """[G, C]"""

    @classmethod
    def of(cls, actors: Sequence[Actor]) -> Stack:
        """Copies them; raises RuntimeError unless all have the same shapes and precision."""
        layers = [(*actor.trunk.layers(), actor.head.weight, actor.head.bias) for actor in actors]
        products = [_side_by_side(parts) for parts in zip(*layers, strict=True)]
        return cls._make([*products, torch.stack([actor.log_std.detach() for actor in actors])])

    def forward(self, x: Tensor) -> Tensor:
        """[G, R, obs] in the precision of the hidden layers -> what the heads give, float32 [G, R, C + L]."""
        x = torch.baddbmm(self.bias_1, x, self.weight_1).relu_()
        x = torch.baddbmm(self.bias_2, x, self.weight_2).relu_()
        return torch.baddbmm(self.head_bias, x.float(), self.head)


class Seats(NamedTuple):
    """Where the rows of a crowd sit."""

    rows: Tensor
    """[n] of the flat observations, ascending"""
    places: Tensor
    """[n] of the G * R padded rows"""
    versions: Tensor
    """[n] which of the G versions plays the row"""
    padded_rows: int
    """R"""

    @classmethod
    def of(cls, groups: Iterable[Sequence[int]], device: torch.device) -> Seats:
        """`groups[g]` are the rows of version g; may be empty."""
        taken = sorted((row, version, place) for version, rows in enumerate(groups) for place, row in enumerate(rows))
        rows, versions, places = torch.tensor(taken, dtype=torch.int64, device=device).unbind(1)
        padded = max(MIN_ROWS, int(places.max()) + 1)
        return cls(rows, versions * padded + places, versions, padded)


class Crowd:
    """The seated versions of one architecture and precision, with few rows each."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._stack: Stack | None = None
        self._seats: Seats | None = None

    @property
    def rows(self) -> Tensor:
        """[n] of the flat observations, ascending."""
        assert self._seats is not None, "nobody is seated"
        return self._seats.rows

    def seat(self, groups: Mapping[str, Sequence[int]], actor_of: Callable[[str], Actor], device: torch.device) -> None:
        """Who plays which rows from now on. Weights are copied anew only when a version comes that was not held."""
        if self._stack is None or not groups.keys() <= set(self._held) or len(self._held) > SPARE * len(groups):
            recent = [key for key in self._held if key not in groups][: (SPARE - 1) * len(groups) // 2]
            self._held = [*groups, *recent]
            self._stack = Stack.of([actor_of(key) for key in self._held])
        self._seats = Seats.of([groups.get(key, ()) for key in self._held], device)

    def act(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Flat observations [N, obs] -> what the heads give for `rows` [n, C + L], and their log_std [n, C]."""
        stack, seats = self._stack, self._seats
        assert stack is not None
        assert seats is not None
        versions, dtype = len(stack.log_std), stack.weight_1.dtype
        padded = observations.new_zeros((versions * seats.padded_rows, observations.shape[-1]), dtype=dtype)
        padded.index_copy_(0, seats.places, observations.index_select(0, seats.rows).to(dtype))
        out = stack.forward(padded.view(versions, seats.padded_rows, -1)).flatten(0, 1)
        return out.index_select(0, seats.places), stack.log_std.index_select(0, seats.versions)


def _side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Weights [out, in] -> [G, in, out]; biases [out] -> [G, 1, out]."""
    return torch.stack([part.detach().t().contiguous() if part.dim() == 2 else part.detach()[None] for part in parts])
