"""What does a decision cost on its way? Rollouts and results through a real nats-server, one update of the learner.

Sizes are those of `configs/dogfight.toml`. Everything is per core: decisions, messages or bytes by the seconds of CPU
that this process or the server took, so that other programs disturb little; medians, lowest and highest as interval.
The last rows are arithmetic: what N simulators, a core each and never waiting, would need.

python benchmarks/transport.py [--quick] [--json FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy loads: one core, one thread

import argparse
import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import psutil
import torch
from rows import Row, row, show

from ludus.api.v1.match_pb2 import MatchResult, Player
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.app.game_speed import measure
from ludus.kernel.bus import Bus
from ludus.kernel.config import load
from ludus.kernel.nats_server import NatsServer, find, install
from ludus.kernel.puller import Puller
from ludus.kernel.topology import CONSUMERS, RESULTS, ROLLOUTS
from ludus.learner.setup import manifest_of, state_of
from ludus.learner.slab import Slab, decode
from ludus.learner.state import State, Versions
from ludus.learner.update import Updater
from ludus.play import distribution
from ludus.play.tuning import tune_process
from ludus.simulator.recorder import message
from ludus.simulator.series import Decisions

CONFIG = load(Path(__file__).parents[1] / "configs" / "dogfight.toml", [("run", "transport")], environment={})
SLOTS, STEPS = CONFIG.simulator.matches // CONFIG.simulator.slabs, CONFIG.simulator.steps
SLAB, SLABS = SLOTS * STEPS, CONFIG.learner.batch_decisions // (SLOTS * STEPS)
#: Slabs in the stream at a time; results under way at a time.
DEPTH, ABREAST = 64, 64
SIMULATORS = (10, 100, 1000)
SERVER, SEND, RECEIVE, BYTES, RESULT = "nats-server", "sending", "receiving", "bytes", "results"
ACT, LEARN, PLAY = "acting", "learning", "playing"
Samples = dict[str, list[float]]


def played(state: State, seed: int) -> Decisions:
    """A slab of made-up observations, with what the policy does about them."""
    architecture, rng = state.architecture, np.random.default_rng(seed)
    seen = rng.standard_normal((STEPS, SLOTS, architecture.obs_size), dtype=np.float32)
    actions, log_probs = act(state, torch.from_numpy(seen).view(SLAB, -1).bfloat16().float(), seed)
    over = (rng.random((STEPS, SLOTS)) < 1 / 300).astype(np.uint8)
    shape = (STEPS, SLOTS)
    return Decisions(
        seen, actions.numpy().reshape(*shape, -1), log_probs.numpy().reshape(shape),
        rng.standard_normal(shape, dtype=np.float32), over, np.zeros(shape, np.uint8),
        rng.standard_normal((SLOTS, architecture.obs_size), dtype=np.float32), {},
    )  # fmt: skip


def act(state: State, seen: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    actor, generator = state.actor, torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        means, logits = actor(seen)
        actions = distribution.sample(means, actor.log_std, logits, generator, actor.architecture.categorical)
        chosen = (means, actor.log_std, logits, actor.architecture.categorical)
        return actions, distribution.log_prob(actions, *chosen)


def encoded(state: State, step: int, seed: int) -> bytes:
    rollout = message(played(state, seed), rounded=True)
    rollout.rollout_id, rollout.run = f"{step}.{seed}", CONFIG.run
    rollout.behaviour.CopyFrom(PolicyRef(agent="main", epoch=1, step=step))
    return bytes(rollout.SerializeToString())


async def rollouts(
    bus: Bus, puller: Puller, server: psutil.Process, state: State, samples: Samples, number: int
) -> None:
    """DEPTH slabs out and in again: made into messages and published, fetched and made into arrays."""
    decisions, ref = played(state, 1), PolicyRef(agent="main", epoch=1)
    busy, size = _cpu(server), 0
    begin = process_time()
    for index in range(DEPTH):
        rollout = message(decisions, rounded=True)
        rollout.run = CONFIG.run
        rollout.behaviour.CopyFrom(ref)
        data = rollout.SerializeToString()
        size += len(data)
        await bus.publish(ROLLOUTS, data, token="main", msg_id=f"{number}.{index}")
    middle, left = process_time(), DEPTH
    while left:
        for delivery in await puller.fetch(4, 5.0):
            decode(delivery.data, CONFIG.run, "main", state.architecture)
            await delivery.ack_sync()
            left -= 1
    samples[SEND].append(DEPTH * SLAB / (middle - begin))
    samples[RECEIVE].append(DEPTH * SLAB / (process_time() - middle))
    samples[SERVER].append(DEPTH * SLAB / (_cpu(server) - busy))
    samples[BYTES].append(size / DEPTH / SLAB)


async def results(bus: Bus, server: psutil.Process, samples: Samples, number: int, count: int) -> None:
    """Into the ledger, each confirmed."""
    players = [Player(policy=PolicyRef(agent="main", epoch=1, sha256="0" * 64), live=True), Player(bot="ace")]
    data = MatchResult(match=1, ticket_id="t" * 12, run=CONFIG.run, purpose=1, players=players, outcome=1)
    busy, lane = _cpu(server), asyncio.Semaphore(ABREAST)

    async def publish(index: int) -> None:
        async with lane:
            await bus.publish(RESULTS, data.SerializeToString(), msg_id=f"{number}.{index}")

    await asyncio.gather(*(publish(index) for index in range(count)))
    samples[RESULT].append(count / (_cpu(server) - busy))


async def through_the_bus(state: State, samples: Samples, repetitions: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder), binary=_binary())
        server.start()
        try:
            bus = await Bus.connect(server.url, CONFIG.run, "benchmark")
            await bus.declare(rollout_depth=DEPTH)
            process = psutil.Process(server.pid())
            puller = await bus.puller(CONSUMERS["learner"], "main")
            for number in range(repetitions):
                await rollouts(bus, puller, process, state, samples, number)
                await results(bus, process, samples, number, count)
            await bus.close()
        finally:
            server.stop()


def updates(state: State, samples: Samples, repetitions: int) -> None:
    """Whole updates on one thread, from arrays to a new version; and choosing actions for a batch of matches."""
    versions = Versions(CONFIG.learner.max_lag)
    state.counters.epoch = 1
    versions.add(0, state.actor)
    updater = Updater(CONFIG, state, versions)
    seen = torch.randn(CONFIG.simulator.matches, state.architecture.obs_size)
    for number in range(repetitions + 1):
        step = state.counters.step
        slabs: list[Slab] = [
            decode(encoded(state, step, SLABS * number + index), CONFIG.run, "main", state.architecture)
            for index in range(SLABS)
        ]
        begin = process_time()
        updater.update(slabs)
        middle = process_time()
        for index in range(50):
            act(state, seen, index)
        if number:  # the first one warms up
            samples[LEARN].append(CONFIG.learner.batch_decisions / (middle - begin))
            samples[ACT].append(50 * len(seen) / (process_time() - middle))


def capacity(samples: Samples, n: int) -> list[Row]:
    """Cores that N simulators of one core keep busy at the others."""
    per_core = {name: median(values) for name, values in samples.items()}
    simulator = 1 / sum(1 / per_core[part] for part in (PLAY, ACT, SEND))
    learner = 1 / sum(1 / per_core[part] for part in (RECEIVE, LEARN))
    rows = [row("= a simulator: play, act, send", simulator, "decisions/s", n=n)]
    for count in SIMULATORS:
        for name, unit, value in (
            ("rollouts", "GB/s", count * simulator * per_core[BYTES] / 1e9),
            ("nats-server", "cores", count * simulator / per_core[SERVER]),
            ("learner", "cores", count * simulator / learner),
        ):
            rows.append(row(f"= {count} simulators need, {name}", value, unit, n=n))
    return rows


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _binary() -> Path:
    try:
        return find()
    except Exception:
        return install()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    arguments = parser.parse_args()
    repetitions, count = (5, 2000) if arguments.quick else (15, 5000)
    tune_process(1)
    state, samples = state_of(CONFIG, manifest_of(CONFIG).architecture), defaultdict(list)
    asyncio.run(through_the_bus(state, samples, repetitions, count))
    updates(state, samples, repetitions)
    game = measure("playing", "dogfight", "ace", None, 3 if arguments.quick else 7, 200, **CONFIG.game_parameters)
    samples[PLAY].append(game["value"])
    rows: list[Row] = []
    units: list[tuple[str, str, str, float | None]] = [
        (BYTES, "a decision on the wire", "bytes", None),
        (SEND, "encode and publish", "decisions/s", 0.2e6),
        (SERVER, "nats-server, rollouts in and out", "decisions/s", 1e6),
        (RECEIVE, "fetch, decode and acknowledge", "decisions/s", 0.2e6),
        (LEARN, "learn (one update)", "decisions/s", 10e3),
        (ACT, "choose actions", "decisions/s", None),
        (RESULT, "nats-server, results confirmed", "messages/s", 5e3),
    ]
    for key, name, unit, target in units:
        values: Any = samples[key]
        spread = (min(values), max(values))
        rows.append(row(name, median(values), unit, n=len(values), target=target, interval=spread))
    rows.append(game | {"name": "play (game alone, against ace)"})
    show(rows + capacity(samples, repetitions), arguments.json)


if __name__ == "__main__":
    main()
