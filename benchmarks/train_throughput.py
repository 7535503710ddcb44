"""How fast does it train? Ludus through its real services and bus beside other PPO implementations, in turns.

The same work for everybody: a vectorised environment that costs nothing (59 observations, 3 continuous actions),
59 → 256 → 256 for actor and critic apart, 256 environments × 128 steps, 4 epochs, minibatches of 4 096. Decisions per
second are wall time, medians over rounds, lowest and highest as interval. Whoever cannot be measured is named with the
reason. Beside them: the ceiling (gradients and nothing else, on all cores) and the products alone (the bound for
whoever does this arithmetic).

    python benchmarks/train_throughput.py --install   # once: a virtual environment per peer, gigabytes in all
    python benchmarks/train_throughput.py             # tanh and relu, three rounds
    python benchmarks/train_throughput.py --quick     # one short round of Ludus, a plain PPO and the ceiling
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rows import Row, row, show

PEERS = Path(__file__).parent / "peers"
sys.path.insert(0, str(PEERS))

from common import EPOCHS  # noqa: E402
from ludus_run import SERVER, Measured, Stack  # noqa: E402

CACHE = Path("~/.cache/ludus/peers").expanduser()
TORCH = "torch==2.13.0"
TARGET_FP32, TARGET_MIXED, TARGET_CEILING, TARGET_BUS = 1.3, 1.9, 0.7, 0.08


@dataclass(frozen=True)
class Peer:
    """A system, its script, what pip installs for it (nothing: it runs in this environment), its precisions."""

    name: str
    script: str
    requirements: tuple[str, ...]
    precisions: tuple[str, ...] = ("fp32",)

    @property
    def python(self) -> Path:
        return CACHE / self.name / "bin" / "python" if self.requirements else Path(sys.executable)

    @property
    def failure(self) -> Path:
        """Holds why it could not be installed, if that was tried in vain."""
        return CACHE / f"{self.name}.failure"


ALL_PEERS = (
    Peer("plain", "plain_ppo.py", ()),
    Peer("skrl", "skrl_ppo.py", ("skrl==2.1.0", "gymnasium"), ("fp32", "mixed")),
    Peer("sb3", "sb3.py", ("stable-baselines3==2.9.0",)),
    Peer("rl_games", "rl_games_ppo.py", ("rl-games==1.6.5", "gymnasium", "gym")),
    Peer("sample_factory", "sample_factory_ppo.py", ("sample-factory==2.1.1",)),
    Peer("pufferlib", "pufferlib_ppo.py", ("pufferlib==3.0.0",)),
    Peer("rllib", "rllib_ppo.py", ("ray[rllib]==2.60.0",)),
)


def install(peer: Peer) -> None:
    """Make the peer's environment. torch first and pinned, or pip may take gigabytes of CUDA builds."""
    if not peer.requirements:
        return
    print(f"installing {peer.name} into {CACHE / peer.name}", file=sys.stderr)
    pip = [str(peer.python), "-m", "pip", "install", "-q"]
    peer.failure.unlink(missing_ok=True)
    try:
        if not peer.python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(CACHE / peer.name)], check=True)
        subprocess.run([*pip, TORCH, "setuptools<81", "wheel", "numpy", "cython"], check=True)
        # PufferLib's own games would be built with libraries that it downloads: only its PPO is wanted
        without_games = {**os.environ, "NO_OCEAN": "1"}
        command = [*pip, "--no-build-isolation", *peer.requirements, TORCH]
        subprocess.run(command, check=True, env=without_games, stderr=subprocess.PIPE, text=True)
    except subprocess.CalledProcessError as error:
        peer.failure.parent.mkdir(parents=True, exist_ok=True)
        peer.failure.write_text(_reason(error))
        print(f"{peer.name} cannot be installed: {_reason(error)}", file=sys.stderr)


def _reason(error: subprocess.CalledProcessError) -> str:
    """The last exception that pip's output shows, or else the exit code."""
    lines = [line.strip() for line in (error.stderr or "").splitlines()]
    named = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception): ", line)]
    return named[-1] if named else str(error)


