"""Every way a configuration can be wrong is told in one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.kernel.config import ConfigError, RunConfig, check, dump, load, parse_assignment
from ludus.kernel.schedule import Ramp

PHASE: dict[str, Any] = {
    "name": "self-play",
    "share": 1.0,
    "scripted_share": {"start": 1.0, "end": 0.0},
    "bots": [{"bots": ["ace"]}],
}


def tree(**changes: Any) -> dict[str, Any]:
    """A small valid configuration; `learner__clip=3` changes a key of a section."""
    base: dict[str, Any] = {
        "game": "dogfight",
        "rules": "training",
        "decisions": 100_000,
        "league": {"phases": [PHASE]},
    }
    for key, value in changes.items():
        *sections, leaf = key.split("__")
        place = base
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return base


def toml(folder: Path, text: str = "") -> Path:
    path = folder / "run.toml"
    path.write_text(
        'game = "dogfight"\nrules = "training"\ndecisions = 100000\n[league]\n'
        'phases = [{name="self-play", share=1.0, scripted_share={start=1, end=0}, bots=[{bots=["ace"]}]}]\n' + text
    )
    return path


def test_defaults_fill_what_is_left_out() -> None:
    config = check(tree(), "test")
    assert config.learner.clip == 0.2
    assert config.simulator.matches == 256
    assert config.total_updates == 100_000 // config.learner.batch_decisions


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gmae": "x"}, r"unknown key 'gmae': expected one of .*game, rules.* Did you mean 'game'\?"),
        ({"learner__clib": 0.1}, r"unknown key 'learner\.clib': .* Did you mean 'clip'\?"),
        ({"simulator__zzz": 1}, r"unknown key 'simulator\.zzz': expected one of workers, matches, steps, .*\.$"),
        ({"learner__clip": "much"}, r"learner\.clip: Input should be a valid number.*, found 'much'"),
        ({"learner__clip": 0}, r"learner\.clip: Input should be greater than 0, found 0"),
        ({"learner__gamma": 1.5}, r"learner\.gamma: Input should be less than or equal to 1, found 1\.5"),
        ({"simulator__workers": 1.5}, r"simulator\.workers: Input should be a valid integer.*, found 1\.5"),
        ({"network__activation": "gelu"}, r"network\.activation: Input should be 'relu' or 'tanh', found 'gelu'"),
        ({"run": "Not A Name"}, r"run: String should match pattern .*, found 'Not A Name'"),
        ({"league__matches_per_ticket": 7}, r"league\.matches_per_ticket: .*multiple of 2, found 7"),
        ({"league__phases": []}, r"league\.phases: .*at least 1 item"),
        ({"simulator__matches": 10}, r"simulator: matches \(10\) must be a multiple of slabs \(4\)"),
        ({"learner__batch_decisions": 1000}, r"learner\.batch_decisions \(1000\) must be a multiple of one slab"),
        ({"league__phases": [{**PHASE, "share": 0.5}]}, r"league: the shares of the phases must add up to 1, not 0\.5"),
        (
            {"league__phases": [{**PHASE, "nmae": 1}]},
            r"unknown key 'league\.phases\.0\.nmae': .* Did you mean 'name'\?",
        ),
        (
            {"league__phases": [{**PHASE, "opponents": {"pfsp": {"strat": 0.5, "end": 0.5}}}]},
            r"missing key 'league\.phases\.0\.opponents\.pfsp\.start'; unknown key .*opponents\.pfsp\.strat",
        ),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check(tree(**changes), "run.toml")
    assert str(caught.value).startswith("run.toml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["game", "rules", "decisions", "league"])
def test_a_missing_key_is_named(key: str) -> None:
    wrong = tree()
    del wrong[key]
    with pytest.raises(ConfigError, match=f"missing key '{key}'"):
        check(wrong, "test")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check(tree(learner__clib=1, simulator__workers=0, game=3), "test")
    text = str(caught.value)
    assert all(part in text for part in ("learner.clib", "simulator.workers", "game"))


def test_toml_and_json_files_load_the_same(tmp_path: Path) -> None:
    config = load(toml(tmp_path), environment={})
    path = tmp_path / "config.json"
    path.write_text(dump(config))
    assert load(path, environment={}) == config
    assert json.loads(path.read_text())["league"]["phases"][0]["name"] == "self-play"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bad.toml", "game = ", r"bad\.toml is not valid TOML: "),
        ("bad.json", "{", r"bad\.json is not valid JSON: "),
        ("list.json", "[]", r"list\.json: expected a table of keys at the top"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / name, environment={})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*nothing\.toml: No such file"):
        load(tmp_path / "nothing.toml", environment={})


def test_later_sources_win(tmp_path: Path) -> None:
    path = toml(tmp_path, "[learner]\nclip = 0.3\ngamma = 0.9\nthreads = 3\n")
    environment = {"LUDUS__LEARNER__CLIP": "0.25", "LUDUS__LEARNER__GAMMA": "0.95", "LUDUSX": "1", "PATH": "x"}
    config = load(path, [("learner.clip", 0.1)], environment)
    assert (config.learner.clip, config.learner.gamma, config.learner.threads) == (0.1, 0.95, 3)


def test_environment_values_are_toml_and_words_are_strings(tmp_path: Path) -> None:
    environment = {
        "LUDUS__RUN": "night-1",
        "LUDUS__NETWORK__ACTIVATION": "tanh",
        "LUDUS__LEARNER__SEPARATE_GRADIENT_NORMS": "false",
        "LUDUS__GAME_PARAMETERS__FEATURES": '["a", "b"]',
    }
    config = load(toml(tmp_path), (), environment)
    assert (config.run, config.network.activation) == ("night-1", "tanh")
    assert config.learner.separate_gradient_norms is False
    assert config.game_parameters == {"features": ["a", "b"]}


def test_a_wrong_environment_key_is_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'learner\.clipp'.*Did you mean 'clip'"):
        load(toml(tmp_path), (), {"LUDUS__LEARNER__CLIPP": "0.1"})
    with pytest.raises(ConfigError, match=r"game\.name: 'game' is not a section"):
        load(toml(tmp_path), (), {"LUDUS__GAME__NAME": "x"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learner.clip=0.1", ("learner.clip", 0.1)),
        ("run = night", ("run", "night")),
        ("game_parameters.bots=['ace', \"chaser\"]", ("game_parameters.bots", ["ace", "chaser"])),
        ("simulator.device=cuda", ("simulator.device", "cuda")),
        ("a=", ("a", "")),
        ("a=b=c", ("a", "b=c")),
        ("learner.threads=2", ("learner.threads", 2)),
        ("x=true", ("x", True)),
    ],
)
def test_assignments_are_parsed(text: str, expected: tuple[str, Any]) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["learner.clip", "=1", ""])
def test_a_bad_assignment_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="--set expects KEY=VALUE"):
        parse_assignment(text)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_every_number_survives_an_assignment(number: float) -> None:
    key, value = parse_assignment(f"learner.clip={json.dumps(number)}")
    assert key == "learner.clip"
    assert value == number


@given(st.text(max_size=40))
def test_any_text_gives_a_pair_or_a_config_error(text: str) -> None:
    try:
        key, _ = parse_assignment(text)
    except ConfigError:
        assert "=" not in text or text.startswith("=")
    else:
        assert key == text.partition("=")[0].strip()


@given(st.floats(0, 1), st.floats(-5, 5), st.floats(-5, 5), st.floats(-2, 3))
def test_a_ramp_stays_between_its_ends(progress: float, start: float, end: float, outside: float) -> None:
    ramp = Ramp(start=start, end=end)
    low, high = min(start, end), max(start, end)
    assert low - 1e-9 <= ramp.at(progress) <= high + 1e-9
    assert low - 1e-9 <= ramp.at(outside) <= high + 1e-9
    assert ramp.at(0) == start
    assert ramp.at(1) == pytest.approx(end)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*RunConfig.model_fields, "nonsense"]), _values)
def test_any_value_of_any_key_is_accepted_or_explained(key: str, value: Any) -> None:
    wrong = tree()
    wrong[key] = value
    explanation = ""
    try:
        config = check(wrong, "test")
    except ConfigError as error:
        explanation = str(error)
    if explanation:
        assert key in explanation
    else:
        assert check(json.loads(dump(config)), "again") == config
