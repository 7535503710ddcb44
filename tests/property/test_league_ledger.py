"""The fold of the ledger against an independent model, over arbitrary histories of good, bad and hostile results."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.league.ledger import OutOfOrder, State, fold, fold_bytes
from ludus.league.standings import from_bytes, to_bytes

K = 16
LIVE, BOTS, VERSIONS = "main", ["bot:ace", "bot:chaser"], ["main@1.0", "main@1.25", "main@2.25"]
OUTCOMES = {m.OUTCOME_FIRST_WINS: 1.0, m.OUTCOME_DRAW: 0.5, m.OUTCOME_SECOND_WINS: 0.0}
players = st.sampled_from([LIVE, *BOTS, *VERSIONS])


class Model:
    """What the standings should be, written as plainly as possible."""

    def __init__(self) -> None:
        self.elo: dict[str, int] = {}
        self.counts: dict[str, list[int]] = {}
        self.pairs: dict[tuple[str, str, str, str], list[tuple[float, bool]]] = {}
        self.solos: dict[tuple[str, str], list[float]] = {}
        self.seen: set[int] = set()
        self.refused = {"duplicate": 0, "void": 0, "invalid": 0}
        self.position = 0

    def refuse(self, reason: str) -> None:
        self.position += 1
        self.refused[reason] += 1

    def rate(
        self, match: int, purpose: str, one: str, other: str, score: float, one_in_seat_0: bool, regime: str = ""
    ) -> None:
        if match in self.seen:
            return self.refuse("duplicate")
        self.position += 1
        self.seen.add(match)
        if not regime:
            self.elo_of(one, other, score)
        order = [LIVE, "main@2.25", "main@1.25", "main@1.0", *BOTS]
        if order.index(one) > order.index(other):
            one, other, score, one_in_seat_0 = other, one, 1 - score, not one_in_seat_0
        self.pairs.setdefault((purpose, one, other, regime), []).append((score, one_in_seat_0))
        return None

    def elo_of(self, one: str, other: str, score: float) -> None:
        for player in (one, other):
            self.elo.setdefault(player, self.elo.get(LIVE, 1_000_000) if "@" in player else 1_000_000)
            self.counts.setdefault(player, [0, 0, 0])
        gap = self.elo[other] - self.elo[one]
        gain = round(K * 1000 * (score - 1 / (1 + 10 ** (gap / 400_000))))
        self.elo[one] += gain
        self.elo[other] -= gain
        self.counts[one][int(2 - 2 * score)] += 1
        self.counts[other][int(2 * score)] += 1

    def score(self, match: int, purpose: str, name: str, score: float) -> None:
        if match in self.seen:
            return self.refuse("duplicate")
        self.position += 1
        self.seen.add(match)
        self.solos.setdefault((purpose, name), []).append(score)
        return None


def player(name: str) -> m.Player:
    if name.startswith("bot:"):
        return m.Player(bot=name[4:])
    if name == LIVE:
        return m.Player(policy=PolicyRef(agent="main", epoch=3, step=7, sha256="aa"), live=True)
    epoch, step = name.removeprefix("main@").split(".")
    return m.Player(policy=PolicyRef(agent="main", epoch=int(epoch), step=int(step), sha256=name))


def result(match: int, one: str, other: str, outcome: int, seat: int = 0, evaluate: bool = False) -> m.MatchResult:
    both = [player(one), player(other)]
    return m.MatchResult(
        match=match, ticket_id="t", run="r", purpose=m.PURPOSE_EVALUATE if evaluate else m.PURPOSE_TRAIN,
        players=both, first_seat=seat, outcome=outcome, ending="timeout", seed=2**63 + 1 if evaluate else 1,
        decisions=10, policies_at_end=[one.policy for one in both], scores=[0.5, -0.5],
    )  # fmt: skip


def solo(match: int, name: str, score: float, evaluate: bool = False) -> m.MatchResult:
    message = result(match, name, name, m.OUTCOME_SCORED, evaluate=evaluate)
    del message.players[1:], message.policies_at_end[1:], message.scores[:]
    message.scores.append(score)
    return message


def spoil(message: m.MatchResult, how: str) -> None:
    """Make a good message bad in one way."""
    if how == "nobody":
        del message.players[:]
    elif how == "one player":
        del message.players[1:]
    elif how == "bot and policy":
        message.players[0].bot = "ace"
        message.players[0].policy.agent = "main"
    elif how == "empty player":
        message.players[1].Clear()
    elif how == "nan":
        message.scores[0] = math.nan
    elif how == "infinite":
        message.scores[1] = -math.inf
    elif how == "no scores":
        del message.scores[:]
    elif how == "outcome":
        message.outcome = 17  # type: ignore[assignment]
    elif how == "no outcome":
        message.outcome = m.OUTCOME_UNSPECIFIED
    elif how == "purpose":
        message.purpose = 9  # type: ignore[assignment]
    elif how == "seat":
        message.first_seat = 2
    elif how == "void reason":
        message.void_reason = "worker lost"
    elif how == "seed":
        message.seed ^= 2**63
    elif how == "number":
        message.match = 0
    elif how == "name":
        message.players[1].CopyFrom(m.Player(bot="main@1.0"))
    elif how == "swapped weights":
        message.policies_at_end[0].sha256 += "x"
        message.players[0].live = False
    elif how == "no hashes":
        del message.policies_at_end[:]
    elif how == "no hash at the start":
        message.players[0].policy.sha256 = ""
    elif how == "no hash at the end":
        message.policies_at_end[0].sha256 = ""


SPOILS = ["nobody", "one player", "bot and policy", "empty player", "nan", "infinite", "no scores", "outcome",
          "no outcome", "purpose", "seat", "void reason", "seed", "number", "name", "swapped weights",
          "no hashes", "no hash at the start", "no hash at the end"]  # fmt: skip


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.state, self.model = State(), Model()
        self.history: list[bytes] = []

    def offer(self, message: m.MatchResult) -> None:
        self.history.append(message.SerializeToString())
        self.state = fold(self.state, self.state.position + 1, message, k=K)

    @rule(match=st.integers(1, 400), one=players, other=players, outcome=st.sampled_from(list(OUTCOMES)),
          seat=st.integers(0, 1), evaluate=st.booleans(), regime=st.sampled_from(["", "", "sniper"]))  # fmt: skip
    def play(self, match: int, one: str, other: str, outcome: int, seat: int, evaluate: bool, regime: str) -> None:
        """A regime belongs to evaluations; its matches enter their own pair and no rating."""
        message = result(match, one, other, outcome, seat, evaluate)
        message.regime = regime
        self.offer(message)
        if one == other or (regime and not evaluate):
            self.model.refuse("invalid")
        else:
            purpose = "evaluate" if evaluate else "train"
            self.model.rate(match, purpose, one, other, OUTCOMES[outcome], seat == 0, regime)

    @rule(match=st.integers(1, 400), name=st.sampled_from([LIVE, *VERSIONS]), evaluate=st.booleans(),
          score=st.floats(-1000, 1000, width=32))  # fmt: skip
    def play_alone(self, match: int, name: str, evaluate: bool, score: float) -> None:
        self.offer(solo(match, name, score, evaluate))
        self.model.score(match, "evaluate" if evaluate else "train", name, score)

    @rule(outcome=st.sampled_from(list(OUTCOMES)))
    def win_against_nobody(self, outcome: int) -> None:
        message = solo(778, VERSIONS[0], 1.0)
        message.outcome = outcome  # type: ignore[assignment]
        self.offer(message)
        self.model.refuse("invalid")

    @rule()
    def score_against_somebody(self) -> None:
        self.offer(result(779, VERSIONS[0], BOTS[0], m.OUTCOME_SCORED))
        self.model.refuse("invalid")

    @rule(match=st.integers(1, 400))
    def void(self, match: int) -> None:
        self.offer(result(match, LIVE, BOTS[0], m.OUTCOME_VOID))
        self.model.refuse("void")

    @rule(how=st.sampled_from(SPOILS))
    def hostile(self, how: str) -> None:
        message = result(777, VERSIONS[0], BOTS[0], m.OUTCOME_DRAW)
        spoil(message, how)
        self.offer(message)
        self.model.refuse("void" if how == "swapped weights" else "invalid")

    @rule(data=st.sampled_from([b"\xff\xff\xff", b"\x0a", b"", b"not a message"]))
    def garbage(self, data: bytes) -> None:
        self.history.append(data)
        self.state = fold_bytes(self.state, self.state.position + 1, data, k=K)
        self.model.refuse("invalid")

    @rule(jump=st.integers(-5, 5).filter(lambda jump: jump != 1))
    def out_of_order(self, jump: int) -> None:
        with pytest.raises(OutOfOrder):
            fold(self.state, self.state.position + jump, result(1, LIVE, BOTS[0], m.OUTCOME_DRAW), k=K)

    @rule()
    def restart(self) -> None:
        self.state = from_bytes(to_bytes(self.state))

    @invariant()
    def agrees_with_the_model(self) -> None:
        state, model = self.state, self.model
        assert state.position == model.position == len(self.history)
        assert {name: row.milli_elo for name, row in state.players.items()} == model.elo
        assert {name: [row.wins, row.draws, row.losses] for name, row in state.players.items()} == model.counts
        assert {tuple(key): pair.matches for key, pair in state.pairs.items()} == {
            key: len(scores) for key, scores in model.pairs.items()
        }
        for key, pair in state.pairs.items():
            scores = model.pairs[tuple(key)]
            assert (pair.wins, pair.draws) == (scores.count((1.0, True)) + scores.count((1.0, False)),
                                               scores.count((0.5, True)) + scores.count((0.5, False)))  # fmt: skip
            assert (pair.wins_in_seat_0, pair.matches_in_seat_0) == (
                scores.count((1.0, True)), sum(seat for _, seat in scores))  # fmt: skip
            if len(scores) <= 64:
                assert pair.recent_score == pytest.approx(sum(score for score, _ in scores) / len(scores))
        assert {key[:2]: row.episodes for key, row in state.solos.items()} == {
            key: len(scores) for key, scores in model.solos.items()
        }
        for solo_key, row in state.solos.items():
            returns = model.solos[solo_key[:2]]
            mean = sum(returns) / len(returns)
            assert row.return_mean == pytest.approx(mean, abs=1e-6)
            assert row.return_m2 == pytest.approx(sum((score - mean) ** 2 for score in returns), rel=1e-6, abs=1e-3)
            assert row.decisions == 10 * len(returns)
        assert len(state.applied) == state.results == len(model.seen)
        assert dict(state.refused) == {reason: count for reason, count in model.refused.items() if count}

    @invariant()
    def is_zero_sum(self) -> None:
        rows = self.state.players.values()
        assert sum(row.milli_elo for row in rows) == sum(row.initial_milli_elo for row in rows)

    def teardown(self) -> None:
        """The stored bytes come back unchanged, and a replay of the history gives the same bytes."""
        state = State()
        for sequence, data in enumerate(self.history, 1):
            state = fold_bytes(state, sequence, data, k=K)
        assert to_bytes(state) == to_bytes(self.state) == to_bytes(from_bytes(to_bytes(self.state)))


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
