"""The optimizer: Adam on one flat buffer, its learning-rate schedule and gradient clipping.

A step is torch's fused one: a single pass over weights, gradients and moments.

Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, arXiv:1412.6980, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..kernel.config import LearnerConfig

BETA_1, BETA_2 = 0.9, 0.999


def learning_rate(config: LearnerConfig, update: int, total_updates: int, parameters: int = 0) -> float:
    """Rate of update number `update` (from 0): linear rise over the warm-up, times the decay to the final share.

    The first update after `learning_rate_warmup_updates` is fully warmed up; the last one has exactly the final share.
    Networks of more `parameters` than [learner.large_network] names have the rate that it names.
    """
    large = config.large_network
    rate = large.learning_rate if 0 < large.parameters < parameters else config.learning_rate
    warmup = min(1.0, (update + 1) / (config.learning_rate_warmup_updates + 1))
    return rate * warmup * _decay(config, min(1.0, update / max(1, total_updates - 1)))


def _decay(config: LearnerConfig, progress: float) -> float:
    """1 at the start of the run, the final share at its end. Cosine: Loshchilov and Hutter, 2016, arXiv:1608.03983."""
    if config.learning_rate_schedule == "constant":
        return 1.0
    if config.learning_rate_schedule == "cosine":
        progress = 0.5 * (1.0 - math.cos(math.pi * progress))
    return 1.0 - (1.0 - config.learning_rate_final_ratio) * progress


class FlatAdam:
    """Adam over parameters that live side by side in one buffer.

    The parameters given here become views of that buffer, and their gradients views of another; they must not be moved
    or given new gradients afterwards. `groups` are clipped apart or together.
    """

    def __init__(self, groups: Sequence[Sequence[nn.Parameter]], epsilon: float) -> None:
        parameters = [parameter for group in groups for parameter in group]
        self._epsilon = epsilon
        self.flat = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
        self.gradient = torch.zeros_like(self.flat)
        self.mean = torch.zeros_like(self.flat)
        """running mean of the gradient, m"""
        self.square = torch.zeros_like(self.flat)
        """running mean of its square, v"""
        self.steps = torch.zeros((), dtype=torch.int64)
        self._views = _place(parameters, self.flat, self.gradient)
        self.groups = _slices(groups)
        """where each group is in `flat`"""

    def place(self, buffer: Tensor, parameter: nn.Parameter) -> Tensor:
        """The part of a buffer like `gradient` that belongs to this parameter, in its shape: a view."""
        assert parameter.grad is not None, "every parameter given here has its gradient in the buffer"
        start = parameter.grad.storage_offset()
        return buffer[start : start + parameter.numel()].view(parameter.shape)

    def zero_gradient(self) -> None:
        self.gradient.zero_()

    def clip(self, limit: float, *, apart: bool) -> float:
        """Scale the gradients down to norm `limit`, group by group or all together.

        Returns the norm of all before clipping; not finite if any gradient is not finite, and nothing is scaled then.
        """
        parts = [self.gradient[part] for part in self.groups]
        norms = [float(part.norm()) for part in parts]
        whole = math.hypot(*norms)
        if not math.isfinite(whole):
            return whole
        for part, norm in zip(parts, norms, strict=True):
            scale = limit / ((norm if apart else whole) + 1e-6)
            if scale < 1:
                part.mul_(scale)
        return whole

    def step(self, rate: float, moving: Sequence[slice] | None = None) -> None:
        """One update with the gradients as they are. Weights of groups not in `moving` stay; their moments keep up."""
        self.steps += 1
        count = self.steps.to(self.flat.device, torch.float32)
        for part in self.groups:
            moves = moving is None or part in moving
            torch._fused_adam_(
                [self.flat[part]], [self.gradient[part]], [self.mean[part]], [self.square[part]], [], [count],
                lr=rate if moves else 0.0, beta1=BETA_1, beta2=BETA_2, weight_decay=0.0, eps=self._epsilon,
                amsgrad=False, maximize=False,
            )  # fmt: skip

    def moments(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Adam's state by parameter name, in the order of the parameters: live views of it."""
        state = {"steps": self.steps}
        for name, (start, end, shape) in zip(names, self._views, strict=True):
            state[f"mean.{name}"] = self.mean[start:end].view(shape)
            state[f"square.{name}"] = self.square[start:end].view(shape)
        return state


def _place(parameters: Sequence[nn.Parameter], flat: Tensor, gradient: Tensor) -> list[tuple[int, int, torch.Size]]:
    """Make every parameter and its gradient a view of the buffers; returns where each one is."""
    views, start = [], 0
    for parameter in parameters:
        end = start + parameter.numel()
        views.append((start, end, parameter.shape))
        parameter.data = flat[start:end].view(parameter.shape)
        parameter.grad = gradient[start:end].view(parameter.shape)
        start = end
    return views


def _slices(groups: Sequence[Sequence[nn.Parameter]]) -> list[slice]:
    slices, start = [], 0
    for group in groups:
        end = start + sum(parameter.numel() for parameter in group)
        slices.append(slice(start, end))
        start = end
    return slices
