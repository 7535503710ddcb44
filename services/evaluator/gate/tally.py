"""The gate's view of the ledger: a pure fold, so that a restarted evaluator comes to the same verdict."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ...api.v1 import match_pb2 as match
from ...kernel.players import agent_of, is_version, player_id
from ...kernel.promotion import GateConfig, Verdict, Word
from ...kernel.seals import is_genuine
from .panel import Difference, difference
from .sprt import bounds, log_likelihood_ratio

#: Halves of a point for player 0 of a result.
HALVES = {match.OUTCOME_FIRST_WINS: 2, match.OUTCOME_DRAW: 1, match.OUTCOME_SECOND_WINS: 0}


@dataclass
class Trial:
    """One candidate against one champion."""

    pentanomial: list[int] = field(default_factory=lambda: [0] * 5)
    llr: float = 0.0
    decided: int = 0
    """1: elo1 was accepted, -1: elo0; it stays at the first decision"""


class Tally:
    """Everything that verdicts are made of, up to some result of the ledger."""

    def __init__(self, config: GateConfig, key: bytes = b"") -> None:
        """`key`: of the run's seals; what the league did not order decides nothing."""
        self._config, self._key = config, key
        self._halves: dict[tuple[str, str, str, int], dict[int, int]] = {}
        self._panel: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
        self._trials: dict[tuple[str, str], Trial] = defaultdict(Trial)

    def fold(self, result: match.MatchResult) -> None:
        """A match booked twice counts once: a seat of a pair is filled only once."""
        pair = _pair(result)
        if pair is None or (self._key and not is_genuine(result, self._key)):
            return
        one, other, halves = pair
        purpose = match.Purpose.Name(result.purpose)
        seats = self._halves.setdefault((purpose, one, other, result.seed), {})
        if result.first_seat in seats:
            return
        seats[result.first_seat] = halves
        if len(seats) < 2:
            return
        total = sum(seats.values())
        if result.purpose == match.PURPOSE_PROBE:
            self._test(one, other, total)
        else:
            self._panel[one][other, result.seed] = total

    def trial(self, candidate: str, champion: str) -> Trial:
        return self._trials[candidate, champion]

    def on_panel(self, candidate: str, champion: str) -> Difference:
        """Only opponents that both have met."""
        return difference(self._panel[candidate], self._panel[champion])

    def verdict(self, candidate: str, champion: str) -> Verdict | None:
        """None while more matches are wanted."""
        trial, most = self.trial(candidate, champion), self._config.most_matches // 2
        if not trial.decided and sum(trial.pentanomial) < most:
            return None
        found, margin = self.on_panel(candidate, champion), self._config.panel_margin
        word: Word = "inconclusive"
        reason = f"no decision in {2 * most} matches"
        if trial.decided < 0:
            word, reason = "rejected", f"it is not {self._config.elo1:g} Elo points stronger"
        elif found.high < -margin:
            word, reason = "rejected", "it loses on the panel"
        elif trial.decided > 0 and found.low >= -margin:
            word, reason = "promoted", "it is stronger, and loses nothing on the panel"
        elif trial.decided > 0:
            reason = "it is stronger, but the panel does not show that nothing is lost"
        return Verdict(
            candidate, champion, word, reason, trial.llr, tuple(trial.pentanomial), found.pairs, found.low, found.high
        )

    def _test(self, candidate: str, champion: str, total: int) -> None:
        trial, config = self.trial(candidate, champion), self._config
        if trial.decided:
            return
        trial.pentanomial[total] += 1
        trial.llr = log_likelihood_ratio(trial.pentanomial, config.elo0, config.elo1)
        lower, upper = bounds(config.alpha, config.beta)
        trial.decided = int(trial.llr >= upper) - int(trial.llr <= lower)


def _pair(result: match.MatchResult) -> tuple[str, str, int] | None:
    """Candidate, opponent, halves of the candidate; the candidate stands first. None for what no verdict rests on."""
    measured = result.purpose == match.PURPOSE_PROBE or (result.purpose == match.PURPOSE_EVALUATE and not result.regime)
    if not measured or result.outcome not in HALVES or len(result.players) != 2:
        return None
    try:
        one, other = (player_id(player) for player in result.players)
    except ValueError:
        return None
    if not is_version(one) or (result.purpose == match.PURPOSE_PROBE and agent_of(one) != agent_of(other)):
        return None
    return one, other, HALVES[result.outcome]
