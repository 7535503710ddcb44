"""One whole update against a plain PPO in NumPy float64, gradients by hand, written without looking at the learner.

Same weights, same rollouts, same permutations; what comes out must be the same weights, to the accuracy of float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ludus.learner.slab import Slab

from ..unit.learner_kit import batch, config, learner

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]
ADAM_EPSILON, BETA_1, BETA_2 = 1e-5, 0.9, 0.999


def forward(w: Weights, net: str, x: Array) -> tuple[Array, Array, Array]:
    h1 = np.maximum(x @ w[f"{net}.trunk.input.weight"].T + w[f"{net}.trunk.input.bias"], 0)
    h2 = np.maximum(h1 @ w[f"{net}.trunk.hidden.weight"].T + w[f"{net}.trunk.hidden.bias"], 0)
    return h1, h2, h2 @ w[f"{net}.head.weight"].T + w[f"{net}.head.bias"]


def backward(w: Weights, net: str, x: Array, h1: Array, h2: Array, out: Array) -> Weights:
    """Gradients of the weights of `net`, given the gradient `out` of its head's outputs."""
    g2 = (out @ w[f"{net}.head.weight"]) * (h2 > 0)
    g1 = (g2 @ w[f"{net}.trunk.hidden.weight"]) * (h1 > 0)
    layers = (("trunk.input", g1, x), ("trunk.hidden", g2, h1), ("head", out, h2))
    grads = {f"{net}.{name}.weight": g.T @ below for name, g, below in layers}
    return grads | {f"{net}.{name}.bias": g.sum(0) for name, g, _ in layers}


