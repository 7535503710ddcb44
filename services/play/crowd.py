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


def may_join(actor: object) -> bool:
    """Whether it is a frozen plain network whose layers are computed alike in company and alone."""
    if not isinstance(actor, Actor) or any(parameter.requires_grad for parameter in actor.parameters()):
        return False
    trunk = actor.trunk
    return trunk.hidden is not None and trunk.standardise is None and trunk.activation == "relu" and trunk.by_hand


class Stack(NamedTuple):
    """The weights of up to G versions side by side, [G, inputs, outputs], and biases [G, 1, outputs]."""

    weight_1: Tensor
    bias_1: Tensor
    weight_2: Tensor
    bias_2: Tensor
    head: Tensor
    head_bias: Tensor
    log_std: Tensor
    """[G, C]"""

    @classmethod
    def like(cls, actor: Actor, places: int) -> Stack:
        """Places for versions of the same shapes and precision; what is in them means nothing."""
        return cls._make(part.new_empty((places, *part.shape)) for part in _parts(actor))

    def put(self, place: int, actor: Actor) -> None:
        """Copies its weights; raises RuntimeError unless it has the shapes of the others."""
        for mine, part in zip(self, _parts(actor), strict=True):
            mine[place].copy_(part)

    def move(self, place: int, to: int) -> None:
        for mine in self:
            mine[to].copy_(mine[place])

    def first(self, versions: int) -> Stack:
        """Views of the first places."""
        return Stack._make(mine[:versions] for mine in self)

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
    """The seated versions of one architecture and precision, with few rows each. Nobody else costs anything: they stand
    in the first places of the stack, and one that leaves is replaced by a newcomer or by the last."""

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
        """Who plays which rows from now on. Weights are copied only of versions that had no row before."""
        newcomers = [key for key in groups if key not in self._held]
        stack = self._room_for(len(groups), newcomers, actor_of)
        for place in reversed([place for place, key in enumerate(self._held) if key not in groups]):
            if newcomers:
                self._held[place] = newcomers.pop()
                stack.put(place, actor_of(self._held[place]))
            else:
                self._close(stack, place)
        for key in newcomers:
            stack.put(len(self._held), actor_of(key))
            self._held.append(key)
        self._seats = Seats.of([groups[key] for key in self._held], device)

    def _room_for(self, versions: int, newcomers: Sequence[str], actor_of: Callable[[str], Actor]) -> Stack:
        """The stack, made anew and twice as large where it is too small."""
        if self._stack is None or versions > len(self._stack.log_std):
            known = actor_of(self._held[0] if self._held else newcomers[0])
            larger = Stack.like(known, 2 * versions)
            for place, key in enumerate(self._held):
                larger.put(place, actor_of(key))
            self._stack = larger
        return self._stack

    def _close(self, stack: Stack, place: int) -> None:
        """Nobody stands in a place any more: the last one takes it."""
        last = self._held.pop()
        if place < len(self._held):
            stack.move(len(self._held), place)
            self._held[place] = last

    def act(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Flat observations [N, obs] -> what the heads give for `rows` [n, C + L], and their log_std [n, C]."""
        assert self._stack is not None
        assert self._seats is not None
        seats, versions = self._seats, len(self._held)
        stack = self._stack.first(versions)
        padded = observations.new_zeros((versions * seats.padded_rows, observations.shape[-1]), dtype=stack.head.dtype)
        padded.index_copy_(0, seats.places, observations.index_select(0, seats.rows))
        inputs = padded.view(versions, seats.padded_rows, -1).to(stack.weight_1.dtype)
        out = stack.forward(inputs).flatten(0, 1)
        return out.index_select(0, seats.places), stack.log_std.index_select(0, seats.versions)


def _parts(actor: Actor) -> list[Tensor]:
    """Weights [in, out], biases [1, out], log_std [C], as they stand in a stack."""
    layers = (*actor.trunk.layers(), actor.head.weight, actor.head.bias)
    parts = [part.detach().t() if part.dim() == 2 else part.detach()[None] for part in layers]
    return [*parts, actor.log_std.detach()]
