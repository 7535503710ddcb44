"""Matches of one batch under conditions of their own: levels of randomisation, regimes; refused where impossible."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ludus.api.v1.match_pb2 import PURPOSE_EVALUATE, Player, Ticket
from ludus.games import VariedGame, make, spec
from ludus.games.conditions import in_regime, randomised, regimes_of
from ludus.games.dogfight.constants import PHYSICS, REGIMES
from ludus.kernel.config import ConfigError, NetworkConfig, RunConfig, load
from ludus.league.plan import make_plan
from ludus.play.architecture import Architecture
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank
from ludus.play.duel import Contender
from ludus.play.exam import examine
from ludus.play.rerun import re_simulate
from ludus.play.tape import Tape

ROOT = Path(__file__).resolve().parents[2]
DOGFIGHT = spec("dogfight")
BASE = {"observation": "original+config"}


def physics_of(game: Any) -> np.ndarray:
    """[B, 13]"""
    state = game.snapshot()
    return np.stack([state[name] for name in PHYSICS], axis=1)


def table(slots: int, tape: bool = False) -> Arena:
    game = make("dogfight", batch=slots, seed=3, autoreset="disabled", **BASE)
    architecture = Architecture.of(DOGFIGHT, "training", BASE["observation"], NetworkConfig(hidden=16))
    bank = PolicyBank(architecture, slots, 2, device="cpu", seed=5)
    recorder = Tape(game, BASE, lambda match: True) if tape else None
    return Arena(game, bank, worker="test", never_idle=False, seed=1, tape=recorder)


def order(name: str, first: int, parameters: dict[str, Any], matches: int = 4, **labels: str) -> Ticket:
    players = [Player(bot="ace"), Player(bot="brawler")]
    return Ticket(
        ticket_id=name, run="r", purpose=PURPOSE_EVALUATE, players=players, first_match=first, matches=matches,
        seeds=range(2**63 + first, 2**63 + first + matches // 2), deterministic=True,
        parameters_json=json.dumps(parameters), **labels,
    )  # fmt: skip


def test_slots_differ_while_the_game_stays_the_same() -> None:
    """Two levels and a regime side by side, each as a game made for it alone; and back again."""
    game = make("dogfight", batch=4, seed=1, autoreset="disabled")
    assert isinstance(game, VariedGame)
    seeds = np.array([11, 12, 13, 14], np.uint64)
    wanted = [{}, {"randomisation": "narrow"}, {"randomisation": "full"}, {"physics": {"gravity": 55}}]
    for slot, parameters in enumerate(wanted):
        game.vary(parameters, np.array([slot], np.int32))
    game.reset(seeds=seeds)
    together = physics_of(game)
    for slot, parameters in enumerate(wanted):
        alone = make("dogfight", batch=1, seed=9, **parameters)
        alone.reset(seeds=seeds[slot : slot + 1])
        np.testing.assert_array_equal(physics_of(alone)[0], together[slot])
    game.vary({})
    np.testing.assert_array_equal(physics_of(game), together, "running episodes go on as they are")
    game.reset(seeds=seeds)
    assert len(np.unique(physics_of(game), axis=0)) == 1


def test_the_arena_gives_every_match_its_conditions_without_a_new_game() -> None:
    arena = table(3, tape=True)
    game = arena.game
    levels = {name: randomised(DOGFIGHT, BASE, name) for name in ("none", "narrow", "full")}
    conditions = levels | {"sniper": in_regime(DOGFIGHT, "training", BASE, "sniper")}
    for index, (name, parameters) in enumerate(conditions.items()):
        label = {"regime": name} if name == "sniper" else {"randomisation": name}
        arena.offer(order(name, 4 * index, parameters, **label))
    arena.fill()
    results = []
    while arena.playing:
        results += arena.step()
    assert arena.game is game
    assert sorted(result.match for result in results) == list(range(16))
    labels = {result.ticket_id: (result.randomisation, result.regime) for result in results}
    assert labels == {"none": ("none", ""), "narrow": ("narrow", ""), "full": ("full", ""), "sniper": ("", "sniper")}
    for replay in arena._tape.take():  # type: ignore[union-attr]
        expected = list(conditions.values())[replay.match // 4]
        assert replay.parameters == expected, "the record names the stage"
        states = re_simulate(replay)
        alone = make("dogfight", batch=1, **expected)
        alone.reset(seeds=np.array([replay.seed], np.uint64))
        np.testing.assert_array_equal(physics_of(alone)[0], [states[name][0] for name in PHYSICS])


def test_a_match_kept_from_a_stage_does_not_play_again_under_another_one() -> None:
    arena = table(1, tape=True)
    arena.offer(order("full", 0, randomised(DOGFIGHT, BASE, "full"), matches=2))
    arena.fill()
    while arena.playing:
        arena.step()
    replay = arena._tape.take()[0]  # type: ignore[union-attr]
    re_simulate(replay)
    with pytest.raises(ValueError, match="plays differently"):
        re_simulate(replace(replay, parameters=BASE))


def test_regimes_fix_what_they_name_and_switch_randomisation_off() -> None:
    assert regimes_of(DOGFIGHT, "training") == tuple(REGIMES)
    assert regimes_of(DOGFIGHT, "competition") == ("default",)
    base = {"physics": {"gravity": 70, "max_hp": 4}, "randomisation": "full", "observation": "original"}
    found = in_regime(DOGFIGHT, "training", base, "tank_fight")
    assert found["physics"] == {"gravity": 70, "max_hp": 8, "gun_cooldown_ticks": 60}
    assert (found["randomisation"], found["observation"]) == ("none", "original")
    assert in_regime(DOGFIGHT, "training", {}, "default") == {}
    with pytest.raises(ValueError, match="Did you mean 'sniper'"):
        in_regime(DOGFIGHT, "training", {}, "snipr")


def test_a_game_that_cannot_vary_refuses_stages_and_has_one_regime() -> None:
    plain = replace(DOGFIGHT, name="plain", per_match=(), regimes={})
    assert regimes_of(plain, "training") == ("default",)
    assert randomised(plain, {"a": 1}, "") == {"a": 1}
    assert in_regime(plain, "training", {"randomisation": "x"}, "default") == {"randomisation": "x"}
    with pytest.raises(ValueError, match="plain cannot be randomised in stages"):
        randomised(plain, {}, "narrow")


def config(**changes: Any) -> RunConfig:
    return load(ROOT / "configs" / "dogfight-full.toml", changes.items(), {})


@pytest.mark.parametrize(
    ("preset", "key", "value", "message"),
    [
        ("full", "league.randomisation", [{"level": "ful", "from_progress": 0}], r"randomisation\.0.*'full'"),
        ("full", "evaluator.regimes", ["default", "snipr"], r"evaluator\.regimes.*Did you mean 'sniper'"),
        ("competition", "league.randomisation", [{"level": "full", "from_progress": 0}], "belongs to the rules"),
        ("competition", "evaluator.regimes", ["sniper"], "regime of dogfight competition"),
        ("full", "league.randomisation", [{"level": "full", "from_progress": 0.5}], "must begin at 0"),
        ("full", "league.randomisation", [{"level": "full"}], "either from_progress or from_update"),
        (
            "full", "league.randomisation",
            [{"level": "none", "from_update": 0}, {"level": "full", "from_update": 10_000}], "before update 1831",
        ),
    ],
)  # fmt: skip
def test_impossible_plans_are_refused_before_anything_starts(
    preset: str, key: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_plan(load(ROOT / "configs" / f"dogfight-{preset}.toml", [(key, value)], {}))


def test_an_examination_measures_every_regime_on_the_same_starts() -> None:
    candidate, opponents = Contender("bot:ace", bot="ace"), [Contender("bot:chaser", bot="chaser")]
    regimes, seeds = ["default", "glass_cannon"], [2**63 + k for k in range(6)]
    papers = list(examine("dogfight", "training", {}, candidate, opponents, regimes, seeds))
    assert [(paper.regime, paper.opponent, paper.n) for paper in papers] == [
        ("default", "bot:chaser", 12), ("glass_cannon", "bot:chaser", 12),
    ]  # fmt: skip
    assert papers[0].wins >= 8, "ace wins 88 % against chaser"
    again = list(examine("dogfight", "training", {}, candidate, opponents, ["glass_cannon"], seeds))
    assert again == papers[1:], "whatever was played before in the same slots"
