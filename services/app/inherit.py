"""`--init-from`: the weights that a new run begins with, from a checkpoint of an earlier one. Checked before the run is
made; copied into its folder, so that it needs nothing else later."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..kernel.config import AGENTS_FOLDER, RunConfig
from ..learner.checkpoint import CorruptCheckpoint, load_networks, load_statistics
from ..learner.description import STATE, WEIGHTS
from ..learner.setup import manifest_of
from ..play.grow import GROWABLE, grown, obstacles
from ..play.network import Actor, Critic
from ..play.weights import Manifest, encode
from .errors import CommandError, UsageError
from .home import Home
from .source import find_source


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a run begins with. `parent` goes into its configuration, and from there into every manifest."""

    parent: str
    data: bytes
    """actor and critic as safetensors, in the sizes of the new run"""


def inherit(source: str, home: Home, config: RunConfig, *, grow: bool) -> Inheritance:
    """The weights of `source` (a checkpoint's folder, RUN or RUN@STEP) for a run of this configuration.

    Raises UsageError naming every difference when they do not fit, CommandError when they cannot be read.
    """
    path = find_checkpoint(source, home)
    try:
        actor, critic, found = load_networks(path)
        tensors = load_statistics(path)
        sha256 = hashlib.sha256((path / WEIGHTS).read_bytes()).hexdigest()
    except (CorruptCheckpoint, OSError) as error:
        raise CommandError(f"checkpoint {path} cannot be read: {error}. Take another one.") from error
    folder = path.parent.parent
    run = folder.parents[1].name if folder.parent.name == AGENTS_FOLDER else folder.name
    parent = f"{run}/{found.agent}@{found.epoch}.{found.step}#{sha256}"
    wanted = replace(manifest_of(config), parent=parent)
    refuse(wanted, found, path, grow=grow)
    networks: dict[str, Actor | Critic] = {"actor": actor, "critic": critic}
    generator = torch.Generator().manual_seed(config.seed % 2**63)
    for kind, network in networks.items():
        state = fitted(network, wanted, generator)
        tensors |= {f"{kind}.{name}": tensor for name, tensor in state.items()}
    return Inheritance(parent, encode(tensors, wanted.to_json()))


def inherit_all(
    sources: Sequence[str], home: Home, config: RunConfig, *, grow: bool
) -> tuple[RunConfig, dict[str, bytes]]:
    """The configuration with where its agents come from, and their weights. `sources`: [AGENT=]SOURCE.

    Raises UsageError and CommandError as `inherit`, and where it is not clear for whom a source is meant.
    """
    found: dict[str, Inheritance] = {}
    for text in sources:
        agent, source = _for_whom(text, config)
        if agent in found:
            raise UsageError(f"--init-from {text}: {agent!r} has been given a checkpoint already")
        found[agent] = inherit(source, home, config.for_agent(agent), grow=grow)
    parents = {agent: one.parent for agent, one in found.items()}
    return config.beginning_as(parents), {agent: one.data for agent, one in found.items()}


def _for_whom(text: str, config: RunConfig) -> tuple[str, str]:
    agent, equals, source = text.partition("=")
    if equals and agent in config.agent_names:
        return agent, source
    if len(config.agent_names) == 1:
        return config.agent_names[0], text
    expected = " or ".join(f"{name}=SOURCE" for name in config.agent_names)
    raise UsageError(f"--init-from {text}: several agents learn in this run: expected {expected}")


def fitted(network: Actor | Critic, wanted: Manifest, generator: torch.Generator) -> dict[str, Tensor]:
    """The network's weights in the sizes that are wanted."""
    state = network.state_dict()
    if network.architecture == wanted.architecture:
        return state
    return grown(state, type(network)(wanted.architecture, generator=generator).state_dict(), generator)


def find_checkpoint(source: str, home: Home) -> Path:
    """The folder of a checkpoint. Raises UsageError naming what there is."""
    folder = Path(source).expanduser()
    if (folder / STATE).is_file():
        return folder.resolve()
    if "/" in source or folder.suffix:
        raise UsageError(
            f"--init-from {source}: expected the folder of a checkpoint (with {STATE} in it), RUN or RUN@STEP. A file "
            "of exported weights holds no critic: give the run or checkpoint it came from"
        )
    return find_source(source, home).checkpoint().path


def refuse(wanted: Manifest, found: Manifest, path: Path, *, grow: bool) -> None:
    """Raises UsageError, with a line for every difference, unless the weights fit, or can be made to.

    They may come from another rule set of the game, such as a task to warm up on, if it shows the same.
    """
    lines = [
        f"{name}: expected {getattr(wanted, name)!r}, found {getattr(found, name)!r}"
        for name in ("game", "observation")
        if getattr(wanted, name) != getattr(found, name)
    ]
    differences = [line for line in wanted.architecture.difference(found.architecture).split("; ") if line]
    impossible = obstacles(found.architecture, wanted.architecture)
    if grow:
        differences = [line for line in differences if line.partition(":")[0] not in GROWABLE]
        names = {line.partition(":")[0] for line in differences}
        differences += [line for line in impossible if line.partition(":")[0] not in names]
    if not lines and not differences:
        return
    advice = "Change the configuration to what the checkpoint has (--set, --config)."
    if not grow and not lines and not impossible:
        advice = "--grow makes it larger without changing what it does, or change the configuration (--set)."
    body = "".join(f"\n  {line}" for line in lines + differences)
    raise UsageError(f"--init-from: {path} does not fit this run:{body}\n{advice}")
