"""Do two simulator workers play twice as much as one? Each is a process of its own with one thread, as in a run.

What a worker does between two looks at the bus, without the bus: batches of dogfight matches against the four bots that
fight, the learning seat played by a network of the default size, everything recorded. All begin at the same moment and
play for the same time; ratios of decisions per second of wall time, and per second of CPU time, which other load on
the machine disturbs less. Needs as many idle cores as workers.

    python benchmarks/simulator_scaling.py [--quick] [--json FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch load

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import numpy as np
from rows import Row, row, show

MATCHES = 128
WORKERS = 2
TARGET_RATIO = 1.8
STEPS_PER_LOOK = 32


def play(worker: int, seconds: float, ready: Barrier, results: multiprocessing.Queue[tuple[float, float]]) -> None:
    """Puts (decisions per wall second, decisions per CPU second) into `results`."""
    import torch

    from ludus.games import make
    from ludus.kernel.config import NetworkConfig
    from ludus.play.architecture import Architecture
    from ludus.play.distribution import log_prob, sample
    from ludus.play.network import Actor
    from ludus.play.tuning import tune_process

    tune_process(1)
    game = make("dogfight", batch=MATCHES, seed=worker, observation="egocentric")
    game.reset()
    game.seat_bots(1, [("chaser", "dogfighter", "ace", "brawler")[k % 4] for k in range(MATCHES)])
    architecture = Architecture.of(game.spec, "training", "egocentric", NetworkConfig.model_validate({}))
    actor = Actor(architecture, generator=torch.Generator().manual_seed(worker))
    noise = torch.Generator().manual_seed(worker)
    actions = np.zeros((MATCHES, 2, game.act_size), np.float32)
    seen = game.reset()
    decisions = 0

    def look() -> None:
        nonlocal seen
        for _ in range(STEPS_PER_LOOK):
            means, logits = actor(torch.from_numpy(seen)[:, 0])
            chosen = sample(means, actor.log_std, logits, noise)
            log_prob(chosen, means, actor.log_std, logits)
            actions[:, 0] = chosen.numpy()
            seen = game.step(actions)[0]

    with torch.inference_mode():
        look()
        ready.wait()
        wall, cpu = time.monotonic(), time.process_time()
        while time.monotonic() - wall < seconds:
            look()
            decisions += STEPS_PER_LOOK * MATCHES
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    results.put((decisions / wall, decisions / cpu))


def together(workers: int, seconds: float) -> tuple[float, float]:
    """Sums over the workers: decisions per wall second, and per CPU second of each."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(workers), context.Queue()
    processes = [context.Process(target=play, args=(k, seconds, ready, results)) for k in range(workers)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return sum(wall for wall, _ in found), sum(cpu for _, cpu in found)


def ratios(repetitions: int, seconds: float) -> list[Row]:
    """One worker and two in turn, so that both meet the same machine."""
    pairs = [(together(1, seconds), together(WORKERS, seconds)) for _ in range(repetitions)]
    wall = [many[0] / one[0] for one, many in pairs]
    cpu = [many[1] / one[1] for one, many in pairs]
    return [
        speed("one worker", [one[0] for one, _ in pairs]),
        speed(f"{WORKERS} workers", [many[0] for _, many in pairs]),
        ratio(f"{WORKERS} workers over one, wall time", wall),
        ratio(f"{WORKERS} workers over one, CPU time", cpu),
    ]


def speed(name: str, values: Sequence[float]) -> Row:
    return row(name, median(values), "decisions/s", n=len(values), interval=(min(values), max(values)))


def ratio(name: str, values: Sequence[float]) -> Row:
    interval = (min(values), max(values))
    return row(name, median(values), "ratio", n=len(values), target=TARGET_RATIO, interval=interval)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="three short repetitions, half a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    arguments = parser.parse_args()
    show(ratios(*((3, 2.0) if arguments.quick else (7, 10.0))), arguments.json)


if __name__ == "__main__":
    main()
