"""What a version is beside its weights: sizes of actor and critic, statistics, and the precision it acts in."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ludus.games import registry
from ludus.kernel.config import NetworkConfig
from ludus.play import precision
from ludus.play.architecture import Architecture
from ludus.play.network import OBSERVATION_LIMIT, Actor, Critic
from ludus.play.weights import CorruptWeights, Manifest, from_bytes, to_bytes

SMALL = Architecture(5, 2, 1, 8, 0, "relu", -1.0, -2.0, 0.0)


def made(**network: object) -> Architecture:
    return Architecture.of(registry.spec("dogfight"), "training", "original", NetworkConfig.model_validate(network))


def test_actor_and_critic_have_the_sizes_that_are_asked_for() -> None:
    same = made(hidden=32, blocks=1)
    assert (same.critic_hidden, same.critic_blocks) == (32, 1)
    assert same == made(hidden=32, blocks=1, critic_hidden=32, critic_blocks=1)
    apart = made(hidden=32, blocks=0, critic_hidden=64, critic_blocks=2)
    actor, critic = Actor(apart), Critic(apart)
    assert (actor.trunk.input.weight.shape, len(actor.trunk.blocks)) == ((32, 46), 0)
    assert (critic.trunk.input.weight.shape, len(critic.trunk.blocks)) == ((64, 46), 2)
    assert critic.head.weight.shape == (1, 64)
    assert critic(torch.randn(3, 46)).shape == (3,)
    plain = made(hidden=32, blocks=2, critic_blocks=0)
    assert Critic(plain).trunk.hidden is not None
    assert apart.difference(same) == (
        "blocks: expected 0, found 1; critic_hidden: expected 64, found 32; critic_blocks: expected 2, found 1"
    )


def test_an_architecture_without_extras_keeps_its_hash_and_one_with_them_comes_back() -> None:
    names = "obs_size continuous binary hidden blocks activation log_std_init log_std_min log_std_max"
    assert set(SMALL.to_tree()) == set(names.split())
    full = replace(SMALL, critic_hidden=16, critic_blocks=3, normalise_observations=True, normalise_returns=True)
    assert Architecture.from_json(full.to_json()) == full
    assert full.sha256 != SMALL.sha256
    with pytest.raises(ValueError, match="'normalise_returns' must be a bool, found 1"):
        Architecture.from_json(full.to_json().replace('"normalise_returns":true', '"normalise_returns":1'))
    with pytest.raises(ValueError, match="critic_hidden: expected 1 to 65536"):
        replace(SMALL, critic_hidden=1 << 20)


def test_observations_are_standardised_and_cut_off_inside_the_network() -> None:
    plain, standard = Actor(SMALL), Actor(replace(SMALL, normalise_observations=True))
    standard.load_state_dict(plain.state_dict(), strict=False)
    layer = standard.trunk.standardise
    assert layer is not None
    layer.mean.copy_(torch.arange(5.0))
    layer.scale.copy_(torch.tensor([1.0, 0.5, 2.0, 1.0, 100.0]))
    seen = torch.randn(20, 5)
    expected = ((seen - layer.mean) * layer.scale).clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)
    torch.testing.assert_close(standard(seen)[0], plain(expected)[0])
    assert expected.abs().max() == OBSERVATION_LIMIT


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_version_acts_in_the_precision_of_its_manifest(name: str) -> None:
    identity = Manifest(SMALL, "main", 1, 2, "dogfight", "training", "original", precision=name)
    actor, manifest = from_bytes(to_bytes(Actor(SMALL), identity), SMALL, compute_dtype=None)
    assert manifest == identity
    assert actor.trunk.compute_dtype == precision.DTYPES[name]
    exact, _ = from_bytes(to_bytes(Actor(SMALL), identity), SMALL)
    assert exact.trunk.compute_dtype == torch.float32, "exports and tournaments"


def test_an_unknown_precision_is_refused() -> None:
    identity = Manifest(SMALL, "main", 1, 2, "dogfight", "training", "original", precision="fp8")
    with pytest.raises(CorruptWeights, match="unknown precision of the manifest 'fp8'"):
        from_bytes(to_bytes(Actor(SMALL), identity))
    with pytest.raises(ValueError, match="'fp16', but cpu is no GPU"):
        precision.resolve("fp16", "cpu")
