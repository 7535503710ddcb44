"""A set of natural numbers kept as disjoint ranges. Match numbers are nearly consecutive, so they need few ranges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class RangeSet:
    """An immutable set of integers. `add` returns a new set and costs one copy of the list of ranges."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """`ranges`: (first, last), inclusive, ascending, with a gap of at least one number between them.

        Raises ValueError if they are not.
        """
        pairs = list(ranges)
        self._firsts = [first for first, _ in pairs]
        self._lasts = [last for _, last in pairs]
        for index, (first, last) in enumerate(pairs):
            if first > last or (index and first <= self._lasts[index - 1] + 1):
                raise ValueError(f"ranges must be ascending and disjoint with a gap between them: {pairs}")

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def __len__(self) -> int:
        """How many numbers, not how many ranges."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and self.ranges() == other.ranges()

    def __hash__(self) -> int:
        return hash(self.ranges())

    def __repr__(self) -> str:
        return f"RangeSet({list(self.ranges())})"

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """(first, last) of every range, ascending."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    def add(self, number: int) -> RangeSet:
        """This set and `number`. Neighbouring ranges grow together."""
        if number in self:
            return self
        grown = RangeSet.__new__(RangeSet)
        grown._firsts, grown._lasts = self._firsts.copy(), self._lasts.copy()
        grown._insert(number, bisect_right(self._firsts, number))
        return grown

    def _insert(self, number: int, index: int) -> None:
        """`index`: position of the first range that begins after `number`."""
        touches_left = index > 0 and self._lasts[index - 1] == number - 1
        touches_right = index < len(self._firsts) and self._firsts[index] == number + 1
        if touches_left and touches_right:
            self._lasts[index - 1] = self._lasts.pop(index)
            del self._firsts[index]
        elif touches_left:
            self._lasts[index - 1] = number
        elif touches_right:
            self._firsts[index] = number
        else:
            self._firsts.insert(index, number)
            self._lasts.insert(index, number)
