"""From a configuration to a learner: what is wrong is said at once, in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ludus.kernel.config import ConfigError
from ludus.kernel.service import Fatal
from ludus.learner.export import export_final
from ludus.learner.setup import manifest_of, state_of
from ludus.play.network import Actor
from ludus.play.weights import from_bytes, to_bytes

from .learner_kit import MANIFEST, config


def test_a_batch_that_does_not_fit_into_the_buffer_is_refused() -> None:
    assert config(buffer_slabs=2).learner.buffer_slabs == 2
    with pytest.raises(ConfigError, match=r"learner\.buffer_slabs \(3\) must be at least 4: a batch of 512"):
        config(buffer_slabs=3, batch_decisions=512)


def test_the_identity_comes_from_the_game_and_the_configuration() -> None:
    run = config(agent="pilot")
    manifest = manifest_of(run)
    assert (manifest.agent, manifest.game, manifest.rules) == ("pilot", "dogfight", "training")
    assert (manifest.observation, manifest.architecture.obs_size) == ("egocentric", 66)
    other = run.model_copy(update={"game_parameters": {"observation": "egocentic"}})
    with pytest.raises(Fatal, match="Did you mean 'egocentric'"):
        manifest_of(other)
    with pytest.raises(Fatal, match="unknown game 'dogfigth'"):
        manifest_of(run.model_copy(update={"game": "dogfigth"}))


def test_the_seed_decides_the_first_weights() -> None:
    run = config()
    architecture = manifest_of(run).architecture
    first, again = (state_of(run, architecture) for _ in range(2))
    other = state_of(run.model_copy(update={"seed": 8}), architecture)
    assert (first.actor.head.weight == again.actor.head.weight).all()
    assert not (first.actor.head.weight == other.actor.head.weight).all()


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(Fatal, match=r"learner\.device = 'cuda:7'"):
        state_of(config(device="cuda:7"), MANIFEST.architecture)


def test_the_exported_weights_describe_themselves(tmp_path: Path) -> None:
    data = to_bytes(Actor(MANIFEST.architecture), MANIFEST)
    path = export_final(tmp_path, data, MANIFEST)
    actor, manifest = from_bytes(path.read_bytes())
    assert manifest == MANIFEST
    assert actor.architecture == MANIFEST.architecture
    described = json.loads((tmp_path / "weights" / "final.json").read_text())
    assert (described["file"], described["bytes"]) == ("final.safetensors", len(data))
    assert described["architecture"]["hidden"] == MANIFEST.architecture.hidden
