"""What do self-play and domain randomisation add to training against scripted pilots? Four recipes, one budget.

bots: scripted pilots, physics as they are. bots+dr: the same with physics drawn for every match, in stages. self-play:
curriculum, transition, self-play, physics as they are. pipeline: that with randomisation. All see the physics of the
match (`--observation`: with the 20 features of the cockpit by default; `original+config` is the 59 inputs).

Each recipe is trained through the four services with every seed. Then everybody is examined, deterministically, from
both seats, on starts never trained on: against the five scripted pilots in all eight regimes, and against policies it
has never met, namely those of the other recipes and seeds. A row has the rate over all seeds of a recipe; its interval
is Wilson's and treats matches as independent, which those of one policy are not quite.

    python benchmarks/pipeline_value.py                       # 2 seeds, 9 million decisions each
    python benchmarks/pipeline_value.py --held-out clone.onnx ppo.onnx other.safetensors
    python benchmarks/pipeline_value.py --quick               # 0.3 million each, to see that it works
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from rows import Row, row, show

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.app.entrants import entrant
from ludus.app.home import Home
from ludus.games.dogfight import REGIMES
from ludus.games.dogfight.constants import BOTS
from ludus.kernel.wilson import wilson_interval
from ludus.play.duel import Contender
from ludus.play.exam import Paper, examine
from ludus.play.weights import from_bytes

POOL = ["do_nothing", "do_nothing", "chaser", "dogfighter", "ace", "brawler", "brawler"]
LEVELS = [("none", 0.0), ("narrow", 0.2), ("full", 0.35)]
EXAM_SEED = 2**63 + 2**40
FOUR_BOTS = [bot for bot in BOTS if bot != "do_nothing"]


def phase(name: str, share: float, start: float, end: float) -> dict[str, Any]:
    scripted = {"start": start, "end": end}
    return {"name": name, "share": share, "scripted_share": scripted, "bots": [{"bots": POOL}], "opponents": "mixed"}


def recipes(scripted: float) -> dict[str, dict[str, Any]]:
    """Keys of `league` by recipe; `scripted`: share of scripted pilots in self-play."""
    bots = [phase("curriculum", 1.0, 1.0, 1.0)]
    staged = [
        phase("curriculum", 0.5, 1.0, 1.0),
        phase("transition", 0.15, 1.0, scripted),
        phase("self-play", 0.35, scripted, scripted),
    ]
    levels = [{"level": level, "from_progress": start} for level, start in LEVELS]
    return {
        "bots": {"phases": bots, "randomisation": []},
        "bots+dr": {"phases": bots, "randomisation": levels},
        "self-play": {"phases": staged, "randomisation": []},
        "pipeline": {"phases": staged, "randomisation": levels},
    }


def ludus(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def trained(home: Path, recipe: str, league: dict[str, Any], seed: int, settings: dict[str, Any]) -> Contender:
    """One run from scratch, unless the home has it already, and its final policy."""
    run = f"{recipe.replace('+', '-')}-{seed}"
    final = home / "runs" / run / "weights" / "final.safetensors"
    keys = settings | {f"league.{key}": value for key, value in league.items()}
    overrides = [part for key, value in keys.items() for part in ("--set", f"{key}={toml(value)}")]
    if not final.exists():
        ludus(home, "train", "dogfight", "--seed", str(seed), "--run", run, *overrides)
    actor, manifest = from_bytes(final.read_bytes())
    return Contender(f"{recipe} {seed}", ref=PolicyRef(agent=run, epoch=1, step=manifest.step, sha256=run), actor=actor)


def toml(value: Any) -> str:
    """An inline TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def pooled(name: str, papers: Iterable[Paper]) -> Row:
    """The share of wins over several examinations."""
    counts: Counter[str] = Counter()
    for paper in papers:
        counts.update(wins=paper.wins, n=paper.n)
    interval = wilson_interval(counts["wins"], counts["n"])
    return row(name, counts["wins"] / counts["n"], "rate", n=counts["n"], interval=interval)


def against_bots(players: dict[str, list[Contender]], layout: dict[str, Any], seeds: list[int]) -> Iterator[Row]:
    """Per recipe and regime: the four pilots that fight, and the one that does not."""
    bots = [Contender(bot, bot=bot) for bot in BOTS]
    for recipe, policies in players.items():
        papers = [
            paper
            for policy in policies
            for paper in examine("dogfight", "training", layout, policy, bots, list(REGIMES), seeds)
        ]
        for regime in REGIMES:
            here = [paper for paper in papers if paper.regime == regime]
            yield pooled(f"{recipe}, {regime}: four pilots", (one for one in here if one.opponent in FOUR_BOTS))
            yield pooled(f"{recipe}, {regime}: do_nothing", (one for one in here if one.opponent == "do_nothing"))


def stranger(name: str, home: Path) -> Contender:
    """A file as an opponent, on the 46 raw floats."""
    found = entrant(name, Home(home), "dogfight", "training")
    return Contender(found.name, ref=PolicyRef(agent=found.name, sha256=found.sha256), actor=found.policy)


def against_policies(
    players: dict[str, list[Contender]], strangers: list[Contender], layout: dict[str, Any], seeds: list[int]
) -> Iterator[Row]:
    """Per recipe and opponents it has never met, and regimes as they are and all others."""
    everybody = [*(policy for policies in players.values() for policy in policies), *strangers]
    for recipe, policies in players.items():
        met: defaultdict[str, list[Paper]] = defaultdict(list)
        for policy in policies:
            others = [one for one in everybody if one is not policy]
            for paper in examine("dogfight", "training", layout, policy, others, list(REGIMES), seeds):
                met[paper.opponent.rpartition(" ")[0] or paper.opponent].append(paper)
        for other, papers in met.items():
            default = [paper for paper in papers if paper.regime == "default"]
            yield pooled(f"{recipe} beats {other}: default", default)
            yield pooled(f"{recipe} beats {other}: seven other regimes", (one for one in papers if one not in default))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, 0.3 million decisions, few matches")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--decisions", type=int, default=9_000_000)
    parser.add_argument("--matches", type=int, default=200, help="per policy, opponent and regime")
    parser.add_argument("--scripted", type=float, default=0.5, help="share of scripted pilots in self-play")
    parser.add_argument("--recipes", nargs="+", choices=recipes(0.5), default=list(recipes(0.5)))
    parser.add_argument("--home", type=Path, help="keep the runs there, and take those that are there as they are")
    parser.add_argument("--held-out", nargs="+", default=[], metavar="FILE", help=".onnx, .safetensors")
    parser.add_argument("--observation", default="egocentric+config")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    seeds = options.seeds[:1] if options.quick else options.seeds
    decisions, matches = (300_000, 4) if options.quick else (options.decisions, options.matches)
    layout = {"observation": options.observation}
    settings = {"decisions": decisions, "league.snapshot_updates": 25}
    settings |= {f"game_parameters.{key}": value for key, value in layout.items()}
    starts = [EXAM_SEED + pair for pair in range(matches // 2)]
    torch.set_num_threads(1)  # small products: several threads only wait for each other
    with contextlib.ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ludus-pipeline-")))
        try:
            players = {
                recipe: [trained(home, recipe, league, seed, settings) for seed in seeds]
                for recipe, league in recipes(options.scripted).items()
                if recipe in options.recipes
            }
        finally:
            ludus(home, "down")
    rows: list[Row] = []
    strangers = [stranger(name, home) for name in options.held_out]
    for found in (against_bots(players, layout, starts), against_policies(players, strangers, layout, starts)):
        rows += found
        show(rows, options.json)


if __name__ == "__main__":
    main()
