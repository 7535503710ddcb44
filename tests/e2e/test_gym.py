"""Environments of other libraries through the four real services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

SHORT = ("--decisions", "12288", "--set", "evaluator.final_matches_per_opponent=20", "--set", "simulator.steps=64",
         "--set", "learner.batch_decisions=1024", "--set", "evaluator.every_updates=100")  # fmt: skip


def returns(summary: dict[str, Any], label: str) -> dict[str, Any]:
    (found,) = [row for row in summary["returns"] if row["label"] == label]
    return dict(found)


def test_a_short_run_on_a_gymnasium_environment_learns_and_reports(ludus: Cli) -> None:
    done = ludus("train", "gym:CartPole-v1", "--run", "pole", "--seed", "2", *SHORT)
    folder = ludus.run_folder("pole")
    summary = json.loads((folder / "summary.json").read_text())
    first, final = returns(summary, "step 0"), returns(summary, "final")
    assert (first["n"], final["n"], summary["steps"]) == (20, 20, 12)
    assert final["low"] > first["high"], "12 000 decisions make a difference that the intervals show"
    assert not summary["ratings"], "nobody was beaten, so nobody is rated"
    assert summary["results"] >= 40
    assert summary["refused"] == {}
    assert "mean return" in done.stdout
    assert "plays alone" in done.stdout
    for path in ("weights/final.safetensors", "report.html", "report.md", "report/returns.svg"):
        assert (folder / path).stat().st_size > 0, path
    assert not (folder / "report" / "win_rates.svg").exists()
    assert not list(folder.glob("replays/*")), "an environment without snapshots has no replays"
    assert ludus("league", "replay", "pole").stdout.strip().endswith("identical")
    assert "main@1.12" in ludus("status", "pole").stdout


@pytest.mark.slow
def test_a_pettingzoo_environment_is_played_against_earlier_selves(ludus: Cli) -> None:
    pytest.importorskip("pygame")
    done = ludus("train", "pettingzoo:classic.rps_v2", "--run", "rps", *SHORT, "--set", "simulator.steps=32")
    assert "pygame" not in done.stdout
    summary = json.loads((ludus.run_folder("rps") / "summary.json").read_text())
    (final,) = [one for one in summary["candidates"] if one["label"] == "final"]
    (row,) = final["rows"]
    assert (row["opponent"], row["n"]) == ("main@1.0", 20)
    assert summary["ratings"]["main"] > 0
    assert summary["refused"] == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_cartpole_is_solved_within_200_000_steps(ludus: Cli, seed: int) -> None:
    """Mean return of 100 deterministic episodes on seeds never trained on."""
    ludus("train", "gym:CartPole-v1", "--run", "pole", "--seed", str(seed), timeout=800)
    summary = json.loads((ludus.run_folder("pole") / "summary.json").read_text())
    final = returns(summary, "final")
    assert summary["decisions"] <= 200_000
    assert final["n"] == 100
    assert final["mean"] >= 475
