"""--init-from: the networks of a checkpoint become step 0 of another run, or every difference is named."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ludus.app.commands.train import train
from ludus.app.create import create
from ludus.app.errors import CommandError, UsageError
from ludus.app.home import Home
from ludus.app.inherit import inherit, inherit_all
from ludus.kernel.config import INITIAL_WEIGHTS, RunConfig, load
from ludus.kernel.service import Fatal
from ludus.learner import checkpoint, setup
from ludus.learner.state import State
from ludus.play.weights import Manifest, read_manifest

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
torch.set_num_threads(1)


def config(**settings: Any) -> RunConfig:
    """Keywords are keys with two underscores for the dot."""
    keys = {"network.hidden": 16} | {name.replace("__", "."): value for name, value in settings.items()}
    return load(CONFIG, keys.items(), environment={})


def checkpointed(home: Home, run: str, steps: tuple[int, ...] = (0, 40), **settings: Any) -> State:
    """A run with checkpoints of random networks; the state is that of the last."""
    made = config(**settings)
    identity = setup.manifest_of(made)
    folder = home.run(run).path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    for step in steps:
        state = setup.state_of(made.model_copy(update={"seed": 77 + step}), identity.architecture)
        state.counters.epoch, state.counters.step = 1, step
        checkpoint.write(folder / "checkpoints", state, identity)
    return state


def begun(found: Any, made: RunConfig, folder: Path) -> tuple[State, Manifest]:
    """The state that a learner of this configuration begins with."""
    made = made.model_copy(update={"directory": str(folder), "parent": found.parent})
    path = folder / INITIAL_WEIGHTS
    path.parent.mkdir(parents=True)
    path.write_bytes(found.data)
    identity = setup.manifest_of(made)
    state = setup.state_of(made, identity.architecture)
    setup.inherit(made, state)
    return state, identity


@pytest.mark.parametrize("source", ["old", "old@40", "path"])
def test_step_0_is_the_checkpoint_with_a_fresh_optimizer(tmp_path: Path, source: str) -> None:
    home = Home(tmp_path)
    old = checkpointed(home, "old")
    made = config(seed=5)
    given = str(home.run("old").path / "checkpoints" / "1-40") if source == "path" else source
    found = inherit(given, home, made, grow=False)
    state, identity = begun(found, made, tmp_path / "new")
    for name, tensor in state.weights().items():
        assert torch.equal(tensor, old.weights()[name]), name
    adam = [tensor for name, tensor in state.moments().items() if name.startswith(("mean.", "square.", "steps"))]
    assert len(adam) > 10
    assert not any(tensor.any() for tensor in adam)
    assert found.parent.startswith("old/main@1.40#")
    assert identity.parent == found.parent == read_manifest(found.data).parent
    assert (state.counters.step, state.counters.decisions) == (0, 0)


def test_statistics_come_along_and_the_reference_is_the_inherited_policy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    settings = {"network__normalise_observations": True, "learner__kl_penalty__coefficient": 0.5,
                "learner__kl_penalty__reference": "frozen"}  # fmt: skip
    made = config(**settings)
    identity = setup.manifest_of(made)
    old = setup.state_of(made, identity.architecture)
    old.normaliser.see_observations(3 + 2 * torch.randn(500, 66), old.actor, old.critic)
    folder = home.run("old").path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    checkpoint.write(folder / "checkpoints", old, identity)
    state, _ = begun(inherit("old", home, made, grow=False), made, tmp_path / "new")
    assert old.normaliser.tensors()
    for name, tensor in old.normaliser.tensors().items():
        assert torch.equal(state.normaliser.tensors()[name], tensor), name
    assert state.reference is not None
    for name, tensor in state.reference.state_dict().items():
        assert torch.equal(tensor, old.actor.state_dict()[name]), name
    assert torch.equal(state.actor.trunk.standardise.mean, old.actor.trunk.standardise.mean)  # type: ignore[union-attr]


def test_an_older_step_and_one_that_is_not_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    checkpointed(home, "old")
    assert inherit("old@0", home, config(), grow=False).parent.startswith("old/main@1.0#")
    with pytest.raises(UsageError, match="unknown step of old '41': expected one of '40', '0'"):
        inherit("old@41", home, config(), grow=False)
    with pytest.raises(UsageError, match="unknown run 'odd'"):
        inherit("odd", home, config(), grow=False)
    with pytest.raises(UsageError, match="holds no critic"):
        inherit("weights/final.safetensors", home, config(), grow=False)


def test_every_difference_has_a_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    checkpointed(home, "old")
    other = config(network__hidden=24, network__activation="tanh", game_parameters__observation="original")
    with pytest.raises(UsageError) as refused:
        inherit("old", home, other, grow=False)
    lines = [line.strip() for line in str(refused.value).splitlines()]
    for line in (
        "observation: expected 'original', found 'egocentric'",
        "obs_size: expected 46, found 66",
        "hidden: expected 24, found 16",
        "activation: expected 'tanh', found 'relu'",
    ):
        assert line in lines


def test_growing_keeps_the_function_and_the_rest_is_still_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    old = checkpointed(home, "old")
    wide = config(network__hidden=40)
    with pytest.raises(UsageError, match="--grow makes it larger"):
        inherit("old", home, wide, grow=False)
    state, _ = begun(inherit("old", home, wide, grow=True), wide, tmp_path / "new")
    observations = torch.randn(300, 66, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(state.critic.float()(observations), old.critic.float()(observations), rtol=1e-5,
                                   atol=1e-5 if state.critic.trunk.compute_dtype == torch.float32 else 0.1)  # fmt: skip
    with pytest.raises(UsageError, match="activation: expected 'tanh', found 'relu'"):
        inherit("old", home, config(network__hidden=40, network__activation="tanh"), grow=True)
    with pytest.raises(UsageError, match="only residual networks take more blocks"):
        inherit("old", home, config(network__blocks=2), grow=True)


def test_a_damaged_checkpoint_and_lost_weights(tmp_path: Path) -> None:
    home = Home(tmp_path)
    checkpointed(home, "old")
    found = inherit("old", home, config(), grow=False)
    made = config()
    with pytest.raises(Fatal, match=r"initial\.safetensors.*cannot be read"):
        begun(replace(found, data=found.data[:-8]), made, tmp_path / "new")
    weights = home.run("old").path / "checkpoints" / "1-40" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CommandError, match="cannot be read"):
        inherit("old", home, config(), grow=False)


PURSUIT = CONFIG.parent / "pursuit-alternating.toml"


def roles(**settings: Any) -> RunConfig:
    return load(PURSUIT, {name.replace("__", "."): value for name, value in settings.items()}.items(), environment={})


def test_every_role_has_weights_of_its_own_to_begin_with(tmp_path: Path) -> None:
    """Also those of another rule set that shows the same: a task to warm up on."""
    home = Home(tmp_path)
    task = roles(rules="navigation", agents=[{"name": "evader", "role": "evader"}])
    identity = setup.manifest_of(task.for_agent("evader"))
    warm = setup.state_of(task, identity.architecture)
    folder = home.run("warm").path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    checkpoint.write(folder / "checkpoints", warm, identity)

    made, initial = inherit_all(["evader=warm"], home, roles(), grow=False)
    run = create(home, made, "chase", initial=initial)
    evader, pursuer = (load(run.config_file, environment={}).for_agent(role) for role in ("evader", "pursuer"))
    assert evader.parent.startswith("warm/evader@0.0#")
    assert pursuer.parent == ""
    state = setup.state_of(evader, identity.architecture)
    setup.inherit(evader, state)
    for name, tensor in state.weights().items():
        assert torch.equal(tensor, warm.weights()[name]), name


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["warm"], "several agents learn in this run: expected pursuer=SOURCE or evader=SOURCE"),
        (["umpire=warm"], "expected pursuer=SOURCE or evader=SOURCE"),
        (["evader=odd"], "unknown run 'odd'"),
    ],
)
def test_it_must_be_clear_who_begins_with_what(sources: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        inherit_all(sources, Home(tmp_path), roles(), grow=False)


def test_nobody_begins_as_two(tmp_path: Path) -> None:
    home = Home(tmp_path)
    checkpointed(home, "old")
    with pytest.raises(UsageError, match="'main' has been given a checkpoint already"):
        inherit_all(["old", "main=old@0"], home, config(), grow=False)


def test_nothing_is_made_when_it_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    checkpointed(home, "old")
    options = argparse.Namespace(
        game="dogfight", preset="quick", config=None, run="new", seed=None, decisions=None, set=["network.hidden=24"],
        nats_url=None, nats_port=None, detach=True, init_from=["old"], grow=False, guest=None,
    )  # fmt: skip
    with pytest.raises(UsageError, match="does not fit this run"):
        train(options, home, None)  # type: ignore[arg-type]
    assert [run.name for run in home.runs()] == ["old"]
