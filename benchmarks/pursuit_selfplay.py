"""Pursuit–evasion: does self-play of two roles work, does it stand still, and how far can its policies be beaten?

Arms: the default game (60 s, a pursuer wins it); the balanced one (23 s) with both sides learning at once; the recipe
of the balanced game under other clocks; and the comparison of protocols, in which every side makes half a million
decisions: both at once, with and without scripts and a falling rate, and the original protocol, one side at a time
with the other frozen, with and without short first phases, against a pool instead of the newest version, with scripts
and a falling rate, and with the original's monitor of captures (capture_monitor.py), which rolls back the side that
learns, or both (`-bilateral`), whenever captures are at most .25 or at least .75. All with the health controller.

Per seed: the share of captures between the newest versions in every measurement (deterministic play, starts never
trained on), what the controller did, and, where there are exploiters, a warm-started one of each final policy with a
fifth of the budget. The gap of a side is what its strongest opponent, exploiter or script, wins more against it than
the other side of the same run.

    python benchmarks/pursuit_selfplay.py                      # the two games, four seeds: half an hour on two cores
    python benchmarks/pursuit_selfplay.py --arms compared      # the protocols, four seeds: forty minutes
    python benchmarks/pursuit_selfplay.py --arms clock-400 clock-440 clock-480 clock-520 clock-600 --seeds 1 2
    python benchmarks/pursuit_selfplay.py --arms balanced --seeds 1 2
    python benchmarks/pursuit_selfplay.py --quick              # one short run
    python benchmarks/pursuit_selfplay.py --home DIR --plot FOLDER   # keep the runs there, go on where it stopped
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from capture_monitor import Monitor, Point, meetings
from pursuit_arms import ARMS, BAND, COMPARISON, USUAL, Arm
from rows import Row, row, show

from ludus.evaluator.page.plot import WIDE, Line, plot
from ludus.kernel.wilson import wilson_interval

LAST = 5
#: The original rolled back when captures were this near to none or to all.
ALARM = 0.02
#: Events of the health controller, from the mildest remedy to the last.
CURES = ("softened", "strengthening", "rollback_planned", "paused_by_health")
#: Of a run that has come to rest.
STILL = {"deviation": 0.08, "jump": 0.2}
COUNTED = ("alarms", "softened", "strengthened", "rollbacks", "pauses")


def train(home: Path, run: str, arm: Arm, arguments: list[str]) -> dict[str, Any]:
    """The summary of a run of this arm."""
    with Monitor(home, run, *BAND, bilateral=arm.monitor == "both") if arm.monitor else nullcontext():
        return summary(home, run, arguments)


def ludus(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def summary(home: Path, run: str, arguments: list[str]) -> dict[str, Any]:
    """Of a run, trained first unless it is there."""
    path = home / "runs" / run / "summary.json"
    if not path.exists():
        ludus(home, *arguments)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def events(home: Path, run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "runs" / run / "events.jsonl").read_text().splitlines()]


def captures(found: dict[str, Any]) -> list[Point]:
    """In the order of training; versions of step 0 are left out: they stay on the panel for good."""
    points = [point for point in meetings(found["candidates"]) if min(point.steps)]
    return sorted(points, key=lambda point: (point.step, point.wins, point.n))


def largest_jump(rates: list[float]) -> float:
    return max((abs(a - b) for a, b in itertools.pairwise(rates)), default=0.0)


class Swing(NamedTuple):
    """How far a run went to and fro in its second half, and what was done about it in all of it."""

    lowest: float
    highest: float
    deviation: float
    jump: float
    alarms: int
    """measurements for which the original would have rolled back"""
    softened: int
    strengthened: int
    """times that the weak side alone learned"""
    rollbacks: int
    pauses: int

    @classmethod
    def of(cls, found: dict[str, Any], told: list[dict[str, Any]]) -> Swing:
        rates = [point.rate for point in captures(found)]
        alarms = sum(not ALARM < rate < 1 - ALARM for rate in rates)
        cures = (sum(event["kind"] == kind for event in told) for kind in CURES)
        half = rates[len(rates) // 2 :]
        return cls(min(half), max(half), statistics.pstdev(half), largest_jump(half), alarms, *cures)


def compared(arm: str, swings: list[Swing]) -> list[Row]:
    """One arm over its seeds: the extremes, how often in all, and of the deviation the mean."""
    together: dict[str, Callable[..., float]] = {"lowest": min, "highest": max, "jump": max}
    rows = [
        row(f"{arm}, all seeds: {label}", of(getattr(one, label) for one in swings), "", n=len(swings))
        for label, of in (together | dict.fromkeys(COUNTED, sum)).items()
    ]
    deviations = [one.deviation for one in swings]
    extremes = (min(deviations), max(deviations))
    mean = statistics.fmean(deviations)
    return [*rows, row(f"{arm}, all seeds: deviation", mean, "", n=len(swings), interval=extremes)]


def rows_of(name: str, found: dict[str, Any], told: list[dict[str, Any]]) -> list[Row]:
    """`told`: the events of the run."""
    points, balanced = captures(found), not name.startswith(("default", "clock"))
    if not points:
        return []
    last = points[-LAST:]
    wins, n = sum(point.wins for point in last), sum(point.n for point in last)
    rows = [row(f"{name}: captures, last {len(last)}", wins / n, "rate", n=n, interval=wilson_interval(wins, n),
                target=0.98 if name.startswith("default") else None)]  # fmt: skip
    if balanced:
        away = {"mean": abs(wins / n - 0.5), "worst": max(abs(point.rate - 0.5) for point in last)}
        rows += [row(f"{name}: |captures - .5|, {label} of the last", value, "rate", n=n, target=0.1, at_most=True)
                 for label, value in away.items()]  # fmt: skip
    for label, value in Swing.of(found, told)._asdict().items():
        unit, target = "times" if label in COUNTED else "rate", STILL.get(label) if balanced else None
        rows.append(row(f"{name}: {label}", value, unit, n=len(points), target=target, at_most=True))
    for agent in found["agents"]:
        rows.append(row(f"{name}: decisions of the {agent['agent']}", agent["decisions"], "", n=1))
    for candidate in found["candidates"]:
        if candidate["label"] == "final":
            rows += [script_row(name, candidate["policy"].partition("@")[0], one) for one in scripts(candidate)]
    return rows


def scripts(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in candidate["rows"] if one["opponent"].startswith("bot:") and one["n"] >= 100]


def script_row(name: str, agent: str, one: dict[str, Any]) -> Row:
    label = f"{name}: {agent} wins against {one['opponent']}"
    return row(label, one["win_rate"], "rate", n=one["n"], interval=(one["low"], one["high"]))


def exploit(home: Path, run: str, name: str, role: str, quick: bool) -> list[Row]:
    """A warm-started exploiter against the frozen policy, and the gap of the side that is attacked."""
    arguments = ["exploit", run, "--role", role, "--name", f"x-{run}-{role}", "--seed", "11"]
    arguments += ["--set", "evaluator.every_updates=1000", *(["--budget", "16384"] if quick else [])]
    found = summary(home, f"x-{run}-{role}", arguments)
    (last,) = (
        one
        for candidate in found["candidates"]
        for one in candidate["rows"]
        if candidate["label"] == "final" and one["opponent"].startswith("victim@")
    )
    target = 0.05 if name.startswith("default") else None
    rows = [row(f"{name}: exploiting {role} wins", last["win_rate"], "rate", n=last["n"],
                interval=(last["low"], last["high"]), target=target, at_most=True)]  # fmt: skip
    finals = [one for one in summary(home, run, [])["candidates"] if one["label"] == "final"]
    (attacked,) = (one for one in finals if not one["policy"].startswith(f"{role}@"))
    against = {one["opponent"]: 1 - one["win_rate"] for one in scripts(attacked)} | {"the exploiter": last["win_rate"]}
    (other,) = (one["policy"] for one in finals if one is not attacked)
    (base,) = (1 - one["win_rate"] for one in attacked["rows"] if one["opponent"] == other)
    worst = max(against, key=lambda opponent: against[opponent])
    victim = attacked["policy"].partition("@")[0]
    gap = against[worst] - base
    return [*rows, row(f"{name}: gap of the {victim} ({worst})", gap, "rate", n=last["n"], target=0.1, at_most=True)]


def drawing(arm: str, captured: dict[str, list[tuple[float, float]]]) -> str:
    """SVG that carries its own colours, since no page of the project is around it."""
    lines = [Line(name, points) for name, points in captured.items()]
    title, label = f"{arm}: captures, newest against newest", "million decisions of each side"
    head, end, body = plot(title, lines, x_label=label, percent=True, width=WIDE).partition(">")
    return f"{head}{end}<style>{files('ludus.evaluator.page').joinpath('plot.css').read_text()}</style>{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short run of the balanced arm")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS, "compared"], default=USUAL)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--home", type=Path, help="where the runs are kept (default: nowhere)")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="captures over decisions, per arm and together")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    arms, seeds = (["balanced"], [1]) if options.quick else (options.arms, options.seeds)
    if "compared" in arms:
        arms = [*(arm for arm in arms if arm != "compared"), *COMPARISON]
    short = ["--decisions", "65536", "--set", "evaluator.final_matches_per_opponent=20"] if options.quick else []
    rows: list[Row] = []
    lines: dict[str, dict[str, list[tuple[float, float]]]] = {arm: {} for arm in arms}
    with tempfile.TemporaryDirectory(prefix="ludus-pursuit-") as folder:
        home = options.home or Path(folder)
        try:
            for arm in arms:
                swings: list[Swing] = []
                for seed in seeds:
                    run, name = f"{arm}-{seed}", f"{arm}, seed {seed}"
                    arguments = ["train", "pursuit", "--seed", str(seed), "--run", run, *ARMS[arm].arguments, *short]
                    found = train(home, run, ARMS[arm], arguments)
                    per_step = found["decisions"] / max(1, found["steps"]) / 1e6
                    lines[arm][f"seed {seed}"] = [(point.step * per_step, point.rate) for point in captures(found)]
                    rows += rows_of(name, found, events(home, run))
                    swings.append(Swing.of(found, events(home, run)))
                    for role in ARMS[arm].exploited:
                        rows += exploit(home, run, name, role, options.quick)
                    show(rows, options.json)
                rows += compared(arm, swings)
            show(rows, options.json)
        finally:
            ludus(home, "down")
    if options.plot:
        options.plot.mkdir(parents=True, exist_ok=True)
        first = {arm: captured[f"seed {seeds[0]}"] for arm, captured in lines.items()}
        for name, curves in (lines | {f"seed-{seeds[0]}-of-every-arm": first}).items():
            (options.plot / f"{name}.svg").write_text(drawing(name.replace("-", " "), curves))


if __name__ == "__main__":
    main()
