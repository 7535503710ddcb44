"""Networks: shapes, formulas, initialisation, and that acting and learning compute the same numbers."""

from __future__ import annotations

import copy

import pytest
import torch

from ludus.games import registry
from ludus.kernel.config import NetworkConfig
from ludus.learner.optimizer import FlatAdam
from ludus.play import distribution, precision
from ludus.play.architecture import Architecture
from ludus.play.network import Actor, Critic

PLAIN = Architecture(66, 2, 1, 256, 0, "relu", -1.0, -2.0, 0.0)
RESIDUAL = Architecture(12, 2, 1, 32, 2, "relu", -1.0, -2.0, 0.0)


def actor(architecture: Architecture = PLAIN, dtype: torch.dtype = torch.float32, seed: int = 1) -> Actor:
    return Actor(architecture, dtype, torch.Generator().manual_seed(seed))


def test_the_plain_network_is_linear_relu_linear_relu_linear() -> None:
    network, obs = actor(), torch.randn(10, 66)
    weights = dict(network.named_parameters())
    hidden = torch.relu(obs @ weights["trunk.input.weight"].T + weights["trunk.input.bias"])
    hidden = torch.relu(hidden @ weights["trunk.hidden.weight"].T + weights["trunk.hidden.bias"])
    out = hidden @ weights["head.weight"].T + weights["head.bias"]
    means, logits = network(obs)
    torch.testing.assert_close(torch.cat((means, logits), 1), out)
    assert (means.shape, logits.shape) == ((10, 2), (10, 1))
    assert Critic(PLAIN)(obs).shape == (10,)


def test_a_block_adds_linear_relu_linear_of_the_layer_norm() -> None:
    network, obs = actor(RESIDUAL), torch.randn(10, 12)
    weights = dict(network.named_parameters())
    x = torch.relu(obs @ weights["trunk.input.weight"].T)
    for k in range(2):
        centred = x - x.mean(1, keepdim=True)
        normal = centred / torch.sqrt(centred.square().mean(1, keepdim=True) + 1e-5)
        inner = torch.relu(normal @ weights[f"trunk.blocks.{k}.inner.weight"].T)
        x = x + inner @ weights[f"trunk.blocks.{k}.outer.weight"].T
    means, logits = network(obs)
    torch.testing.assert_close(torch.cat((means, logits), 1), x @ weights["head.weight"].T)
    assert "trunk.hidden.weight" not in weights


def test_initialisation_is_orthogonal_with_the_stated_gains() -> None:
    policy, critic = actor(), Critic(PLAIN, generator=torch.Generator().manual_seed(2))
    square = policy.trunk.hidden.weight.detach()  # type: ignore[union-attr]
    torch.testing.assert_close(square @ square.T, 2 * torch.eye(256), atol=1e-4, rtol=0)
    head = policy.head.weight.detach()
    torch.testing.assert_close(head @ head.T, 1e-4 * torch.eye(3), atol=1e-8, rtol=0)
    assert critic.head.weight.norm().item() == pytest.approx(1.0, abs=1e-5)
    biases = [tensor for name, tensor in policy.named_parameters() if name.endswith("bias")]
    assert all(not bias.any() for bias in biases)
    torch.testing.assert_close(policy.log_std, torch.full((2,), -1.0))
    assert torch.equal(actor(seed=5).head.weight, actor(seed=5).head.weight)
    assert not torch.equal(actor(seed=5).head.weight, actor(seed=6).head.weight)


def test_log_std_is_clamped_where_it_is_used_and_has_no_gradient_outside() -> None:
    network = actor()
    with torch.no_grad():
        network.log_std_raw.copy_(torch.tensor([-3.0, -0.5]))
    assert network.log_std.tolist() == [-2.0, -0.5]
    network.log_std.sum().backward()
    assert network.log_std_raw.grad is not None
    assert network.log_std_raw.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("log_std", [-1.0, -2.0])
