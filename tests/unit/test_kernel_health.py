"""The table of health rules, and its two compilers: what the evaluator says, Prometheus says too."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ludus.kernel.health import Evaluator, Rule, RuleError, load_rules
from ludus.kernel.health_prometheus import PREFIX, alert_name, prometheus_rules
from ludus.kernel.metric_table import CAUSES, METRICS

NAN = float("nan")
SCRAPE_SECONDS = 5
HEALTHY = {
    "kl": 0.01, "kl_previous": 0.01, "target_kl": 0.045, "log_ratio_p99": 0.3, "clip_fraction": 0.1,
    "gradient_norm": 0.4, "update_norm": 0.1, "value_loss": 0.02, "explained_variance": 0.7, "reward_mean": 0.5,
    "action_std_0": 0.3, "action_std_1": 0.25,
}  # fmt: skip


def rule(name: str) -> Rule:
    return next(one for one in load_rules() if one.name == name)


def fired(one: Rule, values: Sequence[float], **others: float) -> list[bool]:
    evaluator = Evaluator([one])
    return [bool(evaluator.look({one.metric: value, **others})) for value in values]


def test_a_healthy_run_fires_nothing_and_a_missing_metric_is_no_verdict() -> None:
    evaluator = Evaluator(load_rules())
    assert not evaluator.conclusive
    assert evaluator.look({}) == []
    assert not evaluator.conclusive
    noise = random.Random(3)
    for _ in range(300):
        assert evaluator.look({name: value * noise.uniform(0.8, 1.25) for name, value in HEALTHY.items()}) == []
    assert evaluator.conclusive


@pytest.mark.parametrize("one", load_rules(), ids=lambda one: one.name)
def test_not_a_number_breaches_every_rule(one: Rule) -> None:
    evaluator = Evaluator([one])
    for _ in range(one.baseline + one.window):
        evaluator.look(HEALTHY)
    names = [name for name in HEALTHY if name == one.metric or name.startswith(f"{one.metric}_")]
    assert names
    for _ in range(one.count):
        found = evaluator.look(HEALTHY | dict.fromkeys(names, NAN))
    assert [firing.rule for firing in found] == [one]


def test_windows_count_and_forget() -> None:
    high = rule("kl_high")
    assert fired(high, [0.1, 0.1, 0.01, 0.01, 0.1, 0.01], target_kl=0.045) == [False] * 4 + [True, False]
    assert fired(rule("kl_explosion"), [0.44, 0.46], target_kl=0.045) == [False, True]
    evaluator = Evaluator([high])
    for _ in range(2):
        evaluator.look({"kl_previous": 0.2, "target_kl": 0.045})
    evaluator.forget()
    assert evaluator.look({"kl_previous": 0.2, "target_kl": 0.045}) == []


def test_baselines_are_of_the_samples_before() -> None:
    norm = rule("gradient_explosion")
    assert fired(norm, [1.0] * 19 + [60.0]) == [False] * 20, "no baseline yet"
    assert fired(norm, [1.0] * 20 + [49.0, 51.0])[-2:] == [False, True]
    drop = rule("return_collapse")
    assert fired(drop, [1.0, 1.1] * 12 + [0.7] * 5)[-5:] == [False] * 4 + [True]


def test_a_collapse_is_seen_again_at_once_after_a_rollback() -> None:
    """The baseline is that of the updates which the rollback keeps: neither none at all, nor one of the collapse."""
    norm, drop = rule("gradient_explosion"), rule("return_collapse")
    evaluator = Evaluator([norm, drop])
    for step in range(1, 61):
        assert evaluator.look({"gradient_norm": 1.0, "reward_mean": 1.0}, step) == []
    for step in range(61, 90):
        found = evaluator.look({"gradient_norm": 1e6, "reward_mean": 1.0}, step)
        assert bool(found) == (step < 71), "after half a window the collapse itself is the baseline"
    evaluator.roll_back(57)
    assert evaluator.look({"gradient_norm": 1.0, "reward_mean": -9.0}, 58) == [], "rewards begin anew"
    (again,) = evaluator.look({"gradient_norm": 1e6, "reward_mean": -9.0}, 59)
    assert (again.rule, again.limit) == (norm, 50.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"above": 1.0, "below": 0.0}, "exactly one of above, below and drop"),
        ({"drop": 3.0}, "drop needs a baseline"),
        ({"above": 1.0, "count": 3}, "never reached"),
        ({"above": 1.0, "metric": "speed"}, "no metric ludus_learner_speed"),
        ({"above": 1.0, "colour": "red"}, "colour"),
        ({"above": 1.0, "times": "target_kl", "baseline": 3}, "multiple of another metric"),
    ],
)
def test_wrong_tables_are_explained(tmp_path: Path, row: dict[str, object], message: str) -> None:
    full = {"name": "x", "signal": "s", "metric": "kl", "verdict": "hard", "meaning": "m"} | row
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in full.items()))
    with pytest.raises(RuleError, match=message):
        load_rules(path)


def test_every_rule_has_an_alert_and_every_metric_one_for_its_absence() -> None:
    text = prometheus_rules(load_rules())
    rows = [row for group in json.loads(text.partition("\n")[2])["groups"] for row in group["rules"]]
    alerts = [row["alert"] for row in rows if "alert" in row]
    assert {alert_name(one) for one in load_rules()} <= set(alerts)
    assert "LudusWatchdog" in alerts
    absent = {row["labels"]["metric"] for row in rows if row.get("alert") == "LudusMetricAbsent"}
    assert absent == {PREFIX + one.metric for one in load_rules()}
    assert {name.removeprefix(PREFIX) for name in absent} <= {m.name.removeprefix(PREFIX) for m in METRICS}


def series() -> list[dict[str, float]]:
    """Healthy samples, then one illness after the other, with health between them."""
    noise = random.Random(7)
    rows = [{name: value * noise.uniform(0.9, 1.1) for name, value in HEALTHY.items()} for _ in range(160)]
    ill = {
        50: {"kl_previous": 0.5}, 54: {"kl": NAN, "kl_previous": NAN}, 58: {"log_ratio_p99": 6.0},
        60: {"action_std_1": 0.005}, 62: {"action_std_0": NAN}, 64: {"gradient_norm": 60.0}, 66: {"update_norm": 9.0},
        68: {"value_loss": 5.0}, 70: {"reward_mean": NAN},
    }  # fmt: skip
    ill |= {step: {"clip_fraction": 0.7} for step in (72, 73, 74)}
    ill |= {step: {"kl_previous": 0.1} for step in (76, 78, 80)}
    ill |= {step: {"explained_variance": -0.1} for step in range(82, 104)}
    ill |= {step: {"reward_mean": -3.0} for step in range(106, 112)}
    ill |= {step: {"kl_previous": 0.06} for step in range(120, 134)}
    for step, values in ill.items():
        rows[step] |= values
    return rows


def test_prometheus_says_the_same_as_the_evaluator(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: install the package prometheus to run this")
    rows = series()
    evaluator = Evaluator(load_rules())
    expected = [{firing.rule.name for firing in evaluator.look(row)} for row in rows]
    assert {name for names in expected for name in names} == {one.name for one in load_rules()}, "each fires once"
    _promtool(promtool, tmp_path, _promtool_test(rows, expected))


def _promtool(promtool: str, folder: Path, tests: dict[str, object]) -> None:
    """Run the tests against the rules as they are written for Prometheus."""
    (folder / "rules.yml").write_text(prometheus_rules(load_rules(), SCRAPE_SECONDS))
    (folder / "test.yml").write_text(json.dumps(tests))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def _promtool_test(rows: list[dict[str, float]], expected: list[set[str]]) -> dict[str, object]:
    def written(name: str) -> str:
        head, _, index = name.rpartition("_")
        return f'{PREFIX}{head}{{component="{index}"}}' if index.isdigit() else PREFIX + name

    def number(value: float) -> str:
        return "NaN" if math.isnan(value) else repr(value)

    inputs = [{"series": written(n), "values": " ".join(number(row[n]) for row in rows)} for n in HEALTHY]
    checks = [
        {
            "expr": f'count(ALERTS{{alertname="{alert_name(one)}",alertstate="firing"}}) or vector(0)',
            "eval_time": f"{index * SCRAPE_SECONDS}s",
            "exp_samples": [{"labels": "{}", "value": int(one.name in expected[index])}],
        }
        for index in range(len(rows))
        for one in load_rules()
    ]
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{SCRAPE_SECONDS}s",
        "tests": [{"interval": f"{SCRAPE_SECONDS}s", "input_series": inputs, "promql_expr_test": checks}],
    }


SERVICES = ("learner", "league", "simulator", "evaluator")
LIVE = {f"ludus_{service}_heartbeat_timestamp_seconds": "0+5x40" for service in SERVICES}
QUIET = {PREFIX + rule.metric: "1x40" for rule in load_rules()} | {PREFIX + "nonfinite_total": "0x40"}


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        ({}, {}),
        (dict.fromkeys(QUIET, ""), {"LudusMetricAbsent": len({rule.metric for rule in load_rules()})}),
        (dict.fromkeys(LIVE, ""), {"LudusServiceSilent": len(SERVICES)}),
        ({"ludus_learner_heartbeat_timestamp_seconds": "0+5x10 50x30"}, {"LudusServiceSilent": 1}),
        ({PREFIX + "nonfinite_total": "0x35 1x5"}, {"LudusNotFinite": 1}),
    ],
    ids=["all is well", "no metrics", "no services", "one is dead", "not finite"],
)
def test_alerts_about_liveness(tmp_path: Path, change: dict[str, str], fires: dict[str, int]) -> None:
    """Each fires when it should and only then; the dead man's switch always."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: install the package prometheus to run this")
    values = LIVE | QUIET | change
    expected = {"LudusMetricAbsent": 0, "LudusServiceSilent": 0, "LudusNotFinite": 0, "LudusWatchdog": 1} | fires
    checks = [
        {
            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
            "eval_time": "190s",
            "exp_samples": [{"labels": "{}", "value": count}],
        }
        for name, count in expected.items()
    ]
    inputs = [{"series": name, "values": text} for name, text in values.items() if text]
    one = {"interval": "5s", "input_series": inputs, "promql_expr_test": checks}
    _promtool(promtool, tmp_path, {"rule_files": ["rules.yml"], "evaluation_interval": "5s", "tests": [one]})


def test_every_signal_can_be_the_cause_of_a_rollback() -> None:
    assert {one.signal for one in load_rules()} | {"rejected", "none"} == set(CAUSES)
