"""Agents with roles: who can meet whom, in which seat, and what is refused before a run exists."""

from pathlib import Path

import pytest

from ludus.games import registry
from ludus.kernel.config import ConfigError, RunConfig, load
from ludus.league.cast import cast_of
from ludus.league.plan import make_plan
from ludus.league.pool import Rule, admit_version

CONFIGS = Path(__file__).parents[2] / "configs"
ROLES = [{"name": "hunter", "role": "pursuer"}, {"name": "fox", "role": "evader"}]


def config(agents: object = ROLES, **changes: object) -> RunConfig:
    return load(CONFIGS / "pursuit.toml", [("agents", agents), *changes.items()], {})


def test_roles_keep_their_seats_and_meet_only_the_other_role() -> None:
    cast = make_plan(config()).cast
    assert cast.fixed
    assert cast.pairs() == [("hunter", "fox")]
    assert cast.seated("fox", "own", "other") == ["other", "own"]
    assert "circler" in cast.bots_against("hunter")
    assert "lion" not in cast.bots_against("hunter")
    assert cast.pool_against("fox", ["hunter@1.0", "fox@1.0", "hunter@1.9"]) == ["hunter@1.0", "hunter@1.9"]


def test_without_roles_everybody_meets_everybody() -> None:
    dogfight = load(CONFIGS / "dogfight.toml", environment={})
    cast = cast_of(dogfight, registry.spec("dogfight"))
    assert not cast.fixed
    assert cast.pairs() == []
    assert cast.opponents("main") == ("main",)
    assert cast.seated("main", 1, 2) == [1, 2]


@pytest.mark.parametrize(
    ("agents", "changes", "message"),
    [
        ([{"name": "a", "role": "hound"}], {}, r"agents: a: .*hound.*pursuer.*evader"),
        ([{"name": "a", "role": "evader"}, {"name": "b"}], {}, "either every agent has a role or none"),
        ([{"name": "a", "role": "evader"}, {"name": "a", "role": "pursuer"}], {}, "a name of its own"),
        ([{"name": "a", "role": "evader"}], {}, r"nobody to play against 'a'.*lion"),
        (ROLES, {"lockstep": True, "simulator.workers": 1}, "lockstep: it takes one agent"),
    ],
)
def test_agents_that_cannot_work_are_refused(agents: object, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_plan(config(agents, **changes))


def test_every_agent_has_a_folder_weights_and_places_in_the_pool_of_its_own() -> None:
    both = config().model_copy(update={"directory": "/runs/r"})
    assert both.folder_of("fox") == Path("/runs/r/agents/fox")
    one, two = both.for_agent("hunter"), both.for_agent("fox")
    assert (one.learner.agent, two.learner.agent) == ("hunter", "fox")
    assert one.seed != two.seed
    # What a finished agent leaves in the stream takes no room from the other's buffer.
    depth, slabs = both.learner.buffer_slabs, both.simulator.slabs
    assert both.rollout_depth - (depth + slabs) >= depth + slabs
    with pytest.raises(ConfigError, match=r"unknown agent 'owl'.*'hunter', 'fox'"):
        both.for_agent("owl")
    pool = ["hunter@1.0", "fox@1.0", "hunter@1.5"]
    assert admit_version(pool, "hunter@1.9", Rule(2)) == ["hunter@1.0", "fox@1.0", "hunter@1.9"]
    assert admit_version(pool, "fox@1.5", Rule(2)) == [*pool, "fox@1.5"]
