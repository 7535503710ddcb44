"""`ludus evaluate` and `ludus bench`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ludus.app import game_speed
from ludus.app.cli import run
from ludus.app.game_speed import TARGETS, measure, target_of
from ludus.games import names, spec
from ludus.kernel.wilson import wilson_interval

from .onnx_kit import weights_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run `done` with a final policy on the egocentric layout, trained under full randomisation."""
    monkeypatch.setenv("LUDUS_HOME", str(tmp_path))
    folder = tmp_path / "runs" / "done"
    weights_file(folder / "weights" / "final.safetensors")
    parameters = {"observation": "egocentric", "randomisation": "full"}
    config = {"game": "dogfight", "rules": "training", "game_parameters": parameters}
    (folder / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_evaluate_measures_every_bot_in_the_regimes_asked_for(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "found.json"
    arguments = ("evaluate", "done", "--matches", "4", "--regime", "glass_cannon", "--regime", "default")
    assert run((*arguments, "--json", str(target))) == 0
    text = capsys.readouterr().out
    assert text.count("glass_cannon") == text.count("default ") == 5
    found = json.loads(target.read_text())
    assert [one["regime"] for one in found["regimes"]] == ["glass_cannon", "default"]
    for one in found["regimes"]:
        assert [row["opponent"] for row in one["rows"]] == [f"bot:{bot}" for bot in spec("dogfight").bots["training"]]
        for row in one["rows"]:
            assert row["wins"] + row["draws"] + row["losses"] == row["n"] == 4
            assert (row["low"], row["high"]) == wilson_interval(row["wins"], 4)
    again = tmp_path / "again.json"
    assert run((*arguments, "--json", str(again))) == 0
    assert json.loads(again.read_text()) == found, "the same starts and the same play"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("done", "--regime", "snipr"), "Did you mean 'sniper'"),
        (("done@7",), "unknown step of done '7'"),
        (("done", "--matches", "3"), "expected an even number"),
        (("dune",), "Did you mean 'done'"),
    ],
)
def test_what_cannot_be_evaluated_is_explained(
    home: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(("evaluate", *arguments)) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err


def test_bench_measures_every_rule_set_and_bot_and_fails_where_a_target_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(game_speed, "MATCHES", 2)
    monkeypatch.setattr(game_speed, "WARM_UP", 1)
    monkeypatch.setitem(TARGETS, ("dogfight", "competition"), {"": 1.0})
    monkeypatch.setitem(TARGETS, ("dogfight", "training"), {"": 1e12})
    target = tmp_path / "rows.json"
    assert run(("bench", "game", "dogfight", "--quick", "--json", str(target))) == 1
    rows = json.loads(target.read_text())
    assert [row["name"] for row in rows][:2] == [
        "dogfight training, external actions", "dogfight training, against do_nothing",
    ]  # fmt: skip
    assert len(rows) == 12
    assert [row["met"] for row in rows] == [False] * 6 + [True] * 6
    for row in rows:
        assert row["n"] == 3
        assert row["interval"][0] <= row["value"] <= row["interval"][1]
    assert run(("bench", "game", "dogfigt")) == 2


def test_targets_are_of_games_that_there_are() -> None:
    for (game, rules), targets in TARGETS.items():
        assert game in names()
        assert set(targets) <= {"", game_speed.EXTERNAL, *spec(game).bots[rules]}
    assert target_of("dogfight", "training", "ace") == 0.5e6
    assert target_of("dogfight", "training", None) == 1.0e6
    assert target_of("dogfight", "competition", None) == 0.9e6
    assert target_of("other", "rules", None) is None


def test_a_measurement_without_a_target_is_neither_met_nor_missed() -> None:
    row = measure("x", "dogfight", "ace", None, 1, 1)
    assert (row["met"], row["target"], row["n"]) == (None, None, 1)
