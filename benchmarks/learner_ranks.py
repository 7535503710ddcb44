"""What do more ranks take off the learner? Updates of `configs/dogfight.toml` by one, two and four, a thread each.

Two numbers per company: CPU seconds of rank 0 in an update, which other programs disturb little, and its wall time,
which needs a core for every rank. Medians over updates, lowest and highest as interval.

python benchmarks/learner_ranks.py [--quick] [--json FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy loads: one core, one thread

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from rows import Row, row, show
from transport import CONFIG, SLABS, encoded

from ludus.kernel.config import RunConfig
from ludus.kernel.nats_server import free_port
from ludus.learner.muster import Muster
from ludus.learner.ranks import Ranks
from ludus.learner.setup import manifest_of, state_of
from ludus.learner.slab import decode
from ludus.learner.state import Versions
from ludus.learner.update import Updater
from ludus.play.tuning import tune_process

COMPANIES = (1, 2, 4)


def config_of(count: int) -> RunConfig:
    return CONFIG.model_copy(update={"learner": CONFIG.learner.model_copy(update={"ranks": count, "threads": 1})})


def environment(port: str) -> dict[str, str]:
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LUDUS_RANKS_NETWORK": "private"}


@contextmanager
def company(count: int) -> Iterator[Ranks | None]:
    """This process as rank 0; the others are this script too."""
    if count == 1:
        yield None
        return
    port = str(free_port())
    command = [sys.executable, __file__, "--port", port, "--ranks", str(count), "--rank"]
    others = [subprocess.Popen([*command, str(number)]) for number in range(1, count)]
    muster = Muster(config_of(count), 0, environment(port))
    ranks = muster.gather()
    try:
        yield ranks
    finally:
        ranks.dismiss()
        for other in others:
            other.wait()
        muster.close()


def updater_of(config: RunConfig, ranks: Ranks | None) -> tuple[Updater, Versions]:
    state, versions = state_of(config, manifest_of(config).architecture), Versions(config.learner.max_lag)
    state.counters.epoch = 1
    versions.add(0, state.actor)
    return Updater(config, state, versions, ranks), versions


def measure(count: int, updates: int) -> list[Row]:
    config = config_of(count)
    state = state_of(config, manifest_of(config).architecture)
    batch = [decode(encoded(state, 0, seed), CONFIG.run, "main", state.architecture) for seed in range(SLABS)]
    cpu, wall = [], []
    with company(count) as ranks:
        for _ in range(updates + 1):
            updater, _ = updater_of(config, ranks)  # every update is the first one of the same policy
            started = perf_counter(), process_time()
            updater.update(batch)
            wall.append(perf_counter() - started[0])
            cpu.append(process_time() - started[1])
    cpu, wall = cpu[1:], wall[1:]  # the first one warms up
    who = "one rank" if count == 1 else f"rank 0 of {count}"
    return [
        row(f"{who}, CPU of an update", median(cpu), "s", n=updates, interval=(min(cpu), max(cpu))),
        row(f"{who}, wall time of an update", median(wall), "s", n=updates, interval=(min(wall), max(wall))),
    ]


def assist(number: int, count: int, port: str) -> None:
    config = config_of(count)
    muster = Muster(config, number, environment(port))
    updater, _ = updater_of(config, muster.gather())
    while updater.assist():
        pass
    muster.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer updates, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    for name, kind in (("--rank", int), ("--ranks", int), ("--port", str)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    tune_process(1)
    if arguments.rank:
        assist(arguments.rank, arguments.ranks, arguments.port)
        return
    rows = [found for count in COMPANIES for found in measure(count, 4 if arguments.quick else 12)]
    alone = rows[0]["value"]
    for count, found in zip(COMPANIES[1:], rows[2::2], strict=True):
        rows.append(row(f"CPU of rank 0, {count} ranks : 1", found["value"] / alone, "", n=found["n"], at_most=True))
    show(rows, arguments.json)


if __name__ == "__main__":
    main()
