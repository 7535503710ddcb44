"""The league as a real process on a real nats-server; the other services are played by producers of real messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1 import services_pb2 as api
from ludus.api.v1.policy_pb2 import PolicyHead
from ludus.api.v1.services_pb2_grpc import ControlServiceStub, LeagueServiceStub
from ludus.api.v1.standings_pb2 import Ratings
from ludus.kernel.blobs import get_blob
from ludus.kernel.bus import Bus, Conflict
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.players import version_of
from ludus.kernel.topology import POLICIES_BUCKET, RESULTS, RUN_BUCKET
from ludus.league.ratings.systems import SYSTEMS
from ludus.league.replay import compare, rated, refold

from .league_kit import Learner, Players

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
UPDATES = 40
#: Within which the league has folded what there is, beside other tests.
FOLD_SECONDS = 30.0


class Stack:
    """A nats-server, a league process, and a bus for everybody else."""

    def __init__(self, folder: Path, server: NatsServer, config: RunConfig) -> None:
        self.folder, self.server, self.config = folder, server, config
        self.league: asyncio.subprocess.Process | None = None
        self.bus: Bus
        self.kills = 0

    async def start_league(self, *arguments: str) -> asyncio.subprocess.Process:
        log = (self.folder / "league.log").open("ab")
        command = [sys.executable, "-m", "ludus.league", "--config", str(self.folder / "config.json")]
        self.league = await asyncio.create_subprocess_exec(
            *command, "--nats-url", self.server.url, *arguments, stderr=log, start_new_session=True
        )
        return self.league

    async def kill_league(self) -> None:
        assert self.league is not None
        with contextlib.suppress(ProcessLookupError):
            self.league.send_signal(signal.SIGKILL)
        await self.league.wait()
        self.kills += 1

    async def keep_alive(self) -> None:
        """Restart the league whenever it dies, as the supervisor does; ends when it leaves in peace."""
        while True:
            process = self.league or await self.start_league()
            code = await process.wait()
            if code == 0:
                return
            assert code != 2, (self.folder / "league.log").read_text()
            await self.start_league()

    async def record(self) -> run.RunRecord:
        entry = await (await self.bus.bucket(RUN_BUCKET)).get("state")
        return run.RunRecord.FromString(entry.value) if entry else run.RunRecord()

    async def until(self, condition: Callable[[run.RunRecord], bool], seconds: float = 30) -> run.RunRecord:
        deadline = time.monotonic() + seconds
        while not condition(record := await self.record()):
            assert time.monotonic() < deadline, f"not reached in {seconds} s: {record}\n{self.tail()}"
            await asyncio.sleep(0.05)
        return record

    async def channel(self) -> grpc.aio.Channel:
        heartbeat = self.folder / "services" / "league.json"
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError, KeyError):
                fields = json.loads(heartbeat.read_text())
                if fields["pid"] == self.league.pid and fields["grpc_port"] and fields["state"] == "ready":
                    return grpc.aio.insecure_channel(f"127.0.0.1:{fields['grpc_port']}")
            await asyncio.sleep(0.05)
        raise AssertionError(f"the league did not get ready\n{self.tail()}")

    async def samples(self) -> dict[str, float]:
        """What Prometheus would scrape."""
        port = json.loads((self.folder / "services" / "league.json").read_text())["http_port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        lines = (await reader.read()).decode().splitlines()
        writer.close()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("ludus_")}

    def tail(self) -> str:
        return (self.folder / "league.log").read_text()[-3000:]


@contextlib.contextmanager
def background(*work: Any) -> Iterator[list[asyncio.Task[Any]]]:
    """Runs beside the block; what fails there fails the test."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield tasks
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()


def run_config(folder: Path, **values: Any) -> RunConfig:
    overrides = {
        "run": "demo", "directory": str(folder), "decisions": UPDATES * 16_384, "league.snapshot_updates": 10,
        "evaluator.every_updates": 15, "evaluator.matches_per_opponent": 10,
        "evaluator.final_matches_per_opponent": 30, "bus.patience_seconds": 30,
    }  # fmt: skip
    return load(CONFIG, [*overrides.items(), *values.items()], environment={})


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    config = run_config(tmp_path)
    (tmp_path / "config.json").write_text(dump(config))
    made = Stack(tmp_path, server, config)
    made.bus = await Bus.connect(server.url, "demo", "test", patience_seconds=30)
    await made.bus.declare(rollout_depth=4)
    try:
        yield made
    finally:
        if made.league and made.league.returncode is None:
            await made.kill_league()
        await made.bus.close()
        server.kill9()


async def check_ledger(stack: Stack, players: Players) -> None:
    """I1, I2, I3: every result once, standings equal to a replay bit for bit, ratings conserved."""
    async with asyncio.timeout(FOLD_SECONDS):
        while (comparison := await compare(stack.bus, k=stack.config.league.elo_k)).later:
            await asyncio.sleep(0.1)
    assert comparison.identical, comparison.differences
    state = await refold(stack.bus, k=stack.config.league.elo_k)
    applied = {number for first, last in state.applied.ranges() for number in range(first, last + 1)}
    assert players.acknowledged <= applied <= players.tried
    assert len(applied) == state.results
    end = await stack.bus.last(RESULTS)
    assert end is not None
    assert state.position == end.sequence == state.results + sum(state.refused.values())
    assert sum(row.milli_elo - row.initial_milli_elo for row in state.players.values()) == 0
    assert sum(pair.matches for pair in state.pairs.values()) == state.results


