"""Battle analysis against numbers worked out by hand, and from real matches to the command line."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ludus.app.cli import run
from ludus.games.dogfight.battle import Battle, Pilot, battle_of, dynamism


def states(ticks: int = 240, **changes: Any) -> dict[str, Any]:
    """Two aircraft side by side at rest, 300 m apart, g = 10."""
    frames = ticks + 1
    found = {
        "x": np.tile(np.float32([0, 300]), (frames, 1)),
        "y": np.full((frames, 2), 100, np.float32),
        "yaw": np.zeros((frames, 2), np.float32),
        "speed": np.tile(np.float32([60, 80]), (frames, 1)),
        "hp": np.full((frames, 2), 5, np.int32),
        "cooldown": np.zeros((frames, 2), np.int32),
        "gravity": np.full(frames, 10, np.float32),
    }
    return found | changes


def test_shots_hits_and_the_first_hit() -> None:
    given = states()
    given["cooldown"][10:40, 0] = np.arange(30, 0, -1)  # fires at tick 10 …
    given["cooldown"][60:90, 0] = np.arange(30, 0, -1)  # … and at tick 60
    given["hp"][36:, 1] = 4  # the first shot hits at tick 36
    battle = battle_of(given, joined=False, elimination=False)
    red, blue = battle.pilots
    assert (red.shots, red.hits, red.accuracy, red.first_hit_seconds) == (2, 1, 0.5, 36 / 120)
    assert (blue.shots, blue.hits, blue.accuracy, blue.first_hit_seconds) == (0, 0, 0.0, None)
    assert (battle.hit_rate, battle.first_hit_seconds, battle.seconds) == (0.5, 0.3, 2.0)


def test_energy_speed_and_altitude() -> None:
    given = states()
    given["y"][121:, 0] = 300  # 120 of 241 states
    battle = battle_of(given, joined=False, elimination=False)
    red, blue = battle.pilots
    # 10·100 + 60²/2 = 2800, then 10·300 + 1800 = 4800; blue has 1000 + 3200 = 4200 throughout.
    assert red.energy == pytest.approx((121 * 2800 + 120 * 4800) / 241)
    assert blue.energy == pytest.approx(4200)
    assert red.advantage == pytest.approx(120 / 241)
    assert blue.advantage == pytest.approx(121 / 241)
    assert (red.speed, blue.speed) == (60, 80)
    assert battle.altitude_range == 100  # 200 and 0
    assert battle.speed_deviation == 0
    given["speed"][:120, 0] = 40
    given["speed"][120, 0] = 50
    assert battle_of(given, joined=False, elimination=False).speed_deviation == pytest.approx(sqrt(24000 / 241) / 2)


def test_circling_goes_the_short_way_round() -> None:
    given = states(4)
    given["yaw"][:, 0] = [3.0, -3.2 + 0.1, -3.0, -2.9, -2.8]  # across ±π: always to the left
    given["yaw"][:, 1] = [0.0, 0.3, 0.0, 0.1, 0.2]  # 0.5 left, 0.3 right
    red, blue = battle_of(given, joined=False, elimination=False).pilots
    assert red.circling == pytest.approx(1)
    assert blue.circling == pytest.approx(0.2 / 0.8, abs=1e-6)
    assert battle_of(states(4), joined=False, elimination=False).pilots[0].circling == 0


def test_engagements_are_crossings_of_200_m_also_round_the_edge() -> None:
    given = states(5)
    given["x"][:, 1] = [300, 199, 150, 201, 250, 100]
    battle = battle_of(given, joined=False, elimination=False)
    assert (battle.engagements, battle.combat_speed) == (3, 70)
    given["x"][:] = [[-490, 490]] * 6  # 980 m apart, or 20 m round the edge
    assert battle_of(given, joined=False, elimination=False).combat_speed == 0
    assert battle_of(given, joined=True, elimination=False).combat_speed == 70


def test_the_score_by_hand() -> None:
    def battle(circling: float, hits: int, first: float | None, *, elimination: bool) -> Battle:
        red = Pilot(10, hits, first, 100, 1, 0.5, circling)
        blue = Pilot(10, 0, None, 100, 1, 0.5, circling)
        return Battle((red, blue), 20, elimination, 25, 200, 10, 90)

    # 25·0.5 + 15·0.5 + 10·0.5 + 15·0.5 + 10·(0.15 / 0.3) + 15 + 10·(1 − 15/30)
    assert dynamism([battle(0.5, 3, 15, elimination=True)]) == pytest.approx(12.5 + 7.5 + 5 + 7.5 + 5 + 15 + 5)
    # Nobody hits: the first hit counts as 30 s. Means over matches come before the caps.
    assert dynamism([battle(1, 0, None, elimination=False)]) == pytest.approx(0 + 7.5 + 5 + 7.5)
    both = [battle(1, 0, None, elimination=False), battle(0, 20, 0, elimination=True)]
    assert dynamism(both) == pytest.approx(12.5 + 7.5 + 5 + 7.5 + 10 + 7.5 + 5)
    with pytest.raises(ValueError, match="no match"):
        dynamism([])
    with pytest.raises(ValueError, match="at least two states"):
        battle_of(states(0), joined=False, elimination=False)


def test_every_match_of_a_tournament_is_kept_shown_and_analysed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, cup, numbers = tmp_path / "home", tmp_path / "cup", tmp_path / "numbers.json"
    assert run(["--home", str(home), "tournament", "ace", "brawler", "--matches", "4", "--keep", str(cup)]) == 0
    files = sorted(cup.iterdir())
    assert [path.name for path in files] == [f"ace-brawler-{k}.replay" for k in range(4)]
    assert run(["--home", str(home), "replay", str(files[1]), "--output", str(tmp_path / "page.html")]) == 0
    assert "played again bit for bit" in capsys.readouterr().out
    assert run(["--home", str(home), "analyse", str(cup), "--json", str(numbers)]) == 0
    assert "ace - brawler" in capsys.readouterr().out
    tree = json.loads(numbers.read_text())
    (pairing,), players = tree["pairings"], {row["player"]: row for row in tree["players"]}
    assert pairing["n"] == 4
    assert 0 < pairing["dynamism"] <= 100
    ace, brawler = players["ace"], players["brawler"]
    assert (ace["wins"], ace["draws"], ace["losses"]) == (brawler["losses"], brawler["draws"], brawler["wins"])
    assert ace["n"] == 4
    assert 0 < ace["accuracy"] < 1
    assert ace["advantage"] + brawler["advantage"] == pytest.approx(1, abs=1e-3)


def test_nothing_to_analyse_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["--home", str(tmp_path / "home"), "analyse", str(tmp_path / "empty")]) == 1
    assert "no match is kept in" in capsys.readouterr().err
    assert run(["--home", str(tmp_path / "home"), "analyse", "nobody"]) == 2
