"""What league, evaluator and console share: ids of players, intervals, rows of the panel."""

import pytest
from scipy.stats import binomtest

from ludus.api.v1.match_pb2 import Player
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.standings_pb2 import PairRow, Standings
from ludus.kernel.panel import PanelRow, candidates, final_candidate, panel_opponents, panel_rows
from ludus.kernel.players import agent_of, orient, player_id, version_key, version_of
from ludus.kernel.wilson import wilson_interval

MAIN = PolicyRef(agent="main", epoch=1, step=40, sha256="a")


def test_ids_of_players() -> None:
    assert player_id(Player(policy=MAIN, live=True)) == "main"
    assert player_id(Player(policy=MAIN)) == "main@1.40"
    assert player_id(Player(bot="do_nothing")) == "bot:do_nothing"
    assert version_of("main@1.40") == ("main", 1, 40)
    assert version_key("main@1.40") == "main.1.40"
    assert [agent_of(player) for player in ("main", "main@1.40", "bot:ace")] == ["main", "main", ""]


@pytest.mark.parametrize(
    "player",
    [Player(), Player(policy=MAIN, bot="ace"), Player(bot="ace", live=True), Player(bot="main@1.2"), Player(bot="A b"),
     Player(policy=PolicyRef(agent="bot:ace")), Player(policy=PolicyRef())],
)  # fmt: skip
def test_no_id_for_what_is_not_a_player(player: Player) -> None:
    with pytest.raises(ValueError, match="player"):
        player_id(player)


def test_the_learner_or_the_candidate_stands_first() -> None:
    ranked = ["main", "main@2.10", "main@1.40", "main@1.0", "bot:ace", "bot:chaser"]
    for position, first in enumerate(ranked):
        for second in ranked[position + 1 :]:
            assert orient(first, second) == orient(second, first) == (first, second)


@pytest.mark.parametrize("text", ["main", "main@1", "main@1.2.3", "@1.2", "main@a.b"])
def test_what_is_not_a_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"main@1\.40"):
        version_of(text)


@pytest.mark.parametrize(("wins", "n"), [(0, 10), (10, 10), (1, 200), (95, 100), (190, 200), (7, 9)])
def test_wilson_interval_agrees_with_scipy(wins: int, n: int) -> None:
    expected = binomtest(wins, n).proportion_ci(method="wilson")
    assert wilson_interval(wins, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_at_the_edges() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 5)[0] == 0.0
    assert wilson_interval(5, 5)[1] == 1.0
    with pytest.raises(ValueError, match="3 of 2"):
        wilson_interval(3, 2)


def test_panel_rows_take_evaluation_matches_of_one_candidate_only() -> None:
    standings = Standings(pairs=[
        PairRow(purpose="evaluate", first="main@1.40", second="bot:ace", wins=6, draws=1, losses=3, wins_in_seat_0=4,
                matches_in_seat_0=5),
        PairRow(purpose="evaluate", first="main@1.0", second="bot:ace", losses=10),
        PairRow(purpose="train", first="main@1.40", second="bot:ace", wins=99),
    ])  # fmt: skip
    opponents = panel_opponents("main@1.40", ["ace", "chaser"], "main@1.0")
    assert opponents == ("bot:ace", "bot:chaser", "main@1.0")
    rows = panel_rows(standings, "main@1.40", opponents)
    assert rows[0] == PanelRow("main@1.40", "bot:ace", 6, 1, 3, 4, 5)
    assert (rows[0].matches, rows[0].win_rate) == (10, 0.6)
    assert rows[0].interval == wilson_interval(6, 10)
    assert (rows[1].matches, rows[1].win_rate, rows[1].interval) == (0, 0.0, (0.0, 1.0))
    assert candidates(standings) == ["main@1.40", "main@1.0"]


def test_step_0_does_not_meet_itself() -> None:
    assert panel_opponents("main@1.0", ["ace"], "main@1.0") == ("bot:ace",)


def test_the_final_candidate_has_made_most_updates() -> None:
    assert final_candidate(["main@1.0", "main@2.80", "main@1.120", "main@3.80"]) == "main@1.120"
    assert final_candidate(["main@1.80", "main@2.80"]) == "main@2.80"
    assert final_candidate([]) == ""
