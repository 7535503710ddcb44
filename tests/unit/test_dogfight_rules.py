"""Rules of the dogfight that can be worked out by hand, and the defects of the original that must not return."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

import numpy as np
import pytest

import ludus.games

MASK = 2**64 - 1
NOBODY = {"bullet_x": 0.0, "bullet_y": 0.0, "bullet_vx": 0.0, "bullet_vy": 0.0, "bullet_owner": 0, "bullet_ticks": 0}


def make(batch: int = 1, **parameters: Any) -> Any:
    return ludus.games.make("dogfight", batch=batch, seed=1, **({"autoreset": "disabled"} | parameters))


def place(game: Any, **changes: Any) -> None:
    """Two aircraft far apart, level, at 150 m/s, without bullets; then the changes, each [2] or [bullets]."""
    state: dict[str, Any] = {
        "x": [-200, 200],
        "y": [300, 300],
        "yaw": [0, 0],
        "speed": [150, 150],
        "hp": [5, 5],
        "cooldown": [0, 0],
        "alive": [True, True],
        "stall_ticks": [0, 0],
        **{name: [value] for name, value in NOBODY.items()},
    } | changes
    game.restore({name: np.array([values]) for name, values in state.items()} | {"tick": np.array([0])})


def bullets(*rows: tuple[float, float, float, float, int, int]) -> dict[str, Any]:
    return {name: [row[k] for row in rows] for k, name in enumerate(NOBODY)}


def act(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array([rows], np.float32)


IDLE = (0.0, 0.5, 0.0)
FIRE = (0.0, 0.5, 1.0)


def test_a_held_trigger_fires_every_ninety_ticks() -> None:
    game = make(ticks_per_decision=1)
    place(game)
    shots = []
    for tick in range(200):
        before = game.snapshot()["cooldown"][0, 0]
        game.step(act(FIRE, IDLE))
        if game.snapshot()["cooldown"][0, 0] > before:
            shots.append(tick)
    assert shots == [0, 90, 180]


def test_a_bullet_moves_in_the_tick_of_its_birth() -> None:
    game = make(ticks_per_decision=1)
    place(game)
    game.step(act(FIRE, IDLE))
    state = game.snapshot()
    assert state["bullet_ticks"][0, 0] == 59
    assert state["bullet_x"][0, 0] == pytest.approx(state["x"][0, 0] + 12 + 400 / 120, abs=1e-3)
    assert state["bullet_vx"][0, 0] == pytest.approx(400), "the aircraft's own speed is not added"


def test_the_tick_in_which_a_stall_begins_is_lost() -> None:
    game = make(ticks_per_decision=1)
    place(game, speed=[29, 150], cooldown=[7, 7])
    game.step(act(FIRE, IDLE))
    state = game.snapshot()
    assert (state["x"][0, 0], state["cooldown"][0, 0], state["stall_ticks"][0, 0]) == (-200, 7, 36)
    assert state["cooldown"][0, 1] == 6


@pytest.mark.parametrize(("heading", "lost"), [(0.0, 0), (0.7, 0), (0.8, 1), (pi, 1)])
def test_the_tail_is_armoured(heading: float, lost: int) -> None:
    """A bullet that overtakes within 0.785 rad of the target's heading glances off, and is spent all the same."""
    game = make(ticks_per_decision=1)
    shot = (200 - 10 * cos(heading), 300 - 10 * sin(heading), 400 * cos(heading), 400 * sin(heading), 0, 30)
    place(game, **bullets(shot))
    game.step(act(IDLE, IDLE))
    state = game.snapshot()
    assert state["hp"][0, 1] == 5 - lost
    assert not state["bullet_ticks"].any()


def test_a_bullet_in_its_last_tick_cannot_hit_and_none_hits_its_owner() -> None:
    game = make(ticks_per_decision=1)
    place(game, **bullets((204, 300, -400, 0, 0, 1), (-196, 300, -400, 0, 0, 9)))
    game.step(act(IDLE, IDLE))
    state = game.snapshot()
    assert state["hp"].tolist() == [[5, 5]]
    assert state["bullet_ticks"][0].tolist()[:2] == [8, 0]


