"""Cases that can be worked out by hand, and one for each defect of the original that this game must not have."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
import pytest
from scipy import stats

import ludus.games
from ludus.games.pursuit.constants import ROLE_BOTS

STILL = np.zeros((1, 2, 2), np.float32)


def make(batch: int = 1, **parameters: Any) -> Any:
    return ludus.games.make("pursuit", **{"batch": batch, "autoreset": "disabled", "lidar_noise": 0.0} | parameters)


def placed(game: Any, p: tuple[float, ...], e: tuple[float, ...], circles: Any = (), step: int = 0) -> np.ndarray:
    """Put both robots (x, y, heading) and the circles (x, y, radius) of match 0 in place; the observation."""
    names = ("px", "py", "ptheta", "ex", "ey", "etheta")
    state = {name: np.array([value], float) for name, value in zip(names, (*p, *e), strict=True)}
    rows = np.array([circles], float).reshape(1, len(circles), 3)
    seen: np.ndarray = game.restore(state | {"obstacles": rows, "step": np.array([step])})[0]
    return seen


def move(game: Any, pursuer: tuple[float, float] = (0, 0), evader: tuple[float, float] = (0, 0)) -> Any:
    step = game.step(np.array([[pursuer, evader]]))
    return step, {name: values[0] for name, values in game.snapshot().items()}


# --- motion and ends -----------------------------------------------------------------------------------


def test_the_old_heading_moves_the_robot() -> None:
    game = make()
    placed(game, (0, 0, 0), (5, 5, pi / 2))
    _, state = move(game, (1.0, 2.0), (0.5, -2.84))
    assert (state["px"], state["py"], state["ptheta"]) == pytest.approx((0.05, 0.0, 0.1))
    assert (state["ex"], state["ey"], state["etheta"]) == pytest.approx((5.0, 5.025, pi / 2 - 0.142))


def test_there_is_no_reverse_and_headings_wrap() -> None:
    game = make()
    placed(game, (0, 0, 3.1), (5, 5, 0))
    _, state = move(game, (-1.0, 9.0))
    assert (state["px"], state["pv"], state["pomega"]) == (0, 0, 2.84)
    assert state["ptheta"] == pytest.approx(3.1 + 0.142 - 2 * pi)


def test_walls_stop_the_centre_a_radius_away_and_are_reported_for_that_step_only() -> None:
    game = make(rewards={"wall": -0.5})
    placed(game, (9.84, 0, 0), (-9.0, -9.84, -pi / 2))
    (_, reward, *_), state = move(game, (1, 0), (1, 0))
    assert (state["px"], state["ey"]) == pytest.approx((9.85, -9.85))
    assert state["wall"].tolist() == [True, True]
    assert reward[0].sum() == pytest.approx(-1.0)
    _, state = move(game, (0, 0), (0, 1))
    assert state["wall"].tolist() == [False, False]


def test_obstacles_push_out_in_order_and_walls_have_the_last_word() -> None:
    game = make(rewards={"collision": -0.2})
    placed(game, (-1.14, 0, 0), (9.4, 9.84, 0), [(0, 0, 1.0), (9.0, 9.8, 0.5)])
    (_, reward, *_), state = move(game, (1, 0), (1, 0))
    assert (state["px"], state["py"]) == pytest.approx((-1.15, 0))
    assert np.hypot(state["ex"] - 9.0, state["ey"] - 9.8) == pytest.approx(0.65, abs=1e-3)
    assert state["ey"] == 9.84 or state["ey"] <= 9.85
    assert state["collision"].tolist() == [True, True]
    assert reward[0].sum() == pytest.approx(-0.4)


@pytest.mark.parametrize(("gap", "captured"), [(0.5, True), (0.5000001, False)])
def test_capture_is_a_distance_of_at_most_the_radius(gap: float, captured: bool) -> None:
    game = make()
    placed(game, (0, 0, 0), (gap, 0, 0), step=1199)
    (_, reward, terminated, truncated, info), state = move(game)
    assert (terminated[0], truncated[0]) == (captured, not captured), "a capture in the last step is a capture"
    assert info.outcome[0] == (1 if captured else 3)
    assert game.endings[info.ending[0]] == ("capture" if captured else "timeout")
    assert reward[0].tolist() == ([100, -100] if captured else [-100, 100])
    assert state["min_distance"] == pytest.approx(gap)


def test_in_the_preparation_the_pursuer_may_only_turn() -> None:
    game = make(physics={"prep_steps": 2})
    placed(game, (0, 0, 0), (5, 5, 0))
    for expected in (0.0, 0.0, 0.05):
        _, state = move(game, (1, 0), (1, 0))
        assert state["px"] == pytest.approx(expected)
    assert state["ex"] == pytest.approx(5.15)


def test_an_action_is_held_for_a_decision_and_its_rewards_are_summed() -> None:
    game = make(steps_per_decision=4)
    placed(game, (0, 0, 0), (5, 0, pi))
    (_, reward, *_), state = move(game, (1, 0), (1, 0))
    assert (state["px"], state["ex"], state["step"], state["decisions"]) == pytest.approx((0.2, 4.8, 4, 1))
    assert reward[0].tolist() == pytest.approx([0.4 / 800**0.5, -0.4 / 800**0.5])


# --- rewards -------------------------------------------------------------------------------------------


def rewards(weights: dict[str, float], circles: Any, **parameters: Any) -> list[float]:
    game = make(rewards={"approach": 0.0, **weights}, **parameters)
    placed(game, (-3, 0, 0), (3, 0, 0), circles)
    return list(move(game, (0, 0), (1, 0))[0][1][0])


def test_terms_of_sight() -> None:
    wall, aside = [(0, 0, 1.0)], [(0, 5, 1.0)]
    assert rewards({"occlusion": 0.3}, wall) == pytest.approx([0, 0.3])
    assert rewards({"occlusion": 0.3}, aside) == pytest.approx([0, 0])
    assert rewards({"visibility": 0.5}, wall) == pytest.approx([0, 0.5])
    assert rewards({"visibility": 0.5}, aside) == pytest.approx([0, -0.5])
    assert rewards({"visibility": 0.5}, []) == pytest.approx([0, 0]), "without obstacles the game stays zero-sum"
    assert rewards({"sight": 0.1}, aside) == pytest.approx([0.1, -0.1])
    assert rewards({"sight": 0.1}, wall) == pytest.approx([0, 0])
    assert rewards({"sight": 0.1}, aside, sensing_range=5.0) == pytest.approx([0, 0])
    assert rewards({"survival": 0.02}, aside) == pytest.approx([0, 0.02])


def test_the_potential_of_cover_pays_the_way_towards_the_nearest_surface() -> None:
    assert rewards({"cover": 10.0}, [(8, 0, 1.0)]) == pytest.approx([0, 10 * 0.05 / 800**0.5])
    assert rewards({"cover": 10.0}, [(0, 0, 1.0)]) == pytest.approx([0, -10 * 0.05 / 800**0.5])
    assert rewards({"cover": 10.0}, []) == pytest.approx([0, 0])


def test_search_pays_for_stale_cells_once_and_only_while_nothing_is_seen() -> None:
    game = make(rewards={"approach": 0, "search": 1.0}, observation="original+masked", sensing_range=3.0)
    game.reset()
    placed(game, (0, 0, 0), (9, 9, 0))
    pay = [float(move(game)[0][1][0, 0]) for _ in range(3)]
    assert pay == pytest.approx([1.0, 1 / 50, 1 / 50])
    placed(game, (0, 0, 0), (2, 0, 0), step=40)
    assert move(game)[0][1][0, 0] == 0, "the evader is in sight"


# --- what robots see -----------------------------------------------------------------------------------


def test_the_original_layout() -> None:
    game = make(observation="original+2", physics={"evader_speed": 1.2})
    placed(game, (1, 2, 0), (4, 6, pi), [(3, 2, 0.5), (9, 9, 1.0)])
    (seen, *_), _ = move(game, (0.5, 1.42), (9, 0))
    p, e = seen[0]
    assert p[:5] == pytest.approx([0.1025, 0.2, 0.071 / pi, 0.5, 0.5])
    assert p[5:10] == pytest.approx([0.394, 0.6, -1, 1.2, 0], abs=1e-6)
    assert p[10] == pytest.approx(np.hypot(2.915, 4) / 800**0.5)
    assert p[12:14] == pytest.approx([0.8975, 0.8])
    assert p[14] == pytest.approx((1.975 - 0.5) / 800**0.5)
    assert p[15] == pytest.approx(-0.071 / pi)
    assert e[3] == pytest.approx(1.2), "speeds are shares of the pursuer's top speed"


def test_missing_obstacles_read_as_far_away_and_ahead() -> None:
    seen = placed(make(observation="egocentric+2"), (1, 2, 0), (4, 6, pi), [(3, 2, 0.5)])
    assert seen[0, 16:18].tolist() == [1, 0]
    assert seen[0, -3:].tolist() == [0, 0, 0]


def test_the_egocentric_layout() -> None:
    row = placed(make(observation="egocentric"), (1, 2, 0), (4, 6, pi / 2), step=300)[0, 14:]
    assert row[:4] == pytest.approx([1, 0, 0, 1], abs=1e-6)
    assert row[4:8] == pytest.approx([0.6, 0.8, -0.8, 0.6], abs=1e-6)
    assert row[8:] == pytest.approx([np.exp(-2.5), 1, 0.25])


SEEN_BY = {
    "range": ({"sensing_range": 3.0}, [True, False]),
    "range with obstacles": ({"sensing_range": 9.0, "line_of_sight": True}, [False, False]),
    "cone": ({"fov": 2.0}, [True, False]),
    "line of sight": ({}, [False, True]),
}


@pytest.mark.parametrize("option", SEEN_BY)
def test_every_kind_of_masking_reaches_the_observation(option: str) -> None:
    """Each option hides, in one of two scenes, what is seen in the other: none is without effect."""
    parameters, _ = SEEN_BY[option]
    game = make(observation="original+masked", **parameters)
    scenes = {
        "range": ((0, 0, 0), (2.9, 0, 0), ()),
        "range hides": ((0, 0, 0), (3.1, 0, 0), ()),
        "range with obstacles": ((0, 0, 0), (8.9, 0, 0), [(4, 2, 1.9)]),
        "range with obstacles hides": ((0, 0, 0), (8.9, 0, 0), [(4, 2, 2.0)]),
        "cone": ((0, 0, 0.99), (5, 0, 0), ()),
        "cone hides": ((0, 0, 1.01), (5, 0, 0), ()),
        "line of sight": ((0, 0, 2), (9, 0, 0), [(12, 0, 2.9)]),
        "line of sight hides": ((0, 0, 2), (9, 0, 0), [(10, 0, 2.0)]),
    }
    shown, hidden = placed(game, *scenes[option])[0].copy(), placed(game, *scenes[f"{option} hides"])[0].copy()
    assert (shown[14], hidden[14]) == (1, 0)
    assert shown[5] != 0
    assert hidden[5:12].tolist() == [0] * 7
    assert hidden[12:14].tolist() == shown[12:14].tolist()


def test_masking_of_one_role_leaves_the_other_alone() -> None:
    for role, flags in (("pursuer", [0, 1]), ("evader", [1, 0]), ("both", [0, 0])):
        game = make(observation="original+masked", sensing_range=1.0, masked=role)
        assert placed(game, (0, 0, 0), (5, 0, 0))[:, 14].tolist() == flags


def test_greedy_chases_the_centre_when_it_sees_nothing() -> None:
    game = make(observation="original+masked", sensing_range=1.0)
    for bot, turn in (("greedy", -2.84), ("greedy_full", 2.84)):
        game.seat_bots(0, bot)
        placed(game, (0, 5, 0), (0, 9, 0))
        assert move(game)[1]["pomega"] == pytest.approx(turn)


# --- defects of the original ---------------------------------------------------------------------------


def lidar(game: Any, p: tuple[float, float, float], circles: Any = ()) -> np.ndarray:
    """36 ways, from straight back counter-clockwise; index 18 is ahead."""
    return placed(game, p, (9.0, -9.0, 0), circles)[0, 7:43].astype(np.float64)


def test_lidar_sees_the_walls_where_they_are_and_no_others() -> None:
    """The original gave it a box from 0 to W: phantom walls through the centre, none at the real places."""
    game = make(observation="sensor")
    assert lidar(game, (-1, 3, 0)).tolist() == [5.0] * 36
    near_left = lidar(game, (-8, 0, pi))
    assert near_left[18] == pytest.approx(2.0)
    assert near_left[[0, 9, 27]].tolist() == [5.0] * 3
    assert lidar(game, (7, 6, 0))[[0, 9, 18, 27]].tolist() == pytest.approx([5, 5, 3, 4])
    assert lidar(game, (0, 0, pi / 2), [(0, 3, 1.0)])[18] == pytest.approx(2.0)
    small = make(observation="sensor", physics={"arena_width": 4.0, "min_separation": 1})
    assert placed(small, (0, 0, 0), (1, 9, 0))[0, [7, 16, 25, 34]].tolist() == pytest.approx([2, 5, 2, 5])


def test_lidar_noise_has_its_size_and_comes_from_the_seed() -> None:
    """The original drew it from a global generator, so that no episode could be repeated."""
    physics = {"arena_width": 8.0, "arena_height": 8.0, "max_separation": 9.0}
    game = make(200, observation="sensor", lidar_noise=0.1, physics=physics)
    first = game.reset(seeds=np.arange(200, dtype=np.uint64)).copy()
    assert np.array_equal(first, game.reset(seeds=np.arange(200, dtype=np.uint64)))
    state = game.snapshot()
    clean = make(200, observation="sensor", physics=physics).restore(state)
    inside = (clean[..., 7:43] > 0.5) & (clean[..., 7:43] < 4.5)
    noise = (first - clean)[..., 7:43][inside].astype(np.float64)
    assert len(noise) > 5000
    assert stats.kstest(noise / 0.1, "norm").pvalue > 0.01
    later = game.step(np.zeros((200, 2, 2)))[0]
    assert abs(np.corrcoef((later - clean)[..., 7:43][inside], noise)[0, 1]) < 0.05, "each scan has its own noise"


def test_corners_are_fled_to_in_all_four_quadrants() -> None:
    """The original's corners lay in a frame from 0 to W: three of four were not the nearest, or not in the arena."""
    for x, y in ((-3, -4), (-3, 4), (3, -4), (3, 4)):
        game = make()
        game.seat_bots(1, "flee_to_corner")
        placed(game, (0, 0, 0), (x, y, 0))
        for _ in range(250):
            state = move(game)[1]
        assert (abs(state["ex"]), abs(state["ey"])) == pytest.approx((9.5, 9.5), abs=0.6)
        assert (np.sign(state["ex"]), np.sign(state["ey"])) == (np.sign(x), np.sign(y))


