"""`ludus play` and `ludus replay` without a stack: what they write, and what they say when they cannot."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.app.cli import run
from ludus.app.viewer.film import _changes, _spans, film
from ludus.app.viewer.page import render
from ludus.games import spec
from ludus.kernel.config import NetworkConfig
from ludus.play.architecture import Architecture
from ludus.play.duel import Contender, duel
from ludus.play.network import Actor
from ludus.play.replay import from_bytes
from ludus.play.rerun import re_simulate
from ludus.play.weights import Manifest, to_bytes

from .onnx_kit import linear, weights_file


def finished(home: Path, name: str, seed: int, **parameters: object) -> None:
    """A run's folder as far as these commands look into it."""
    architecture = Architecture.of(spec("dogfight"), "training", "egocentric", NetworkConfig(hidden=8))
    actor = Actor(architecture, generator=torch.Generator().manual_seed(seed))
    manifest = Manifest(architecture, "main", 1, seed, "dogfight", "training", "egocentric")
    folder = home / "runs" / name
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "final.safetensors").write_bytes(to_bytes(actor, manifest))
    config = {
        "game": "dogfight",
        "rules": "training",
        "game_parameters": {"observation": "egocentric", **parameters},
        "network": {"precision": "auto"},
    }
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    finished(tmp_path, "one", 1)
    finished(tmp_path, "two", 2, rewards={"facing": 0.5})
    finished(tmp_path, "heavy", 3, physics={"gravity": 130})
    return tmp_path


def ludus(home: Path, *words: str) -> int:
    return run([*words, "--home", str(home)])


def test_play_then_replay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ludus(home, "play", "--red", "one", "--seed", "5") == 0
    path = home / "replays" / "one-ace-5.replay"
    match = from_bytes(path.read_bytes())
    assert [seat.name for seat in match.seats] == ["one", "bot:ace"]
    assert match.parameters["observation"] == "egocentric"
    assert ludus(home, "replay") == 0
    page = path.with_suffix(".html").read_text()
    assert "<title>one against ace, seed 5</title>" in page
    assert "played again bit for bit" in capsys.readouterr().out


