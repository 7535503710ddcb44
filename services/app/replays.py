"""Where replays are kept, and who can be asked to play."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..api.v1.policy_pb2 import PolicyRef
from ..games import GameSpec
from ..kernel.players import bot_id
from ..play.duel import Contender
from ..play.replay import MAX_FILE_BYTES, SUFFIX, Replay, ReplayError, from_bytes
from .errors import CommandError, UsageError, unknown
from .home import Home, Json, RunFolder
from .trained import trained

#: They change what is learned, not what is played.
_WITHOUT_EFFECT = ("rewards", "reward_every")


def kept(home: Home) -> dict[str, Path]:
    """Every replay in the home folder, oldest first: by name, those of runs also by `RUN/NAME`."""
    folders = [home.root / "replays", *(run.path / "replays" for run in home.runs())]
    paths = [path for folder in folders for path in folder.glob(f"*{SUFFIX}")]
    return {_label(home, path): path for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)}


def _label(home: Home, path: Path) -> str:
    folder = path.parent.parent
    return path.stem if folder == home.root else f"{folder.name}/{path.stem}"


def find(home: Home, match: str | None) -> Path:
    """The replay called `match`; without a name the newest. Raises CommandError naming what there is."""
    if match and Path(match).expanduser().is_file():
        return Path(match).expanduser()
    there = kept(home)
    if not match:
        if not there:
            raise CommandError(f"no match is kept in {home.root} yet. Play one: ludus play --red ace --blue brawler")
        return list(there.values())[-1]
    if match in there:
        return there[match]
    same = [label for label in there if label.endswith(f"/{match}")]
    if len(same) > 1:
        raise UsageError(f"{match!r} is kept by several runs: say which, {' or '.join(same[:5])}")
    if same:
        return there[same[0]]
    raise unknown("match", match, list(there)[-20:], f"It is also no file. Replays are kept below {home.root}.")


def load(path: Path) -> Replay:
    """Read a replay file. Raises CommandError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ReplayError(f"{path.stat().st_size} bytes, where a replay has at most {MAX_FILE_BYTES}")
        return from_bytes(path.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except ReplayError as error:
        raise CommandError(f"{path}: {error}") from error


def contender(home: Home, player: str, spec: GameSpec, bots: Sequence[str]) -> tuple[Contender, RunFolder | None]:
    """A bot, or the policy of a run (the newest while it is unfinished) with the run's folder. Raises CommandError."""
    if player in bots:
        return Contender(bot_id(player), bot=player), None
    runs = {run.name: run for run in home.runs()}
    if player not in runs:
        raise unknown("player", player, [*bots, *runs], "A player is a bot or a run.")
    run = runs[player]
    if run.config().get("game") != spec.name:
        raise UsageError(f"{player} is a run of {run.config().get('game')!r}: expected one of {spec.name!r}")
    policy = trained(run)
    manifest, sha256 = policy.manifest, hashlib.sha256(policy.safetensors()).hexdigest()
    ref = PolicyRef(agent=manifest.agent, epoch=manifest.epoch, step=manifest.step, sha256=sha256)
    return Contender(player, ref=ref, actor=policy.actor), run


def conditions(runs: Sequence[RunFolder]) -> tuple[str, Json]:
    """Rule set ("" without a run) and parameters under which policies of these runs can meet. Raises UsageError."""
    for run in runs:
        if not {"rules", "game_parameters"} <= run.config().keys():
            run.whole_config()
    found = [(str(run.config()["rules"]), run.config()["game_parameters"]) for run in runs]
    if not found:
        return "", {}
    if any((rules, _played(parameters)) != (found[0][0], _played(found[0][1])) for rules, parameters in found):
        said = "; ".join(
            f"{run.name}: {run.config()['rules']} {_played(run.config()['game_parameters'])}" for run in runs
        )
        raise UsageError(f"these two were trained under different conditions and cannot meet: {said}")
    return found[0]


def _played(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in _WITHOUT_EFFECT}