def test_degrees_are_refused_where_radians_are_meant() -> None:
    with pytest.raises(ValueError, match="radians"):
        make(observation="original+masked", fov=90.0)


def test_no_parameter_of_sight_is_silently_without_effect() -> None:
    """The original's launchers masked nothing for lack of one switch; here that is an error, with the switch's name."""
    for option in ({"fov": 1.5}, {"sensing_range": 8.0}, {"line_of_sight": True}, {"masked": "pursuer"}):
        with pytest.raises(ValueError, match=r"\+masked"):
            make(observation="original+3", **option)
    for weight in ("search", "sight"):
        make(observation="original+masked", sensing_range=3.0, rewards={weight: 0.1})


def test_parameters_are_never_taken_for_others_that_begin_alike() -> None:
    with pytest.raises(ValueError, match="unknown parameter of pursuit 'reward'"):
        make(reward={"capture": 1})
    with pytest.raises(ValueError, match="unknown reward term of pursuit 'time'"):
        make(rewards={"time": 1})


def test_the_start_of_last_resort_lies_inside_a_small_arena() -> None:
    """The original put the robots at x = ±5, outside of an arena of 5 × 5 m."""
    physics = {"arena_width": 5.0, "arena_height": 5.0, "min_separation": 6.6, "max_separation": 6.64}
    game = make(64, physics=physics)
    game.reset()
    state = game.snapshot()
    assert all(np.abs(state[name]).max() <= 2.35 for name in ("px", "py", "ex", "ey"))
    assert (state["px"] == -2.35).any(), "the last resort was used"


