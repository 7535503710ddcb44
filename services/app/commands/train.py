"""`ludus train GAME`: check everything, say what will happen, start, attach."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from rich.console import Console

from ...games import spec
from ...kernel.config import RunConfig
from ..checks import check_packages, check_run, check_space
from ..create import Request, choose_name, create, resolve
from ..errors import UsageError
from ..guests import Files, invite
from ..home import Home, RunFolder, read_json
from ..run_bus import check_unknown
from ..stack import check_bus, ensure_up, is_up
from ..words import count_text, percent, seconds_text

#: Decisions per second on two CPU cores with the default network, as long as this machine has no finished run to tell.
TYPICAL_RATE = 80_000
#: The same for environments of other libraries, which are stepped one by one in Python.
TYPICAL_FOREIGN_RATE = 4_000


def train(options: argparse.Namespace, home: Home, console: Console) -> int:
    request = Request(
        game=options.game,
        preset=options.preset,
        config=options.config,
        run=options.run,
        seed=options.seed,
        decisions=options.decisions,
        assignments=options.set or (),
        guests=options.guest or (),
        nats_url=options.nats_url or "",
    )
    config = resolve(request)
    check_run(config)
    check_packages()
    config, guests = invite(config)
    name = choose_name(home, request)
    initial: dict[str, bytes] = {}
    if options.init_from:
        from ..inherit import inherit_all

        config, initial = inherit_all(options.init_from, home, config, grow=options.grow)
    elif options.grow:
        raise UsageError("--grow makes the network of --init-from larger: it needs that option")
    return launch(home, config, name, guests, initial, console, detach=options.detach, nats_port=options.nats_port or 0)


def launch(
    home: Home,
    config: RunConfig,
    name: str,
    guests: Files,
    initial: Mapping[str, bytes],
    console: Console,
    *,
    detach: bool,
    nats_port: int = 0,
) -> int:
    """Start the stack if need be, make the run, say what it is, and watch it unless `detach`. Raises CommandError."""
    check_space(home.root)
    config = _with_bus(config, home)
    check_bus(home, config.bus.url, nats_port)
    others = [run.name for run in home.runs() if run.wanted]
    ensure_up(home, nats_port=0 if is_up(home) else nats_port, bus=not config.bus.url)
    check_unknown(home, home.run(name), config.bus.model_dump())
    run = create(home, config, name, guests, initial)
    announce(console, home, config, run, others)
    if detach:
        console.print(f"Watch it: ludus attach {name}", highlight=False)
        return 0
    from ..attach import attach

    return attach(home, run, console)


def _with_bus(config: RunConfig, home: Home) -> RunConfig:
    """A stack on somebody else's server gives its address to the runs: they must find their data there later."""
    stack_url = read_json(home.desired_file).get("nats_url") if is_up(home) else ""
    if config.bus.url or not stack_url:
        return config
    return config.model_copy(update={"bus": config.bus.model_copy(update={"url": str(stack_url)})})


def _parents(config: RunConfig) -> dict[str, str]:
    found = {"": config.parent} | {one.name: one.parent for one in config.agents}
    given = [f"{name} {parent.partition('#')[0]}".strip() for name, parent in found.items() if parent]
    return {"begins as": ", ".join(given)} if given else {}


def announce(console: Console, home: Home, config: RunConfig, run: RunFolder, others: list[str]) -> None:
    """What will happen and where it is kept."""
    phases = " → ".join(f"{phase.name} {percent(phase.share)}" for phase in config.league.phases)
    bots = list(dict.fromkeys(bot for phase in config.league.phases for pool in phase.bots for bot in pool.bots))
    others_text = "one another and earlier versions" if len(config.agent_names) > 1 else "earlier versions of itself"
    opponents = f"{', '.join(bots)}; then {others_text}" if bots else others_text
    if config.league.guests and config.league.guest_share == 1:
        opponents = ", ".join(guest.player for guest in config.league.guests)
    if spec(config.game).seats == 1:
        opponents = "none: it plays alone and is measured by its return"
    rate, source = expected_rate(home, config)
    updates, decisions = config.total_updates, config.total_updates * config.learner.batch_decisions
    rows = {
        "training": f"{config.game}, rules {config.rules}, preset {config.preset}, seed {config.seed}",
        "length": f"{count_text(decisions)} decisions in {updates} updates, "
        f"about {seconds_text(decisions / rate)} of training {source} ({os.cpu_count()} cores)",
        **_parents(config),
        **({"agents": ", ".join(config.agent_names)} if config.agents else {}),
        "opponents": opponents,
        **_guests(config),
        "phases": phases,
        **_randomisation(config),
        "services": f"{config.simulator.workers} simulator, {len(config.agent_names)} learner, league, evaluator, on "
        "NATS " + (config.bus.url or "(the stack's own)"),
        "kept in": str(run.path),
        "": "weights/final.safetensors, report.html, logs/",
    }
    console.print(f"Run {run.name}", style="bold", highlight=False)
    for key, value in rows.items():
        console.print(f"  {key:<10} {value}", soft_wrap=True, highlight=False)
    if others:
        console.print(f"  beside     {', '.join(others)} (running too: they share the machine)", highlight=False)
    console.print("Ctrl-C detaches, the run goes on.", highlight=False)
    verbs = {"watch again": "attach", "end it": "stop", "go on": "resume"}
    for meaning, verb in verbs.items():
        console.print(f"  {meaning:<11} ludus {verb} {run.name}", soft_wrap=True, highlight=False)
    console.print()


def _randomisation(config: RunConfig) -> dict[str, str]:
    total = config.total_updates
    stages = [f"{one.level} from {percent(one.begins(total) / total)}" for one in config.league.randomisation]
    return {"random": " → ".join(stages)} if stages else {}


def _guests(config: RunConfig) -> dict[str, str]:
    names = ", ".join(guest.player for guest in config.league.guests)
    return {"guests": f"{names}, {percent(config.league.guest_share)} of training matches"} if names else {}


def expected_rate(home: Home, config: RunConfig) -> tuple[float, str]:
    """Decisions per second to expect, and where that is known from."""
    for run in reversed(home.runs()):
        summary = run.summary()
        if summary.get("game") == config.game and summary.get("seconds", 0) > 0:
            return summary["decisions"] / summary["seconds"], f"at the speed of {run.name}"
    return TYPICAL_FOREIGN_RATE if ":" in config.game else TYPICAL_RATE, "at a usual speed"


def show_config(options: argparse.Namespace, home: Home, console: Console) -> int:
    """`ludus config GAME`: what a run would use, as JSON."""
    from ...kernel.config import dump

    request = Request(game=options.game, preset=options.preset, config=options.config, assignments=options.set or ())
    config = resolve(request)
    check_run(config)
    print(dump(config), end="")
    return 0
