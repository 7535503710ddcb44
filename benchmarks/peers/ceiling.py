"""What this machine could do at most: the gradient of one minibatch after the other, on one core, nothing else."""

from __future__ import annotations

import argparse
import json
import time

import torch
from common import ACT, HIDDEN, MINIBATCH, OBS

from ludus.kernel.config import LearnerConfig
from ludus.learner.crew import Crew
from ludus.learner.fused import FusedGradients
from ludus.learner.objective import Scales
from ludus.learner.rows import Rows
from ludus.learner.state import State
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
    seconds = []
    for _ in range(options.minibatches):
        started = time.thread_time()
        engine.compute(rows, Scales())
        seconds.append(time.thread_time() - started)
    best = sorted(seconds)[len(seconds) // 4]
    print(json.dumps({"samples_per_core_second": MINIBATCH / best}))


if __name__ == "__main__":
    main()