def test_the_filter_knows_the_walls_of_every_arena() -> None:
    """The original's filter always thought of 20 × 20 m."""
    game = make(physics={"arena_width": 10.0, "arena_height": 10.0}, safety_filter=True)
    placed(game, (4.0, 0, 0), (-4, 0, 0))
    for _ in range(200):
        state = move(game, (1, 0))[1]
        assert not state["wall"][0]
        assert state["px"] + 0.1 * np.cos(state["ptheta"]) <= 4.85 + 1e-9
    assert state["interventions"] > 10


def test_the_filter_leaves_safe_actions_alone_and_prefers_steering_to_braking() -> None:
    game = make(safety_filter=True)
    placed(game, (0, 0, 0), (-4, 0, 0), [(5, 0.05, 1.0)])
    _, state = move(game, (1, 0.5))
    assert (state["pv"], state["pomega"], state["interventions"]) == (1, 0.5, 0)
    placed(game, (3.65, 0.5, 0), (-4, 0, 0), [(5, 0.0, 1.0)])
    _, state = move(game, (1, 0.0))
    assert state["interventions"] == 1
    assert state["pv"] > 0.5
    assert state["pomega"] > 0.1


def clear_ahead(state: dict[str, np.ndarray]) -> np.ndarray:
    """[B] whether the point 0.1 m ahead of the pursuer keeps its distance: the filter promises nothing without."""
    x, y = (state[f"p{name}"] + 0.1 * turn(state["ptheta"]) for name, turn in (("x", np.cos), ("y", np.sin)))
    circles = state["obstacles"]
    gaps = np.hypot(x[:, None] - circles[..., 0], y[:, None] - circles[..., 1]) - circles[..., 2] - 0.15
    return (np.maximum(np.abs(x), np.abs(y)) <= 4.85) & ((gaps >= 0) | (circles[..., 2] == 0)).all(axis=1)


