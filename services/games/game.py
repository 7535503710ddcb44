"""What every game offers: a batch of B matches with S seats, stepped together.

Shapes: B matches, S seats, obs = size of one observation, act = size of one action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

#: What happens to a match that ended (names as in Gymnasium's AutoresetMode).
#: same_step: it restarts inside `step`, which returns the first observation of the new episode;
#: disabled: it stands still until `reset(matches=...)`.
AutoresetMode = Literal["same_step", "disabled"]


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """Components of one action vector, in order: Gaussian, then Bernoulli, then categorical ones.

    A categorical component is one float in the vector, the index of the choice: 0.0, 1.0, … Several of them are what
    others call multi-discrete.
    """

    continuous: tuple[str, ...]
    binary: tuple[str, ...]
    categorical: Mapping[str, int] = field(default_factory=dict)
    """name -> number of choices"""

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.continuous, *self.binary, *self.categorical)

    @property
    def size(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class GameSpec:
    """Everything about a game that can be known without building it (no warp, no torch needed)."""

    name: str
    rules: tuple[str, ...]
    seats: int
    roles: tuple[str, ...]
    action: ActionSpec
    observations: Mapping[str, Mapping[str, int]]
    """rules -> observation layout -> size"""
    bots: Mapping[str, tuple[str, ...]]
    """rules -> scripted bots"""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """keyword of `make` -> meaning, default and unit, for errors and documentation"""
    role_bots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """role -> the bots that can play it; a role that is not named takes all"""
    symmetric: bool = True
    max_decisions: int = 0
    """longest episode, in decisions"""
    per_match: tuple[str, ...] = ()
    """parameters in which the matches of one batch may differ; not empty: the game is a `VariedGame`"""
    regimes: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """rules -> regime -> parameters out of `per_match`: named conditions to examine policies under"""
    success_return: float | None = None
    """one seat: an episode whose undiscounted return reaches this is a success; None: nobody has said"""
    snapshots: bool = True
    """`snapshot` and `restore` work; without them matches cannot be kept as replays"""


@dataclass(slots=True)
class StepInfo:
    """What `step` tells beside observation and reward. Views, overwritten by the next step, reset or restore."""

    done: BoolArray
    """[B] the match ended in this step"""
    outcome: IntArray
    """[B] 0 running, 1 seat 0 won, 2 draw, 3 seat 1 won, 4 one seat: nobody to beat; valid where done"""
    ending: IntArray
    """[B] index into the game's `endings`; valid where done"""
    decisions: IntArray
    """[B] length of the episode so far, in decisions"""
    final_observation: FloatArray
    """[B, S, obs] observation after this step before any auto-reset"""


class Game(Protocol):
    """A batch of matches. Symmetric in memory layout, deterministic given seeds and actions."""

    spec: GameSpec
    rules: str
    batch: int
    num_seats: int
    obs_size: int
    act_size: int
    autoreset: AutoresetMode
    endings: tuple[str, ...]

    def reset(self, matches: IntArray | None = None, seeds: npt.NDArray[np.uint64] | None = None) -> FloatArray:
        """Start new episodes in the given slots (all when None) with the given seeds, one per slot.

        Returns the observations [B, S, obs] of all slots. Seeds default to a stream derived from the game's own seed.
        """

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, StepInfo]:
        """One decision of everybody. actions [B, S, act]; seats taken by bots ignore theirs.

        Returns observation [B, S, obs], reward [B, S], terminated [B], truncated [B], info.
        """

    def seat_bots(self, seat: int, bots: Sequence[str | None] | str | None, matches: IntArray | None = None) -> None:
        """Put a scripted bot (None: an external player) into `seat`, one for all or one per given match."""

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The full state as named arrays; `restore(snapshot())` changes nothing."""

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        """Take a state as given by `snapshot`; returns the observations [B, S, obs]."""


@runtime_checkable
class VariedGame(Game, Protocol):
    """A game whose matches may differ in the parameters that its specification lists as `per_match`. Optional."""

    def vary(self, parameters: Mapping[str, Any], matches: IntArray | None = None) -> None:
        """From their next episode on, the given slots (all when None) are played with these values, and with those
        of `make` for the parameters left out. Running episodes go on as they are, and the others' too.

        Raises ValueError for a parameter that is not `per_match` or a value that `make` would refuse; then nothing
        changes.
        """


@runtime_checkable
class ShowsRaw(Protocol):
    """A game that can show the rule set's own observation, whatever layout it was made with."""

    def raw_observations(self) -> FloatArray:
        """[B, S, D] of the present state; valid until the next call of the game."""
