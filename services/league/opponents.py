"""Whom the learner meets in one training ticket. Pure: the draw depends on the run's seed and the ticket's number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..kernel.players import bot_id
from .elo import MILLI
from .ledger import RECENT_WEIGHT, State
from .matchmaking import Record, choose, weights
from .phases import Stage
from .seeds import unit

TRAIN = "train"
#: An exponential average with weight w knows as much as (2 − w) / w matches of equal weight.
_MATCHES_REMEMBERED = (2 - RECENT_WEIGHT) / RECENT_WEIGHT


def draw_guest(guests: Mapping[str, str], share: float, seed: int, ticket: int) -> str:
    """Id of a guest, drawn evenly, in a `share` of the tickets; "" in the others. `guests`: id by name."""
    if not guests or unit(seed, "guest share", ticket) >= share:
        return ""
    return list(guests.values())[int(unit(seed, "guest", ticket) * len(guests))]


def draw_opponent(
    stage: Stage,
    learner: str,
    pool: Sequence[str],
    state: State,
    seed: int,
    ticket: int,
    guests: Mapping[str, str] | None = None,
    playable: Collection[str] | None = None,
    live: Sequence[str] = (),
) -> str:
    """Id of a bot, of a guest that a phase lists among its bots, of an agent out of `live`, or of a member of the pool.

    `playable`: the bots that can sit opposite; None: all. Where bots are nobody's share falls to the pool, and the
    other way round. Raises ValueError without anybody.
    """
    guests = guests or {}
    bots = [bot for bot in stage.bots if playable is None or bot in playable or bot in guests]
    if not pool and not bots:
        raise ValueError(f"phase {stage.name!r} has neither bots nor a pool to draw from")
    if bots and (not pool or unit(seed, "scripted", ticket) < stage.scripted_share):
        ids = [guests.get(name) or bot_id(name) for name in bots]
        return _drawn(stage.bots_drawn, learner, ids, state, unit(seed, "bot", ticket))
    if live and unit(seed, "live", ticket) < stage.live_share:
        return live[int(unit(seed, "live agent", ticket) * len(live))]
    return _drawn(stage.opponents, learner, pool, state, unit(seed, "opponent", ticket))


def _drawn(shares: Mapping[str, float], learner: str, candidates: Sequence[str], state: State, ticket: float) -> str:
    """One of the candidates, by what samplers make of the learner's matches against them. `ticket`: in [0, 1)."""
    probabilities = weights(shares, [record_of(state, learner, candidate) for candidate in candidates])
    return candidates[choose(probabilities, ticket)]


def record_of(state: State, learner: str, opponent: str) -> Record:
    """How an agent fared against one opponent in training."""
    pair = state.pair(TRAIN, learner, opponent)
    lead_elo = (state.rating(opponent) - state.rating(learner)) / MILLI
    return Record(pair.recent_score, min(pair.matches, _MATCHES_REMEMBERED), lead_elo)
