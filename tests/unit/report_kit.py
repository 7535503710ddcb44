"""The folder of a run, written by hand: a hostile name, a rollback, a death, and numbers that can be checked."""

import json
from pathlib import Path
from typing import Any

from ludus.kernel.config import dump, load

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "</script><b>dead & gone</b>"
BATCH = 16_384


def write_run(folder: Path, *, finished: bool = True, agents: int = 1) -> Path:
    """A dogfight of 122 updates, of which the 60 first were made, twice from 40 on; or a pursuit of two agents."""
    preset, updates = ("pursuit", 40) if agents == 2 else ("dogfight-quick", 60)
    overrides = [("run", "by-hand"), ("directory", str(folder)), ("decisions", 2_000_000)]
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(dump(load(ROOT / "configs" / f"{preset}.toml", overrides, {})))
    names = ["pursuer", "evader"] if agents == 2 else ["main"]
    for name in names:
        own = folder / "agents" / name if agents == 2 else folder
        own.mkdir(parents=True, exist_ok=True)
        rows = [_update(1, step) for step in range(1, updates - 9)]
        rows += [_update(2, step) for step in range(41, updates + 1)]
        (own / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"half')
    _lines(folder / "events.jsonl", _events())
    death = {"time": 1030.0, "service": "simulator-0", "pid": 7, "cause": HOSTILE, "step": 30, "durable_step": None}
    _lines(folder / "deaths.jsonl", [{**death, "heartbeat_age_seconds": 0.4, "restarted": True}])
    (folder / "measured.json").write_text(json.dumps(_measured(names)))
    (folder / "made_with.json").write_text(json.dumps({"Ludus": "0.1", "processor": "Abacus, 2 cores"}))
    if finished:
        (folder / "outcome.json").write_text(json.dumps({"state": "FINISHED", "reason": "all updates made"}))
    return folder


def write_exploiter(folder: Path, victim_run: str, agent: str) -> None:
    """A finished exploiter of `agent@1.40`: 30 % before, 70 % after."""

    def rows(wins: int) -> list[dict[str, Any]]:
        return [{"opponent": "victim@0.0", "wins": wins, "draws": 0, "losses": 100 - wins, "n": 100,
                 "win_rate": wins / 100, "low": wins / 100 - 0.1, "high": wins / 100 + 0.1}]  # fmt: skip

    folder.mkdir(parents=True)
    guest = {"file": "victim.safetensors", "name": "victim", "origin": f"{victim_run}:{agent}@1.40"}
    (folder / "config.json").write_text(json.dumps({"league": {"guests": [guest]}}))
    candidates = [{"label": label, "rows": rows(wins)} for label, wins in (("step 0", 30), ("final", 70))]
    (folder / "summary.json").write_text(json.dumps({"decisions": 400_000, "candidates": candidates}))


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def _update(epoch: int, step: int) -> dict[str, Any]:
    return {
        "epoch": epoch, "step": step, "decisions": step * BATCH, "elapsed_seconds": step * 0.5, "time": 1000.0 + step,
        "decisions_per_second": 30_000.0 + step, "kl": 0.01 if step != 50 else 3.0, "kl_lag": 0.002,
        "entropy": 1.5 - step / 100, "value_loss": 0.1 / step, "explained_variance": 0.5, "episode_return": 7.0,
        "clip_fraction": 0.1, "gradient_norm": 0.5, "learning_rate": 1e-3, "lag_mean": 1.0,
        "wall_seconds": {"optimise": 0.3, "wait": 0.1}, "cpu_seconds": {"optimise": 0.25},
    }  # fmt: skip


def _events() -> list[dict[str, Any]]:
    kinds = [("phase", 1000.5, "curriculum begins"), ("randomisation", 1000.5, "none begins"),
             ("evaluation", 1001.0, "main@1.0 is measured"), ("rollback", 1051.0, f"back to step 40: {HOSTILE}"),
             ("randomisation", 1052.0, "narrow begins"), ("phase", 1055.0, "self-play begins")]  # fmt: skip
    return [
        {"sequence": k, "time": time, "kind": kind, "service": "league", "message": message}
        for k, (kind, time, message) in enumerate(kinds, 1)
    ]


def _measured(names: list[str]) -> dict[str, Any]:
    def row(opponent: str, wins: int, n: int) -> dict[str, Any]:
        seats = [{"wins": wins // 2, "draws": 0, "losses": n // 2 - wins // 2},
                 {"wins": wins - wins // 2, "draws": 0, "losses": n - n // 2 - (wins - wins // 2)}]  # fmt: skip
        return {"opponent": opponent, "wins": wins, "draws": 0, "losses": n - wins, "n": n, "win_rate": wins / n,
                "low": max(0.0, wins / n - 0.1), "high": min(1.0, wins / n + 0.1), "seats": seats}  # fmt: skip

    candidates = []
    for name in names:
        others = [row(f"{other}@2.60", 60 if name == names[0] else 40, 100) for other in names if other != name]
        candidates += [
            {"policy": f"{name}@1.0", "label": "step 0", "step": 0, "rows": [row("bot:ace", 2, 100)]},
            {"policy": f"{name}@2.60", "label": "final", "step": 60, "rows": [row("bot:ace", 88, 100), *others]},
        ]
    players = [
        {"player": f"{name}@{step}", "elo": elo, "error": 20.0, "first_move_elo": 3.0, "matches": 100,
         "nash_share": 0.5, "alpha_rank_share": 0.5}
        for name in names for step, elo in (("2.60", 500.0), ("1.0", -300.0))
    ]  # fmt: skip
    pairs = [
        {"purpose": "evaluate", "first": f"{name}@2.60", "second": "bot:ace", "wins": 88, "draws": 0, "losses": 12}
        for name in names
    ]
    record = {"position": 9, "seat_elo": 1.0, "seat_error": 2.0, "cyclic_share": 0.1, "players": players}
    return {"results": 400, "candidates": candidates, "record": record, "pairs": pairs, "returns": [], "regimes": []}