def check_panel(stack: Stack, state: Any) -> None:
    n = stack.config.evaluator.final_matches_per_opponent
    bots = [f"bot:{bot}" for bot in ("do_nothing", "chaser", "dogfighter", "ace", "brawler")]
    for candidate, opponents in (("main@1.0", bots), (f"main@1.{UPDATES}", [*bots, "main@1.0"])):
        for opponent in opponents:
            assert state.pair("evaluate", candidate, opponent).matches >= n, (candidate, opponent)


async def test_a_whole_run_to_its_end(stack: Stack) -> None:
    players, learner = Players(stack.bus), Learner(stack.bus, stack.config)
    await stack.start_league()
    for number, garbage in enumerate((b"\xff\xff", b"", m.MatchResult(match=1).SerializeToString())):
        await stack.bus.publish(RESULTS, garbage, msg_id=f"garbage-{number}")
    work = (players.play("simulator", "train"), players.play("evaluator", "evaluate"), learner.learn_step_by_step(0.1))
    with background(*work):
        record = await stack.until(lambda record: record.state == run.RUN_STATE_FINISHED, 60)
    assert await asyncio.wait_for(stack.league.wait(), 15) == 0
    assert [version_of(member)[2] for member in record.pool] == [0, 10, 20, 30, 40]
    assert (record.pool[0], record.pool[-1]) == ("main@1.0", f"main@1.{UPDATES}")
    assert record.phase == "self-play"
    assert json.loads((stack.folder / "outcome.json").read_text())["state"] == "FINISHED"
    policies = await stack.bus.bucket(POLICIES_BUCKET)
    for member in record.pool:
        entry = await policies.get(member.replace("@", "."))
        head = PolicyHead.FromString(entry.value)
        assert head.pinned
        assert len(await get_blob(stack.bus, head.policy.sha256)) > 100
    await check_ledger(stack, players)
    state = await refold(stack.bus, k=stack.config.league.elo_k)
    check_panel(stack, state)
    assert state.refused["invalid"] == 3
    matches = await rated(stack.bus, k=stack.config.league.elo_k)
    assert Counter(name for match in matches for name in match[:2]) == {
        name: row.wins + row.draws + row.losses for name, row in state.players.items()
    }
    for system in SYSTEMS.values():
        assert system(matches, stack.config.league.elo_k).keys() == state.players.keys()
    ratings = Ratings.FromString((await (await stack.bus.bucket(RUN_BUCKET)).get("ratings")).value)
    assert ratings.position == state.position
    assert {row.player for row in ratings.players} == {
        name for key in state.pairs if key.purpose == "evaluate" for name in (key.first, key.second)
    }
    assert all(row.error > 0 for row in ratings.players)
    assert {key.second for key in state.pairs if key.purpose == "train"} >= {*record.pool[-2:-1], "bot:ace"}


async def test_commands_are_carried_out_once(stack: Stack) -> None:
    learner = Learner(stack.bus, stack.config)
    await learner.publish(0)
    await stack.start_league()
    await stack.until(lambda record: record.state == run.RUN_STATE_TRAINING)
    async with await stack.channel() as channel:
        control = ControlServiceStub(channel)
        pause = api.PauseRunRequest(command_id="one", run="demo")
        assert (await control.PauseRun(pause)).state == run.RUN_STATE_PAUSED
        assert (await control.ResumeRun(api.ResumeRunRequest(command_id="two"))).state == run.RUN_STATE_TRAINING
        # The retry of a pause that was carried out before must not pause the run again.
        assert (await control.PauseRun(pause)).state == run.RUN_STATE_TRAINING
        assert list((await stack.record()).commands_done) == ["one", "two"]
    await stack.kill_league()
    await stack.start_league()
    async with await stack.channel() as channel:
        assert (await ControlServiceStub(channel).PauseRun(pause)).state == run.RUN_STATE_TRAINING
        for request, code, text in [
            (api.PauseRunRequest(command_id="", run="demo"), grpc.StatusCode.INVALID_ARGUMENT, "command_id"),
            (api.PauseRunRequest(command_id="x", run="other"), grpc.StatusCode.NOT_FOUND, "'demo'"),
        ]:
            with pytest.raises(grpc.aio.AioRpcError) as problem:
                await ControlServiceStub(channel).PauseRun(request)
            assert problem.value.code() == code
            assert text in problem.value.details()


