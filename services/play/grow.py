"""Larger networks that compute the same function: wider layers, more residual blocks.

Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", 2016, arXiv:1511.05641, section 2.3:
a wider layer repeats units, and what reads them divides its weights among the copies. We divide them unevenly instead
of adding noise: the function stays what it was, and copies get different gradients, so they do not stay copies. A new
residual block ends in zeros, so it adds nothing until it has learned something (in the place of section 2.4).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .architecture import Architecture

Tensors = Mapping[str, Tensor]
#: What may differ between a network and the one grown from it.
GROWABLE = ("hidden", "blocks", "critic_hidden", "critic_blocks")


def obstacles(small: Architecture, large: Architecture) -> list[str]:
    """Why a network like `small` cannot grow into one like `large`, a line each; [] if it can."""
    lines = [line for line in small.difference(large).split("; ") if line and line.partition(":")[0] not in GROWABLE]
    for kind in ("", "critic_"):
        if not hasattr(small, f"{kind}hidden"):
            continue
        width, wider = getattr(small, f"{kind}hidden"), getattr(large, f"{kind}hidden")
        blocks, more = getattr(small, f"{kind}blocks"), getattr(large, f"{kind}blocks")
        if wider < width:
            lines.append(f"{kind}hidden: a width of {width} cannot shrink to {wider}")
        if more < blocks or (more and not blocks):
            lines.append(f"{kind}blocks: {blocks} cannot become {more}: only residual networks take more blocks")
        if blocks and wider % width:
            lines.append(f"{kind}hidden: beside residual blocks the width grows by whole factors of {width}, not "
                         f"to {wider}: the layer norm must see every unit equally often")  # fmt: skip
    return lines


def grown(small: Tensors, fresh: Tensors, generator: torch.Generator) -> dict[str, Tensor]:
    """The weights of one network (an actor's or a critic's state) in the shapes of `fresh`, its larger kind.

    `fresh` is initialised as usual; new blocks take their inner layer from it. Statistics are copied. Every output
    equals that of `small` up to rounding. `obstacles` must be empty for the two.
    """
    width = _Widening(small["trunk.input.weight"].shape[0], fresh["trunk.input.weight"].shape[0], generator)
    large = {name: tensor.clone() for name, tensor in small.items() if tensor.shape == fresh[name].shape}
    large |= _dense("trunk.input", small, out=width)
    last = width
    if "trunk.hidden.weight" in small:
        last = _Widening(width.old, width.new, generator)
        large |= _dense("trunk.hidden", small, read=width, out=last)
    for index in range(_blocks(fresh)):
        large |= _block(f"trunk.blocks.{index}", small, fresh, width, generator)
    return large | _dense("head", small, read=last)


class _Widening:
    """Which old unit each new one repeats, and which share of its reader's weight it gets."""

    def __init__(self, old: int, new: int, generator: torch.Generator) -> None:
        self.old, self.new = old, new
        everyone = torch.arange(old)
        # Whole rounds first, so that a width that is a multiple repeats all units equally often.
        rest = torch.randperm(old, generator=generator)[: new % old]
        self.source = torch.cat([everyone] * (new // old) + [rest])
        portions = torch.rand(new, generator=generator, dtype=torch.float64) + 0.5
        total = torch.zeros(old, dtype=torch.float64).index_add_(0, self.source, portions)
        self.share = portions / total[self.source]


def _dense(name: str, small: Tensors, read: _Widening | None = None, out: _Widening | None = None) -> dict[str, Tensor]:
    """Weight [out, in] and bias [out] of a layer whose input and output units are repeated."""
    weight, bias = small[f"{name}.weight"].double(), small[f"{name}.bias"]
    if read:
        weight = weight[:, read.source] * read.share
    if out:
        weight, bias = weight[out.source], bias[out.source]
    return {f"{name}.weight": weight.to(bias.dtype).contiguous(), f"{name}.bias": bias.clone()}


def _block(
    name: str, small: Tensors, fresh: Tensors, width: _Widening, generator: torch.Generator
) -> dict[str, Tensor]:
    if f"{name}.inner.weight" not in small:
        new = {key: tensor.clone() for key, tensor in fresh.items() if key.startswith(f"{name}.")}
        return new | {key: torch.zeros_like(new[key]) for key in (f"{name}.outer.weight", f"{name}.outer.bias")}
    inner = _Widening(width.old, width.new, generator)
    norm = {key: small[key][width.source] for key in (f"{name}.norm.weight", f"{name}.norm.bias")}
    inside = _dense(f"{name}.inner", small, read=width, out=inner)
    return norm | inside | _dense(f"{name}.outer", small, read=inner, out=width)


def _blocks(tensors: Tensors) -> int:
    return sum(name.endswith(".inner.weight") for name in tensors)