def test_two_runs_meet_if_they_play_by_the_same_rules(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = home / "deep" / "match.replay"
    assert ludus(home, "play", "--red", "one", "--blue", "two", "--output", str(output)) == 0
    assert [bool(seat.policy) for seat in from_bytes(output.read_bytes()).seats] == [True, True]
    assert ludus(home, "play", "--red", "one", "--blue", "heavy") == 2
    assert "cannot meet" in capsys.readouterr().err


def test_files_play_like_runs(home: Path) -> None:
    onnx.save(linear(), home / "linear.onnx")
    weights_file(home / "other.safetensors", "original+config")
    pairs = (("linear.onnx", "ace"), ("one", "linear.onnx"), ("other.safetensors", "one"), ("heavy", "linear.onnx"))
    for red, blue in pairs:
        names = [str(home / name) if "." in name else name for name in (red, blue)]
        assert ludus(home, "play", "--red", names[0], "--blue", names[1], "--seed", "3") == 0
        match = from_bytes((home / "replays" / f"{red}-{blue}-3.replay").read_bytes())
        assert [seat.name.removeprefix("bot:") for seat in match.seats] == [red, blue]
        assert len(re_simulate(match)["tick"]) == match.decisions + 1
    digest = hashlib.sha256((home / "linear.onnx").read_bytes()).hexdigest()
    assert match.seats[1].policy == digest
    assert match.parameters["physics"] == {"gravity": 130}


def test_a_file_decides_the_rules_of_a_match(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = home / "wide.onnx"
    onnx.save(linear(224), wide)
    assert ludus(home, "play", "--red", str(wide), "--output", str(home / "match.replay")) == 0
    assert from_bytes((home / "match.replay").read_bytes()).rules == "competition"
    assert ludus(home, "play", "--red", str(wide), "--blue", "one") == 2
    assert "wide.onnx plays competition, one plays training" in capsys.readouterr().err


def test_replays_of_runs_are_found_by_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        output = str(home / "runs" / name / "replays" / "main@1.0-ace.replay")
        assert ludus(home, "play", "--red", name, "--output", output) == 0
    assert ludus(home, "replay", "main@1.0-ace") == 2
    assert "one/main@1.0-ace or two/main@1.0-ace" in capsys.readouterr().err
    assert ludus(home, "replay", "two/main@1.0-ace", "--output", str(home / "page.html")) == 0
    assert (home / "page.html").read_text().startswith("<!doctype html>")
    assert ludus(home, "replay", "two/main@1.0-aec") == 2
    assert "Did you mean 'two/main@1.0-ace'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("play", "--red", "onne"), 2, "Did you mean 'one'"),
        (("play", "--rules", "chess"), 2, "expected one of 'training', 'competition'"),
        (("play", "--red", "one", "--rules", "chess"), 2, "trained under 'training'"),
        (("play", "--seed", "-1"), 2, "--seed: expected 0"),
        (("play", "--red", "none.onnx"), 2, "cannot read none.onnx"),
        (("play", "--red", "none.safetensors"), 2, "cannot read none.safetensors"),
        (("replay",), 1, "Play one: ludus play"),
        (("replay", "nothing"), 2, "It is also no file"),
        (("replay", __file__), 1, "this is no replay"),
    ],
)
def test_mistakes_are_explained(
    home: Path, words: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ludus(home, *words) == code
    assert message in capsys.readouterr().err
    assert not (home / "replays").exists()


def test_a_run_without_a_policy_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "runs" / "one" / "weights" / "final.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert ludus(home, "play", "--red", "one") == 1
    path.unlink()
    assert ludus(home, "play", "--red", "one") == 1
    said = capsys.readouterr().err
    assert "truncated or altered" in said
    assert "one has no policy: nothing is saved yet" in said


def test_the_film_shows_every_tick_and_every_shot() -> None:
    match = duel("dogfight", "training", {}, 1, [Contender("a", bot="brawler"), Contender("b", bot="ace")])
    shown = film(match)
    states = re_simulate(match, parameters={"ticks_per_decision": 1}, repeat=10)
    assert shown["ticks"] == states["tick"][-1] == len(states["tick"]) - 1
    lost = [sum(before[1] - after[1] for before, after in pairwise(hp)) for hp in shown["hp"]]
    assert lost == [5 - int(states["hp"][-1, seat]) for seat in range(2)]
    shots = [int((np.diff(states["cooldown"][:, seat]) > 0).sum()) for seat in range(2)]
    owners = [row[0] for row in shown["bullets"]]
    assert [owners.count(seat) for seat in range(2)] == shots
    assert sum(row[-1] == 2 for row in shown["bullets"]) == sum(lost)
    for owner, first, last, x, y, vx, vy, _ in shown["bullets"]:
        if first == last:
            continue
        there = states["bullet_owner"][last] == owner
        ends = x + vx * (last - first) / 120, y + vy * (last - first) / 120
        gaps = np.hypot(states["bullet_x"][last] - ends[0], states["bullet_y"][last] - ends[1])
        assert gaps[there].min() < 0.1


def test_competition_is_shown_tick_by_tick_too() -> None:
    """Frames of the past are seen per decision, sides are joined, and the ground kills without taking hit points."""
    architecture = Architecture.of(spec("dogfight"), "competition", "original", NetworkConfig(hidden=8))
    actor = Actor(architecture, generator=torch.Generator().manual_seed(1))
    policy = Contender("p", ref=PolicyRef(agent="main", epoch=1, step=1, sha256="1" * 64), actor=actor)
    grounded = 0
    for seed in range(4):
        match = duel("dogfight", "competition", {}, seed, [policy, Contender("bot:do_nothing", bot="do_nothing")])
        shown = film(match)
        assert shown["arena"]["joined"]
        for seat in range(2):
            fell = shown["down"][seat] is not None and shown["hp"][seat][-1][1] > 0
            grounded += fell
            assert not fell or shown["down"][seat] == shown["ticks"]
    assert grounded


def test_changes_and_spans() -> None:
    assert _changes(np.array([5, 5, 4, 4, 2])) == [[0, 5], [2, 4], [4, 2]]
    assert _spans(np.array([True, False, True, True])) == [[0, 0], [2, 3]]
    assert _spans(np.array([False, False])) == []


def test_other_games_have_no_page() -> None:
    from dataclasses import replace

    match = duel("dogfight", "training", {}, 1, [Contender("a", bot="brawler"), Contender("b", bot="ace")])
    with pytest.raises(ValueError, match="only dogfight has a page"):
        render(replace(match, game="chess"))
