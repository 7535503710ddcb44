"""A learner as a real process on a real nats-server, fed by a producer that plays with the weights it published.

The game is a regression in disguise: observations are random, the reward is highest when the action equals a simple
function of them. So learning shows within seconds, without any game engine.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyHead, PolicyRef
from ludus.api.v1.rollout_pb2 import Rollout
from ludus.kernel.blobs import get_blob
from ludus.kernel.bus import Bus, BusError, StreamFull
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.tensors import to_tensor
from ludus.kernel.topology import HEALTH, POLICIES_BUCKET, ROLLOUTS, RUN_BUCKET
from ludus.learner.register import Register, Registry
from ludus.play import distribution
from ludus.play.network import Actor
from ludus.play.precision import resolve
from ludus.play.weights import from_bytes

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
torch.set_num_threads(1)  # the producer shares the machine with the learner it feeds

SLABS, SLOTS, STEPS, OBS = 4, 16, 32, 66
BATCH = SLABS * SLOTS * STEPS


class Producer:
    """Plays the simulator: always the newest head, windows of SLABS messages, waits for room."""

    def __init__(self, bus: Bus, run_name: str, seed: int) -> None:
        self.bus, self.run_name = bus, run_name
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.ref = PolicyRef()
        self.actor: Actor
        self.windows = 0

    async def follow(self) -> bool:
        entry = await (await self.bus.bucket(POLICIES_BUCKET)).get("main.head")
        if entry is None:
            return False
        ref = PolicyHead.FromString(entry.value).policy
        if ref != self.ref:
            actor, _ = from_bytes(await get_blob(self.bus, ref.sha256), compute_dtype=resolve("auto"))
            self.actor, self.ref = actor, ref
        return True

    def slab(self) -> Rollout:
        shape = (STEPS, SLOTS)
        observations = self.rng.standard_normal((*shape, OBS), dtype=np.float32)
        with torch.inference_mode():
            means, logits = self.actor(torch.from_numpy(observations).view(-1, OBS))
            actions = distribution.sample(means, self.actor.log_std, logits, self.generator)
            log_probs = distribution.log_prob(actions, means, self.actor.log_std, logits)
        actions_TBA = actions.numpy().reshape(*shape, 3)
        aim = np.tanh(observations[..., :2])
        rewards = (actions_TBA[..., 2] == (observations[..., 3] > 0)) - np.square(actions_TBA[..., :2] - aim).sum(-1)
        self.windows += 1
        return Rollout(
            rollout_id=f"{self.ref.epoch}.{self.ref.step}.{self.windows}.{self.rng.integers(2**60)}",
            run=self.run_name,
            behaviour=self.ref,
            observations=to_tensor(observations),
            actions=to_tensor(actions_TBA),
            log_probs=to_tensor(log_probs.numpy().reshape(shape)),
            rewards=to_tensor(rewards.astype(np.float32)),
            terminated=to_tensor(np.ones(shape, np.uint8)),
            truncated=to_tensor(np.zeros(shape, np.uint8)),
            last_observations=to_tensor(self.rng.standard_normal((SLOTS, OBS), dtype=np.float32)),
            simulator="producer",
        )

    async def send(self, rollout: Rollout) -> None:
        await self.bus.publish(ROLLOUTS, rollout.SerializeToString(), token="main", msg_id=rollout.rollout_id)

    async def play(self) -> None:
        while True:
            with suppress(StreamFull, BusError):
                if await self.follow() and await self.bus.room(ROLLOUTS) >= SLABS:
                    for _ in range(SLABS):
                        await self.send(self.slab())
            await asyncio.sleep(0.002)


class Stack:
    """A nats-server, learner processes, and a bus for the test."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.folder, self.server = folder, server
        self.bus: Bus
        self.learners: list[asyncio.subprocess.Process] = []
        self.playing: asyncio.Task[None] | None = None

    def configure(self, updates: int, **overrides: Any) -> RunConfig:
        settings = {
            "run": "learning",
            "directory": str(self.folder),
            "decisions": updates * BATCH,
            "simulator.matches": SLABS * SLOTS,
            "simulator.slabs": SLABS,
            "simulator.steps": STEPS,
            "network.hidden": 64,
            "learner.batch_decisions": BATCH,
            "learner.minibatch": 512,
            "learner.epochs": 4,
            "learner.learning_rate": 3e-3,
            "learner.reward_scale": 1.0,
            "learner.checkpoint_seconds": 0.3,
            **{key.replace("__", "."): value for key, value in overrides.items()},
        }
        config = load(CONFIG, settings.items(), environment={})
        (self.folder / "config.json").write_text(dump(config))
        return config

    async def start(self, *arguments: str, limit_bytes: int = 0) -> asyncio.subprocess.Process:
        def limit() -> None:
            if limit_bytes:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))

        command = [sys.executable, "-m", "ludus.learner", "--config", str(self.folder / "config.json")]
        with self.log.open("ab") as log:
            learner = await asyncio.create_subprocess_exec(
                *command, "--nats-url", self.server.url, *arguments, stderr=log, preexec_fn=limit
            )
        self.learners.append(learner)
        return learner

    @property
    def log(self) -> Path:
        return self.folder / "learner.log"

    def produce(self, seed: int = 1) -> Producer:
        producer = Producer(self.bus, "learning", seed)
        self.playing = asyncio.create_task(producer.play())
        return producer

    async def stop_producing(self) -> None:
        if self.playing:
            self.playing.cancel()
            await asyncio.gather(self.playing, return_exceptions=True)

    @property
    def heartbeat(self) -> dict[str, Any]:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            return dict(json.loads((self.folder / "services" / "learner.json").read_text()))
        return {}

    @property
    def rows(self) -> list[dict[str, Any]]:
        with suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return []

    @property
    def checkpoints(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "checkpoints").glob("[0-9]*-*"))

    async def head(self) -> PolicyHead | None:
        entry = await (await self.bus.bucket(POLICIES_BUCKET)).get("main.head")
        return PolicyHead.FromString(entry.value) if entry else None

    async def register(self) -> Register:
        return await (await Registry.open(self.bus, "main")).read()

    async def health(self) -> LearnerHealth:
        record = await self.bus.last(HEALTH, "main")
        return LearnerHealth.FromString(record.data) if record else LearnerHealth()

    async def say(self, state: run.RunState) -> None:
        await (await self.bus.bucket(RUN_BUCKET)).put("state", run.RunRecord(state=state).SerializeToString())

    async def until(self, what: str, condition: Callable[[], Any], seconds: float = 40.0) -> Any:
        """Poll a condition (plain or async) until it is true; fails with the learner's log."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds} s for {what}\n{self.log.read_text()[-3000:]}")
            await asyncio.sleep(0.05)

    def scrape(self, path: str = "metrics") -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.heartbeat['http_port']}/{path}") as answer:
            return str(answer.read().decode())

    def metric(self, name: str) -> float:
        """One sample, named with its labels as Prometheus prints them."""
        lines = [line for line in self.scrape().splitlines() if line.startswith(f"ludus_learner_{name} ")]
        return float(lines[0].split()[1]) if lines else 0.0

    async def exits(self, learner: asyncio.subprocess.Process, code: int, seconds: float = 40.0) -> str:
        async with asyncio.timeout(seconds):
            assert await learner.wait() == code, self.log.read_text()[-3000:]
        return str(self.heartbeat.get("error", ""))


@asynccontextmanager
async def learner_stack(folder: Path) -> AsyncIterator[Stack]:
    """One of its own, in a folder."""
    server = NatsServer(folder / "nats")
    server.start()
    (folder / "run").mkdir()
    stack = Stack(folder / "run", server)
    stack.bus = await Bus.connect(server.url, "learning", "test", patience_seconds=20)
    await stack.bus.declare(rollout_depth=SLABS)
    yield stack
    await stack.stop_producing()
    for learner in stack.learners:
        with suppress(ProcessLookupError):
            learner.kill()
            await learner.wait()
    await stack.bus.close()
    server.kill9()
