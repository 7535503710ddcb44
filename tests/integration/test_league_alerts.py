"""Plane 2: Alertmanager asks a real league. Forty deliveries of one alert are one rollback; a forged one none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from typing import Any

from ludus.api.v1.event_pb2 import Event
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.kernel.intent import Slot
from ludus.kernel.topology import EVENTS, HEALTH, RUN_BUCKET

from .test_league_service import Stack, stack

__all__ = ["stack"]

HEALTHY = {"kl": 0.01, "gradient_norm": 0.4, "update_norm": 0.1, "log_ratio_p99": 0.3, "reward_mean": 0.5}


async def update(stack: Stack, step: int, **changes: float) -> None:
    """What a learner says after an update."""
    health = LearnerHealth(
        policy=PolicyRef(agent="main", epoch=1, step=step, sha256="ab"), run="demo", total_steps=400,
        metrics=HEALTHY | changes, checkpoint_epoch=1, checkpoint_step=0,
    )  # fmt: skip
    await stack.bus.publish(HEALTH, health.SerializeToString(), token="main", msg_id=f"main.1.{step}")


def post(port: int, body: bytes) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/alerts", body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()


def message(rule: str, *, status: str = "firing", **labels: str) -> bytes:
    labels = {"alertname": "Ludus", "verdict": "failed", "rule": rule} | labels
    alert = {"status": status, "labels": labels, "annotations": {}, "fingerprint": "c0ffee"}
    return json.dumps({"version": "4", "status": status, "alerts": [alert]}).encode()


async def kinds(stack: Stack) -> list[str]:
    return [Event.FromString(record.data).kind for record in await stack.bus.read(EVENTS, 1, 1000, 1.0)]


async def seen(stack: Stack, step: int) -> None:
    """Until the controller has looked at this update."""
    bucket = await stack.bus.bucket(RUN_BUCKET)
    async with asyncio.timeout(20):
        while (entry := await bucket.get("health.main")) is None or json.loads(entry.value)["step"] < step:
            await asyncio.sleep(0.05)


async def test_an_alert_is_a_request_that_needs_evidence_and_is_granted_once(stack: Stack) -> None:
    await stack.start_league()
    channel = await stack.channel()
    await channel.close()
    port = json.loads((stack.folder / "services" / "league.json").read_text())["http_port"]

    def ask(body: bytes) -> Any:
        return asyncio.to_thread(post, port, body)

    for step in range(31):
        await update(stack, step)
    await seen(stack, 30)
    code, text = await ask(message("gradient_explosion"))
    assert code == 200
    assert text.startswith("refused: no evidence of gradient_explosion")
    assert "refused" in (await ask(message("kl_high")))[1], "suspicion alone"
    assert "refused" in (await ask(message("gradient_explosion", run="other")))[1]
    assert "no agent 'nobody'" in (await ask(message("gradient_explosion", agent="nobody")))[1]
    assert (await ask(message("gradient_explosion", status="resolved")))[1] == "nothing is firing"
    for bad in (b"", b"[]", b"{}", b'{"alerts": 3}', b'{"alerts": [{"status": "firing", "labels": 7}]}', b"\xff"):
        assert (await ask(bad))[0] == 400, bad
    assert "rollback_planned" not in await kinds(stack)

    await update(stack, 31, gradient_norm=1000.0)  # one signal: not enough for the controller alone
    await seen(stack, 31)
    answers = await asyncio.gather(*(ask(message("gradient_explosion")) for _ in range(40)))
    assert {code for code, _ in answers} == {200}
    assert sum(text.startswith("back to 1-0") for _, text in answers) == 1
    slot = Slot(await stack.bus.bucket(RUN_BUCKET), "main")
    async with asyncio.timeout(20):
        while (intent := await slot.read()) is None or intent.step != "fenced":
            await asyncio.sleep(0.05)
    assert (intent.checkpoint, intent.epoch) == ("1-0", 1)
    assert (await kinds(stack)).count("rollback_planned") == 1
    with contextlib.suppress(ProcessLookupError):
        await stack.kill_league()
    await stack.start_league()
    await (await stack.channel()).close()
    port = json.loads((stack.folder / "services" / "league.json").read_text())["http_port"]
    assert (await ask(message("gradient_explosion")))[1] in ("done already", "refused: rolling already")
    assert (await kinds(stack)).count("rollback_planned") == 1, "also after a restart"
