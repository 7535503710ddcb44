"""Functions become programs of TorchScript where torch can make them, and stay functions where it cannot."""

from __future__ import annotations

import torch
from torch import Tensor

from ludus.learner import fused, slopes
from ludus.play import mlp
from ludus.play.scripting import scripted


def test_what_the_learner_repeats_is_scripted() -> None:
    for one in (mlp.run, mlp.run_back, slopes._policy, slopes._value, fused._forward, fused._backward):
        assert isinstance(one, torch.jit.ScriptFunction)


def test_a_scripted_function_says_what_python_says() -> None:
    def twice(x: Tensor, name: str) -> Tensor:
        return x * 2 if name == "twice" else x

    x = torch.arange(3.0)
    made = scripted(twice)
    assert made is not twice
    for name in ("twice", "once"):
        assert torch.equal(made(x, name), twice(x, name))


def test_an_operation_that_is_missing_leaves_the_function_in_python() -> None:
    def lucky(x: Tensor, there: bool) -> Tensor:
        found: Tensor = torch.ops.mkldnn._no_such_product(x) if there else x + 1
        return found

    made = scripted(lucky)
    assert made is lucky
    assert torch.equal(made(torch.zeros(2), False), torch.ones(2))
