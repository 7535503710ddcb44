"""`ludus export`: the policy of a run as a file for others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ...games import spec
from ...kernel.files import write_atomically
from ..errors import FAILED, CommandError
from ..extras import need
from ..home import Home, RunFolder, read_json

if TYPE_CHECKING:
    from ..source import Source
    from ..trained import Trained


def export(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Write it and say what it is; 1 if it is no valid submission."""
    need("local", *(["export"] if options.format == "onnx" else []))
    from ..source import find_source
    from ..trained import trained

    source = find_source(options.run, home)
    policy = trained(source.run, options.checkpoint, source.agent) if not options.best else _best(source, home, console)
    write, path = _onnx if options.format == "onnx" else _safetensors, _target(source.folder, policy.label, options)
    code = write(policy, path, console, source.run)
    _describe(policy, path, source.run, options.license or "", console)
    return code


def _best(source: Source, home: Home, console: Console) -> Trained:
    from ..best import best_version, weights_of

    version, reason = best_version(source.run)
    _say(console, f"the best version of {source.run.name} is {version}: {reason}")
    return weights_of(source.run, version, home)


def _describe(policy: Trained, path: Path, run: RunFolder, licence: str, console: Console) -> None:
    """The model card, beside the file."""
    from ..card import card

    measured = read_json(run.path / "measured.json") or run.summary()
    made_with, beside = read_json(run.path / "made_with.json"), path.with_name(f"{path.name}.md")
    text = card(path.name, path.read_bytes(), policy.manifest, measured, run.config(), made_with, licence)
    _write(beside, text.encode())
    _say(console, f"model card -> {beside}")


def _target(folder: Path, label: str, options: argparse.Namespace) -> Path:
    if options.output:
        return Path(options.output).expanduser().absolute()
    return folder / "weights" / f"{label}.{options.format}"


def _safetensors(policy: Trained, path: Path, console: Console, run: RunFolder) -> int:
    data = policy.safetensors()
    _write(path, data)
    _say(console, f"{run.name} {_version(policy)} -> {path} ({len(data):,} bytes)")
    return 0


def _onnx(policy: Trained, path: Path, console: Console, run: RunFolder) -> int:
    from ...play.contract import GAME, WIDTHS, problems
    from ...play.onnx_graph import actor_model
    from ...play.onnx_runtime import BadModel
    from ...play.parity import ParityError, check_parity

    manifest = policy.manifest
    try:
        data = actor_model(policy.actor, manifest)
        parity = check_parity(data, policy.actor, manifest)
    except (BadModel, ParityError, ValueError) as error:
        raise CommandError(f"{run.name} {policy.label} is not exported: {error}") from error
    _write(path, data)
    _say(console, f"{run.name} {_version(policy)} -> {path} ({len(data):,} bytes)")
    action, parts = spec(manifest.game).action, []
    if action.continuous:
        parts.append(f"{parity.means:.1e} ({', '.join(action.continuous)})")
    if discrete := ", ".join((*action.binary, *action.categorical)):
        parts.append(f"{parity.logits:.1e} ({discrete} logit{'s' if action.categorical else ''}, relative)")
    _say(
        console,
        f"checked in ONNX Runtime on {parity.rows:,} observations from matches: largest difference {', '.join(parts)}",
    )
    broken = problems(data, manifest.rules) if manifest.game == GAME and manifest.rules in WIDTHS else []
    for problem in broken:
        _say(console, f"no valid submission: {problem}")
    return FAILED if broken else 0


def _version(policy: Trained) -> str:
    return f"{policy.label} (step {policy.manifest.step}, {policy.manifest.observation})"


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data, durable=True)
        if path.read_bytes() != data:
            raise CommandError(f"{path} reads back other than written. Check the disk.")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}. Check the folder and free space.") from error


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
