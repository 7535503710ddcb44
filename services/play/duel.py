"""One match between two players, played here and now and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..api.v1.match_pb2 import Player, Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..games import make
from ..kernel.config import NetworkConfig
from .architecture import Architecture
from .arena import Arena
from .bank import PolicyBank
from .fixed import FixedPolicy
from .matches import Match
from .network import Actor
from .replay import Replay
from .tape import Tape
from .tuning import like_services


@dataclass(frozen=True, slots=True)
class Contender:
    """A scripted bot, or a policy with the weights it plays with."""

    name: str
    bot: str = ""
    ref: PolicyRef | None = None
    actor: Actor | FixedPolicy | None = None


def duel(game_name: str, rules: str, parameters: Mapping[str, Any], seed: int, players: Sequence[Contender]) -> Replay:
    """Play one match, player k in seat k; policies play their mode.

    Raises ValueError for a game, rule set, parameter or bot that is not known.
    """
    game = make(game_name, rules=rules, batch=1, **{**parameters, "autoreset": "disabled"})
    # The bank takes any network; its own architecture only matters to who loads weights into it.
    layout = next(iter(game.spec.observations[game.rules]))
    architecture = Architecture.of(game.spec, game.rules, layout, NetworkConfig.model_validate({}))
    bank = PolicyBank(architecture, 1, game.num_seats, device="cpu", seed=seed)
    for player in players:
        if player.ref is not None and player.actor is not None:
            bank.add(player.ref, player.actor)
    # The names that people see are put in below: a file may have one that no run would give.
    tape = Tape(game, parameters, lambda match: True, lambda player: player.bot or player.policy.agent)
    arena = Arena(game, bank, worker="duel", never_idle=False, seed=seed, tape=tape)
    entries = [Player(bot=player.bot) if player.bot else Player(policy=player.ref) for player in players]
    ticket = Ticket(game=game_name, rules=rules, players=entries, deterministic=True)
    arena.queue.append(Match(ticket, number=0, seed=seed, first_seat=0))
    with torch.inference_mode(), like_services():
        arena.fill()
        while arena.playing:
            arena.step()
    (replay,) = tape.take()
    names = [player.name for player in players]
    return replace(
        replay, seats=tuple(replace(seat, name=name) for seat, name in zip(replay.seats, names, strict=True))
    )
