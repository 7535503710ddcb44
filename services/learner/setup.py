"""From the configuration of a run to what the learner is made of. What is wrong in it is said here, at the start."""

from __future__ import annotations

from .. import __version__
from ..games import registry
from ..kernel.config import INITIAL_WEIGHTS, RunConfig
from ..kernel.service import Fatal
from ..play.architecture import Architecture
from ..play.precision import resolve
from ..play.weights import CorruptWeights, Manifest, decode
from .fused import fits
from .state import State


def manifest_of(config: RunConfig) -> Manifest:
    """Who the policies of this run are, at step 0. Raises Fatal for a game, rule set or observation that is unknown."""
    try:
        spec = registry.spec(config.game)
        layouts = spec.observations[registry.expect(f"rule set of {spec.name}", config.rules, spec.rules)]
        observation = str(config.game_parameters.get("observation", next(iter(layouts))))
        architecture = Architecture.of(spec, config.rules, observation, config.network)
    except ValueError as error:
        raise Fatal(str(error)) from error
    return Manifest(
        architecture=architecture,
        agent=config.learner.agent,
        epoch=0,
        step=0,
        game=config.game,
        rules=config.rules,
        observation=observation,
        code_version=__version__,
        parent=config.parent,
    )


def inherit(config: RunConfig, state: State) -> None:
    """Give a fresh state the weights that the run was created with. Raises Fatal."""
    path = config.folder_of(config.learner.agent) / INITIAL_WEIGHTS
    weights = state.weights() | state.normaliser.tensors()
    try:
        tensors, _ = decode(path.read_bytes(), {name: (one.dtype, tuple(one.shape)) for name, one in weights.items()})
    except (OSError, CorruptWeights) as error:
        raise Fatal(f"the weights to begin with, {path} (from {config.parent}), cannot be read: {error}") from error
    for name, tensor in weights.items():
        tensor.copy_(tensors[name])
    if state.reference is not None:
        state.reference.load_state_dict(state.actor.state_dict())


def components_of(config: RunConfig) -> tuple[str, ...]:
    """Names of the action components, in their order."""
    return registry.spec(config.game).action.names


def state_of(config: RunConfig, architecture: Architecture) -> State:
    """A fresh state, seeded by the run. Raises Fatal if the device cannot do what was asked."""
    try:
        dtype = resolve(config.network.precision, config.learner.device)
        return State(architecture, config.learner, dtype, seed=config.seed)
    except (ValueError, RuntimeError, AssertionError) as error:
        raise Fatal(f"learner.device = {config.learner.device!r}: {error}") from error


def threads_per_operation(config: RunConfig) -> int:
    """CPU threads of one matrix product: all of the learner's, unless its crew shares the rows out among them."""
    return 1 if fits(config.learner, manifest_of(config).architecture) else config.learner.threads
