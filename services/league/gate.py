"""The promotion gate seen from the league: who is champion, who is tested next, how many more matches. Pure.

The evaluator judges; here its verdict is carried out. A candidate meets the champion in batches, once its panel is
complete, until there is a verdict. The champion stays in the pool of opponents, and is on the panel of later versions.
"""

from __future__ import annotations

from .evaluation import PATIENCE, Order
from .pool import admit_version
from .turn import Turn

PROBE = "probe"


def crown(turn: Turn) -> None:
    """Step 0 is the first champion."""
    if turn.plan.config.evaluator.gate.enabled:
        turn.record.champions[:] = turn.geneses


def nominate(turn: Turn, candidate: str, *, last: bool = False) -> None:
    """Test a version that is being measured, unless another one is under test; the last one is tested in any case."""
    gate, champions = turn.record.gate, turn.record.champions
    if champions and candidate not in champions and candidate != gate.candidate and (last or not gate.candidate):
        gate.candidate, gate.ordered = candidate, 0
        turn.announce("gate", f"{candidate} is tested against the champion {champions[-1]}")


def on_panel(turn: Turn, candidate: str) -> str:
    """The champion that a candidate is measured against beside the panel; "" where it is on that already."""
    champion = turn.record.champions[-1] if turn.record.champions else ""
    return champion if champion not in (candidate, *turn.geneses) else ""


def follow(turn: Turn) -> bool:
    """Carry out a verdict, or order more matches. Whether a candidate is still under test."""
    gate = turn.record.gate
    if not gate.candidate or not turn.record.champions:
        return False
    verdict, champion = turn.view.verdict, turn.record.champions[-1]
    if verdict is not None and (verdict.candidate, verdict.champion) == (gate.candidate, champion):
        if verdict.word == "promoted":
            turn.record.champions.append(gate.candidate)
            turn.record.pool[:] = admit_version(turn.record.pool, gate.candidate, turn.pool_rule)
            turn.announce("promotion", f"{gate.candidate} is champion", champion=gate.candidate)
        turn.record.ClearField("gate")
        return False
    return _order(turn, champion)


def _order(turn: Turn, champion: str) -> bool:
    gate, config = turn.record.gate, turn.plan.config.evaluator.gate
    if turn.view.evaluation_waiting or not turn.view.caught_up or turn.has_orders():
        return True
    if gate.ordered >= PATIENCE * config.most_matches or gate.candidate not in turn.catalog:
        turn.announce("gate", f"{gate.candidate} gets no verdict: its matches do not arrive")
        turn.record.ClearField("gate")
        return False
    played = turn.view.standings.played(PROBE, gate.candidate, champion)
    # Void matches leave pairs incomplete, so that more may be wanted than the configuration says.
    matches = min(config.batch_matches, max(config.most_matches - played, 2))
    order = Order(gate.candidate, champion, gate.ordered, matches + matches % 2, probe=True)
    gate.ordered += order.matches
    turn.publish(turn.printer.evaluation(order, turn.catalog))
    return True
