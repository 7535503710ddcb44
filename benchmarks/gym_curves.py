"""Does the learner learn like another PPO? Learning curves on Gymnasium tasks beside Stable-Baselines3, same settings.

Ludus trains through its four services, Stable-Baselines3 in one process of its own virtual environment
(~/.cache/ludus/peers/sb3), made on the first call. Both are measured in deterministic play on seeds never trained on.
A curve counts as the mean over its points: a policy that learns sooner has the higher one.

    python benchmarks/gym_curves.py                  # two tasks, five seeds each: about 20 minutes on two cores
    python benchmarks/gym_curves.py --quick          # one seed of one task, cut short: under a minute
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rows import Row, row, show

from ludus.kernel.student import mean_interval

PEER = Path.home() / ".cache" / "ludus" / "peers" / "sb3"
SCRIPT = Path(__file__).parent / "peers" / "sb3_curve.py"
Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class Task:
    """What both systems are told. Everything else is off: KL stop, learning-rate schedule, entropy bonus, scaling."""

    environment: str
    updates: int
    gamma: float
    learning_rate: float = 1e-3
    gae_lambda: float = 0.95
    clip: float = 0.2
    epochs: int = 10
    minibatch: int = 256
    matches: int = 16
    steps: int = 128
    hidden: int = 64
    log_std_init: float = 0.0
    every_updates: int = 6
    episodes: int = 20


TASKS = (Task("CartPole-v1", updates=30, gamma=0.99), Task("Pendulum-v1", updates=48, gamma=0.9))


def ludus_curve(task: Task, seed: int) -> Curve:
    """Train through the services; the points are the evaluations in the run's report."""
    batch = task.matches * task.steps
    settings = {
        "decisions": task.updates * batch,
        "simulator.matches": task.matches, "simulator.steps": task.steps, "simulator.slabs": 1,
        "network.hidden": task.hidden, "network.activation": "tanh", "network.precision": "fp32",
        "network.log_std_init": task.log_std_init, "network.log_std_min": -20.0, "network.log_std_max": 2.0,
        "learner.batch_decisions": batch, "learner.epochs": task.epochs, "learner.minibatch": task.minibatch,
        "learner.learning_rate": task.learning_rate, "learner.learning_rate_final_ratio": 1.0,
        "learner.gamma": task.gamma, "learner.gae_lambda": task.gae_lambda, "learner.clip": task.clip,
        "learner.reward_scale": 1.0, "learner.target_kl": 1e6, "learner.separate_gradient_norms": False,
        "evaluator.every_updates": task.every_updates, "evaluator.matches_per_opponent": task.episodes,
        "evaluator.final_matches_per_opponent": task.episodes,
    }  # fmt: skip
    values = {key: str(value).lower() if isinstance(value, bool) else value for key, value in settings.items()}
    overrides = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory(prefix="ludus-curve-") as folder:
        command = [sys.executable, "-m", "ludus.app.cli", "--home", folder]
        try:
            train = [*command, "train", f"gym:{task.environment}", "--run", "curve", "--seed", str(seed), *overrides]
            subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
            summary = json.loads((Path(folder) / "runs" / "curve" / "summary.json").read_text())
        finally:
            subprocess.run([*command, "down"], check=False, stdout=subprocess.DEVNULL)
    return [(point["step"] * batch, point["mean"]) for point in summary["returns"]]


def sb3_curve(task: Task, seed: int) -> Curve:
    settings = json.dumps({**asdict(task), "seed": seed})
    quiet = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [PEER / "bin" / "python", SCRIPT, settings], check=True, capture_output=True, text=True, env=quiet
    )
    return [(decisions, value) for decisions, value in json.loads(done.stdout.splitlines()[-1])]


def prepare_peer() -> str:
    """Why there is no Stable-Baselines3; empty if there is one."""
    python = PEER / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", PEER], check=True, capture_output=True)
            for packages in (["torch==2.13.0"], ["stable-baselines3>=2.6", "gymnasium>=1.0"]):
                subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, capture_output=True)
        subprocess.run([python, "-c", "import stable_baselines3"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{PEER} cannot be made or used: {error}"
    return ""


def area(task: Task, curve: Curve) -> float:
    """Mean of the curve over equally spaced points: evaluations may lie a little beside them."""
    points = np.arange(0, task.updates + 1, task.every_updates) * task.matches * task.steps
    return float(np.interp(points, *zip(*curve, strict=True)).mean())


def summed(values: list[float]) -> tuple[float, tuple[float, float] | None]:
    """Mean over seeds and its 95 % interval (Student's t)."""
    mean = float(np.mean(values))
    return mean, mean_interval(len(values), mean, float(np.var(values) * len(values))) if len(values) > 1 else None


def rows_of(task: Task, own: list[Curve], theirs: list[Curve]) -> list[Row]:
    """`target`: the lower end of the other's interval."""
    found = []
    numbers = {"mean over the curve": lambda curve: area(task, curve), "last return": lambda curve: curve[-1][1]}
    for what, of in numbers.items():
        limit = None
        if theirs:
            mean, interval = summed([of(curve) for curve in theirs])
            limit = interval[0] if interval else None
            name = f"{task.environment}: {what}, Stable-Baselines3"
            found.append(row(name, mean, "return", n=len(theirs), interval=interval))
        mean, interval = summed([of(curve) for curve in own])
        name = f"{task.environment}: {what}, Ludus"
        found.append(row(name, mean, "return", n=len(own), target=limit, interval=interval))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed of CartPole-v1, 16 000 decisions; no targets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--tasks", nargs="+", choices=[task.environment for task in TASKS], metavar="TASK")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    tasks = [task for task in TASKS if not options.tasks or task.environment in options.tasks]
    seeds = options.seeds
    if options.quick:
        tasks, seeds = [replace(TASKS[0], updates=8, every_updates=4)], seeds[:1]
    missing = prepare_peer()
    if missing:
        print(f"Stable-Baselines3 skipped: {missing}", file=sys.stderr)
    rows: list[Row] = []
    for task in tasks:
        own: list[Curve] = []
        theirs: list[Curve] = []
        for seed in seeds:
            own.append(ludus_curve(task, seed))
            if not missing:
                theirs.append(sb3_curve(task, seed))
            for name, curves in (("ludus", own), ("sb3", theirs)):
                for decisions, value in curves[-1] if curves else ():
                    print(f"{task.environment} seed {seed} {name} {decisions:.0f} {value:.1f}", file=sys.stderr)
        rows += rows_of(task, own, theirs)
        show(rows, options.json)


if __name__ == "__main__":
    main()