async def test_no_command_is_lost_while_the_director_works(stack: Stack) -> None:
    learner, players = Learner(stack.bus, stack.config), Players(stack.bus)
    await learner.publish(0)
    await stack.start_league()
    await stack.until(lambda record: record.state == run.RUN_STATE_TRAINING)
    with background(players.play("simulator", "train"), learner.learn(0.02)):
        async with await stack.channel() as channel:
            control = ControlServiceStub(channel)
            for number in range(40):
                paused = await control.PauseRun(api.PauseRunRequest(command_id=f"pause-{number}"))
                assert paused.state == run.RUN_STATE_PAUSED
                assert (await stack.record()).state == run.RUN_STATE_PAUSED
                await control.ResumeRun(api.ResumeRunRequest(command_id=f"resume-{number}"))
    assert len((await stack.record()).commands_done) == 80


async def test_status_standings_and_watch(stack: Stack) -> None:
    players, learner = Players(stack.bus), Learner(stack.bus, stack.config)
    await learner.publish(0)
    await learner.publish(10)
    await stack.start_league()
    with background(players.play("simulator", "train"), players.play("evaluator", "evaluate")):
        async with await stack.channel() as channel:
            await asyncio.sleep(1.5)
            control, league = ControlServiceStub(channel), LeagueServiceStub(channel)
            status = (await control.GetStatus(api.GetStatusRequest(run="demo"))).status
            assert (status.run, status.game, status.record.phase) == ("demo", "dogfight", "curriculum")
            assert status.progress == pytest.approx(0.25)
            assert status.eta_seconds == pytest.approx(30 * 16_384 / 50_000)
            assert status.tickets_waiting > 0
            assert status.scripted_share == 1.0
            assert status.standings.results > 0
            standings = (await league.GetStandings(api.GetStandingsRequest())).standings
            assert {row.player for row in standings.players} >= {"main", "main@1.0", "bot:ace"}
            pairs = (await league.GetPayoff(api.GetPayoffRequest(purpose="evaluate"))).pairs
            assert {pair.first for pair in pairs} == {"main@1.0"}
            samples = await stack.samples()
            assert samples["ludus_league_results_applied_total"] > 0
            assert samples['ludus_league_run_state{state="training"}'] == 1
            assert samples['ludus_league_phase{phase="curriculum"}'] == 1
            assert 800 < samples['ludus_league_elo{player="main"}'] < 1200
            watch = control.WatchRun(api.WatchRunRequest(run="demo", interval_seconds=0.1))
            states = []
            async for answer in watch:
                states.append(answer.status.record.state)
                if len(states) == 3:
                    stop = api.StopRunRequest(command_id="stop", run="demo", reason="enough")
                    assert (await control.StopRun(stop)).state == run.RUN_STATE_STOPPED
            assert states[0] == run.RUN_STATE_TRAINING
            assert states[-1] == run.RUN_STATE_STOPPED


async def test_a_stopped_run_goes_on_when_resumed(stack: Stack) -> None:
    learner, players = Learner(stack.bus, stack.config), Players(stack.bus)
    await learner.publish(0)
    league = await stack.start_league()
    async with await stack.channel() as channel:
        await stack.until(lambda record: record.state == run.RUN_STATE_TRAINING)
        stop = api.StopRunRequest(command_id="stop", reason="lunch")
        assert (await ControlServiceStub(channel).StopRun(stop)).state == run.RUN_STATE_STOPPED
    assert await asyncio.wait_for(league.wait(), 15) == 0
    outcome = json.loads((stack.folder / "outcome.json").read_text())
    assert outcome == {"state": "STOPPED", "reason": "lunch"}
    assert await asyncio.wait_for((await stack.start_league()).wait(), 15) == 0  # still stopped
    league = await stack.start_league("--resume")
    await stack.until(lambda record: record.state == run.RUN_STATE_TRAINING)
    with background(players.play("simulator", "train"), players.play("evaluator", "evaluate"), learner.learn(0.02)):
        await stack.until(lambda record: record.state == run.RUN_STATE_FINISHED, 60)
    assert await asyncio.wait_for(league.wait(), 15) == 0
    assert json.loads((stack.folder / "outcome.json").read_text())["state"] == "FINISHED"


async def test_two_leagues_at_once_do_no_harm(stack: Stack) -> None:
    players, learner = Players(stack.bus), Learner(stack.bus, stack.config)
    first = await stack.start_league()
    second = await stack.start_league("--http-port", "0")
    work = (players.play("simulator", "train"), players.play("evaluator", "evaluate"), learner.learn(0.05))
    with background(*work):
        await stack.until(lambda record: record.state == run.RUN_STATE_FINISHED, 60)
    assert await asyncio.gather(first.wait(), second.wait()) == [0, 0]
    await check_ledger(stack, players)


async def test_standings_thrown_back_to_an_older_state_are_folded_again(stack: Stack) -> None:
    players, learner = Players(stack.bus), Learner(stack.bus, stack.config)
    await learner.publish(0)
    await stack.start_league()
    bucket = await stack.bus.bucket(RUN_BUCKET)
    with background(players.play("simulator", "train")):
        while (old := await bucket.get("ledger")) is None:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        for _ in range(3):
            await asyncio.sleep(0.7)
            with contextlib.suppress(Conflict):
                await bucket.put("ledger", old.value)
    await asyncio.sleep(1)
    await check_ledger(stack, players)
    # Once more, when there is no new result to make the league write.
    await bucket.put("ledger", old.value)
    await check_ledger(stack, players)
