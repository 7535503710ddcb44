"""A small run in lockstep: real processes on a real nats-server, to be killed at will and compared afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1.run_pb2 import RunRecord
from ludus.kernel.bus import Bus
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.players import version_of
from ludus.kernel.topology import RESULTS, RUN_BUCKET
from ludus.learner import checkpoint
from ludus.learner.setup import manifest_of, state_of
from ludus.learner.state import State

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
SERVICES = ("learner", "league", "simulator")
MATCHES, STEPS = 16, 16


def config(folder: Path, updates: int) -> RunConfig:
    """Short matches (a decision lasts a second, one hit ends it), bots first and self-play soon."""
    settings: dict[str, Any] = {
        "run": f"{folder.name}-{secrets.token_hex(4)}",
        "directory": str(folder),
        "seed": 11,
        "lockstep": True,
        "decisions": updates * MATCHES * STEPS,
        "game_parameters": {"ticks_per_decision": 120, "physics": {"max_hp": 1}},
        "simulator.matches": MATCHES,
        "simulator.steps": STEPS,
        "simulator.slabs": 2,
        "network.hidden": 16,
        "learner.batch_decisions": MATCHES * STEPS,
        "learner.minibatch": 64,
        "learner.checkpoint_seconds": 0.5,
        "learner.checkpoints_kept": 2,
        "league.snapshot_updates": 5,
        "league.pool_size": 4,
        "league.tickets_ahead": 2,
        "league.matches_per_ticket": 2,
        "evaluator.every_updates": 10,
        "evaluator.matches": 16,
        "evaluator.matches_per_opponent": 2,
        "evaluator.final_matches_per_opponent": 4,
    }
    whole = load(CONFIG, settings.items(), environment={})
    curriculum, transition, selfplay = whole.league.phases
    phases = (
        curriculum.model_copy(update={"share": 0.25}),
        transition.model_copy(update={"share": 0.25, "opponents": "peers"}),
        selfplay.model_copy(update={"share": 0.5, "opponents": "pfsp"}),
    )
    return whole.model_copy(update={"league": whole.league.model_copy(update={"phases": phases})})


class Processes:
    """The services of one run; whatever dies of a signal is started again, as the supervisor does."""

    def __init__(self, server: NatsServer, config: RunConfig, services: tuple[str, ...] = SERVICES) -> None:
        self.server, self.config = server, config
        self.folder = Path(config.directory)
        self.folder.mkdir(parents=True)
        (self.folder / "config.json").write_text(dump(config))
        self.services = services
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.kills = 0

    async def __aenter__(self) -> Processes:
        for service in self.services:
            await self._start(service)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self, service: str) -> None:
        command = [sys.executable, "-m", f"ludus.{service}", "--config", str(self.folder / "config.json")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        with (self.folder / f"{service}.log").open("ab") as log:
            self.running[service] = await asyncio.create_subprocess_exec(
                *command, "--nats-url", self.server.url, stderr=log, env=environment, start_new_session=True
            )

    async def kill(self, *services: str) -> None:
        """kill -9 all of them, "nats-server" maybe among them, then start them again."""
        if server := "nats-server" in services:
            self.server.kill9()
            self.kills += 1
        services = tuple(service for service in services if service != "nats-server")
        for service in services:
            self.running[service].send_signal(signal.SIGKILL)
            self.kills += 1
        if server:
            await asyncio.to_thread(self.server.start)
        for service in services:
            await self.running[service].wait()
            await self._start(service)

    def step(self) -> int:
        """Updates made, as the learner's metrics.jsonl has them."""
        with suppress(OSError, IndexError, ValueError):
            return int(json.loads((self.folder / "metrics.jsonl").read_text().splitlines()[-1])["step"])
        return 0

    @property
    def finished(self) -> bool:
        return (self.folder / "weights" / "final.safetensors").exists()

    async def until(self, step: int, seconds: float = 120) -> None:
        """Wait until so many updates are made. Fails with the logs when a service gives up."""
        deadline = time.monotonic() + seconds
        while self.step() < step and not self.finished:
            for service, process in self.running.items():
                assert process.returncode is None, f"{service} ended with {process.returncode}\n{self.logs()}"
            assert time.monotonic() < deadline, f"at update {self.step()} of {step} after {seconds} s\n{self.logs()}"
            await asyncio.sleep(0.05)

    def logs(self) -> str:
        paths = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {path.name}\n" + "\n".join(path.read_text().splitlines()[-12:]) for path in paths)


