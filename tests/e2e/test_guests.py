"""A run with a guest: an ONNX file of 224 inputs against a learner that sees another layout, through real services."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ludus.api.v1.match_pb2 import PURPOSE_EVALUATE, PURPOSE_TRAIN, MatchResult
from ludus.api.v1.policy_pb2 import PolicyHead
from ludus.kernel.bus import Bus
from ludus.kernel.topology import POLICIES_BUCKET, RESULTS

from .conftest import Cli  # type: ignore[import-untyped]

SMALL = (
    *("--set", "simulator.matches=32", "--set", "simulator.slabs=2", "--set", "simulator.steps=64"),
    *("--set", "learner.batch_decisions=2048", "--set", "learner.minibatch=1024", "--set", "network.hidden=32"),
    *("--set", "league.snapshot_updates=5", "--set", "league.guest_share=0.5", "--set", "league.matches_per_ticket=2"),
    *("--set", "evaluator.matches=32", "--set", "evaluator.every_updates=1000"),
    *("--set", "evaluator.matches_per_opponent=10", "--set", "evaluator.final_matches_per_opponent=10"),
    *("--decisions", "40960"),
)


def climber() -> bytes:
    """obs @ 0 + (little to the left, full throttle, no fire): flies circles."""
    tensors = [
        numpy_helper.from_array(np.zeros((224, 3), np.float32), "w"),
        numpy_helper.from_array(np.array([0.2, 1, -1], np.float32), "b"),
    ]
    body = helper.make_graph(
        [helper.make_node("Gemm", ["obs", "w", "b"], ["action"])],
        "climber",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["n", 224])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", 3])],
        tensors,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


async def ledger(url: str, run: str) -> tuple[list[MatchResult], PolicyHead]:
    bus = await Bus.connect(url, run, "console", patience_seconds=5)
    try:
        entry = await (await bus.bucket(POLICIES_BUCKET)).get("climber.0.0")
        last = await bus.last(RESULTS)
        assert entry is not None
        assert last is not None
        records = await bus.read(RESULTS, 1, last.sequence, 5.0)
        while records[-1].sequence < last.sequence:
            records += await bus.read(RESULTS, records[-1].sequence + 1, last.sequence, 5.0)
        return [MatchResult.FromString(one.data) for one in records], PolicyHead.FromString(entry.value)
    finally:
        await bus.close()


@pytest.mark.timeout(240)
def test_a_guest_is_played_rated_and_reported_by_its_hash(ludus: Cli, tmp_path: Path) -> None:
    file = tmp_path / "climber.onnx"
    file.write_bytes(climber())
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    done = ludus("train", "dogfight", "--preset", "competition", "--run", "host", "--guest", str(file), *SMALL)
    assert "climber, 50 % of training matches" in done.stdout

    url = json.loads((ludus.home / "stack.json").read_text())["nats_url"]
    results, head = asyncio.run(ledger(url, "host"))
    assert (head.format, head.pinned, head.policy.sha256, head.size_bytes) == ("onnx", True, sha256, len(climber()))
    met = [result for result in results if any(p.policy.agent == "climber" for p in result.players)]
    assert {result.purpose for result in met} == {PURPOSE_TRAIN, PURPOSE_EVALUATE}
    for result in met:
        (place,) = [k for k, player in enumerate(result.players) if player.policy.agent == "climber"]
        assert result.players[place].policy.sha256 == result.policies_at_end[place].sha256 == sha256

    # Measured on the panel like everybody, rated under its own name, and the ledger folds to the same standings.
    for candidate in ludus.read("host", "summary.json")["candidates"]:
        assert {row["opponent"]: row["n"] for row in candidate["rows"]}["climber@0.0"] == 10
    assert "| climber |" in (ludus.run_folder("host") / "report.md").read_text()
    assert "climber@0.0" in ludus("league", "standings", "host").stdout
    assert ludus("league", "replay", "host").stdout.strip().endswith("identical")


def test_a_broken_guest_is_refused_and_no_run_is_left(ludus: Cli, tmp_path: Path) -> None:
    file = tmp_path / "narrow.onnx"
    file.write_bytes(b"\x08\x08")
    done = ludus("train", "dogfight", "--run", "host", "--guest", str(file), check=False)
    assert done.returncode == 2
    assert "cannot take part: format" in done.stderr
    assert f"ludus validate {file}" in done.stderr
    assert not ludus.run_folder("host").exists()
