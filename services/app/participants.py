"""Who a name on the command line stands for: a scripted bot, a file (.onnx, .safetensors) or a run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..games import GameSpec
from ..learner.checkpoint import Saved
from ..play.fixed import DeployedActor, FixedPolicy
from ..play.network import Actor
from ..play.weights import CorruptWeights, Manifest, from_bytes
from .errors import UsageError, unknown
from .extras import need
from .home import Home, RunFolder
from .trained import trained

FILES = (".onnx", ".safetensors")


@dataclass(frozen=True, slots=True)
class Participant:
    """One who can be seated."""

    name: str
    """for people"""
    kind: str
    """bot, onnx, weights or run"""
    rules: str = ""
    """the rule set its policy plays; empty for a bot"""
    sha256: str = ""
    """of the file or weights; empty for a bot"""
    trained: tuple[Actor, Manifest] | None = None
    policy: FixedPolicy | None = None
    """what an ONNX file holds"""
    run: RunFolder | None = None

    @property
    def observation(self) -> str:
        """The layout its network reads; empty for a bot or an ONNX file."""
        return self.trained[1].observation if self.trained else ""

    def fixed(self) -> FixedPolicy | None:
        """Its policy on raw observations, None for a bot. Raises UsageError for a layout not computed from those."""
        if self.trained is None:
            return self.policy
        try:
            return DeployedActor(*self.trained)
        except ValueError as error:
            raise UsageError(f"{self.name} cannot take part: {error}") from error


def find(name: str, home: Home, game: GameSpec, bots: Sequence[str], rules: str = "") -> Participant:
    """`rules`: what will be played, if that is known; else whatever the policy is for.

    Raises CommandError naming what there is, or what keeps it from taking part.
    """
    path = Path(name).expanduser()
    if name in bots:
        return Participant(name, "bot")
    if path.suffix in FILES:
        return _onnx(path, game, rules) if path.suffix == ".onnx" else _weights(path, game, rules)
    runs = {run.name: run for run in home.runs()}
    if name not in runs:
        raise unknown("participant", name, [*bots, *runs], f"A file ends in {' or '.join(FILES)}.")
    return of_run(runs[name], game, rules)


def of_run(run: RunFolder, game: GameSpec, rules: str = "", saved: Saved | None = None) -> Participant:
    """The policy of a run (the newest while it is unfinished), or that of a checkpoint, which is called RUN@STEP."""
    policy = trained(run, saved.path.name if saved else None)
    name = f"{run.name}@{saved.step}" if saved else run.name
    _check(name, policy.manifest, game, rules)
    sha256 = hashlib.sha256(policy.safetensors()).hexdigest()
    return Participant(name, "run", policy.manifest.rules, sha256, trained=(policy.actor, policy.manifest), run=run)


def _onnx(path: Path, game: GameSpec, rules: str) -> Participant:
    need("export")
    from ..play.contract import likely_rules, read_model
    from ..play.guests import UnplayableGuest, load_guest
    from ..play.onnx_runtime import BadModel

    try:
        data = read_model(path)
        rules = rules or likely_rules(data) or game.rules[0]
        policy = load_guest(data, game.name, rules)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Expected an ONNX file.") from error
    except (BadModel, UnplayableGuest) as error:
        raise UsageError(f"{path} cannot take part: {error}. Look closer: ludus validate {path}") from error
    return Participant(path.name, "onnx", rules, hashlib.sha256(data).hexdigest(), policy=policy)


def _weights(path: Path, game: GameSpec, rules: str) -> Participant:
    try:
        data = path.read_bytes()
        actor, manifest = from_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Expected weights of a run.") from error
    except CorruptWeights as error:
        raise UsageError(f"{path} cannot take part: {error}. Expected weights of a run.") from error
    _check(str(path), manifest, game, rules)
    return Participant(
        path.name, "weights", manifest.rules, hashlib.sha256(data).hexdigest(), trained=(actor, manifest)
    )


def _check(name: str, manifest: Manifest, game: GameSpec, rules: str) -> None:
    if manifest.game != game.name or manifest.rules != (rules or manifest.rules):
        expected = f"{game.name} {rules}".strip()
        raise UsageError(f"{name} plays {manifest.game} {manifest.rules}: expected a policy for {expected}")