async def end_of(processes: Processes) -> dict[str, Any]:
    """Everything that must be equal: the learner's state, the ledger's training matches, the pool, the orders.

    Epochs count the starts of the learner, so versions are named by their step alone.
    """
    await processes.until(processes.config.total_updates)
    deadline = time.monotonic() + 20
    while not processes.finished:
        assert time.monotonic() < deadline, processes.logs()
        await asyncio.sleep(0.05)
    state = final_state(processes.config)
    bus = await Bus.connect(processes.server.url, processes.config.run, "test")
    try:
        entry = await (await bus.bucket(RUN_BUCKET)).get("state")
        assert entry is not None
        record = RunRecord.FromString(entry.value)
        results = await all_results(bus)
    finally:
        await bus.close()
    return {
        "tensors": state.tensors(),
        "generator": state.generator.get_state(),
        "simulator": simulator_of(state),
        "counters": (state.counters.step, state.counters.decisions, state.counters.undone),
        "matches": {told(result) for result in results if result.purpose == m.PURPOSE_TRAIN},
        "pool": [version_of(member)[2] for member in record.pool],
        "orders": (record.orders.window, record.orders.next_match, record.orders.next_ticket),
    }


def final_state(config: RunConfig) -> State:
    identity = manifest_of(config)
    state = state_of(config, identity.architecture)
    saved = checkpoint.restore_newest(Path(config.directory) / "checkpoints", state, identity)
    assert saved is not None
    assert saved.step == config.total_updates
    return state


def simulator_of(state: State) -> bytes:
    """The simulator's state, with the versions in it by their step alone."""
    from ludus.api.v1.lockstep_pb2 import ArenaState

    whole = ArenaState.FromString(state.simulator_state)
    refs = [ref for match in (*whole.slots, *whole.queue) for ref in match.players]
    refs += [player.policy for ticket in whole.tickets for player in ticket.players if player.HasField("policy")]
    for ref in refs:
        ref.epoch, ref.sha256 = 0, ""
    for ticket in whole.tickets:
        ticket.run = ""
    return whole.SerializeToString(deterministic=True)


async def all_results(bus: Bus) -> list[m.MatchResult]:
    last = await bus.last(RESULTS)
    found: list[m.MatchResult] = []
    position = 0
    while last and position < last.sequence:
        for record in await bus.read(RESULTS, position + 1, 500, 5.0):
            found.append(m.MatchResult.FromString(record.data))
            position = record.sequence
    return found


def told(result: m.MatchResult) -> tuple[Any, ...]:
    """One match, as it must be told however often it was played."""
    players = tuple(player.bot or (player.policy.step, player.live) for player in result.players)
    ends = tuple(ref.step for ref in result.policies_at_end)
    facts = (result.match, result.ticket_id, result.seed, result.first_seat, result.outcome, result.ending)
    return (*facts, result.decisions, players, ends, tuple(result.scores))


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what differs."""
    found = [name for name, tensor in one["tensors"].items() if not torch.equal(tensor, other["tensors"][name])]
    if not torch.equal(one["generator"], other["generator"]):
        found.append("generator")
    return found + [name for name in one if name not in ("tensors", "generator") and one[name] != other[name]]


def second_server(folder: Path, binary: Path) -> NatsServer:
    """A server that may be killed without harm to other runs."""
    server = NatsServer(folder, binary=binary)
    server.start()
    return server