def test_log_probabilities_do_not_depend_on_the_number_of_rows(
    dtype: torch.dtype, tolerance: float, log_std: float
) -> None:
    """What a simulator stamps on 64 or 256 rows is what the learner finds again on 4096."""
    learning = actor(dtype=dtype)
    with torch.no_grad():
        learning.head.weight.mul_(100)  # a trained policy's means are spread out; a fresh one's are all but zero
        learning.log_std_raw.fill_(log_std)
    acting = copy.deepcopy(learning).requires_grad_(False)
    obs = torch.randn(4096, 66, generator=torch.Generator().manual_seed(3))
    means, logits = learning(obs)
    actions = distribution.sample(means, learning.log_std, logits, torch.Generator().manual_seed(4)).detach()
    learned = distribution.log_prob(actions, means, learning.log_std, logits).detach()
    for rows in (64, 256, 4096):
        with torch.inference_mode():
            stamped = [
                distribution.log_prob(chosen, *_parameters(acting, part))
                for part, chosen in zip(obs.split(rows), actions.split(rows), strict=True)
            ]
        worst = torch.expm1(learned - torch.cat(stamped)).abs().max().item()
        assert worst < tolerance, f"{rows} rows"


def _parameters(network: Actor, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    means, logits = network(obs)
    return means, network.log_std, logits


@pytest.mark.parametrize("architecture", [PLAIN, RESIDUAL])
def test_bf16_gradients_point_where_float32_gradients_do(architecture: Architecture) -> None:
    exact, fast = (actor(architecture, dtype) for dtype in (torch.float32, torch.bfloat16))
    obs = torch.randn(512, architecture.obs_size)
    for network in (exact, fast):
        means, logits = network(obs)
        (means.square().sum() + logits.sum()).backward()
    for name, parameter in exact.named_parameters():
        if parameter.grad is not None and parameter.grad.norm() > 0:
            other = dict(fast.named_parameters())[name].grad
            assert other is not None
            assert other.dtype == torch.float32
            assert torch.cosine_similarity(parameter.grad.flatten(), other.flatten(), dim=0) > 0.999, name


def test_a_network_in_training_never_computes_with_old_casts() -> None:
    """An optimizer that writes into the weights without telling autograd must not leave a stale bf16 copy behind."""
    network, obs = actor(dtype=torch.bfloat16), torch.randn(64, 66)
    with torch.no_grad():
        before = network(obs)[0]
    optimizer = FlatAdam([list(network.parameters())], 1e-5)
    network(obs)[0].sum().backward()
    optimizer.step(0.1)
    with torch.no_grad():
        after = network(obs)[0]
        fresh = copy.deepcopy(network).requires_grad_(False)(obs)[0]
    assert not torch.equal(before, after)
    assert torch.equal(after, fresh)


def test_architecture_of_a_game_and_its_readable_difference() -> None:
    spec = registry.spec("dogfight")
    made = Architecture.of(spec, "training", "egocentric", NetworkConfig())  # type: ignore[call-arg]
    assert made == PLAIN
    other = Architecture.of(spec, "training", "original", NetworkConfig(hidden=64))  # type: ignore[call-arg]
    assert made.difference(other) == "obs_size: expected 66, found 46; hidden: expected 256, found 64"
    assert made.difference(made) == ""
    assert Architecture.from_json(made.to_json()) == made
    assert made.sha256 != other.sha256
    assert made.to_json().replace(" ", "") == made.to_json()
    with pytest.raises(ValueError, match=r"'egocentrc'.*Did you mean 'egocentric'"):
        Architecture.of(spec, "training", "egocentrc", NetworkConfig())  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('"hidden":256', '"hidden":"256"'),
        ('"hidden":256', '"hidden":0'),
        ('"hidden":256', '"hidden":true'),
        ('"hidden":256', '"hidden":99999999999'),
        ('"activation":"relu"', '"activation":"sin"'),
        ('"blocks":0', '"block":0'),
        ('"log_std_max":0.0', '"log_std_max":-9.0'),
    ],
)
def test_a_wrong_architecture_text_is_refused(change: str, message: str) -> None:
    assert change in PLAIN.to_json()
    with pytest.raises(ValueError, match=r"architecture|expected"):
        Architecture.from_json(PLAIN.to_json().replace(change, message))


def test_precision_is_resolved_by_what_the_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_cpu_flags", lambda: frozenset({"avx512f", "avx512_bf16"}))
    assert precision.resolve("auto") is torch.bfloat16
    assert precision.resolve("fp32") is torch.float32
    monkeypatch.setattr(precision, "_cpu_flags", lambda: frozenset({"avx2"}))
    assert precision.resolve("auto") is torch.float32
    with pytest.raises(ValueError, match="Use 'auto'"):
        precision.resolve("bf16")
    with pytest.raises(ValueError, match="expected one of auto, fp32, bf16, fp16, found 'fp8'"):
        precision.resolve("fp8")
