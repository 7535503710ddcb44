"""`ludus league replay`, `standings` and `ratings`: questions to the ledger of a run."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

from rich.console import Console

from ...api.v1.standings_pb2 import Standings
from ...kernel.topology import RUN_BUCKET
from ...league.ratings.bradley_terry import Estimate
from ...league.ratings.record import gaps, rate
from ...league.ratings.systems import SYSTEMS, Played
from ...league.replay import Comparison, compare, rated
from ..draw import plain_table
from ..errors import FAILED, CommandError
from ..extras import need
from ..home import Home, RunFolder
from ..run_bus import RunBus
from ..words import percent


def replay(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Fold the ledger again from its first result and compare with the stored standings."""
    run = home.pick(options.run)
    if options.rating == "openskill":
        need("openskill")
    found = asyncio.run(_compare(home, run))
    later = f" ({found.later} newer ones are not folded yet)" if found.later else ""
    verdict = "identical" if found.identical else "different"
    for difference in found.differences:
        console.print(f"  {difference}", highlight=False, soft_wrap=True)
    console.print(
        f"{run.name}: {found.position} results folded again{later}; stored and replayed standings are {verdict}",
        highlight=False,
        soft_wrap=True,
    )
    if options.rating:
        _rated_by(options.rating, home, run, console)
    return 0 if found.identical else FAILED


def _rated_by(system: str, home: Home, run: RunFolder, console: Console) -> None:
    matches, k = asyncio.run(_rated(home, run))
    table = plain_table("player", system, "±", "n", right=(1, 2, 3))
    for player, rating in sorted(SYSTEMS[system](matches, k).items(), key=lambda entry: (-entry[1].elo, entry[0])):
        played = sum(player in match[:2] for match in matches)
        error = f"{1.96 * rating.error:.1f}" if rating.error else ""
        table.add_row(player, f"{rating.elo:.1f}", error, str(played))
    console.print(f"{len(matches)} matches that move live ratings, by {system}, ± 95 %", highlight=False)
    console.print(table)


def standings(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Ratings and results as the ledger has them."""
    run = home.pick(options.run)
    found = asyncio.run(_stored(home, run))
    table = plain_table("player", "Elo", "change", "W", "D", "L", right=(1, 2, 3, 4, 5))
    for row in sorted(found.players, key=lambda one: -one.milli_elo):
        change = (row.milli_elo - row.initial_milli_elo) / 1000
        table.add_row(
            row.player, f"{row.milli_elo / 1000:.1f}", f"{change:+.1f}", str(row.wins), str(row.draws), str(row.losses)
        )
    console.print(f"{run.name}: {found.results} rated results, ledger position {found.position}", highlight=False)
    console.print(table)
    return 0


def ratings(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Ratings of record: Bradley–Terry over all measured matches, with standard errors."""
    run = home.pick(options.run)
    found = rate(asyncio.run(_stored(home, run)))
    if options.json:
        ahead = gaps(found.standings)
        rows = [asdict(row) | {"best_ahead": _plain(ahead.get(row.player))} for row in found.standings]
        console.print_json(json.dumps(rows))
        return 0
    behind = gaps(found.standings)
    columns = ("player", "rating", "±", "n", "best is ahead", "first move", "Nash", "α-rank")
    table = plain_table(*columns, right=tuple(range(1, len(columns))))
    for row in found.standings:
        table.add_row(
            row.player, f"{row.rating.elo:+.0f}", f"{1.96 * row.rating.error:.0f}", str(row.matches),
            _ahead(behind.get(row.player)), f"{row.first_move_elo:+.0f}", percent(row.nash_share),
            percent(row.alpha_rank_share),
        )  # fmt: skip
    console.print(
        f"{run.name}: Elo points above the mean of the scripted bots, ± 95 %. Seat 0 is worth {found.seat.elo:+.0f} "
        f"± {1.96 * found.seat.error:.0f}. {percent(found.cyclic_share)} of the payoffs go in circles.",
        highlight=False,
    )
    console.print(table)
    return 0


def _plain(gap: Estimate | None) -> dict[str, float] | None:
    """For JSON; None for who is no fixed reference."""
    return None if gap is None else {"elo": gap.elo, "error": gap.error}


def _ahead(gap: Estimate | None) -> str:
    return "" if gap is None else f"{gap.elo:+.0f} ± {1.96 * gap.error:.0f}"


async def _compare(home: Home, run: RunFolder) -> Comparison:
    config = run.whole_config()
    redis_url = str(config.get("redis", {}).get("url", ""))
    if redis_url:
        need("redis")
    async with RunBus(home, run) as bus:
        return await compare(bus, k=int(config["league"]["elo_k"]), redis_url=redis_url)


async def _rated(home: Home, run: RunFolder) -> tuple[list[Played], int]:
    """Its matches and its K."""
    k = int(run.whole_config()["league"]["elo_k"])
    async with RunBus(home, run) as bus:
        return await rated(bus, k=k), k


async def _stored(home: Home, run: RunFolder) -> Standings:
    async with RunBus(home, run) as bus:
        entry = await (await bus.bucket(RUN_BUCKET)).get("ledger")
    if entry is None:
        raise CommandError(f"{run.name} has no results yet")
    return Standings.FromString(entry.value)
