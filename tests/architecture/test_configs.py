"""Every shipped configuration loads, names only what exists, and says what it is called."""

from pathlib import Path

import pytest

from ludus.games import make, spec
from ludus.games.adapter import SCHEMES
from ludus.kernel.config import ConfigError, RunConfig, check, dump, load

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
DISASTERS = sorted((ROOT / "configs" / "disasters").glob("*.toml"))


def test_there_are_presets() -> None:
    expected = {"dogfight", "dogfight-quick", "dogfight-original", "dogfight-competition", "dogfight-full"}
    assert expected | {"gym", "gym-Pendulum-v1"} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configuration_is_whole(path: Path) -> None:
    config = load(path, (), {})
    scheme, _, rest = path.stem.partition("-")
    if scheme in SCHEMES:
        assert config.game.startswith(f"{scheme}:{rest}")
        assert config.preset == "default"
    else:
        assert (config.game, config.preset) == (scheme, rest or "default")
    bots = set(spec(config.game).bots[config.rules])
    for phase in config.league.phases:
        for pool in phase.bots:
            assert set(pool.bots) <= bots
    window = config.simulator.workers * config.simulator.matches * config.simulator.steps
    assert config.learner.batch_decisions == window, "a window is one update, so that data is one step behind"
    assert make(config.game, rules=config.rules, batch=2, **config.game_parameters).obs_size > 0


@pytest.mark.parametrize("path", DISASTERS, ids=lambda path: path.stem)
def test_every_disaster_is_a_whole_run(path: Path) -> None:
    config = load(path, (), {})
    bots = set(spec(config.game).bots[config.rules])
    assert all(set(pool.bots) <= bots for phase in config.league.phases for pool in phase.bots)
    assert config.learner.batch_decisions == config.simulator.matches * config.simulator.steps
    assert config.decisions % config.learner.batch_decisions == 0
    assert make(config.game, rules=config.rules, batch=2, **config.game_parameters).obs_size > 0


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_written_down_is_what_was_read(path: Path, tmp_path: Path) -> None:
    config = load(path, (), {})
    (tmp_path / "config.json").write_text(dump(config))
    assert load(tmp_path / "config.json", (), {}) == config


def test_a_misspelt_key_is_refused_with_the_nearest_one() -> None:
    tree = load(ROOT / "configs" / "dogfight.toml", (), {}).model_dump()
    tree["learner"]["lerning_rate"] = 1e-3
    with pytest.raises(ConfigError, match=r"unknown key 'learner\.lerning_rate'.*Did you mean 'learning_rate'"):
        check(tree, "test")
    assert isinstance(check({**tree, "learner": {"batch_decisions": 16_384}}, "test"), RunConfig)
