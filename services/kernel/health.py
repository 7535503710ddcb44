"""The table of health rules (health.toml) and its evaluation in process: pure, without clock and I/O.

Guard and controller use the same rules; `health_prometheus` compiles them for Prometheus, and a test holds the two
equal on the same series. A value is healthy only if it is within the limit: NaN is not. A sample that is missing is
neither: the verdict of a rule without samples is "inconclusive".
"""

from __future__ import annotations

import math
import statistics
import tomllib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from .metric_table import METRICS
from .section import Section

RULES_FILE = Path(__file__).with_name("health.toml")
PREFIX = "ludus_learner_"

Verdict = Literal["suspect", "failed", "hard"]
#: A constant series has no deviation; then this share of its mean counts as one.
LEAST_DEVIATION_RATIO = 0.01
#: Samples behind a baseline that are kept for a rollback, which goes back beyond the newest ones.
REMEMBERED = 400


class RuleError(ValueError):
    """The table of rules is wrong. The message names the rule and what was expected."""


class Rule(Section):
    """One row of the table; health.toml says what the keys mean."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    signal: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    above: float | None = None
    below: float | None = None
    drop: float | None = Field(None, gt=0, description="deviations below the mean of the baseline")
    times: str = ""
    baseline: int = Field(0, ge=0, le=200)
    count: int = Field(1, ge=1)
    window: int = Field(1, ge=1)
    verdict: Verdict
    meaning: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_limit(self) -> Rule:
        if sum(limit is not None for limit in (self.above, self.below, self.drop)) != 1:
            raise ValueError("exactly one of above, below and drop is needed")
        if self.drop is not None and not self.baseline:
            raise ValueError("drop needs a baseline")
        if self.times and self.baseline:
            raise ValueError("a limit is a multiple of another metric (times) or of its own median (baseline)")
        if self.count > self.window:
            raise ValueError(f"count ({self.count}) of the last window ({self.window}) samples is never reached")
        return self


class Firing(NamedTuple):
    """A rule that fires, with its evidence."""

    rule: Rule
    value: float
    limit: float


def load_rules(path: Path = RULES_FILE) -> tuple[Rule, ...]:
    """Read and check a table. Raises RuleError."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"the health rules {path} cannot be read: {error}") from error
    rules = []
    for number, row in enumerate(tree.get("rule", ()), start=1):
        try:
            rules.append(Rule.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise RuleError(f"{path}: rule {number} ({row.get('name', 'no name')}): {key} {first['msg']}") from error
    _check_names(path, rules)
    return tuple(rules)


def _check_names(path: Path, rules: Sequence[Rule]) -> None:
    names, known = [rule.name for rule in rules], {metric.name for metric in METRICS}
    if twice := {name for name in names if names.count(name) > 1}:
        raise RuleError(f"{path}: two rules are called {', '.join(sorted(twice))}")
    for rule in rules:
        for metric in filter(None, (rule.metric, rule.times)):
            if PREFIX + metric not in known:
                raise RuleError(f"{path}: rule {rule.name!r}: there is no metric {PREFIX}{metric} in the metric table")


class Evaluator:
    """Windows over the samples of one agent. `look` takes one update's metrics by name."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rows = [_Row(rule) for rule in rules]

    def look(self, metrics: Mapping[str, float], step: int = 0) -> list[Firing]:
        """The rules that fire now. `step`: number of the update."""
        found = [row.look(metrics, step) for row in self._rows]
        return [firing for firing in found if firing is not None]

    def forget(self) -> None:
        """Nothing seen before counts, neither as breach nor as baseline."""
        self._rows = [_Row(row.rule) for row in self._rows]

    def roll_back(self, step: int) -> None:
        """After a rollback to this update: what came later does not count. Magnitudes that led to it stay the baseline,
        or nobody would see the same collapse again soon, and the next baseline would be made of it. Rewards begin anew:
        how much is usual depends on the stage."""
        for row in self._rows:
            row.roll_back(step)

    @property
    def conclusive(self) -> bool:
        """Whether any rule has had a sample at all."""
        return any(row.seen for row in self._rows)


class _Row:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen = False
        self._needed = rule.baseline + rule.window - 1
        self._past: deque[tuple[int, float]] = deque(maxlen=self._needed + REMEMBERED)
        self._breaches: deque[bool] = deque(maxlen=rule.window)

    def roll_back(self, step: int) -> None:
        kept = () if self.rule.drop is not None else (one for one in self._past if one[0] <= step)
        self._past = deque(kept, maxlen=self._past.maxlen)
        self._breaches.clear()

    def look(self, metrics: Mapping[str, float], step: int) -> Firing | None:
        value = _value(metrics, self.rule)
        if value is None:
            return None
        self.seen = True
        limit = self._limit(metrics)
        self._past.append((step, value))  # the newest of them come into the baseline later: a drop must not hide itself
        if limit is None:
            return None
        within = value <= limit if self.rule.above is not None else value >= limit
        self._breaches.append(not within)
        return Firing(self.rule, value, limit) if sum(self._breaches) >= self.rule.count else None

    def _limit(self, metrics: Mapping[str, float]) -> float | None:
        """None while there is nothing to compare with."""
        rule = self.rule
        factor = rule.above if rule.above is not None else rule.below
        if rule.times:
            other = metrics.get(rule.times)
            return None if other is None or factor is None else factor * other
        if not rule.baseline:
            return factor
        if len(self._past) < self._needed:
            return None
        past = [value for _, value in list(self._past)[-self._needed :][: rule.baseline]]
        if rule.drop is not None:
            mean = statistics.fmean(past)
            deviation = math.sqrt(statistics.fmean((one - mean) ** 2 for one in past))
            return mean - rule.drop * max(deviation, LEAST_DEVIATION_RATIO * abs(mean))
        return None if factor is None else factor * statistics.median(sorted(past, key=_nan_first))


def _nan_first(value: float) -> tuple[bool, float]:
    """The order in which Prometheus sorts."""
    return (value == value, value)


def _value(metrics: Mapping[str, float], rule: Rule) -> float | None:
    """The metric, or the worst of its components (`action_std_0`, `action_std_1`, …)."""
    if rule.metric in metrics:
        return metrics[rule.metric]
    parts = [value for name, value in metrics.items() if _is_component(name, rule.metric)]
    if not parts:
        return None
    if any(part != part for part in parts):
        return float("nan")
    return max(parts) if rule.above is not None else min(parts)


def _is_component(name: str, metric: str) -> bool:
    head, _, index = name.rpartition("_")
    return head == metric and index.isdigit()
