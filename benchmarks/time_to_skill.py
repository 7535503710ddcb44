"""How soon does it beat whom? Decisions and seconds to 80, 95 and 99 % of wins, per bot.

Trains through the four services; beside it, on the same game and cores, a plain PPO in one file
(`peers/plain_dogfight_ppo.py`): with the same observation, rewards and hyper-parameters, and with textbook ones.

A level is reached at the first measurement that shows it: deterministic play, starts never trained on, both seats.
Seconds are those of training. Nobody is measured meanwhile: Ludus' checkpoints are when it is over, the peer while its
clock stands still. The last measurement of every run has Wilson intervals.

    python benchmarks/time_to_skill.py                      # 3 seeds of the default preset, the peer with one seed
    python benchmarks/time_to_skill.py --preset competition --seeds 1 2 3 4 5
    python benchmarks/time_to_skill.py --quick              # 1 seed of the quick preset and short peers
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import Row, row, show

from ludus.kernel.wilson import wilson_interval

LEVELS = (0.80, 0.95, 0.99)
TARGET_WIN_RATE = {"bot:do_nothing": 0.95}
TARGET_FOUR_BOTS = 0.99
TARGET_SECONDS = {"training": 600.0, "competition": 300.0}
PEER = Path(__file__).parent / "peers" / "plain_dogfight_ppo.py"
#: One measurement of a curve: decisions, seconds, opponent -> (wins, matches).
Point = tuple[int, float, dict[str, tuple[int, int]]]


def ludus(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def train(home: Path, preset: str, seed: int, extra: list[str]) -> tuple[Path, float]:
    """One run from scratch; its folder and the wall time from the command to the finished report."""
    run = f"skill-{preset}-{seed}"
    started = time.monotonic()
    overrides = [part for setting in extra for part in ("--set", setting)]
    ludus(home, "train", "dogfight", "--preset", preset, "--seed", str(seed), "--run", run, *overrides)
    return home / "runs" / run, time.monotonic() - started


def curve_of(home: Path, folder: Path, summary: dict[str, Any], matches: int) -> list[Point]:
    """What each checkpoint wins, at its decisions and seconds. The last one has been measured by the run itself."""
    made = {entry["step"]: entry for entry in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())}
    steps = {int(checkpoint.name.partition("-")[2]) for checkpoint in (folder / "checkpoints").iterdir()}
    *earlier, last = sorted(steps & made.keys())
    counts = [measured(home, f"{folder.name}@{step}", matches) for step in earlier] + [final_of(summary)]
    return [
        (made[step]["decisions"], made[step]["elapsed_seconds"], wins)
        for step, wins in zip([*earlier, last], counts, strict=True)
    ]


def measured(home: Path, policy: str, matches: int) -> dict[str, tuple[int, int]]:
    """Wins and matches of one checkpoint against everybody, played when training is over."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        ludus(home, "evaluate", policy, "--matches", str(matches), "--json", file.name)
        found = json.loads(Path(file.name).read_text())["regimes"][0]["rows"]
    return {one["opponent"]: (one["wins"], one["n"]) for one in found}


