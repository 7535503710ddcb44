"""Four logged disasters, repeated on two cores: do they happen with the guard off, and what happens with it on?

shift        KL explodes when a pilot that fights joins one that does nothing (384 wide, two blocks, rate 3e-4)
randomised   physics drawn at random from the first match on, with a deep network: hardly anything is won
growth       nothing limits the KL of an update: the norm of the gradient grows
domination   the pursuer learns first, against an evader of which there is nothing but step 0

Guard off: no early stop by KL, no update taken back, no controller. Guard on: as every run has it. The configurations
are in configs/disasters/; what was seen is told in docs/disasters.md.

    python benchmarks/disasters.py                      # four disasters, off and on, three seeds: about an hour
    python benchmarks/disasters.py shift --seeds 1 2    # some of it
    python benchmarks/disasters.py --quick              # one short run of each kind of guard
    python benchmarks/disasters.py --home DIR --plots docs/images   # keep the runs there, go on where it stopped
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

from rows import Row, row, show

from ludus.evaluator.page.plot import WIDE, Line, plot
from ludus.kernel.players import version_of
from ludus.kernel.wilson import wilson_interval

ROOT = Path(__file__).resolve().parents[1]
TARGET_KL = 0.05
GUARDS = {"off": ["learner.target_kl=1e9", "health.guard=false", "health.controller=false"], "on": []}
OVER_SECONDS = 600.0
ENDED = ("finished", "failed", "stopped", "paused")

Json = dict[str, Any]


class Run(NamedTuple):
    """What a run left."""

    updates: list[Json]
    """rows of metrics.jsonl, committed or not, oldest first"""
    summary: Json
    events: list[Json]
    seconds: float

    def series(self, name: str) -> list[float]:
        return [float(update[name]) for update in self.updates if update.get(name) is not None]

    def count(self, kind: str) -> int:
        return sum(event.get("kind") == kind for event in self.events)


class Disaster(NamedTuple):
    """`failed`: as it was logged. `worth`: the number that says how well it ended, and its name."""

    game: str
    failed: Callable[[Run], bool]
    worth_name: str
    worth: Callable[[Run], float]
    curve: str
    agent: str = ""
    """of several, whose numbers are looked at"""


def won(run: Run) -> float:
    """Share of wins of the last version, over all scripted pilots; NaN for a run that did not come to its end."""
    final = next((one for one in run.summary.get("candidates", []) if one["label"] == "final"), {"rows": []})
    against = [one for one in final["rows"] if one["opponent"].startswith("bot:")]
    n = sum(one["n"] for one in against)
    return sum(one["wins"] for one in against) / n if n else float("nan")


def exploded(run: Run) -> bool:
    """A committed update took the policy ten times the target away from the version before."""
    return max(run.series("kl_previous"), default=0.0) > 10 * TARGET_KL


def grew(run: Run) -> bool:
    """The last fifth's median norm is three times that of the first fifth."""
    norms = run.series("gradient_norm")
    part = len(norms) // 5
    return part > 0 and statistics.median(norms[-part:]) > 3 * statistics.median(norms[:part])


def captures(run: Run) -> list[tuple[float, float]]:
    """Newest pursuer against newest evader, over their steps."""
    found = []
    for candidate in run.summary.get("candidates", []):
        for one in candidate["rows"]:
            if candidate["policy"].startswith("pursuer@") and one["opponent"].startswith("evader@") and one["n"]:
                steps = version_of(candidate["policy"])[2] + version_of(one["opponent"])[2]
                found.append((float(steps), one["wins"] / one["n"]))
    return sorted(found)


def dominated(run: Run) -> bool:
    """At least 95 % are caught at some measurement, and at the end the evader has not learned to escape from half."""
    rates = [rate for _, rate in captures(run)]
    return bool(rates) and max(rates) >= 0.95 and rates[-1] > 0.5


def last_capture(run: Run) -> float:
    return captures(run)[-1][1] if captures(run) else float("nan")


DISASTERS = {
    "shift": Disaster("dogfight", exploded, "wins against the pilots", won, "kl_previous"),
    "randomised": Disaster("dogfight", lambda run: won(run) <= 0.2, "wins against the pilots", won, "kl_previous"),
    "growth": Disaster("dogfight", grew, "wins against the pilots", won, "gradient_norm"),
    "domination": Disaster("pursuit", dominated, "captures at the end", last_capture, "captures", "pursuer"),
}