def test_both_dead_is_a_draw_by_elimination() -> None:
    game = make()
    place(game, hp=[1, 1], yaw=[0, pi], **bullets((-190, 300, -400, 0, 1, 30), (190, 300, 400, 0, 0, 30)))
    _, reward, terminated, truncated, info = game.step(act(IDLE, IDLE))
    assert (info.outcome[0], game.endings[info.ending[0]]) == (2, "elimination")
    assert terminated[0]
    assert not truncated[0]
    assert reward[0].tolist() == pytest.approx([3 - 1, 3 - 1], abs=0.01)
    assert game.snapshot()["tick"][0] == 1, "the match stops in the tick of the hit"


@pytest.mark.parametrize(("hp", "outcome"), [([5, 4], 1), ([3, 3], 2), ([1, 2], 3)])
def test_a_timeout_is_decided_by_hp_and_is_terminal(hp: list[int], outcome: int) -> None:
    game = make()
    place(game, hp=hp)
    game.restore({"tick": np.array([10_795])})
    _, reward, terminated, truncated, info = game.step(act(IDLE, IDLE))
    assert (info.outcome[0], game.endings[info.ending[0]]) == (outcome, "timeout")
    assert (terminated[0], truncated[0]) == (True, False)
    assert reward[0, 0] == pytest.approx({1: 5, 2: 0, 3: -5}[outcome], abs=0.02)
    assert game.snapshot()["tick"][0] == 10_800


def test_the_ground_is_harmless_and_the_arena_closed() -> None:
    game = make()
    place(game, x=[-499, 499], y=[2, 599], yaw=[-pi / 2, pi / 4])
    for _ in range(60):
        game.step(act((-1, 1, 0), (1, 1, 0)))
        state = game.snapshot()
        assert (np.abs(state["x"]) <= 500).all()
        assert ((state["y"] >= 0) & (state["y"] <= 600)).all()
    assert state["alive"].all()


def test_ninth_nearest_bullet_is_out_of_sight() -> None:
    """A bot dodges the nearest enemy bullet only if it is among the eight nearest of all."""
    game = make(ticks_per_decision=1)
    own = [(200 + d, 310, 400.0, 0.0, 1, 50) for d in range(8)]
    threat = (200.0, 360.0, 0.0, 0.0, 0, 50)
    for shots, dodges in ((own[:7], True), (own, False)):
        place(game, speed=[150, 100], **bullets(threat, *shots))
        game.seat_bots(1, "ace")
        game.step(act(IDLE, IDLE))
        assert (game.snapshot()["bot_evade_calls"][0, 1] > 0) == dodges


def test_a_bullet_exactly_on_the_aircraft_looks_like_an_empty_slot() -> None:
    game = make(ticks_per_decision=1)
    place(game, **bullets((200, 300, 400, 0, 0, 1)))
    game.seat_bots(1, "brawler")
    game.step(act(IDLE, IDLE))
    assert game.snapshot()["bot_evade_calls"][0, 1] == 0


# --- defects of the original ------------------------------------------------------------------------


def test_shaping_is_paid_per_tick_or_per_decision() -> None:
    """The original's GPU simulator paid a tenth; here it is a choice."""
    paid = {}
    for every in ("tick", "decision"):
        game = make(reward_every=every, rewards={"approach": 0.0, "facing": 0.0})
        place(game, x=[-50, 50])
        paid[every] = game.step(act(IDLE, IDLE))[1][0].tolist()
    assert paid["tick"] == pytest.approx([0.01, 0.01])
    assert paid["decision"] == pytest.approx([0.001, 0.001])


@pytest.mark.parametrize(("every", "total"), [("tick", 2.5), ("decision", 0.25)])
def test_the_alive_weight_counts(every: str, total: float) -> None:
    game = make(reward_every=every, rewards={"approach": 0, "alive": 0.25, "proximity": 0, "facing": 0})
    place(game)
    assert game.step(act(IDLE, IDLE))[1][0].tolist() == pytest.approx([total, total])


