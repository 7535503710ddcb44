"""A batch of match slots: many tickets played side by side in one batched game.

Every slot holds one match. When it ends, the slot takes the next queued match; the weights of every seat are those the
match started with, except in live seats, which follow their agent's learner (`set_live`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..api.v1.lockstep_pb2 import ArenaState
from ..api.v1.match_pb2 import MatchResult, Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..games import Game, StepInfo, VariedGame
from ..games.game import ShowsRaw
from ..games.registry import expect
from .arena_state import arrays_of, generator_json, matches_in, named, put_matches, set_generator
from .bank import PolicyBank, live_key
from .matches import Match, matches_of, parameters_of, result_of

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class Recorder(Protocol):
    """Takes what happened in every slot, once per decision (the simulator's rollout window)."""

    def record(
        self,
        observations: FloatArray,
        actions: FloatArray,
        log_probs: FloatArray,
        rewards: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
        after: FloatArray,
    ) -> None:
        """Arrays [B, S, ...]; views that are only valid during the call. `after` is seen once the decision is made."""


class Tape(Protocol):
    """Follows matches instead of slots; `tape.Tape` records them."""

    def began(self, slot: int, match: Match, policies: Sequence[PolicyRef]) -> None:
        """A match starts in `slot`; `policies` are per player."""

    def acted(self, actions: FloatArray) -> None:
        """Everybody's actions [B, S, act], valid during the call; those of bots mean nothing."""

    def ended(self, slot: int, info: StepInfo) -> None:
        """The match in `slot` is over; the slot still shows its last state."""


@dataclass(slots=True)
class _Slot:
    match: Match
    policies: list[str]
    """per player: bank key, "" for a bot"""
    refs_at_start: list[PolicyRef] = field(default_factory=list)


class Arena:
    """Plays queued matches in all slots of `game` (built with autoreset="disabled")."""

    def __init__(
        self,
        game: Game,
        bank: PolicyBank,
        *,
        worker: str,
        never_idle: bool,
        seed: int,
        tape: Tape | None = None,
        success_return: float | None = None,
    ) -> None:
        """`never_idle`: a slot without a queued match repeats its last pairing, unrated, so that training goes on.
        `success_return`: None: as the game says."""
        self.game = game
        self.bank = bank
        self.worker = worker
        self.never_idle = never_idle
        self._tape = tape
        self._success_return = game.spec.success_return if success_return is None else success_return
        self.queue: deque[Match] = deque()
        self.observations: FloatArray = game.reset()
        self.decisions = 0
        self.unrated_matches = 0
        self._raw = game.raw_observations if isinstance(game, ShowsRaw) else None
        self._seeds = np.random.default_rng(seed)
        self._slots: list[_Slot | None] = [None] * game.batch
        self._actions = np.zeros((game.batch, game.num_seats, game.act_size), np.float32)
        self._log_probs = np.zeros((game.batch, game.num_seats), np.float32)
        self._scores = np.zeros((game.batch, game.num_seats), np.float64)
        self._live_seats: dict[str, IntArray] = {}
        self._varied = game if game.spec.per_match and isinstance(game, VariedGame) else None
        self._conditions = [""] * game.batch
        """per slot: parameters_json of its last match; "" as the game was made"""
        if self._varied is not None:
            self._varied.vary({})

    @property
    def playing(self) -> int:
        """Slots with a match in progress."""
        return sum(slot is not None for slot in self._slots)

    def offer(self, ticket: Ticket) -> None:
        """Queue the matches of a ticket; the bank must hold every policy it names. Raises ValueError."""
        for player in ticket.players:
            if player.bot:
                expect(f"bot of {self.game.spec.name}", player.bot, self.game.spec.bots[self.game.rules])
            elif not player.live and player.policy.sha256 not in self.bank:
                raise ValueError(f"ticket {ticket.ticket_id!r} needs policy {player.policy.sha256!r}, not in the bank")
        self.queue.extend(matches_of(ticket))

    def fill(self) -> None:
        """Start queued matches in the empty slots."""
        free = [index for index, slot in enumerate(self._slots) if slot is None]
        self._start({slot: self.queue.popleft() for slot in free[: len(self.queue)]})

    def snapshot(self) -> ArenaState:
        """Everything that the next decisions depend on, except the weights that the matches name."""
        state = ArenaState(
            game=named(self.game.snapshot()),
            arrays=named(self._arrays()),
            arena_generator_json=generator_json(self._seeds),
            bank_generator=self.bank.generator_state(),
            decisions=self.decisions,
            unrated_matches=self.unrated_matches,
        )
        slots = [(slot.match, slot.refs_at_start) if slot else None for slot in self._slots]
        put_matches(state, slots, self.queue)
        return state

    def restore(self, state: ArenaState) -> None:
        """Go on from a snapshot of an arena like this one, bit for bit; the bank must hold the policies of its matches.

        Raises ValueError when it does not fit.
        """
        slots, queue = matches_in(state)
        arrays, own = arrays_of(state.arrays), self._arrays()
        if len(slots) != len(self._slots) or any(arrays.get(n, own[n][:0]).shape != own[n].shape for n in own):
            raise ValueError(f"a state of {len(slots)} slots does not fit an arena of {len(self._slots)}")
        self.observations = self.game.restore(arrays_of(state.game))
        for name, array in own.items():
            array[...] = arrays[name]
        set_generator(self._seeds, state.arena_generator_json)
        self.bank.set_generator_state(state.bank_generator)
        self.decisions, self.unrated_matches = state.decisions, state.unrated_matches
        self.queue = deque(queue)
        for index, slot in enumerate(slots):
            self._seat(index, *slot) if slot else self._clear(index)
        self._vary({index: slot[0] for index, slot in enumerate(slots) if slot})

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "actions": self._actions,
            "log_probs": self._log_probs,
            "scores": self._scores,
        }

    def live_seats(self, agent: str) -> IntArray:
        """[B] the seat in which this agent learns, -1 where in none; the array follows the matches."""
        if agent not in self._live_seats:
            seats = [slot.match.live_seat_of(agent) if slot else -1 for slot in self._slots]
            self._live_seats[agent] = np.array(seats, np.int64)
        return self._live_seats[agent]

    def step(self, recorders: Collection[Recorder] = ()) -> list[MatchResult]:
        """One decision in every slot. Returns the results of the rated matches that ended."""
        self.bank.act(self.observations, self._actions, self._log_probs, self._raw)
        if self._tape:
            self._tape.acted(self._actions)
        before = self.observations.copy() if recorders else self.observations
        after, rewards, terminated, truncated, info = self.game.step(self._actions)
        self._scores += rewards
        self.decisions += self.playing
        for recorder in recorders:
            recorder.record(before, self._actions, self._log_probs, rewards, terminated, truncated, after)
        self.observations = after
        ended = np.flatnonzero(info.done)
        return self._finish(ended, info) if len(ended) else []

    def _finish(self, ended: npt.NDArray[np.intp], info: StepInfo) -> list[MatchResult]:
        results, starting = [], {}
        for index in map(int, ended):
            slot = self._slots[index]
            if slot is None:
                continue
            if self._tape:
                self._tape.ended(index, info)
            if slot.match.rated:
                results.append(self._result(index, slot, info))
            following = self._next_match(slot.match)
            if following:
                starting[index] = following
            else:
                self._clear(index)
        self._start(starting)
        return results

    def _result(self, index: int, slot: _Slot, info: StepInfo) -> MatchResult:
        return result_of(
            slot.match,
            seat_outcome=int(info.outcome[index]),
            ending=self.game.endings[int(info.ending[index])],
            decisions=int(info.decisions[index]),
            seat_scores=[float(score) for score in self._scores[index]],
            policies_at_start=slot.refs_at_start,
            policies_at_end=self._refs(slot.policies),
            worker=self.worker,
            success_return=self._success_return,
        )

    def _refs(self, keys: Sequence[str]) -> list[PolicyRef]:
        return [self.bank.ref(key) if key else PolicyRef() for key in keys]

    def _next_match(self, last: Match) -> Match | None:
        if self.queue:
            return self.queue.popleft()
        if not self.never_idle:
            return None
        self.unrated_matches += 1
        seed = int(self._seeds.integers(0, 2**62))
        first_seat = last.first_seat if last.ticket.fixed_seats else (last.first_seat + 1) % self.game.num_seats
        return Match(last.ticket, 0, seed, first_seat=first_seat, rated=False)

    def _clear(self, index: int) -> None:
        self._slots[index] = None
        for seat in range(self.game.num_seats):
            self.bank.seat(index, seat, "", deterministic=True)
        for seats in self._live_seats.values():
            seats[index] = -1

    def _start(self, matches: dict[int, Match]) -> None:
        """Seat players and restart the given slots."""
        if not matches:
            return
        indices = np.fromiter(matches, np.int32)
        for seat in range(self.game.num_seats):
            bots = [match.player_in(seat).bot or None for match in matches.values()]
            self.game.seat_bots(seat, bots, matches=indices)
        self._vary(matches)
        seeds = np.fromiter((match.seed for match in matches.values()), np.uint64)
        self.observations = self.game.reset(matches=indices, seeds=seeds)
        self._scores[indices] = 0
        for index, match in matches.items():
            self._take(index, match)

    def _vary(self, matches: dict[int, Match]) -> None:
        """Give the slots the conditions of the matches about to start there, where they differ from the last ones."""
        if self._varied is None:
            return
        changed: dict[str, list[int]] = {}
        for index, match in matches.items():
            if match.ticket.parameters_json != self._conditions[index]:
                self._conditions[index] = match.ticket.parameters_json
                changed.setdefault(match.ticket.parameters_json, []).append(index)
        for text, slots in changed.items():
            parameters = parameters_of(text)
            given = {name: parameters[name] for name in self._varied.spec.per_match if name in parameters}
            self._varied.vary(given, np.array(slots, np.int32))

    def _take(self, index: int, match: Match) -> None:
        refs = self._refs([self._key(match, player) for player in range(self.game.num_seats)])
        self._seat(index, match, refs)
        if self._tape:
            self._tape.began(index, match, refs)

    def _seat(self, index: int, match: Match, refs_at_start: Sequence[PolicyRef]) -> None:
        keys = [self._key(match, player) for player in range(self.game.num_seats)]
        for player, key in enumerate(keys):
            self.bank.seat(index, match.seat_of(player), key, deterministic=match.ticket.deterministic)
        self._slots[index] = _Slot(match, keys, list(refs_at_start))
        for agent, seats in self._live_seats.items():
            seats[index] = match.live_seat_of(agent)

    @staticmethod
    def _key(match: Match, player: int) -> str:
        entry = match.ticket.players[player]
        return "" if entry.bot else live_key(entry.policy.agent) if entry.live else entry.policy.sha256