class Reference:
    """PPO of the specification, on dictionaries of arrays."""

    def __init__(self, weights: dict[str, torch.Tensor], settings: Any, *, bounds: tuple[float, float]) -> None:
        self.w: Weights = {name: tensor.double().numpy().copy() for name, tensor in weights.items()}
        self.settings, self.bounds = settings, bounds
        self.m = {name: np.zeros_like(value) for name, value in self.w.items()}
        self.v = {name: np.zeros_like(value) for name, value in self.w.items()}
        self.t = 0
        self.policy_losses: list[float] = []
        self.value_losses: list[float] = []
        self.norms: list[float] = []

    def advantages(self, slabs: list[Slab]) -> tuple[Array, Array, Array]:
        """Row by row in slab order: advantage (not normalised), return, value."""
        rows = []
        for slab in slabs:
            steps, slots = slab.rewards_TB.shape
            value = forward(self.w, "critic", slab.observations_TBO.astype(float).reshape(steps * slots, -1))[2]
            value = value.reshape(steps, slots)
            last = forward(self.w, "critic", slab.last_observations_BO.astype(float))[2][:, 0]
            advantage = np.zeros((steps, slots))
            for b in range(slots):
                running, following = 0.0, last[b]
                for t in reversed(range(steps)):
                    alive = 1.0 - slab.terminated_TB[t, b]
                    reward = slab.rewards_TB[t, b] * self.settings.reward_scale
                    delta = reward + self.settings.gamma * alive * following - value[t, b]
                    running = delta + self.settings.gamma * self.settings.gae_lambda * alive * running
                    advantage[t, b], following = running, value[t, b]
            rows.append(np.stack([advantage.ravel(), (advantage + value).ravel(), value.ravel()]))
        joined = np.concatenate(rows, axis=1)
        return joined[0], joined[1], joined[2]

    def update(self, slabs: list[Slab], orders: list[npt.NDArray[np.int64]], rate: float) -> None:
        x = np.concatenate([s.observations_TBO.reshape(-1, s.observations_TBO.shape[-1]) for s in slabs]).astype(float)
        a = np.concatenate([s.actions_TBA.reshape(-1, 3) for s in slabs]).astype(float)
        old = np.concatenate([s.log_probs_TB.ravel() for s in slabs]).astype(float)
        advantage, target, value = self.advantages(slabs)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        for order in orders:
            for start in range(0, len(order), self.settings.minibatch):
                pick = order[start : start + self.settings.minibatch]
                self.minibatch(x[pick], a[pick], old[pick], advantage[pick], target[pick], value[pick], rate)

    def minibatch(self, x: Array, a: Array, old: Array, adv: Array, target: Array, value: Array, rate: float) -> None:
        s, n = self.settings, len(x)
        h1, h2, out = forward(self.w, "actor", x)
        means, logits = out[:, :2], out[:, 2]
        low, high = self.bounds
        raw = self.w["actor.log_std_raw"]
        log_std = np.clip(raw, low, high)
        z = (a[:, :2] - means) / np.exp(log_std)
        log_prob = (-0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(1)
        log_prob += a[:, 2] * logits - np.logaddexp(0, logits)
        ratio = np.exp(log_prob - old)
        clipped = np.clip(ratio, 1 - s.clip, 1 + s.clip)
        self.policy_losses.append(-np.minimum(ratio * adv, clipped * adv).mean())
        # the gradient flows where the unclipped term is the smaller one, and where nothing is clipped
        flows = (ratio * adv <= clipped * adv).astype(float)
        g = -(flows * ratio * adv) / n
        sigmoid = 1 / (1 + np.exp(-logits))
        out_grad = np.stack(
            [g * z[:, 0] / np.exp(log_std[0]), g * z[:, 1] / np.exp(log_std[1]), g * (a[:, 2] - sigmoid)], 1
        )
        log_std_grad = (g[:, None] * (z**2 - 1)).sum(0)
        # entropy: d/d log_std = 1 per Gaussian, d/d logit = -logit σ(1-σ)
        log_std_grad -= s.entropy_coefficient
        out_grad[:, 2] += s.entropy_coefficient * logits * sigmoid * (1 - sigmoid) / n
        grads = backward(self.w, "actor", x, h1, h2, out_grad)
        grads["actor.log_std_raw"] = log_std_grad * ((raw >= low) & (raw <= high))

        c1, c2, predicted = forward(self.w, "critic", x)
        predicted = predicted[:, 0]
        plain = (predicted - target) ** 2
        if s.value_clip > 0:
            near = value + np.clip(predicted - value, -s.value_clip, s.value_clip)
            bounded = (near - target) ** 2
            self.value_losses.append(0.5 * np.maximum(plain, bounded).mean())
            inside = np.abs(predicted - value) <= s.value_clip
            v_grad = np.where(plain >= bounded, predicted - target, (near - target) * inside)
        else:
            self.value_losses.append(0.5 * plain.mean())
            v_grad = predicted - target
        v_grad = s.value_coefficient * v_grad[:, None] / n
        grads |= backward(self.w, "critic", x, c1, c2, v_grad)
        self.adam(grads, rate)

    def adam(self, grads: Weights, rate: float) -> None:
        limit = self.settings.max_gradient_norm
        norms = {
            net: math.sqrt(sum((g**2).sum() for k, g in grads.items() if k.startswith(net)))
            for net in ("actor", "critic")
        }
        whole = math.hypot(*norms.values())
        self.norms.append(whole)
        self.t += 1
        for name, g in grads.items():
            norm = norms[name.split(".")[0]] if self.settings.separate_gradient_norms else whole
            g = g * min(1.0, limit / (norm + 1e-6))
            self.m[name] = BETA_1 * self.m[name] + (1 - BETA_1) * g
            self.v[name] = BETA_2 * self.v[name] + (1 - BETA_2) * g**2
            m, v = self.m[name] / (1 - BETA_1**self.t), self.v[name] / (1 - BETA_2**self.t)
            self.w[name] -= rate * m / (np.sqrt(v) + ADAM_EPSILON)


VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "value clip, entropy, norms together": {
        "value_clip": 0.05,
        "entropy_coefficient": 0.01,
        "separate_gradient_norms": False,
    },
    "a short last minibatch, three epochs": {"minibatch": 100, "epochs": 3},
    "tight clip, tight gradient norm": {"clip": 0.02, "max_gradient_norm": 0.01},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_update_is_that_of_the_float64_reference(variant: str) -> None:
    run = config(target_kl=1.0, learning_rate=2e-3, **VARIANTS[variant])
    state, versions, updater = learner(run)
    slabs = batch(versions, 0, seed=5)
    bounds = (state.architecture.log_std_min, state.architecture.log_std_max)
    reference = Reference(state.weights(), run.learner, bounds=bounds)
    permutations = torch.Generator()
    permutations.set_state(state.generator.get_state())
    orders = [torch.randperm(256, generator=permutations).numpy() for _ in range(run.learner.epochs)]

    report = updater.update(slabs)
    reference.update(slabs, orders, rate=2e-3)

    assert report.committed, report.detail
    assert report.metrics["minibatches"] == len(reference.policy_losses)
    assert report.metrics["policy_loss"] == pytest.approx(np.mean(reference.policy_losses), abs=2e-6)
    assert report.metrics["value_loss"] == pytest.approx(np.mean(reference.value_losses), rel=1e-5)
    assert report.metrics["gradient_norm"] == pytest.approx(np.mean(reference.norms), rel=1e-4)
    for name, tensor in state.weights().items():
        np.testing.assert_allclose(tensor.numpy(), reference.w[name], atol=2e-5, err_msg=name)
    moved = max(np.abs(tensor.numpy() - reference.w[name]).max() for name, tensor in state.weights().items())
    assert report.metrics["update_norm"] > 100 * moved, "the agreement is about a real change"
