"""What this machine could do at most, on one core: the gradient of one minibatch after the other, and nothing else; and
nothing but the matrix products of a training step, which nobody can leave out."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from common import ACT, EPOCHS, HIDDEN, MINIBATCH, OBS
from torch import Tensor

from ludus.kernel.config import LearnerConfig
from ludus.learner.crew import Crew
from ludus.learner.fused import FusedGradients
from ludus.learner.objective import Scales
from ludus.learner.rows import Rows
from ludus.learner.state import State
from ludus.play import mlp
from ludus.play.architecture import Architecture
from ludus.play.tuning import tune_process


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--precision", choices=("fp32", "bf16"), required=True)
    parser.add_argument("--activation", choices=("tanh", "relu"), required=True)
    parser.add_argument("--minibatches", type=int, default=40)
    options = parser.parse_args()
    tune_process(1)
    config = LearnerConfig()  # type: ignore[call-arg]
    dtype = torch.float32 if options.precision == "fp32" else torch.bfloat16
    state = State(Architecture(OBS, ACT, 0, HIDDEN, 0, options.activation, -1.0, -2.0, 0.0), config, dtype, seed=1)
    rows = Rows(torch.randn(MINIBATCH, OBS + ACT + 4), OBS, ACT)
    engine = FusedGradients(config, state, Crew(1))
    gradient = _seconds(lambda: engine.compute(rows, Scales()), options.minibatches)
    found = {
        "samples_per_core_second": MINIBATCH / gradient,
        "products_per_core_second": 1 / _products(dtype, options.minibatches),
    }
    print(json.dumps(found))


def _seconds(work: Callable[[], object], repetitions: int) -> float:
    """CPU time, the lower quartile."""
    seconds = []
    for _ in range(repetitions):
        started = time.thread_time()
        work()
        seconds.append(time.thread_time() - started)
    return sorted(seconds)[repetitions // 4]


def _products(dtype: torch.dtype, repetitions: int) -> float:
    """Seconds of one decision: the actor to act, the critic for its value, and in every epoch both, forward and back.

    The heads are left out, and everything that is no product of matrices.
    """
    x, hidden = torch.randn(MINIBATCH, OBS).to(dtype), torch.randn(MINIBATCH, HIDDEN).to(dtype)
    first, second = torch.randn(HIDDEN, OBS).to(dtype), torch.randn(HIDDEN, HIDDEN).to(dtype)

    def seconds(*ways: Callable[[], Tensor]) -> float:
        return min(_seconds(way, repetitions) for way in ways)

    def product(rows: Tensor, weight: Tensor) -> float:
        """rows weightᵀ, by whatever is fastest."""
        ways: list[Callable[[], Tensor]] = [lambda: rows @ weight.t()]
        if mlp.fuses(rows):
            ways.append(lambda: torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], ""))
        return seconds(*ways)

    forward = product(x, first) + product(hidden, second)
    back = product(hidden, second)  # to the first hidden layer
    back += seconds(lambda: hidden.t() @ hidden) + seconds(lambda: hidden.t() @ x, lambda: x.t() @ hidden)
    networks = 2
    return networks * (forward + EPOCHS * (forward + back)) / MINIBATCH


if __name__ == "__main__":
    main()