def test_filtered_pursuers_touch_nothing_and_unfiltered_ones_do() -> None:
    """n = 100 matches of up to 400 steps with three obstacles each."""
    touched = []
    for safe in (True, False):
        physics = {"arena_width": 10.0, "arena_height": 10.0, "min_obstacles": 3, "max_obstacles": 3}
        game = make(100, physics=physics, safety_filter=safe, seed=4)
        game.reset()
        game.seat_bots(1, "flee")
        well = clear_ahead(game.snapshot())
        assert well.sum() > 80
        drift, count = np.random.default_rng(0).uniform([0.5, -0.3], [1, 0.3], (100, 2, 2)), 0
        for _ in range(400):
            game.step(drift)
            state = game.snapshot()
            count += int((state["wall"] | state["collision"])[~state["over"] & well, 0].sum())
        touched.append(count)
    assert touched[0] == 0
    assert touched[1] > 1000


def test_every_bot_moves_as_its_name_says() -> None:
    """Captures of n = 100 matches on the default board, at most 60 s; bounds well outside of the measured rates."""
    bounds = {("lion", "circler"): (0.9, 1), ("proportional_navigation", "circler"): (0.9, 1)}
    bounds |= {("greedy", "circler"): (0, 0.3), ("still", "flee"): (0, 0.05)}
    bounds |= {("pure_pursuit", "flee"): (0.95, 1), ("navigator", "still"): (0.95, 1)}
    for (pursuer, evader), (low, high) in bounds.items():
        game = make(100, steps_per_decision=20)
        game.reset(seeds=np.arange(100, dtype=np.uint64))
        game.seat_bots(0, pursuer)
        game.seat_bots(1, evader)
        captured = 0
        for _ in range(60):
            captured += int(game.step(np.zeros((100, 2, 2)))[2].sum())
        assert low <= captured / 100 <= high, (pursuer, evader, captured)


def test_random_bots_cover_the_whole_range_of_actions() -> None:
    game = make(500)
    game.reset()
    for seat in (0, 1):
        game.seat_bots(seat, "random")
    game.step(np.zeros((500, 2, 2)))
    state = game.snapshot()
    for letter in "pe":
        assert stats.kstest(state[f"{letter}v"], "uniform").pvalue > 0.01
        assert stats.kstest(state[f"{letter}omega"] / 5.68 + 0.5, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(state["pv"], state["ev"])[0, 1]) < 0.15
    assert "random" in ROLE_BOTS["pursuer"]
