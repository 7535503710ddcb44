"""What was run, with what, and how to run it again."""

from __future__ import annotations

import json

from .blocks import Block, Code, Facts
from .story import Story
from .words import clock, count


def origins(story: Story) -> list[Block]:
    config = story.config
    network, learner, simulator = config.get("network", {}), config["learner"], config["simulator"]
    phases = " → ".join(f"{one['name']} {100 * one['share']:.0f} %" for one in config["league"]["phases"])
    facts = [
        ("game", f"{config['game']}, rules {config['rules']}"),
        ("preset", f"{config['preset']}, seed {config['seed']}"),
        ("length", f"{count(story.total * story.batch)} decisions in {story.total:,} updates of {story.batch:,}"),
        ("phases", phases),
        (
            "network",
            f"2 × {network.get('hidden')}, {network.get('blocks', 0)} residual blocks, {network.get('precision')}",
        ),
        ("simulator", f"{simulator['workers']} × {simulator['matches']} matches × {simulator['steps']} decisions"),
        ("begins as", str(config.get("parent") or "random weights")),
        ("ended", _ended(story)),
        *((name, str(value)) for name, value in story.made_with.items()),
        ("folder", str(story.folder)),
    ]
    if learner.get("correction", "none") != "none":
        facts.insert(6, ("correction", str(learner["correction"])))
    return [Facts(facts), Code(json.dumps(config, indent=2), "The whole configuration")]


def _ended(story: Story) -> str:
    if not story.outcome:
        return f"not yet: {story.state}"
    times = [event["time"] for event in story.events if event.get("time")]
    return f"{story.state}: {story.outcome.get('reason', '')} ({clock(times[-1] if times else None)})"


def again(story: Story) -> list[Block]:
    """Commands; the guests and initial weights a run had are in its folder, where its configuration names them."""
    config = story.config
    name = config.get("run") or story.folder.name
    commands = [
        f"ludus train {config['game']} --config {story.folder / 'config.json'}     # the same configuration and seed",
        f"ludus evaluate {name}     # the last version, on fresh starts",
        f"ludus league replay {name}     # fold the ledger again: identical standings?",
        f"ludus report {name}     # this page",
    ]
    if config.get("lockstep"):
        commands[0] += ": bit for bit the same weights"
    return [Code("\n".join(commands))]
