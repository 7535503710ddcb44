"""A stage that was collapsed in twice is entered in steps: at first most matches are still of the stage before. Pure.

Stages are what follows the clock of updates: phases, their pools of bots, levels of randomisation (`stages`).
"""

from __future__ import annotations

from ..api.v1.run_pb2 import RunRecord

#: Share of the matches that are of the stage before when a stage is entered. It falls to nothing in a straight line.
OLD_SHARE = 0.7


def old_share(record: RunRecord, step: int) -> float:
    """How many of the matches ordered at this update are of the stage before."""
    again = record.reentry
    if not again.updates or not record.stage_step:
        return 0.0
    age = step - max(record.stage_step, again.step)
    return OLD_SHARE * (1 - age / again.updates) if 0 <= age < again.updates else 0.0


def reenter(record: RunRecord, step: int, updates: int) -> RunRecord:
    """From a rollback to `step` on, stages are entered over so many updates."""
    changed = RunRecord()
    changed.CopyFrom(record)
    changed.reentry.step, changed.reentry.updates = step, updates
    return changed
