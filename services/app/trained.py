"""The policy of a run, from its folder: the final one, or that of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..learner.checkpoint import CorruptCheckpoint, load_actor, saved_in
from ..play.network import Actor
from ..play.weights import CorruptWeights, Manifest, from_bytes, to_bytes
from .errors import CommandError, unknown
from .home import RunFolder
from .source import check_agent

FINAL = "final"


@dataclass(frozen=True, slots=True)
class Trained:
    """An actor in float32, and where it came from."""

    label: str
    """`final`, or the checkpoint's name `<epoch>-<step>`"""
    path: Path
    actor: Actor
    manifest: Manifest

    def safetensors(self) -> bytes:
        return to_bytes(self.actor, self.manifest)


def trained(run: RunFolder, checkpoint: str | None = None, agent: str = "") -> Trained:
    """The final policy of a run, or that of its newest readable checkpoint while there is none, or of the one named.

    `agent`: whose, where several learn. Raises CommandError.
    """
    check_agent(run, agent)
    folder = run.folder_of(agent)
    if checkpoint:
        return _named(run, folder, checkpoint)
    final = folder / "weights" / f"{FINAL}.safetensors"
    if final.is_file():
        return _final(run, final)
    problems = []
    for saved in saved_in(folder / "checkpoints"):
        try:
            return Trained(saved.path.name, saved.path, *load_actor(saved.path))
        except CorruptCheckpoint as error:
            problems.append(f"{saved.path.name}: {error}")
    reason = f"none of its checkpoints can be read ({'; '.join(problems[:2])})" if problems else "nothing is saved yet"
    raise CommandError(f"{run.name} has no policy: {reason}. Let it train: ludus resume {run.name}")


def _final(run: RunFolder, path: Path) -> Trained:
    try:
        return Trained(FINAL, path, *from_bytes(path.read_bytes()))
    except (OSError, CorruptWeights) as error:
        raise CommandError(
            f"{path} cannot be read: {error}. A checkpoint may: ludus export {run.name} --checkpoint EPOCH-STEP"
        ) from error


def _named(run: RunFolder, folder: Path, name: str) -> Trained:
    found = {saved.path.name: saved.path for saved in saved_in(folder / "checkpoints")}
    if name not in found:
        raise unknown(f"checkpoint of {run.name}", name, found)
    try:
        return Trained(name, found[name], *load_actor(found[name]))
    except CorruptCheckpoint as error:
        raise CommandError(f"checkpoint {name} of {run.name} cannot be read: {error}. Take another one.") from error
