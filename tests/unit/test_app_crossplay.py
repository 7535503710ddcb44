"""`ludus crossplay`: the least-known pair is next, networks may differ, and every cell leads to its matches."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.app.cli import run
from ludus.app.crossplay.plan import Score, least_known, pairs
from ludus.play.weights import to_bytes

from .onnx_kit import policy

counts = st.integers(0, 200)
scores = st.builds(Score, counts, counts, counts)


@given(st.lists(scores, min_size=3, max_size=3))
def test_the_least_known_pair_has_the_widest_interval_and_an_unplayed_one_goes_first(found: list[Score]) -> None:
    order = pairs(3)
    known = dict(zip(order, found, strict=True))
    chosen = least_known(order, known)
    assert known[chosen].unknown == max(score.unknown for score in found)
    without = {pair: score for pair, score in known.items() if pair != order[1] and score.n}
    assert least_known(order, without) in [pair for pair in order if pair not in without]


@given(scores)
def test_a_score_turned_is_that_of_the_other(score: Score) -> None:
    assert score.turned.turned == score
    assert score.mean + score.turned.mean == pytest.approx(1)
    assert score.interval[0] <= score.mean <= score.interval[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs whose networks have different sizes and see different things."""
    monkeypatch.setenv("LUDUS_HOME", str(tmp_path))
    for name, observation, hidden in (("small", "egocentric", 16), ("large", "original", 32)):
        folder = tmp_path / "runs" / name
        (folder / "weights").mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "weights" / "final.safetensors").write_bytes(to_bytes(*policy(observation, hidden=hidden)))
    return tmp_path


def test_two_architectures_and_a_bot_meet_and_every_cell_opens_matches(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "found"
    assert run(["crossplay", "small", "large", "chaser", "--budget", "80", "--output", str(folder)]) == 0
    assert "80 matches of 3 pairs" in capsys.readouterr().out
    rows = json.loads((folder / "crossplay.json").read_text())["pairs"]
    assert sorted(row["n"] for row in rows) == [20, 20, 40]
    assert all(row["wins"] + row["draws"] + row["losses"] == row["n"] for row in rows)
    links = set(re.findall(r'href="([^"#]+)"', (folder / "index.html").read_text()))
    assert links == {"pair-1-2.html", "pair-1-3.html", "pair-2-3.html"}
    for link in links:
        films = re.findall(r'href="([^"#]+)"', (folder / link).read_text())
        assert len(films) == 2
        assert all("<script" in (folder / film).read_text() for film in films)


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["small"], "at least two policies or bots"),
        (["small", "large", "--budget", "10"], "expected at least 20 matches for 1 pairs, found 10"),
        (["small", "nobody"], "unknown participant 'nobody'"),
        (["small", "large", "--rules", "chess"], "rule set"),
    ],
)
def test_what_cannot_be_played_is_explained(
    home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], complaint: str
) -> None:
    assert run(["crossplay", *argv]) == 2
    said = capsys.readouterr()
    assert complaint in said.out + said.err
