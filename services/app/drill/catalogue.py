"""The drills by name, and what each must lead to."""

from __future__ import annotations

from typing import Literal, NamedTuple

from . import faults

Answer = Literal[
    "refused", "taken back", "stopped early", "stopped", "softened", "rolled back", "paused", "nothing", "harmless"
]


class Drill(NamedTuple):
    meaning: str
    fault: type[faults.Nothing]
    expected: tuple[Answer, ...]
    """any of these is right; "nothing": it must be left alone; "harmless": no version is bad, none loses"""
    long: bool = False
    """has to collapse more than once"""


DRILLS: dict[str, Drill] = {
    "rate": Drill("learning rate × 1000 for one update", faults.RateExplodes, ("taken back",)),
    "advantages": Drill("advantages × 1e4 for one update", faults.AdvantagesExplode, ("taken back", "harmless")),
    "observations": Drill("observations × 10 from a shift on", faults.ObservationsScaled, ("rolled back",)),
    "old-log-probs": Drill("log-probabilities of another version", faults.OldLogProbs, ("stopped",)),
    "nan": Drill("NaN in one environment", faults.NotANumber, ("refused",)),
    "creep": Drill("learning rate + 2 % per update", faults.RateCreeps, ("stopped early", "softened", "taken back")),
    "noise-dies": Drill("action noise → 1e-3", faults.NoiseDies, ("taken back", "rolled back")),
    "moments": Drill("Adam's second moments set to 0", faults.MomentsLost, ("taken back", "harmless")),
    "critic": Drill("the critic answers 1e6 too much", faults.CriticJumps, ("taken back", "rolled back")),
    "reference": Drill("the reference is silently another one", faults.ReferenceRefreshed, ("stopped",)),
    "opponent": Drill("the opponent is replaced by a random one", faults.OpponentReplaced, ("nothing",)),
    "trap": Drill("the same collapse after every rollback", faults.Trap, ("paused",), long=True),
    "trap-moments": Drill("… until Adam's moments are reset", faults.TrapInMoments, ("rolled back",), long=True),
    "trap-rate": Drill("… until the return is gentler", faults.TrapOfRate, ("rolled back",), long=True),
    "trap-stage": Drill("… until the stage is entered in steps", faults.TrapOfStage, ("rolled back",), long=True),
    "noisy": Drill("heavy-tailed noise in the rewards, healthy", faults.Noisy, ("nothing",)),
    "improvement": Drill("longer steps while there is much to learn", faults.Improves, ("nothing",)),
}
