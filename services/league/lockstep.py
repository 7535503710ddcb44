"""Training orders of a run in lockstep: one lot per window, decided once and for all. Pure.

What is drawn depends on the run's seed, the tickets ordered before, the pool and the training results of earlier
windows, of which the simulator has published every one before the learner can ask for the next window. Evaluation
results come when they come, so nothing here looks at them, nor at the ratings they move. Orders are part of the run's
record: a league that dies has either decided on a window or has not, and never decides twice.
"""

from __future__ import annotations

from ..api.v1.lockstep_pb2 import Orders
from . import levels, schedule
from .tickets import lockstep_shortage
from .turn import Turn


def is_due(turn: Turn) -> bool:
    """Whether the learner has come to a window without orders. A resumed one repeats windows that have theirs."""
    record = turn.record
    due = record.orders.window + 1 if record.HasField("orders") else 0
    return turn.view.window >= due and turn.view.step < turn.plan.config.total_updates


def order(turn: Turn) -> None:
    """Write the orders of the window that is due into the record."""
    config, record, standings = turn.plan.config, turn.record, turn.view.training
    printer = turn.printer_from(record.orders.next_ticket, record.orders.next_match)
    tickets = []
    for _ in range(lockstep_shortage(config, printer.next_match - 1 - standings.results)):
        number = printer.next_ticket
        stage, randomisation = schedule.of_ticket(turn, number)
        players = turn.lineup(turn.chooser(number), stage, standings, number)
        tickets.append(printer.training(players, stage.name, randomisation, levels.level(turn, number)))
    record.orders.CopyFrom(Orders(window=turn.view.window, tickets=tickets,
                                  next_match=printer.next_match, next_ticket=printer.next_ticket))  # fmt: skip
