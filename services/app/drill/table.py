"""What became of drills: as a table for people, as rows of evidence for programs."""

from __future__ import annotations

from rich.table import Table

from ...kernel.wilson import wilson_interval
from ..rows import Row, row
from .catalogue import Drill
from .rig import Outcome

#: A version that wins this much less than before has been harmed.
MARGIN_RATIO = 0.03
BACK_SECONDS, MOST_ROLLBACKS = 5.0, 3


def heading() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("drill", "what was done about it (updates later)", "bad versions published", "training again after"):
        table.add_column(name)
    for name in ("wins before → after", "rollbacks", "ends", ""):
        table.add_column(name)
    return table


def cells(name: str, one: Drill, got: Outcome) -> tuple[str, ...]:
    """One line of it."""
    answers = ", ".join(f"{answer} ({delay})" for answer, delay in got.answers.items()) or "nothing"
    before, after = (f"{100 * wins / got.matches:.0f} %" for wins in (got.wins_before, got.wins_after))
    seconds = "" if got.seconds is None else f"{got.seconds:.1f} s"
    verdict = "as it should" if is_right(one, got) else "WRONG"
    bad = f"{got.bad} of {got.published}"
    return name, answers, bad, seconds, f"{before} → {after}", str(got.rollbacks), got.phase, verdict


def is_right(one: Drill, got: Outcome) -> bool:
    """Answered by one of those that are expected, nothing bad published, and not rolled back for ever."""
    if one.expected == ("nothing",):
        return got.rollbacks == 0 and got.phase not in ("rolling", "paused")
    if "harmless" in one.expected and not got.bad and got.wins_after >= got.wins_before - MARGIN_RATIO * got.matches:
        return True
    answered = any(answer in got.answers for answer in one.expected)
    return answered and got.rollbacks <= MOST_ROLLBACKS and got.phase != "rolling"


def rows(name: str, one: Drill, got: Outcome) -> list[Row]:
    found = [
        row(f"{name}: as expected", float(is_right(one, got)), "yes or no", n=1, target=1.0),
        row(f"{name}: bad versions published", got.bad, "versions", n=got.published, target=0.0, at_most=True),
        row(f"{name}: rollbacks", got.rollbacks, "rollbacks", n=1, target=float(MOST_ROLLBACKS), at_most=True),
    ]
    for label, wins in (("before", got.wins_before), ("after", got.wins_after)):
        interval = wilson_interval(wins, got.matches)
        found.append(row(f"{name}: wins {label}", wins / got.matches, "ratio", n=got.matches, interval=interval))
    found += [row(f"{name}: {answer} after", delay, "updates", n=1) for answer, delay in got.answers.items()]
    if got.seconds is not None:
        n, target = got.rollbacks, BACK_SECONDS
        found.append(row(f"{name}: training again after", got.seconds, "seconds", n=n, target=target, at_most=True))
    return found
