"""Ratings of record with their errors, and how far above step 0 the newest version stands."""

from __future__ import annotations

from math import hypot

from ...kernel.players import agent_of, is_bot, is_version, version_of
from .blocks import Block, Chart, Table
from .plot import Line, plot
from .story import Json, Story
from .words import percent, short_name

Z_95 = 1.96
NOTE = (
    "Bradley–Terry with draws and seat advantage, on measured matches alone; 0 is the mean of the scripted bots. "
    "First move: rating in seat 0 minus rating in seat 1. Nash, α-rank: shares in two equilibria of the payoffs. "
    "Seat 0 is worth {seat:+.0f} ± {error:.0f} Elo; {cyclic} of the payoffs is cyclic: no ladder explains it."
)


def _players(story: Story) -> list[Json]:
    return list(story.measured.get("record", {}).get("players", []))


def _versions(story: Story, agent: str) -> list[Json]:
    """Of one agent, oldest first."""
    own = [row for row in _players(story) if is_version(row["player"]) and agent_of(row["player"]) == agent]
    return sorted(own, key=lambda row: version_of(row["player"])[1:][::-1])


def gap_to_step_0(story: Story) -> tuple[float, float] | None:
    """Elo of the first agent's newest version above its step 0, and its standard error.

    The errors of the two are taken as independent.
    """
    own = _versions(story, story.agents[0])
    if len(own) < 2 or version_of(own[0]["player"])[2] != 0:
        return None
    return own[-1]["elo"] - own[0]["elo"], hypot(own[-1]["error"], own[0]["error"])


def rating_of_step_0(story: Story) -> float | None:
    """Elo of the first agent's untrained version; the lower, the more the others have learned."""
    own = _versions(story, story.agents[0])
    return float(own[0]["elo"]) if own and version_of(own[0]["player"])[2] == 0 else None


def ratings(story: Story) -> list[Block]:
    rows = _players(story)
    if not rows:
        return []
    record = story.measured["record"]
    note = NOTE.format(
        seat=record["seat_elo"], error=Z_95 * record["seat_error"], cyclic=percent(record["cyclic_share"])
    )
    return [*_charts(story), Table(
        ["player", "Elo", "± 95 %", "matches", "first move", "Nash", "α-rank"],
        [[short_name(row["player"]) if is_bot(row["player"]) else row["player"], f"{row['elo']:,.0f}",
          f"{Z_95 * row['error']:,.0f}", str(row["matches"]), f"{row['first_move_elo']:+,.0f}",
          percent(row["nash_share"]), percent(row["alpha_rank_share"])] for row in rows],
        note=note,
    )]  # fmt: skip


def _charts(story: Story) -> list[Block]:
    found = [_curves(story, agent) for agent in story.agents if len(_versions(story, agent)) > 1]
    if not found:
        return []
    return [
        Chart("ratings", plot("Rating of record, 95 %", [rated for rated, _ in found])),
        Chart("gap_to_step_0", plot("Elo above step 0, 95 %", [climbed for _, climbed in found])),
    ]


def _curves(story: Story, agent: str) -> tuple[Line, Line]:
    """The rating, and the gap to the agent's first version, over training."""
    own, name = _versions(story, agent), agent if len(story.agents) > 1 else ""
    at, first = [story.millions(version_of(row["player"])[2]) for row in own], own[0]
    gaps = [(row["elo"] - first["elo"], Z_95 * hypot(row["error"], first["error"])) for row in own[1:]]
    rated = Line(
        name,
        [(x, row["elo"]) for x, row in zip(at, own, strict=True)],
        [(row["elo"] - Z_95 * row["error"], row["elo"] + Z_95 * row["error"]) for row in own],
        bars=True,
    )
    climbed = Line(
        name,
        [(x, gap) for x, (gap, _) in zip(at[1:], gaps, strict=True)],
        [(gap - error, gap + error) for gap, error in gaps],
        bars=True,
    )
    return rated, climbed
