"""Kept matches played again, and what kind of fights they were: the numbers of `ludus analyse` and of a report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..games.dogfight import constants
from ..games.dogfight.battle import Battle, Pilot, battle_of, dynamism
from ..kernel.files import write_atomically
from ..kernel.players import BOT_PREFIX
from ..kernel.wilson import wilson_interval
from ..play.replay import SUFFIX, Replay, ReplayError, from_bytes
from ..play.rerun import re_simulate

GAME = "dogfight"
#: Matches a report looks at: of the last version, evenly over its opponents.
MOST_MATCHES = 20
FIGHTS_FILE = "fights.json"


@dataclass(frozen=True, slots=True)
class Fought:
    """One match: who, seat by seat, and how."""

    names: tuple[str, str]
    outcome: int
    battle: Battle


def fought(replay: Replay) -> Fought:
    """Play a kept match again. Raises ReplayError."""
    if replay.game != GAME:
        raise ReplayError(f"only matches of {GAME} can be analysed, not of {replay.game!r}")
    states = re_simulate(replay, **finer(replay))
    first, second = (seat.name.removeprefix(BOT_PREFIX) for seat in replay.seats)
    battle = battle_of(states, joined=replay.rules == "competition", elimination=replay.ending == "elimination")
    return Fought((first, second), replay.outcome, battle)


def finer(replay: Replay) -> dict[str, Any]:
    """Arguments of `re_simulate` that show every tick."""
    ticks = int(replay.parameters.get("ticks_per_decision", constants.TICKS_PER_DECISION))
    return {"parameters": {**replay.parameters, "ticks_per_decision": 1}, "repeat": ticks}


def numbers(fights: Sequence[Fought]) -> dict[str, Any]:
    """Means per pairing and per player."""
    pairings = sorted({_pair(fight) for fight in fights})
    names = sorted({name for fight in fights for name in fight.names})
    return {
        "matches": len(fights),
        "pairings": [pairing([fight for fight in fights if _pair(fight) == names]) for names in pairings],
        "players": [player(name, fights) for name in names],
    }


def fights_of(folder: Path, policy: str) -> dict[str, Any]:
    """Numbers of a run's kept matches of one version; empty where there are none, or only of another game.

    Kept in fights.json, because every match takes half a second or so. One that does not play again (an older version
    of the game made it) is left out.
    """
    paths, kept = chosen(sorted((folder / "replays").glob(f"{policy}-*{SUFFIX}"))), folder / FIGHTS_FILE
    looked_at = [path.stem for path in paths]
    with suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(kept.read_text())
        if known["looked_at"] == looked_at:
            return known
    found = _fights(paths)
    if not found:
        return {}
    tree = {"looked_at": looked_at, **numbers(found)}
    write_atomically(kept, (json.dumps(tree, indent=2) + "\n").encode())
    return tree


def _fights(paths: Sequence[Path]) -> list[Fought]:
    found = []
    for path in paths:
        try:
            found.append(fought(from_bytes(path.read_bytes())))
        except (OSError, ReplayError):
            continue
    return found


def chosen(paths: Sequence[Path], most: int = MOST_MATCHES) -> list[Path]:
    """At most so many, evenly over the sorted names: opponents stand together there."""
    if len(paths) <= most:
        return list(paths)
    return [paths[k * len(paths) // most] for k in range(most)]


def _pair(fight: Fought) -> tuple[str, ...]:
    return tuple(sorted(fight.names))


def pairing(fights: Sequence[Fought]) -> dict[str, Any]:
    """Means over the matches of one pairing."""
    battles = [fight.battle for fight in fights]
    return {
        "players": " - ".join(sorted(fights[0].names)),
        "n": len(battles),
        "dynamism": dynamism(battles),
        "seconds": _mean(b.seconds for b in battles),
        "elimination_rate": _mean(float(b.elimination) for b in battles),
        "circling": _mean(b.circling for b in battles),
        "speed_deviation": _mean(b.speed_deviation for b in battles),
        "altitude_range": _mean(b.altitude_range for b in battles),
        "engagements": _mean(float(b.engagements) for b in battles),
        "hit_rate": _mean(b.hit_rate for b in battles),
        "first_hit_seconds": _mean(b.first_hit_seconds for b in battles),
        "combat_speed": _mean(b.combat_speed for b in battles),
    }


def player(name: str, fights: Sequence[Fought]) -> dict[str, Any]:
    """Everything one name did, in whatever seat; against itself it is there twice."""
    flown: list[tuple[Pilot, int]] = [
        (fight.battle.pilots[seat], (2 - fight.outcome) * (1 - 2 * seat))
        for fight in fights
        for seat in range(2)
        if fight.names[seat] == name
    ]
    pilots, signs = [pilot for pilot, _ in flown], [sign for _, sign in flown]
    shots, hits = sum(p.shots for p in pilots), sum(p.hits for p in pilots)
    low, high = wilson_interval(min(hits, shots), shots)
    return {
        "player": name,
        "n": len(pilots),
        "wins": signs.count(1),
        "draws": signs.count(0),
        "losses": signs.count(-1),
        "shots": shots / len(pilots),
        "hits": hits / len(pilots),
        "accuracy": hits / shots if shots else None,
        "low": low,
        "high": high,
        "first_hit_seconds": _mean(p.first_hit_seconds for p in pilots),
        "speed": _mean(p.speed for p in pilots),
        "energy": _mean(p.energy for p in pilots),
        "advantage": _mean(p.advantage for p in pilots),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
