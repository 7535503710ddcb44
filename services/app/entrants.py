"""Who takes part in a tournament: from names on the command line to participants."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..games.registry import spec
from ..learner.checkpoint import Saved
from ..play.fixed import DeployedActor
from ..play.network import Actor
from ..play.tournament import Entrant
from ..play.weights import CorruptWeights, Manifest, from_bytes
from .errors import UsageError, unknown
from .extras import need
from .home import Home, RunFolder
from .trained import trained

FILES = (".onnx", ".safetensors")


def entrants(names: Sequence[str], home: Home, game: str, rules: str) -> list[Entrant]:
    """One for each name: a bot, a file (.onnx, .safetensors) or a run. Raises UsageError, or CommandError."""
    if len(names) < 2:
        raise UsageError("a tournament needs at least two participants: bots, ONNX files or runs")
    found = [entrant(name, home, game, rules) for name in names]
    twice = [name for name, times in Counter(one.name for one in found).items() if times > 1]
    if twice:
        raise UsageError(f"{', '.join(map(repr, twice))} takes part twice: every name once; rename a file if need be")
    return found


def entrant(name: str, home: Home, game: str, rules: str) -> Entrant:
    """Raises UsageError, or CommandError."""
    bots = spec(game).bots[rules]
    path = Path(name).expanduser()
    if name in bots:
        return Entrant(name, "bot")
    if path.suffix in FILES:
        return _onnx(path, game, rules) if path.suffix == ".onnx" else _weights(path, game, rules)
    runs = [run.name for run in home.runs()]
    if name not in runs:
        raise unknown("participant", name, [*bots, *runs], f"A file ends in {' or '.join(FILES)}.")
    return run_entrant(home.run(name), game, rules)


def run_entrant(run: RunFolder, game: str, rules: str, saved: Saved | None = None) -> Entrant:
    """The policy of a run, or that of one of its checkpoints, which is called RUN@STEP."""
    policy = trained(run, saved.path.name if saved else None)
    name = f"{run.name}@{saved.step}" if saved else run.name
    sha256 = hashlib.sha256(policy.safetensors()).hexdigest()
    return Entrant(name, "run", _deployed(name, policy.actor, policy.manifest, game, rules), sha256)


def _onnx(path: Path, game: str, rules: str) -> Entrant:
    need("export")
    from ..play.onnx_policy import OnnxPolicy
    from ..play.onnx_runtime import BadModel

    try:
        policy = OnnxPolicy.load(path, spec(game), rules)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Expected an ONNX file.") from error
    except BadModel as error:
        raise UsageError(f"{path} cannot take part: {error}. Look closer: ludus validate {path}") from error
    return Entrant(path.name, "onnx", policy, policy.sha256)


def _weights(path: Path, game: str, rules: str) -> Entrant:
    try:
        data = path.read_bytes()
        actor, manifest = from_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Expected weights of a run.") from error
    except CorruptWeights as error:
        raise UsageError(f"{path} cannot take part: {error}. Expected weights of a run.") from error
    policy = _deployed(str(path), actor, manifest, game, rules)
    return Entrant(path.name, "weights", policy, hashlib.sha256(data).hexdigest())


def _deployed(name: str, actor: Actor, manifest: Manifest, game: str, rules: str) -> DeployedActor:
    if (manifest.game, manifest.rules) != (game, rules):
        raise UsageError(f"{name} plays {manifest.game} {manifest.rules}; this tournament is {game} {rules}")
    try:
        return DeployedActor(actor, manifest)
    except ValueError as error:
        raise UsageError(f"{name} cannot take part: {error}") from error
