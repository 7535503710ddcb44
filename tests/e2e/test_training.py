"""The main job, small: a minute of training through four real services must beat its own step 0."""

from __future__ import annotations

import json

import pytest

from ludus.kernel.wilson import wilson_interval

from .conftest import Cli  # type: ignore[import-untyped]

SERVICES = ("simulator-0", "learner", "league", "evaluator")


def row(summary: dict[str, object], label: str, opponent: str) -> dict[str, float]:
    (candidate,) = [c for c in summary["candidates"] if c["label"] == label]  # type: ignore[index,attr-defined]
    (found,) = [r for r in candidate["rows"] if r["opponent"] == opponent]  # type: ignore[index]
    return found  # type: ignore[no-any-return]


@pytest.mark.timeout(400)
def test_a_minute_of_training_beats_step_zero(ludus: Cli) -> None:
    done = ludus("train", "dogfight", "--preset", "quick", "--run", "minute", "--seed", "3")
    folder = ludus.run_folder("minute")
    summary = json.loads((folder / "summary.json").read_text())

    # Against step 0 itself: the lower 95 % bound of the share of decided matches won lies above one half.
    against_zero = row(summary, "final", "main@1.0")
    decided = int(against_zero["wins"] + against_zero["losses"])
    assert decided >= 20
    assert wilson_interval(int(against_zero["wins"]), decided)[0] > 0.5

    # Against the weakest fighter: the intervals of final policy and step 0 do not overlap.
    assert row(summary, "final", "bot:chaser")["low"] > row(summary, "step 0", "bot:chaser")["high"]

    # What the user is told, and what is there.
    assert "step 0" in done.stdout
    assert "final" in done.stdout
    charts = ("report/win_rates.svg", "report/kl.svg")
    for path in ("weights/final.safetensors", "report.html", "report.md", *charts, "config.json", "metrics.jsonl"):
        assert (folder / path).stat().st_size > 0, path
        if path in ("report.html", "weights/final.safetensors"):
            assert str(folder / path) in done.stdout
    assert list((folder / "checkpoints").glob("*-0")), "the step-0 checkpoint stays"
    assert ludus("league", "replay", "minute").stdout.strip().endswith("identical")
    for service in SERVICES:
        assert ludus.heartbeat("minute", service)["pid"] > 0, service