def final_of(summary: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """What the run's own evaluation says of its last version."""
    return {one["opponent"]: (one["wins"], one["n"]) for one in summary["candidates"][-1]["rows"] if one["n"]}


def peer_curve(arguments: list[str]) -> list[Point]:
    """The plain PPO in a process of its own, so that its threads and memory are its own."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, str(PEER), *arguments, "--json", file.name]
        subprocess.run(command, check=True, stdout=sys.stderr)
        entries = json.loads(Path(file.name).read_text())
    return [
        (one["decisions"], one["seconds"], {f"bot:{bot}": (won, one["n"]) for bot, won in one["wins"].items()})
        for one in entries
    ]


def rows_of_level(label: str, reached: Point | None, last: Point, bot: str) -> list[Row]:
    """Decisions and seconds of the first measurement that shows a level; or how much was not enough."""
    missed, (decisions, seconds, counts) = ("", reached) if reached else (" NOT REACHED WITHIN", last)
    n = counts[bot][1]
    return [
        row(f"{label},{missed} decisions", decisions, "decisions", n=n),
        row(f"{label},{missed} time", seconds, "s", n=n),
    ]


def rows_of(name: str, curve: list[Point], targets: bool, seconds_target: float) -> list[Row]:
    """When each level was reached, per bot, and what the last measurement says."""
    found: list[Row] = []
    decisions, seconds, last = curve[-1]
    for bot in (opponent for opponent in last if opponent.startswith("bot:")):
        for level in LEVELS:
            reached = (point for point in curve if point[2].get(bot, (0, 1))[0] >= level * point[2].get(bot, (0, 1))[1])
            found += rows_of_level(f"{name}: {level:.0%} against {bot}", next(reached, None), curve[-1], bot)
        wins, n = last[bot]
        target = TARGET_WIN_RATE.get(bot, TARGET_FOUR_BOTS) if targets else None
        label = f"{name}: wins against {bot} at the end"
        found.append(row(label, wins / n, "rate", n=n, target=target, interval=wilson_interval(wins, n)))
    found.append(row(f"{name}: decisions", decisions, "decisions", n=1))
    limit = seconds_target if targets else None
    found.append(row(f"{name}: training", seconds, "s", n=1, target=limit, at_most=True))
    found.append(row(f"{name}: speed", decisions / max(seconds, 1e-9), "decisions/s", n=1))
    return found


def rows_of_run(home: Path, preset: str, seed: int, extra: list[str], targets: bool) -> tuple[list[Row], list[str]]:
    """The rows of one run, and the arguments that give a peer the same task and budget."""
    folder, wall_seconds = train(home, preset, seed, extra)
    summary = json.loads((folder / "summary.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    rules, weights = config["rules"], config["game_parameters"].get("rewards", {})
    name = f"ludus {preset}, seed {seed}"
    curve = curve_of(home, folder, summary, 100 if targets else 20)
    found = rows_of(name, curve, targets, TARGET_SECONDS[rules])
    found.append(row(f"{name}: command to report", wall_seconds, "s", n=1))
    task = ["--rules", rules, "--decisions", str(summary["decisions"])]
    return found, task + [part for term, weight in weights.items() for part in ("--reward", f"{term}={weight}")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed of the quick preset; no targets for win rates")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a configuration key")
    parser.add_argument("--peer-seeds", type=int, nargs="*", default=[1], help="none: no peer")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the peer: all cores that Ludus has")
    parser.add_argument("--peer-seconds", type=float, default=600, help="of training, after which a peer is stopped")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    preset, seeds = ("quick", options.seeds[:1]) if options.quick else (options.preset, options.seeds)
    apart = ["evaluator.every_updates=1000000", "learner.checkpoint_seconds=4", "learner.checkpoints_kept=1000"]
    final = [] if options.quick else ["evaluator.final_matches_per_opponent=400"]
    rows: list[Row] = []
    task: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ludus-skill-") as folder:
        home = Path(folder)
        try:
            for seed in seeds:
                found, task = rows_of_run(home, preset, seed, [*apart, *final, *options.set], not options.quick)
                rows += found
                show(rows, options.json)
        finally:
            ludus(home, "down")
    for seed in options.peer_seeds[: 1 if options.quick else None]:
        for label, extra in (("same hyper-parameters", []), ("textbook", ["--textbook"])):
            arguments = [*task, "--seed", str(seed), "--threads", str(options.threads), *extra]
            limit = ["--seconds", str(30 if options.quick else options.peer_seconds)]
            limit += ["--matches", "20"] if options.quick else []
            rows += rows_of(f"plain PPO, {label}, seed {seed}", peer_curve([*arguments, *limit]), False, 0.0)
            show(rows, options.json)


if __name__ == "__main__":
    main()