def ludus(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def repeat(home: Path, name: str, guard: str, seed: int, short: Sequence[str]) -> Run:
    """Trained first unless it is there. A run that pauses for a person has ended, too."""
    run = f"{name}-{guard}-{seed}"
    folder = home / "runs" / run
    if not folder.exists():
        sets = [text for setting in GUARDS[guard] for text in ("--set", setting)]
        config = ROOT / "configs" / "disasters" / f"{name}.toml"
        named = ["--config", str(config), "--seed", str(seed), "--run", run, "--detach"]
        ludus(home, "train", DISASTERS[name].game, *named, *sets, *short)
    elif state_of(home, run) not in ENDED:
        ludus(home, "resume", run)
    await_end(home, run)
    agent = DISASTERS[name].agent
    source = folder / "agents" / agent if agent else folder
    summary = folder / "summary.json"
    found = json.loads(summary.read_text()) if summary.exists() else {}
    return Run(lines(source / "metrics.jsonl"), found, lines(folder / "events.jsonl"), float(found.get("seconds", 0)))


def await_end(home: Path, run: str) -> None:
    deadline = time.monotonic() + OVER_SECONDS
    while time.monotonic() < deadline:
        if (state := state_of(home, run)) in ENDED:
            if state == "paused":
                ludus(home, "stop", run)
            return
        time.sleep(2)
    ludus(home, "stop", run)


def state_of(home: Path, run: str) -> str:
    return str(json.loads(ludus(home, "status", run, "--json"))["run"]["state"])


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rows_of(name: str, guard: str, runs: Sequence[Run]) -> list[Row]:
    disaster, n = DISASTERS[name], len(runs)
    bad = sum(disaster.failed(run) for run in runs)
    worths = [worth for run in runs if not isnan(worth := disaster.worth(run))]
    target = 0.0 if guard == "on" else None
    label = f"{name}, guard {guard}"
    mean = statistics.mean(worths) if worths else float("nan")
    spread = (min(worths), max(worths)) if worths else None
    kls = [max(run.series("kl_previous"), default=float("nan")) for run in runs]
    undone = sum(run.count("update_undone") for run in runs)
    back = sum(run.count("rollback") for run in runs)
    return [
        row(f"{label}: failed as logged", bad / n, "runs", n=n, interval=wilson_interval(bad, n), target=target,
            at_most=True),
        row(f"{label}: {disaster.worth_name}, mean (interval: lowest, highest)", mean, "rate", n=len(worths),
            interval=spread),
        row(f"{label}: largest KL of an update, median (lowest, highest)", statistics.median(kls), "nats", n=n,
            interval=(min(kls), max(kls))),
        row(f"{label}: updates taken back", undone, "updates", n=n),
        row(f"{label}: rollbacks", back, "rollbacks", n=n),
        row(f"{label}: the weaker role strengthened", sum(run.count("strengthening") for run in runs), "times", n=n),
        row(f"{label}: paused for a person", sum(run.count("paused_by_health") > 0 for run in runs), "runs", n=n),
    ]  # fmt: skip


def drawing(name: str, runs: dict[str, Run]) -> str:
    """SVG that carries its own colours, since no page of the project is around it."""
    disaster = DISASTERS[name]
    curves = []
    for label, run in runs.items():
        if disaster.curve == "captures":
            points = captures(run)
        else:
            points = [(float(k), max(1e-4, value)) for k, value in enumerate(run.series(disaster.curve))]
        curves.append(Line(label, points))
    title = {"kl_previous": "KL of an update", "gradient_norm": "Norm of the gradient"}.get(disaster.curve, "Captures")
    flat = disaster.curve == "captures"
    text = plot(f"{name}: {title}", curves, x_label="updates", percent=flat, logarithmic=not flat, width=WIDE)
    head, end, body = text.partition(">")
    return f"{head}{end}<style>{files('ludus.evaluator.page').joinpath('plot.css').read_text()}</style>{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("disasters", nargs="*", metavar="DISASTER", help=f"of {', '.join(DISASTERS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a short run of growth, off and on")
    parser.add_argument("--guards", nargs="+", choices=GUARDS, default=list(GUARDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--home", type=Path, help="where the runs are kept (default: nowhere)")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write disaster-NAME.svg there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    if wrong := set(options.disasters) - set(DISASTERS):
        parser.error(f"unknown: {', '.join(sorted(wrong))}; there are {', '.join(DISASTERS)}")
    names = ["growth"] if options.quick else options.disasters or list(DISASTERS)
    seeds = [1] if options.quick else options.seeds
    short = ["--decisions", "81920", "--set", "evaluator.final_matches_per_opponent=4"] if options.quick else []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="ludus-disasters-") as folder:
        home = options.home or Path(folder)
        try:
            for name in names:
                seen: dict[str, Run] = {}
                for guard in options.guards:
                    found = {f"{guard}, seed {seed}": repeat(home, name, guard, seed, short) for seed in seeds}
                    rows += rows_of(name, guard, list(found.values()))
                    seen |= found
                show(rows, options.json)
                if options.plots:
                    options.plots.mkdir(parents=True, exist_ok=True)
                    (options.plots / f"disaster-{name}.svg").write_text(drawing(name, seen))
        finally:
            ludus(home, "down")


if __name__ == "__main__":
    main()
