"""Several processes that share the gradients of one agent, over torch.distributed.

Rank 0 is the learner: it alone collects, decides, publishes and writes. Before the passes of an update it gives the
others the batch, its state and the settings. Then all do the same: of every minibatch each rank takes its part, and
each applies the sum of all gradients. Whatever is decided on the way is decided on sums over the ranks, by all alike.
The others keep nothing from one update to the next: what was committed, taken back or rolled back they need not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from .objective import Scales
from .state import State

#: A rank that says nothing for so long is lost. Rank 0 says something every few seconds.
PATIENCE_SECONDS = 60.0
IDLE_SECONDS = 5.0

_END, _IDLE, _UPDATE = 0.0, 1.0, 2.0
_HEADER = 7


class RankLost(Exception):
    """Another rank has ended or says nothing. Starting all of them again is the recovery."""


class RanksDiffer(Exception):
    """The same steps have led to other weights on another rank."""


@dataclass(frozen=True, slots=True)
class Order:
    """What rank 0 has chosen for the passes of one update."""

    rows: int
    epochs: float
    """what a remedy multiplies the epochs by"""
    rate: float
    scales: Scales

    def header(self) -> list[float]:
        scales = self.scales
        return [_UPDATE, self.rows, self.epochs, self.rate, scales.kl_penalty, scales.returns, scales.loss]

    @classmethod
    def of(cls, header: Sequence[float]) -> Order:
        rows, epochs, rate, *scales = header[1:]
        return cls(int(rows), epochs, rate, Scales(*scales))


class Ranks:
    """This process among `count`, of which it is `number`; `device` is where tensors must be to travel.

    The process group has been made: see `muster`. Each method is to be called by all ranks, in the same order, except
    that `idle`, `give` and `dismiss` of rank 0 meet `take` of the others. All raise RankLost.
    """

    def __init__(self, number: int, count: int, device: torch.device) -> None:
        self.number, self.count = number, count
        self._device = device

    def give(self, order: Order, state: State, packed: Tensor) -> None:
        """Rank 0: an update begins, with these rows and this state."""
        self._say(order.header())
        for tensor in (_pack(state), packed):
            self._broadcast(tensor)

    def idle(self) -> None:
        """Rank 0: nothing to do yet."""
        self._say([_IDLE])

    def dismiss(self) -> None:
        """Rank 0: there is nothing more to do."""
        self._say([_END])

    def take(self, state: State, room: Callable[[int], Tensor]) -> tuple[Order, Tensor] | None:
        """The others: wait for an update; `state` becomes that of rank 0. None when there are no more.

        `room` makes packed rows [N, …] to receive a batch.
        """
        header = [_IDLE]
        while header[0] == _IDLE:
            header = self._say([0.0])
        if header[0] == _END:
            return None
        order = Order.of(header)
        received, packed = _pack(state), room(order.rows)
        for tensor in (received, packed):
            self._broadcast(tensor)
        _unpack(received, state)
        return order, packed

    def add_up(self, gradient: Tensor, sums: Sequence[float]) -> list[float]:
        """Replace the gradient by its sum over the ranks; returns that of `sums`. The same bits on every rank."""
        numbers = torch.tensor(sums, dtype=gradient.dtype, device=gradient.device)
        together = torch.cat((gradient, numbers))
        with _together("adding up gradients"):
            dist.all_reduce(together)
        gradient.copy_(together[: len(gradient)])
        found: list[float] = together[len(gradient) :].tolist()
        return found

    def compare(self, weights: Tensor) -> None:
        """Raises RanksDiffer unless all ranks hold the same bits."""
        digest = hashlib.blake2b(weights.cpu().numpy().tobytes(), digest_size=8).digest()
        own = torch.frombuffer(bytearray(digest), dtype=torch.int64).to(self._device)
        found = [torch.empty_like(own) for _ in range(self.count)]
        with _together("comparing weights"):
            dist.all_gather(found, own)
        if other := [number for number, one in enumerate(found) if not torch.equal(one, found[0])]:
            raise RanksDiffer(
                f"after the same minibatches the weights of rank {', '.join(map(str, other))} are not those of rank 0: "
                "the ranks of a learner need processors that round alike, and sound memory. Put them on machines of "
                "one kind, or set learner.ranks = 1."
            )

    def _say(self, words: Sequence[float]) -> list[float]:
        """The words of rank 0, on all ranks."""
        header = torch.zeros(_HEADER, dtype=torch.float64)
        header[: len(words)] = torch.tensor(words, dtype=torch.float64)
        self._broadcast(header)
        return header.tolist()

    def _broadcast(self, tensor: Tensor) -> None:
        moved = tensor.to(self._device)
        with _together("waiting for rank 0" if self.number else "giving out work"):
            dist.broadcast(moved, src=0)
        if moved is not tensor:
            tensor.copy_(moved)


@contextmanager
def _together(doing: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RankLost(
            f"while {doing}: another rank has ended, or is silent for {PATIENCE_SECONDS:.0f} s. All ranks start again "
            "from the newest checkpoint."
        ) from error


def _tensors(state: State) -> list[Tensor]:
    return [state.generator.get_state(), *state.tensors().values()]


def _pack(state: State) -> Tensor:
    """The bytes of a state, random numbers included."""
    return torch.cat([tensor.reshape(-1).view(torch.uint8).cpu() for tensor in _tensors(state)])


def _unpack(packed: Tensor, state: State) -> None:
    tensors = _tensors(state)
    parts = torch.split(packed, [tensor.numel() * tensor.element_size() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        # a copy, because a part may begin where its type may not
        tensor.copy_(part.clone().view(tensor.dtype).view(tensor.shape))
    state.generator.set_state(tensors[0])
    state.settle()
