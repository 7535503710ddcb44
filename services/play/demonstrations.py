"""What a scripted bot does in which situation: pairs of observation and action, for behaviour cloning.

A bot can be read where the game's snapshot shows the actions in force, as `action_<component>` [B, S]. In the first
round the bot flies itself. In later ones the clone flies and the bot says what it would have done, so that the clone
learns to get out of the situations that only its own mistakes lead to (DAgger: Ross, Gordon and Bagnell, "A Reduction
of Imitation Learning and Structured Prediction to No-Regret Online Learning", AISTATS 2011).

T decisions, B matches, N pairs, D floats of an observation, A action components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..games import Game, make
from .distribution import mode
from .network import Actor

FloatArray = npt.NDArray[np.float32]

SLOTS = 256
#: Every so many pairs of slots is held out: whole matches, and no divisor of the number of bots.
HELD_OUT_EVERY = 11
#: Bots that act more often than a policy decides: how to make the game so that the first action after an observation
#: can be read, and how many of its steps make a decision of a policy.
FINER: Mapping[tuple[str, str], tuple[dict[str, Any], int]] = {
    ("dogfight", "training"): ({"ticks_per_decision": 1}, 10),
}


class Unreadable(ValueError):
    """The game does not show what its bots do."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Observations [N, D] and the bot's actions [N, A]."""

    observations: FloatArray
    actions: FloatArray

    def __len__(self) -> int:
        return len(self.observations)

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(
            np.concatenate((self.observations, other.observations)), np.concatenate((self.actions, other.actions))
        )


class Classroom:
    """B matches in which `bot` sits in one seat, either one in turn, against every bot of the game."""

    def __init__(self, game: str, rules: str, parameters: Mapping[str, Any], bot: str, seed: int) -> None:
        """Raises ValueError for a game, rule set or bot that is not known; Unreadable."""
        finer, self._steps = FINER.get((game, rules), ({}, 1))
        given = {**parameters, **finer, "autoreset": "same_step"}
        # Two tables: matches are played at one; at the other the bot sits in the state of the first.
        self._played, self._asked = (make(game, rules=rules, batch=SLOTS, seed=seed, **given) for _ in range(2))
        if choices := dict(self._played.spec.action.categorical):
            raise Unreadable(f"the bots of {game} cannot be cloned: {', '.join(choices)} is a choice among several")
        self._bot = bot
        self._slots = np.arange(SLOTS, dtype=np.int32)
        self._seats = self._slots % 2
        self._held_out = self._slots // 2 % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
        bots = self._played.spec.bots[rules]
        self._opponents = [bots[k // 2 % len(bots)] for k in range(SLOTS)]
        self._names = [f"action_{name}" for name in _components(self._played)]
        self._seat(self._played, None)
        self._seat(self._asked, bot)
        if missing := sorted(set(self._names) - set(self._asked.snapshot())):
            raise Unreadable(f"the bots of {game} cannot be cloned: its snapshot has no {', '.join(missing)}")

    def demonstrate(self, decisions: int) -> tuple[Pairs, Pairs]:
        """`decisions` of the bot in every match, it flies itself: pairs to learn from, pairs held out."""
        return self._round(self._asked, decisions, None)

    def correct(self, decisions: int, clone: Actor) -> tuple[Pairs, Pairs]:
        """The same, but `clone` (float32, on the CPU) flies its mode."""
        return self._round(self._played, decisions, clone)

    def _round(self, table: Game, decisions: int, clone: Actor | None) -> tuple[Pairs, Pairs]:
        observations, actions, valid = [], [], []
        sticks = np.zeros((SLOTS, table.num_seats, table.act_size), np.float32)
        seen = table.reset()
        for _ in range(decisions):
            observations.append(seen[self._slots, self._seats].copy())
            if clone is not None:
                with torch.inference_mode():
                    sticks[self._slots, self._seats] = mode(*clone(torch.from_numpy(observations[-1]))).numpy()
                self._asked.restore(_visible(table.snapshot()))
            seen, chosen, ended, over = self._decision(table, sticks)
            actions.append(chosen)
            valid.append(~ended)
            if clone is not None and over.any():
                self._seat(self._asked, self._bot, self._slots[over])
        return self._split(np.stack(observations), np.stack(actions), np.stack(valid))

    def _decision(
        self, table: Game, sticks: FloatArray
    ) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """One decision at both tables: what is seen then, what the bot chose [B, A], where that was wiped by the end of
        the match, and where a match ended at all."""
        over = np.zeros(SLOTS, np.bool_)
        for step in range(self._steps):
            seen, *_, info = table.step(sticks)
            over |= info.done
            if self._asked is not table:
                info = self._asked.step(sticks)[-1]
            if step == 0:
                state, ended = self._asked.snapshot(), info.done.copy()
        chosen = np.stack([state[name][self._slots, self._seats] for name in self._names], axis=1)
        return seen, chosen.astype(np.float32), ended, over

    def _split(
        self, observations: FloatArray, actions: FloatArray, valid: npt.NDArray[np.bool_]
    ) -> tuple[Pairs, Pairs]:
        """[T, B, ...] -> pairs of the matches to learn from, and of those held out."""
        learn, held = valid & ~self._held_out, valid & self._held_out
        return Pairs(observations[learn], actions[learn]), Pairs(observations[held], actions[held])

    def _seat(self, table: Game, bot: str | None, slots: npt.NDArray[np.int32] | None = None) -> None:
        """`bot` (None: a player from outside) in its seat of the slots, all when None; opponents in the other."""
        chosen = self._slots if slots is None else slots
        for seat in range(table.num_seats):
            names = [bot if self._seats[k] == seat else self._opponents[k] for k in chosen]
            table.seat_bots(seat, names, matches=chosen)


def _components(game: Game) -> Sequence[str]:
    return (*game.spec.action.continuous, *game.spec.action.binary)


def _visible(state: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """What makes up the situation, without who sits there, what they remember and what they have seen."""
    hidden = ("bot", "action_", "frames", "seed", "episode")
    return {name: values for name, values in state.items() if not name.startswith(hidden)}
