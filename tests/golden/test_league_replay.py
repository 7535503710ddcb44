"""A fixed history of results gives these standings, bit for bit, on every machine and in every version."""

from hashlib import blake2b, sha256

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.league.ledger import State, fold
from ludus.league.standings import from_bytes, to_bytes

RESULTS = 20_000
#: Changes only together with the meaning of a stored ledger; runs that exist would then disagree with their replay.
STANDINGS_SHA256 = "13b3e233b85ad50bd141eb07586254d4f857eeab3e7f6ef0bc7b0f294836dd86"


def number(name: str, index: int, below: int) -> int:
    """A reproducible number that does not depend on Python's random module."""
    return int.from_bytes(blake2b(f"{name}{index}".encode(), digest_size=8).digest(), "big") % below


def player(index: int) -> m.Player:
    if index == 0:
        return m.Player(policy=PolicyRef(agent="main", epoch=1, step=9, sha256="live"), live=True)
    if index < 6:
        return m.Player(bot=("do_nothing", "chaser", "dogfighter", "ace", "brawler")[index - 1])
    return m.Player(policy=PolicyRef(agent="main", epoch=index // 20, step=25 * (index - 6), sha256=str(index)))


def history(length: int) -> list[m.MatchResult]:
    """Training and evaluation, swapped orders, void, duplicate and self-matches; strength grows with the index."""
    results = []
    for index in range(1, length + 1):
        one, other = number("one", index, 40), number("other", index, 40)
        both = [player(one), player(other)]
        luck = number("luck", index, 80) - 40 + one - other
        outcome = m.OUTCOME_FIRST_WINS if luck > 8 else m.OUTCOME_SECOND_WINS if luck < -8 else m.OUTCOME_DRAW
        evaluate = number("purpose", index, 3) == 0
        results.append(
            m.MatchResult(
                match=index - (index % 97 == 0), purpose=m.PURPOSE_EVALUATE if evaluate else m.PURPOSE_TRAIN,
                players=both, first_seat=index % 2, outcome=m.OUTCOME_VOID if index % 89 == 0 else outcome,
                seed=index + 2**63 * evaluate, scores=[1.0, -1.0], policies_at_end=[entry.policy for entry in both],
            )
        )  # fmt: skip
    return results


def test_a_fixed_history_gives_fixed_standings() -> None:
    state = State()
    for sequence, result in enumerate(history(RESULTS), 1):
        state = fold(state, sequence, result, k=16)
    assert (state.position, state.results) == (RESULTS, 19_136)
    assert dict(state.refused) == {"duplicate": 191, "void": 224, "invalid": 449}
    assert state.players["main"] == (799_842, 1_000_000, 139, 191, 598)
    assert state.players["bot:ace"] == (791_032, 1_000_000, 176, 190, 546)
    assert sha256(to_bytes(state)).hexdigest() == STANDINGS_SHA256


def test_an_interruption_at_any_point_changes_no_bit() -> None:
    results = history(300)
    straight, interrupted = State(), State()
    for sequence, result in enumerate(results, 1):
        straight = fold(straight, sequence, result, k=32)
        interrupted = from_bytes(to_bytes(fold(interrupted, sequence, result, k=32)))
        assert to_bytes(interrupted) == to_bytes(straight)