def test_opening_is_paid_where_a_shot_would_hurt() -> None:
    """Behind the opponent's armour the nose may point at him for nothing; from the side and from ahead it is paid."""
    weights = {"approach": 0, "proximity": 0, "facing": 0, "opening": 1}
    for their_yaw, paid in ((0.0, 0), (0.7, 0), (-0.7, 0), (0.9, 1), (pi / 2, 1), (pi, 1)):
        game = make(ticks_per_decision=1, rewards=weights)
        place(game, x=[-50, 50], yaw=[0, their_yaw])
        reward = game.step(act(IDLE, IDLE))[1][0]
        assert reward[0] == paid, f"his nose {their_yaw} off mine"
    game = make(ticks_per_decision=1, rewards=weights)
    place(game, x=[-200, 200], yaw=[0, pi])
    assert game.step(act(IDLE, IDLE))[1][0].tolist() == [0, 0], "400 m are too far"


def test_no_shot_is_lost_however_many_fly() -> None:
    physics = {"gun_cooldown_ticks": 1, "bullet_lifetime_ticks": 50, "max_hp": 30}
    game = make(ticks_per_decision=1, physics=physics)
    place(game, hp=[30, 30], yaw=[pi, 0])
    for tick in range(1, 120):
        game.step(act(FIRE, FIRE))
        assert (game.snapshot()["bullet_ticks"] > 0).sum() == 2 * min(tick, 49)


def test_bullets_keep_the_order_of_firing() -> None:
    game = make(ticks_per_decision=1, physics={"gun_cooldown_ticks": 4})
    place(game, yaw=[pi, 0])
    for _ in range(40):
        game.step(act(FIRE, FIRE))
    ticks = game.snapshot()["bullet_ticks"][0]
    live = ticks[ticks > 0]
    assert (np.diff(live) >= 0).all()
    assert game.snapshot()["bullet_owner"][0, :4].tolist() == [0, 1, 0, 1]


def mixed(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def spawn_of(seed: int) -> dict[str, list[np.float32]]:
    """The documented draw order, in Python integers and float64."""

    def draw(number: int, low: float, high: float) -> np.float32:
        unit = (mixed((mixed(seed) + number * 0x9E3779B97F4A7C15) & MASK) >> 40) * 2.0**-24
        low, high = float(np.float32(low)), float(np.float32(high))
        return np.float32(low + unit * (high - low))

    offset = draw(1, 100, 300)
    return {
        "x": [-offset, offset],
        "y": [draw(2, 150, 450), draw(3, 150, 450)],
        "yaw": [draw(4, -pi, pi), draw(5, -pi, pi)],
        "speed": [draw(6, 35, 80), draw(7, 35, 80)],
    }


def test_starts_are_random_and_a_pure_function_of_the_seed() -> None:
    seeds = np.array([0, 1, 2, 12345, 2**63 + 17, MASK], np.uint64)
    game = make(batch=6)
    game.reset(seeds=seeds)
    state = game.snapshot()
    for name in ("x", "y", "yaw", "speed"):
        assert state[name].tolist() == [[float(v) for v in spawn_of(int(seed))[name]] for seed in seeds], name
    other = make(batch=9)
    other.reset(matches=np.array([8, 3]), seeds=seeds[[5, 2]])
    assert other.snapshot()["yaw"][[8, 3]].tolist() == state["yaw"][[5, 2]].tolist()


def test_random_starts_fill_their_ranges() -> None:
    game = make(batch=4000)
    game.reset()
    state = game.snapshot()
    for values, low, high in (
        (state["x"][:, 1], 100, 300),
        (state["y"].ravel(), 150, 450),
        (state["yaw"].ravel(), -pi, pi),
        (state["speed"].ravel(), 35, 80),
    ):
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() < high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    assert len(np.unique(state["seed"])) == 4000


def test_the_fixed_start() -> None:
    game = make(random_spawn=False)
    game.reset()
    state = game.snapshot()
    start = [state[name][0].tolist() for name in ("x", "y", "yaw", "speed", "hp")]
    assert start == [[-200, 200], [300, 300], [0, float(np.float32(pi))], [50, 50], [5, 5]]
