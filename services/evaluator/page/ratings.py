"""Ratings of record with their errors, and how far above step 0 the newest version stands."""

from __future__ import annotations

from math import hypot

from ...kernel.players import is_bot, is_guest, is_version, version_of
from .blocks import Block, Chart, Table
from .plot import Line, plot
from .story import Json, Story
from .words import percent, short_name

Z_95 = 1.96
NOTE = (
    "Bradley–Terry with draws and seat advantage, on measured matches alone; 0 is the mean of the scripted bots. "
    "First move: rating in seat 0 minus rating in seat 1. Nash, α-rank: the shares of the two equilibria of the payoffs. "
    "Seat 0 is worth {seat:+.0f} ± {error:.0f} Elo; {cyclic} of the payoffs is cyclic: no ladder explains it."
)


def _players(story: Story) -> list[Json]:
    return list(story.measured.get("record", {}).get("players", []))


def _versions(story: Story) -> list[Json]:
    """Of the run itself, oldest first."""
    own = [row for row in _players(story) if is_version(row["player"]) and not is_guest(row["player"])]
    return sorted(own, key=lambda row: version_of(row["player"])[1:][::-1])


def gap_to_step_0(story: Story) -> tuple[float, float] | None:
    """Elo of the newest version above step 0, and its standard error, the two errors taken as independent."""
    own = _versions(story)
    if len(own) < 2 or version_of(own[0]["player"])[2] != 0:
        return None
    return own[-1]["elo"] - own[0]["elo"], hypot(own[-1]["error"], own[0]["error"])


def ratings(story: Story) -> list[Block]:
    rows = _players(story)
    if not rows:
        return []
    record = story.measured["record"]
    note = NOTE.format(seat=record["seat_elo"], error=Z_95 * record["seat_error"], cyclic=percent(record["cyclic_share"]))
    return [*_charts(story), Table(
        ["player", "Elo", "± 95 %", "matches", "first move", "Nash", "α-rank"],
        [[short_name(row["player"]) if is_bot(row["player"]) else row["player"], f"{row['elo']:,.0f}",
          f"{Z_95 * row['error']:,.0f}", str(row["matches"]), f"{row['first_move_elo']:+,.0f}",
          percent(row["nash_share"]), percent(row["alpha_rank_share"])] for row in rows],
        note=note,
    )]  # fmt: skip


def _charts(story: Story) -> list[Block]:
    own = _versions(story)
    if len(own) < 2:
        return []
    at = [story.millions(version_of(row["player"])[2]) for row in own]
    first = own[0]
    rated = [(x, row["elo"]) for x, row in zip(at, own, strict=True)]
    spread = [(row["elo"] - Z_95 * row["error"], row["elo"] + Z_95 * row["error"]) for row in own]
    gaps = [(row["elo"] - first["elo"], Z_95 * hypot(row["error"], first["error"])) for row in own[1:]]
    climbed = Line("", [(x, gap) for x, (gap, _) in zip(at[1:], gaps, strict=True)],
                   [(gap - error, gap + error) for gap, error in gaps], bars=True)  # fmt: skip
    return [
        Chart("ratings", plot("Rating of record, 95 %", [Line("", rated, spread, bars=True)])),
        Chart("gap_to_step_0", plot("Elo above step 0, 95 %", [climbed])),
    ]
