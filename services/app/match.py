"""One match between two participants: under which rules and parameters they can meet, and as what each is seated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.v1.policy_pb2 import PolicyRef
from ..kernel.players import bot_id
from ..play.duel import Contender
from .errors import UsageError
from .home import Json, RunFolder
from .participants import Participant

#: They change what is seen or learned, not what is played.
_WITHOUT_EFFECT = ("observation", "rewards", "reward_every")


def rules_of(players: Sequence[Participant]) -> str:
    """The rule set that their policies are for, "" without one. Raises UsageError if they differ."""
    found = {one.name: one.rules for one in players if one.rules}
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} plays {rules}" for name, rules in found.items())
        raise UsageError(f"these two play by different rules and cannot meet: {said}")
    return next(iter(found.values()), "")


def parameters_of(players: Sequence[Participant]) -> Json:
    """Of the game: those of the runs, which must agree, with the layout of who cannot read the raw observation."""
    parameters = _of_runs([one.run for one in players if one.run is not None])
    needed = {one.observation for one in players if not _reads_raw(one)}
    if len(needed) > 1:
        both = " and ".join(repr(layout) for layout in sorted(needed))
        raise UsageError(f"these two cannot meet: they observe {both}, and neither can be had from raw observations")
    return {**parameters, "observation": needed.pop()} if needed else parameters


def contender(player: Participant, parameters: Json) -> Contender:
    """As it is seated in a game with these parameters. Raises UsageError."""
    if player.kind == "bot":
        return Contender(bot_id(player.name), bot=player.name)
    if player.trained is None:
        return Contender(player.name, ref=PolicyRef(agent=player.name, sha256=player.sha256), actor=player.policy)
    actor, manifest = player.trained
    ref = PolicyRef(agent=manifest.agent, epoch=manifest.epoch, step=manifest.step, sha256=player.sha256)
    native = parameters.get("observation") == manifest.observation
    return Contender(player.name, ref=ref, actor=actor if native else player.fixed())


def _reads_raw(player: Participant) -> bool:
    try:
        player.fixed()
    except UsageError:
        return False
    return True


def _of_runs(runs: Sequence[RunFolder]) -> Json:
    """Raises UsageError if policies of these runs were trained under different conditions."""
    for run in runs:
        if not {"rules", "game_parameters"} <= run.config().keys():
            run.whole_config()
    found: list[dict[str, Any]] = [run.config()["game_parameters"] for run in runs]
    if any(_played(parameters) != _played(found[0]) for parameters in found):
        said = "; ".join(f"{run.name}: {_played(parameters)}" for run, parameters in zip(runs, found, strict=True))
        raise UsageError(f"these two were trained under different conditions and cannot meet: {said}")
    return dict(found[0]) if found else {}


def _played(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in _WITHOUT_EFFECT}
