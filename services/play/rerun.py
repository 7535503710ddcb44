"""Playing a replay again: the same game from the same seed with the same actions, bit for bit or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..games import Game, make
from ..games.registry import expect
from .replay import Replay, ReplayError
from .tuning import like_services

Arrays = dict[str, npt.NDArray[Any]]

#: Counters of the slot, and what players saw at their decisions: they depend on where the match is played again and on
#: how it is cut into steps, and nothing in the match depends on them.
_NOT_OF_THE_MATCH = frozenset({"episode", "decisions", "frames"})


def digest(state: Mapping[str, npt.NDArray[Any]], slot: int) -> str:
    """sha256 of the state of one slot, given as by `Game.snapshot`: every bit that makes up the match.

    Zeros at the end of an array do not count: how many places are free depends on what else the game has to hold.
    """
    found = hashlib.sha256()
    for name in sorted(set(state) - _NOT_OF_THE_MATCH):
        values = np.ascontiguousarray(state[name][slot])
        data = values.tobytes().rstrip(b"\0")
        found.update(f"{name}:{values.dtype.str}:{values.shape[1:]}:{len(data)};".encode())
        found.update(data)
    return found.hexdigest()


def re_simulate(
    replay: Replay, *, batch: int = 1, slot: int = 0, parameters: Mapping[str, Any] | None = None, repeat: int = 1
) -> Arrays:
    """Play it again in `slot` of a batch. Returns the states, name -> [F, ...]: at the start and after each step.

    To see more than one state per decision, give `parameters` that cut a decision into `repeat` steps: each recorded
    action is then given that often. Raises ReplayError if the game is not known here or the match ends differently.
    """
    with like_services():
        game = _game(replay, batch, slot, replay.parameters if parameters is None else parameters)
        states, (outcome, ending) = _play(replay, game, slot, repeat)
        steps, last = len(states) - 1, digest(game.snapshot(), slot)
    _compare(replay, (-(-steps // repeat), outcome, game.endings[ending], last))
    return {name: np.stack([state[name] for state in states]) for name in states[0]}


def _play(replay: Replay, game: Game, slot: int, repeat: int) -> tuple[list[Arrays], tuple[int, int]]:
    """All states of the slot, then outcome and ending: 0, 0 if it did not come to its end."""
    actions = np.zeros((game.batch, game.num_seats, game.act_size), np.float32)
    states = [_state(game, slot)]
    for step in range(replay.decisions * repeat):
        actions[slot, list(replay.outside)] = replay.actions[step // repeat]
        _, _, _, _, info = game.step(actions)
        states.append(_state(game, slot))
        if info.done[slot]:
            return states, (int(info.outcome[slot]), int(info.ending[slot]))
    return states, (0, 0)


def _compare(replay: Replay, found: tuple[int, int, str, str]) -> None:
    expected = replay.decisions, replay.outcome, replay.ending, replay.final_sha256
    if found != expected:
        raise ReplayError(
            f"this match plays differently here: expected decisions, outcome, ending and last state {expected}, "
            f"found {found}. Play it again with the version of Ludus that recorded it ({replay.made_by}), on the same "
            "kind of processor."
        )


def _game(replay: Replay, batch: int, slot: int, parameters: Mapping[str, Any]) -> Game:
    """The game with the replay's match about to begin in `slot`. Raises ReplayError."""
    try:
        given = {**parameters, "autoreset": "disabled"}
        game = make(replay.game, rules=replay.rules, batch=batch, **given)
        slots, bots = np.array([slot], np.int32), game.spec.bots[game.rules]
        if (game.num_seats, game.act_size) != (len(replay.seats), replay.actions.shape[2]):
            raise ReplayError(f"{replay.game} has {game.num_seats} seats and {game.act_size} action components")
        for number, seat in enumerate(replay.seats):
            bot = expect(f"bot of {replay.game}", seat.bot, bots) if seat.bot else None
            game.seat_bots(number, [bot], matches=slots)
        game.reset(matches=slots, seeds=np.array([replay.seed], np.uint64))
    except (ValueError, TypeError) as error:
        raise ReplayError(f"this replay cannot be played here: {error}") from error
    return game


def _state(game: Game, slot: int) -> Arrays:
    return {name: values[slot] for name, values in game.snapshot().items()}