def missing(peer: Peer) -> str:
    """Why the peer cannot be measured; empty if it can be tried."""
    if peer.failure.exists():
        return f"it cannot be installed: {peer.failure.read_text()}"
    if not peer.python.exists():
        return "not installed (--install)"
    if not (PEERS / peer.script).exists():
        return f"there is no benchmarks/peers/{peer.script} yet"
    return ""


def line_of(command: list[str], seconds: float) -> dict[str, Any]:
    """Run a script that prints one JSON line last. Raises RuntimeError with the end of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=PEERS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {seconds:g} s") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        raise RuntimeError(f"exit code {done.returncode}: {said[-1][:200]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


class Session:
    """The measurements of one activation."""

    def __init__(self, options: argparse.Namespace, activation: str) -> None:
        self._options, self._activation = options, activation
        self._rates: dict[str, list[float]] = defaultdict(list)
        self._per_core: dict[str, list[float]] = defaultdict(list)
        self._ceilings: dict[str, list[float]] = defaultdict(list)
        self._bounds: dict[str, list[float]] = defaultdict(list)
        self._ludus: dict[str, list[Measured]] = defaultdict(list)
        self._peers = {peer.name: peer for peer in ALL_PEERS if peer.name in options.peers}

    def round(self) -> None:
        """Everybody once, one after the other."""
        for precision in ("fp32", "bf16"):
            self._run_ceiling(precision)
            self._run_ludus(precision)
        for peer in list(self._peers.values()):
            for precision in peer.precisions:
                self._run_peer(peer, precision)

    def _run_ceiling(self, precision: str) -> None:
        command = [sys.executable, "ceiling.py", "--precision", precision, "--activation", self._activation]
        try:
            found = line_of(command, 120)
        except RuntimeError as error:
            self._skip(f"ceiling {precision}", str(error))
            return
        self._ceilings[precision].append(found["samples_per_core_second"] * self._options.threads / EPOCHS)
        self._bounds[precision].append(found["products_per_core_second"] * self._options.threads)

    def _run_ludus(self, precision: str) -> None:
        options = self._options
        with tempfile.TemporaryDirectory(prefix="ludus-throughput-", ignore_cleanup_errors=True) as folder:
            try:
                stack = Stack(Path(folder))
                found = stack.measure(precision, self._activation, options.threads, options.warmup, options.updates)
            except (TimeoutError, subprocess.CalledProcessError) as error:
                self._skip(f"ludus {precision}", str(error))
                return
        self._ludus[precision].append(found)
        self._keep(f"ludus {precision}", found.decisions, found.wall_seconds, sum(found.cpu_seconds.values()))

    def _run_peer(self, peer: Peer, precision: str) -> None:
        options, name = self._options, f"{peer.name} {precision}"
        command = [str(peer.python), peer.script, "--precision", precision, "--activation", self._activation]
        command += ["--threads", str(options.threads), "--updates", str(options.updates)]
        command += ["--warmup", str(options.warmup)]
        reason = missing(peer)
        try:
            if reason:
                raise RuntimeError(reason)
            found = line_of(command, options.patience)
        except RuntimeError as error:
            self._skip(name, str(error))
            self._peers.pop(peer.name, None)
            return
        self._keep(name, found["decisions"], found["wall_seconds"], found["cpu_seconds"])

    def _keep(self, name: str, decisions: float, wall_seconds: float, cpu_seconds: float) -> None:
        self._rates[name].append(decisions / wall_seconds)
        self._per_core[name].append(decisions / cpu_seconds)
        turn = f"{self._activation}, round {len(self._rates[name])} of {self._options.rounds}"
        print(f"{turn}: {name} {self._rates[name][-1]:,.0f} decisions/s", file=sys.stderr, flush=True)

    def _skip(self, name: str, reason: str) -> None:
        print(f"skipped {name}, {self._activation}: {reason}", file=sys.stderr)

    def rows(self) -> list[Row]:
        """Rates, ratios and where the time goes."""
        found: list[Row] = []
        found += [_median(f"{self._activation}: {name}", rates, "decisions/s") for name, rates in self._rates.items()]
        found += [
            _median(f"{self._activation}: {name}, per core", rates, "decisions/CPU-s")
            for name, rates in self._per_core.items()
        ]
        found += self._ratios("fp32", "fp32", TARGET_FP32) + self._ratios("bf16", "mixed", TARGET_MIXED)
        for precision, ceilings in self._ceilings.items():
            found.append(_median(f"{self._activation}: ceiling {precision}", ceilings, "decisions/s"))
            if rates := self._rates.get(f"ludus {precision}"):
                shares = [rate / ceiling for rate, ceiling in zip(rates, ceilings, strict=False)]
                name = f"{self._activation}: ludus {precision} / ceiling"
                found.append(_median(name, shares, "ratio", TARGET_CEILING))
        for precision, runs in self._ludus.items():
            found += self._parts(precision, runs)
        return found

    def _ratios(self, own: str, other: str, target: float) -> list[Row]:
        """Against the best peer of a precision, round by round."""
        mine = self._rates.get(f"ludus {own}", [])
        rivals = [name for name in self._rates if name.endswith(f" {other}") and not name.startswith("ludus")]
        peers = {name: self._rates[name] for name in rivals}
        if not mine or not peers:
            return []
        best = max(peers, key=lambda name: median(peers[name]))

        def against_best(name: str, rates: list[float], target: float | None) -> Row:
            ratios = [one / two for one, two in zip(rates, peers[best], strict=False)]
            return _median(f"{self._activation}: {name} / best {other} peer ({best})", ratios, "ratio", target)

        found = [against_best(f"ludus {own}", mine, target)]
        if bounds := self._bounds.get(own):  # whoever does this arithmetic cannot be further ahead
            found.append(against_best(f"products alone {own}", bounds, None))
        return found

    def _parts(self, precision: str, runs: list[Measured]) -> list[Row]:
        found, start = [], f"{self._activation}: ludus {precision}, CPU share of"
        totals = [sum(run.cpu_seconds.values()) for run in runs]
        for part in sorted({part for run in runs for part in run.cpu_seconds}):
            shares = [run.cpu_seconds.get(part, 0.0) / total for run, total in zip(runs, totals, strict=True)]
            found.append(_median(f"{start} {part}", shares, "share"))
        bus = [
            sum(seconds for part, seconds in run.cpu_seconds.items() if part == SERVER or "bus" in part) / total
            for run, total in zip(runs, totals, strict=True)
        ]
        return [*found, _median(f"{start} bus + serialisation", bus, "share", TARGET_BUS, at_most=True)]


def _median(name: str, values: list[float], unit: str, target: float | None = None, *, at_most: bool = False) -> Row:
    interval = (min(values), max(values))
    return row(name, median(values), unit, n=len(values), target=target, interval=interval, at_most=at_most)


def main() -> None:
    names = [peer.name for peer in ALL_PEERS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, tanh, Ludus and the plain PPO only")
    parser.add_argument("--install", action="store_true", help=f"make the peers' environments under {CACHE}, then end")
    parser.add_argument("--peers", nargs="*", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=10, help="measured updates of 32 768 decisions per round")
    parser.add_argument("--warmup", type=int, default=10, help="updates before")
    parser.add_argument("--activations", nargs="+", choices=("tanh", "relu"), default=["tanh", "relu"])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="cores for everybody")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds a peer may take for a round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    options = parser.parse_args()
    if options.install:
        for peer in ALL_PEERS:
            if peer.name in options.peers:
                install(peer)
        return
    if options.quick:
        options.rounds, options.updates, options.warmup = 1, 4, 2
        options.activations, options.peers = ["tanh"], ["plain"]
    sessions = [Session(options, activation) for activation in options.activations]
    try:
        for _ in range(options.rounds):
            for session in sessions:
                session.round()
    finally:  # an interrupted measurement shows what it has
        show([found for session in sessions for found in session.rows()], options.json)


if __name__ == "__main__":
    main()
