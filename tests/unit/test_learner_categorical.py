"""Categorical actions through architecture, network, weights, slab and update."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ludus.games import ActionSpec, GameSpec, spec
from ludus.kernel.config import NetworkConfig
from ludus.learner import reference
from ludus.learner.slab import Refused, decode
from ludus.learner.state import State, Versions
from ludus.learner.update import Updater
from ludus.play.architecture import Architecture
from ludus.play.network import Actor
from ludus.play.onnx_graph import actor_model
from ludus.play.parity import check_parity
from ludus.play.weights import Manifest, from_bytes, to_bytes

from . import learner_kit as kit

PLAIN = Architecture(46, 2, 1, 256, 0, "relu", -1.0, -2.0, 0.0)
CHOOSING = replace(kit.ARCHITECTURE, categorical=(3, 2))


def test_policies_without_categorical_actions_keep_text_and_hash() -> None:
    assert "categorical" not in PLAIN.to_json()
    assert PLAIN.sha256 == "20bd64a13a4a1c5df856a92a77c8861a2847a42fcd54e00f4fcdc9b972800df6"
    assert Architecture.from_json(PLAIN.to_json()) == PLAIN


def test_categorical_actions_are_part_of_text_and_hash() -> None:
    assert '"categorical":[3,2]' in CHOOSING.to_json()
    assert Architecture.from_json(CHOOSING.to_json()) == CHOOSING
    assert CHOOSING.sha256 != kit.ARCHITECTURE.sha256
    assert (CHOOSING.act_size, CHOOSING.head_size) == (5, 8)
    assert "categorical: expected (3, 2), found ()" in CHOOSING.difference(kit.ARCHITECTURE)


@pytest.mark.parametrize(("value", "complaint"), [
    ("3", "must be a list of int"), ("[3.0]", "must be a int"), ("[true]", "must be a int"), ("[0]", "choices each"),
    ("[65000,65000]", "outputs in all"),
])  # fmt: skip
def test_a_broken_list_of_choices_is_refused(value: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Architecture.from_json(CHOOSING.to_json().replace("[3,2]", value))


def test_the_architecture_of_a_game_with_choices() -> None:
    action = ActionSpec(("turn",), ("brake",), {"gear": 5, "lamp": 2})
    assert (action.names, action.size) == (("turn", "brake", "gear", "lamp"), 4)
    spec = GameSpec("car", ("road",), 1, ("driver",), action, {"road": {"plain": 4}}, {"road": ()})
    architecture = Architecture.of(spec, "road", "plain", NetworkConfig.model_validate({}))
    assert (architecture.continuous, architecture.binary, architecture.categorical) == (1, 1, (5, 2))


def test_weights_with_choices_come_back() -> None:
    actor = Actor(CHOOSING, generator=torch.Generator().manual_seed(1))
    assert actor.head.weight.shape == (8, CHOOSING.hidden)
    manifest = Manifest(CHOOSING, "main", 1, 2, "car", "road", "plain")
    loaded, found = from_bytes(to_bytes(actor, manifest), CHOOSING)
    assert found == manifest
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in actor.state_dict().items())


@pytest.mark.parametrize("index", [-1.0, 0.5, 3.0])
def test_an_index_that_is_no_choice_is_refused(index: float) -> None:
    made = kit.slab(Actor(CHOOSING), step=0, seed=1)
    actions = made.actions_TBA.copy()
    actions[2, 1, -2] = index
    bad = kit.message(replace(made, actions_TBA=actions))
    with pytest.raises(Refused, match="categorical action is no index below"):
        decode(bad.SerializeToString(), "learning", "main", CHOOSING)


def test_an_update_learns_the_better_choice() -> None:
    """Reward 1 for choice 0 of the last component; the measured KL has a number for every component."""
    run = kit.config(learning_rate=3e-3, target_kl=0.5)
    state = State(CHOOSING, run.learner, torch.float32, seed=3)
    state.counters.epoch = 1
    versions = Versions(run.learner.max_lag)
    versions.add(0, state.actor)
    updater = Updater(run, state, versions)
    for update in range(12):
        made = kit.slab(versions[update], update, 50 + update, steps=32)
        report = updater.update([replace(made, rewards_TB=1 - made.actions_TBA[..., -1])])
        assert report.committed, report.detail
    assert {f"kl_component_{index}" for index in range(CHOOSING.act_size)} <= report.metrics.keys()
    assert "action_std_1" in report.metrics
    assert "action_std_2" not in report.metrics
    _, logits = state.actor(torch.randn(500, CHOOSING.obs_size, generator=torch.Generator().manual_seed(0)))
    chosen = logits[:, -2:].softmax(-1)[:, 0].mean().item()
    assert chosen > 0.7


def test_the_stamped_log_probabilities_are_checked_with_choices() -> None:
    state = State(CHOOSING, kit.config().learner, torch.float32, seed=3)
    versions = Versions(1)
    versions.add(0, state.actor)
    made = kit.slab(state.actor, 0, seed=4)
    wrong = replace(made, actions_TBA=np.where(np.arange(5) == 3, 2 - made.actions_TBA, made.actions_TBA))
    updater = Updater(kit.config(), state, versions)
    with pytest.raises(reference.WrongReference):
        updater.update([wrong, wrong])


@pytest.mark.parametrize("game", ["gym:CartPole-v1", "gym:Pendulum-v1"])
def test_the_exported_file_answers_with_the_logits_of_every_choice(game: str) -> None:
    architecture = Architecture.of(spec(game), "default", "flat", NetworkConfig.model_validate({"hidden": 8}))
    actor = Actor(architecture, generator=torch.Generator().manual_seed(1)).requires_grad_(False)
    manifest = Manifest(architecture, "main", 1, 2, game, "default", "flat")
    data = actor_model(actor, manifest)
    assert check_parity(data, actor, manifest, rows=200).worst < 1e-5
    assert (b"action=0,action=1" in data) == (game == "gym:CartPole-v1")
