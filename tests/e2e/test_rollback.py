"""A rollback of a live run by a person: a new epoch, training goes on to its end, and the ledger is none the wiser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Cli  # type: ignore[import-untyped]


def step_of(ludus: Cli, run: str) -> int:
    return int(ludus.heartbeat(run, "learner").get("step") or 0)


def events(ludus: Cli, run: str, *kinds: str) -> list[dict[str, Any]]:
    chosen = [part for kind in kinds for part in ("--kind", kind)]
    done = ludus("events", run, "--json", *chosen, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []


@pytest.mark.timeout(300)
def test_a_person_rolls_a_live_run_back(ludus: Cli) -> None:
    run = "back"
    ludus("train", "dogfight", "--preset", "quick", "--run", run, "--seed", "5", "--detach", "--decisions", "500000")
    ludus.wait_for("update 12", lambda: step_of(ludus, run) >= 12, seconds=120)
    before = ludus.heartbeat(run, "learner")

    unknown = ludus("rollback", run, "--to", "9-999", check=False)
    assert unknown.returncode != 0
    assert "no checkpoint '9-999'" in unknown.stdout + unknown.stderr

    for times in (1, 2, 3):
        # Again and again to what epoch 1 wrote, while rollouts of a later epoch are on their way.
        ludus.wait_for("some more updates", lambda: step_of(ludus, run) >= 3, seconds=60)
        answer = ludus("rollback", run, "--to", "1-0", "--reason", "to see it done").stdout
        assert "back to 1-0" in answer
        ludus.wait_for("the rollback", lambda times=times: len(events(ludus, run, "rollback")) == times, seconds=60)
    assert all(done["detail"]["seconds"] < 5.0 for done in events(ludus, run, "rollback")), "until it trains again"
    kinds = [row["kind"] for row in events(ludus, run, "rollback_planned", "rollback_fenced", "restored", "rollback")]
    assert kinds == 3 * ["rollback_planned", "rollback_fenced", "restored", "rollback"]
    assert "to see it done" in events(ludus, run, "rollback_planned")[0]["message"]

    ludus.wait_for("the end of the run", lambda: (ludus.run_folder(run) / "summary.json").exists(), seconds=240)
    after = ludus.heartbeat(run, "learner")
    assert after["epoch"] == before["epoch"] + 3
    assert after["pid"] == before["pid"], "no process was restarted"
    assert after["step"] == after["total_steps"]
    rows = [json.loads(line) for line in (ludus.run_folder(run) / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["epoch"] == after["epoch"]] == list(range(1, after["step"] + 1))
    assert ludus("league", "replay", run).stdout.strip().endswith("identical")
