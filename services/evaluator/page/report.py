"""The report of a run: which sections there are, and what stands at the top."""

from __future__ import annotations

from .blocks import Report, Section, Tiles
from .costs import costs
from .curves import learning, strength
from .deaths import deaths
from .exploits import exploitability
from .fights import fights
from .nash import ne_gap
from .origins import again, origins
from .panel import candidate, results
from .payoff import payoff
from .ratings import gap_to_step_0, ratings
from .story import Story
from .timeline import timeline
from .words import count, duration, percent, short_name


def report_of(story: Story) -> Report:
    """Sections that have nothing to say are left out by whoever renders it."""
    config = story.config
    return Report(
        title=str(config.get("run") or story.folder.name),
        subtitle=f"{config['game']}, rules {config['rules']}, preset {config['preset']}, seed {config['seed']}",
        state=story.state,
        sections=[
            Section("", [Tiles(_tiles(story))]),
            Section("Results", results(story)),
            Section("Strength", strength(story)),
            Section("Two roles", ne_gap(story)),
            Section("Exploitability", exploitability(story)),
            Section("Ratings", ratings(story)),
            Section("Timeline", timeline(story)),
            Section("Learning", learning(story)),
            Section("Everybody against everybody", payoff(story)),
            Section("Fights", fights(story)),
            Section("Time", costs(story)),
            Section("What died", deaths(story)),
            Section("What was run", origins(story)),
            Section("Again", again(story)),
        ],
    )


def _tiles(story: Story) -> list[tuple[str, str, str]]:
    last = story.updates[-1] if story.updates else {}
    seconds = float(last.get("elapsed_seconds", 0.0))
    decisions = float(last.get("decisions", 0))
    rate = f"{count(decisions / seconds)}/s" if seconds else "-"
    share = f"{percent(min(1.0, last.get('step', 0) / story.total), 0)} of {count(story.total * story.batch)}"
    tiles = [(count(decisions), "decisions", share), (duration(seconds), "of training", f"{rate}, {_machine(story)}")]
    newest = candidate(story, "final", story.agents[0]) if len(story.agents) == 1 else {}
    if rows := [row for row in newest.get("rows", []) if row["n"]]:
        worst = min(rows, key=lambda row: row["win_rate"])
        name, least = short_name(worst["opponent"]), percent(worst["low"], 0)
        more = f"lowest of {len(rows)}: {name}, n = {worst['n']}, at least {least}"
        tiles.append((percent(worst["win_rate"]), "wins against the hardest", more))
    whose = f", {story.agents[0]}" if len(story.agents) > 1 else ""
    if gap := gap_to_step_0(story):
        tiles.append((f"{gap[0]:+,.0f} Elo", "above step 0", f"± {1.96 * gap[1]:,.0f} (95 %){whose}"))
    for row in story.measured.get("returns", [])[-1:]:
        interval = f"{row['low']:,.4g} … {row['high']:,.4g}, n = {row['n']}"
        tiles.append((f"{row['mean']:,.4g}", "mean return", interval))
    return tiles


def _machine(story: Story) -> str:
    return str(story.made_with.get("processor", "")).rpartition(", ")[2] or "cores unknown"
