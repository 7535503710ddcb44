"""The optimizer: Adam, its learning-rate schedule, gradient clipping, and its state as named tensors.

Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, arXiv:1412.6980.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ..kernel.config import LearnerConfig

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def learning_rate(config: LearnerConfig, update: int, total_updates: int) -> float:
    """Rate of update number `update` (from 0): linear rise over the warm-up, times a linear decay to the final share.

    The first update after `learning_rate_warmup_updates` is fully warmed up; the last one has exactly the final share.
    """
    warmup = min(1.0, (update + 1) / (config.learning_rate_warmup_updates + 1))
    progress = min(1.0, update / max(1, total_updates - 1))
    decay = 1.0 - (1.0 - config.learning_rate_final_ratio) * progress
    return config.learning_rate * warmup * decay


def make_optimizer(parameters: Iterable[nn.Parameter], config: LearnerConfig) -> torch.optim.Adam:
    """Adam in its fused form (one pass over each parameter, four times as fast as the default one)."""
    return torch.optim.Adam(parameters, lr=config.learning_rate, eps=config.adam_epsilon, fused=True)


def set_learning_rate(optimizer: torch.optim.Adam, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(actor: list[nn.Parameter], critic: list[nn.Parameter], limit: float, *, apart: bool) -> float:
    """Scale the gradients down to norm `limit`, actor and critic apart or together.

    Returns the norm over both before clipping, in one number; not finite if any gradient is not finite.
    """
    if apart:
        norms = [torch.nn.utils.clip_grad_norm_(group, limit) for group in (actor, critic)]
    else:
        norms = [torch.nn.utils.clip_grad_norm_([*actor, *critic], limit)]
    return math.hypot(*(float(norm) for norm in norms))


def moments(optimizer: torch.optim.Adam, names: Mapping[nn.Parameter, str]) -> dict[str, Tensor]:
    """Adam's state as `<moment>.<parameter>` -> tensor; zeros before the first step. The tensors are the live ones."""
    state: dict[str, Tensor] = {}
    for parameter, name in names.items():
        entry = optimizer.state[parameter]
        if not entry:
            entry |= {moment: torch.zeros_like(parameter) for moment in _MOMENTS[:2]} | {"step": torch.zeros(())}
        state |= {f"{moment}.{name}": entry[moment] for moment in _MOMENTS}
    return state
