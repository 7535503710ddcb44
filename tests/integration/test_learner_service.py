"""The learner as a real process on a real nats-server, fed by a producer that plays with the weights it published.

The game is a regression in disguise: observations are random, the reward is highest when the action equals a simple
function of them. So learning shows within seconds, without any game engine.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.event_pb2 import Event
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyHead, PolicyRef
from ludus.api.v1.rollout_pb2 import Rollout
from ludus.kernel.blobs import get_blob
from ludus.kernel.bus import Bus, BusError, StreamFull
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.tensors import to_tensor
from ludus.kernel.topology import EVENTS, HEALTH, POLICIES_BUCKET, ROLLOUTS, RUN_BUCKET
from ludus.learner.register import Register, Registry, place_of
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


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    (tmp_path / "run").mkdir()
    stack = Stack(tmp_path / "run", server)
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


async def test_it_learns_from_rollouts_and_finishes(stack: Stack) -> None:
    config = stack.configure(updates=60)
    learner = await stack.start()
    stack.produce()
    health = await stack.until("the end", lambda: _finished(stack))
    rows = stack.rows
    assert [row["step"] for row in rows] == list(range(1, 61))
    early, late = (np.mean([row["reward_mean"] for row in part]) for part in (rows[:6], rows[-6:]))
    assert late > early + 0.3
    assert np.mean([row["lag_mean"] for row in rows]) <= 1.1, "the buffer's depth bounds the lag"
    assert max(row["lag_max"] for row in rows) <= 2
    assert max(row["ratio_error_max"] for row in rows) < 1e-2
    assert all(0 <= row["kl"] < 0.5 for row in rows)

    head = await stack.head()
    assert head is not None
    assert head.policy == health.policy
    assert (head.policy.step, head.decisions, health.checkpoint_step) == (60, config.decisions, 60)
    final = (stack.folder / "weights" / "final.safetensors").read_bytes()
    assert final == await get_blob(stack.bus, head.policy.sha256)
    manifest = json.loads((stack.folder / "weights" / "final.json").read_text())
    assert (manifest["sha256"], manifest["step"]) == (head.policy.sha256, 60)
    assert {"1-0", "1-60"} < set(stack.checkpoints)
    assert len(stack.checkpoints) <= config.learner.checkpoints_kept + 1

    assert stack.scrape("readyz")
    assert stack.metric("step") == 60
    assert stack.metric("updates_total") == 60
    assert stack.metric('update_part_seconds{part="optimise"}') > 0
    assert stack.metric('kl_component{component="shoot"}') >= 0
    assert health.metrics["elapsed_seconds"] > 0

    # a learner that dies after its work is done does not make a new version of the final one
    learner.kill()
    await learner.wait()
    learner = await stack.start()
    await stack.until("the finished learner", lambda: stack.heartbeat.get("state") == "ready")
    assert await stack.head() == head
    assert (await stack.health()).finished
    await stack.say(run.RUN_STATE_FINISHED)
    await stack.exits(learner, 0)


async def _finished(stack: Stack) -> LearnerHealth | None:
    health = await stack.health()
    return health if health.finished else None


async def test_kill_9_goes_on_from_the_newest_checkpoint_in_a_new_epoch(stack: Stack) -> None:
    stack.configure(updates=150)
    learner = await stack.start()
    stack.produce()
    await stack.until("a few updates", lambda: stack.heartbeat.get("durable_step", 0) >= 5)
    learner.kill()
    await learner.wait()
    durable = max(int(name.split("-")[1]) for name in stack.checkpoints)
    second = await stack.start("--resume")
    await stack.until("the second life", lambda: stack.rows[-1]["epoch"] == 2 and len(stack.rows) > 5)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == durable + 1
    keys = await (await stack.bus.bucket(POLICIES_BUCKET)).keys()
    assert [key for key in keys if key.endswith(".0")] == ["main.1.0"], "step 0 stays the one of the first epoch"

    # nats-server dies as well: the memory stream of the rollouts is lost with everything in it, training is not
    stack.server.kill9()
    stack.server.start()
    seen = stack.rows[-1]["step"]
    await stack.until("updates after the bus came back", lambda: stack.rows[-1]["step"] > seen + 5)

    # a stop is a clean one: the step it was at is durable
    second.terminate()
    await stack.exits(second, 0)
    assert f"2-{stack.rows[-1]['step']}" in stack.checkpoints


async def test_bad_checkpoints_are_skipped_and_wrong_ones_refused(stack: Stack) -> None:
    stack.configure(updates=400)
    learner = await stack.start()
    stack.produce()
    await stack.until("three checkpoints", lambda: len(stack.checkpoints) >= 3)
    learner.terminate()
    await stack.exits(learner, 0)
    by_age = sorted(stack.checkpoints, key=lambda name: int(name.split("-")[1]))

    def damage(name: str) -> None:
        path = stack.folder / "checkpoints" / name / "weights.safetensors"
        data = bytearray(path.read_bytes())
        data[-5] ^= 4
        path.write_bytes(data)

    # one wrong bit in the newest: the one before it is taken, and the log says so
    damage(by_age[-1])
    learner = await stack.start("--resume")
    await stack.until("the older checkpoint", lambda: stack.rows[-1]["epoch"] == 2)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == int(by_age[-2].split("-")[1]) + 1
    assert f"checkpoints/{by_age[-1]}" in stack.log.read_text()
    learner.terminate()
    await stack.exits(learner, 0)

    # the list of checkpoints is that of the folder
    assert (await stack.register()).digests.keys() == set(stack.checkpoints)

    # another network
    stack.configure(updates=400, network__hidden=32)
    error = await stack.exits(await stack.start("--resume"), 2)
    assert "hidden: expected 32, found 64" in error
    assert "Set the configuration back" in error


@pytest.mark.slow
async def test_an_old_checkpoint_put_in_the_place_of_the_newest_is_refused(stack: Stack) -> None:
    stack.configure(updates=4000, learner__checkpoint_seconds=0.1)
    learner = await stack.start()
    stack.produce()
    await stack.until("a few checkpoints", lambda: len(stack.checkpoints) >= 3)
    folder, old = stack.folder / "checkpoints", max(stack.checkpoints, key=place_of)
    shutil.copytree(folder / old, stack.folder / "kept")
    await stack.until("it to be let go", lambda: old not in stack.checkpoints)
    learner.kill()
    await learner.wait()
    assert old not in (await stack.register()).digests

    # signed, of this run and agent, and yet not the newest: the one before is taken, and the events say so
    newest, second, *_ = sorted(stack.checkpoints, key=place_of, reverse=True)
    shutil.rmtree(folder / newest)
    shutil.copytree(stack.folder / "kept", folder / newest)
    shutil.copytree(stack.folder / "kept", folder / old)
    learner = await stack.start("--resume")
    await stack.until("the second life", lambda: stack.rows[-1]["epoch"] == 2)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == place_of(second)[1] + 1
    assert f"signed for learning main {old}, not for learning main {newest}" in stack.log.read_text()
    warning = await stack.bus.last(EVENTS, "warning")
    assert warning
    assert f"{second} takes its place" in Event.FromString(warning.data).message
    learner.kill()
    await learner.wait()

    # nothing but old ones, then nothing at all: no silent beginning, neither there nor at step 0
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copytree(stack.folder / "kept", folder / old)
    error = await stack.exits(await stack.start("--resume"), 2)
    assert "none of the 1 checkpoints" in error
    assert "not on its list" in error
    shutil.rmtree(folder / old)
    assert "is its volume mounted?" in await stack.exits(await stack.start("--resume"), 2)


async def test_a_full_disk_stops_with_one_clear_message_and_nothing_half_written(stack: Stack) -> None:
    stack.configure(updates=400)
    error = await stack.exits(await stack.start(limit_bytes=40_000), 2)
    assert "no room for a checkpoint" in error
    assert "Make room" in error
    assert list((stack.folder / "checkpoints").iterdir()) == []
    assert await stack.head() is None, "without a durable step 0 nothing is announced"

    learner = await stack.start()
    stack.produce()
    await stack.until("a checkpoint", lambda: len(stack.checkpoints) >= 2)
    resource.prlimit(learner.pid, resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
    error = await stack.exits(learner, 2)
    assert "older checkpoints are untouched" in error
    assert [path for path in (stack.folder / "checkpoints").iterdir() if path.name.startswith(".")] == []
    assert len(stack.checkpoints) >= 2


async def test_rollouts_that_must_not_be_learned_from_are_dropped_and_counted(stack: Stack) -> None:
    stack.configure(updates=400, learner__max_lag=2)
    learner = await stack.start()
    producer = Producer(stack.bus, "learning", 7)
    await stack.until("the first head", producer.follow)

    def bad(**changes: Any) -> Rollout:
        rollout = producer.slab()
        for name, value in changes.items():
            if isinstance(value, np.ndarray):
                getattr(rollout, name).CopyFrom(to_tensor(value))
            elif isinstance(value, PolicyRef):
                getattr(rollout, name).CopyFrom(value)
            else:
                setattr(rollout, name, value)
        return rollout

    observations = np.zeros((STEPS, SLOTS, OBS), np.float32)
    observations[3, 4, 5] = np.nan
    rewards = np.full((STEPS, SLOTS), np.inf, np.float32)
    stale_epoch = PolicyRef(agent="main", epoch=0, step=0)
    future = PolicyRef(agent="main", epoch=1, step=9)
    await stack.bus.publish(ROLLOUTS, b"\xff\xff nonsense", token="main", msg_id="nonsense")
    for rollout in (
        bad(run="another"),
        bad(rewards=np.zeros((STEPS, SLOTS + 1), np.float32)),
        bad(behaviour=future),
        bad(behaviour=stale_epoch),
        bad(observations=observations),
        bad(rewards=rewards),
    ):
        await _send(producer, rollout)
    reasons = {"invalid": 4, "epoch": 1, "not_finite": 2}
    await stack.until(
        "all of them to be counted",
        lambda: {reason: stack.metric(_dropped(reason)) for reason in reasons} == reasons,
    )
    assert stack.metric("nonfinite_total") == 2
    assert await stack.bus.waiting(ROLLOUTS) == 0, "nothing stays in the way"

    # three good windows advance the learner by three steps; a slab of step 0 is too old then, a used one a repetition
    old = producer.slab()
    for _ in range(3):
        used = producer.slab()
        for rollout in (used, producer.slab(), producer.slab(), producer.slab()):
            await _send(producer, rollout)
        step = producer.ref.step + 1
        await stack.until("an update", lambda step=step: stack.heartbeat.get("step") == step)
        await producer.follow()
    await _send(producer, old)
    await stack.until("the stale one", lambda: stack.metric(_dropped("stale")) == 1)
    await stack.bus.publish(ROLLOUTS, used.SerializeToString(), token="main", msg_id="again")
    await stack.until("the repetition", lambda: stack.metric(_dropped("duplicate")) == 1)
    assert stack.metric("rollouts_accepted_total") == 12

    # log-probabilities of another policy: training stops and says what is wrong
    for _ in range(SLABS):
        rollout = producer.slab()
        wrong = np.frombuffer(rollout.log_probs.data, np.float32).reshape(STEPS, SLOTS) - 0.3
        rollout.log_probs.CopyFrom(to_tensor(wrong))
        await _send(producer, rollout)
    error = await stack.exits(learner, 2)
    assert "the reference is wrong" in error
    assert "network.precision" in error


async def _send(producer: Producer, rollout: Rollout) -> None:
    while True:
        with suppress(StreamFull):
            return await producer.send(rollout)
        await asyncio.sleep(0.01)


def _dropped(reason: str) -> str:
    return f'rollouts_dropped_total{{reason="{reason}"}}'


async def test_pause_and_fencing(stack: Stack) -> None:
    stack.configure(updates=2000)
    first = await stack.start()
    stack.produce()
    await stack.until("training", lambda: len(stack.rows) >= 3)

    await stack.say(run.RUN_STATE_PAUSED)
    await asyncio.sleep(1.5)
    rows = len(stack.rows)
    await asyncio.sleep(1.0)
    assert len(stack.rows) == rows, "a paused run makes no updates"
    await stack.say(run.RUN_STATE_TRAINING)
    await stack.until("training again", lambda: len(stack.rows) > rows)

    # stopped and thawed, the first learner finds that a second one has taken over, and writes no more
    os.kill(first.pid, signal.SIGSTOP)
    second = await stack.start("--resume")
    await stack.until("the second learner", lambda: stack.rows[-1]["epoch"] == 2)
    os.kill(first.pid, signal.SIGCONT)
    async with asyncio.timeout(40):
        assert await first.wait() == 2
    assert "another learner has taken over" in stack.log.read_text()
    head = await stack.head()
    assert head is not None
    assert head.policy.epoch == 2
    await stack.say(run.RUN_STATE_STOPPED)
    await stack.exits(second, 0)


@pytest.mark.slow
async def test_ranks_live_and_die_together(stack: Stack) -> None:
    stack.configure(updates=2000, learner__ranks=2)
    learner = await stack.start()
    stack.produce()
    await stack.until("a few updates", lambda: stack.heartbeat.get("durable_step", 0) >= 5)
    assert _second_rank(stack)["state"] == "ready"

    # without one of them there is no learner, and it says why
    os.kill(_second_rank(stack)["pid"], signal.SIGKILL)
    assert "another rank has ended" in await stack.exits(learner, 1)
    durable = max(int(name.split("-")[1]) for name in stack.checkpoints)
    first_life = len(stack.rows)
    learner = await stack.start("--resume")
    await stack.until("the second life", lambda: len(stack.rows) > first_life + 5)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == durable + 1

    # nobody is left behind when rank 0 dies
    assistant = _second_rank(stack)["pid"]
    learner.kill()
    await learner.wait()
    await stack.until("the end of the other rank", lambda: not psutil.pid_exists(assistant))

    # an orderly stop ends both, with a checkpoint
    learner = await stack.start("--resume")
    await stack.until("the third life", lambda: stack.rows[-1]["epoch"] == 3)
    assistant = _second_rank(stack)["pid"]
    learner.terminate()
    await stack.exits(learner, 0)
    assert not psutil.pid_exists(assistant)
    assert _second_rank(stack)["exit_code"] == 0
    assert f"3-{stack.rows[-1]['step']}" in stack.checkpoints


def _second_rank(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.folder / "services" / "learner-1.json").read_text()))
