"""Sweeps: what a file may say, which runs it means, what goes on after a kill, and what is concluded."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.app.errors import CommandError, UsageError
from ludus.app.home import Home
from ludus.app.sweeps.plan import Sweep, configured, find, read, trials
from ludus.app.sweeps.results import conclude, results
from ludus.app.sweeps.runner import _next, prepare, remember, status_of, status_of_all
from ludus.app.sweeps.tracker import tracker
from ludus.evaluator.aggregate import Estimate, difference, interquartile_mean, summarise, verdict
from ludus.evaluator.page.markdown import markdown

from .report_kit import write_run

ROOT = Path(__file__).resolve().parents[2]
SWEEPS = sorted((ROOT / "configs" / "sweeps").glob("*.toml"))
SMALL = """
name = "small"
hypothesis = "less is more"
game = "dogfight"
preset = "quick"
seeds = [1, 2]
decisions = 500_000
[[variants]]
name = "none"
[[variants]]
name = "clip"
set = { "learner.clip" = 0.1 }
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Sweep:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return read(path)


def test_the_ablations_of_the_trackers_are_there() -> None:
    assert {"kl-warmup", "adaptive-kl", "clip-kl", "network-size", "stability"} <= {path.stem for path in SWEEPS}


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_shipped_sweeps_load_and_every_run_is_whole(path: Path) -> None:
    sweep = read(path)
    assert sweep.name == path.stem
    prepare(sweep)
    configs = {one.variant.name: configured(sweep, one).model_dump(exclude={"seed"}) for one in trials(sweep)}
    texts = [json.dumps(tree, sort_keys=True, default=str) for tree in configs.values()]
    assert len(set(texts)) == len(sweep.variants), "every variant differs from every other"


def test_the_stability_ablation_has_all_eight_arms() -> None:
    arms = read(ROOT / "configs" / "sweeps" / "stability.toml").variants
    assert [variant.name for variant in arms] == list("abcdefgh")


def test_runs_go_seed_by_seed_and_have_their_changes(small: Sweep) -> None:
    found = trials(small)
    assert [one.name for one in found] == ["small-none-s1", "small-clip-s1", "small-none-s2", "small-clip-s2"]
    config = configured(small, found[3])
    assert (config.seed, config.learner.clip, config.decisions) == (2, 0.1, 500_000)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("hypothesis =", "hypothesys ="), "hypothesis"),
        (("seeds = [1, 2]", "seeds = [1, 1]"), "may not repeat"),
        (('name = "clip"', 'name = "none"'), "different names"),
        (('name = "clip"', f'name = "{"x" * 45}"'), "shorten"),
        (("seeds = [1, 2]", "seeds = []"), "seeds"),
        (("[[variants]]", "[[variants"), "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(SMALL.replace(*change))
    with pytest.raises(UsageError, match=complaint):
        read(path)


def test_a_misspelt_key_of_a_variant_is_found_before_anything_runs(small: Sweep, tmp_path: Path) -> None:
    path = tmp_path / "typo.toml"
    path.write_text(SMALL.replace("learner.clip", "learner.clib"))
    with pytest.raises(ValueError, match=r"variant clip.*learner\.clib.*'clip'"):
        prepare(read(path))


def test_an_unknown_sweep_is_answered_with_those_there_are(home: Home) -> None:
    with pytest.raises(UsageError, match=r"kl-warmp.*kl-warmup"):
        find("kl-warmp", home)


def finish(home: Home, name: str, *, wins: int, state: str = "FINISHED") -> None:
    """A run folder as a finished run leaves it."""
    folder = home.run(name).path
    write_run(folder)
    tree = json.loads((folder / "measured.json").read_text())
    row = tree["candidates"][1]["rows"][0]
    row |= {"wins": wins, "losses": 100 - wins, "win_rate": wins / 100}
    (folder / "measured.json").write_text(json.dumps(tree))
    (folder / "outcome.json").write_text(json.dumps({"state": state, "reason": "by hand"}))


def test_a_killed_sweep_goes_on_with_what_is_left(small: Sweep, home: Home) -> None:
    assert status_of_all(small, home) == "planned"
    finish(home, "small-none-s1", wins=50)
    finish(home, "small-clip-s1", wins=50, state="FAILED")
    left = [one for one in trials(small) if status_of(home.run(one.name)) != "completed"]
    assert [one.name for one in left] == ["small-clip-s1", "small-none-s2", "small-clip-s2"]
    assert [one.name for one in _next(left, [], 2)] == ["small-clip-s1", "small-none-s2"]
    assert _next(left, left[:2], 2) == []
    assert status_of_all(small, home) == "failed"


def test_a_sweep_of_the_same_name_with_other_runs_is_refused(small: Sweep, home: Home) -> None:
    remember(small, home)
    remember(small.model_copy(update={"seeds": (1, 2, 3)}), home)
    with pytest.raises(CommandError, match="decisions"):
        remember(small.model_copy(update={"decisions": 9}), home)


def test_results_and_verdict_stand_on_completed_runs(small: Sweep, home: Home) -> None:
    for seed in (1, 2):
        finish(home, f"small-none-s{seed}", wins=40 + seed)
        finish(home, f"small-clip-s{seed}", wins=80 + seed)
    none, clip = conclude(small, results(small, home))
    assert none.score is not None
    assert none.score.value == pytest.approx(0.415)
    assert clip.beside is not None
    assert clip.beside.value == pytest.approx(0.4)
    assert (none.verdict, clip.verdict) == ("what the others are compared with", "better")
    text, _ = markdown(tracker(small, home), "charts")
    for expected in ("less is more", "(completed)", "ludus sweep small", "| clip | 2 | 0.815 |", "0.810 – 0.820",
                     "learner.clip = 0.1", "| small-clip-s2 | completed | 0.820 | 100 | +800 |", "3.000"):  # fmt: skip
        assert expected in text, expected


def test_nothing_is_concluded_from_runs_that_have_not_finished(small: Sweep, home: Home) -> None:
    finish(home, "small-none-s1", wins=40)
    finish(home, "small-clip-s1", wins=80, state="FAILED")
    none, clip = conclude(small, results(small, home))
    assert (none.score is not None and none.score.n, clip.score, clip.verdict) == (1, None, "nothing completed yet")
    shutil.rmtree(home.run("small-none-s1").path)
    assert conclude(small, results(small, home))[0].score is None


def test_the_interquartile_mean_is_that_of_the_middle_half() -> None:
    assert interquartile_mean(np.array([0.0, 1.0, 2.0, 100.0])) == pytest.approx(1.5)
    # Five values: the middle one whole, its neighbours by three quarters.
    assert interquartile_mean(np.array([0.0, 1.0, 2.0, 4.0, 99.0])) == pytest.approx((0.75 + 2 + 3) / 2.5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_interquartile_mean_lies_between_the_quartiles(values: list[float]) -> None:
    found = float(interquartile_mean(np.array(values)))
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9
    assert float(interquartile_mean(np.array(values) + 1)) == pytest.approx(found + 1)


def test_intervals_cover_what_they_promise() -> None:
    """Of 300 experiments with 5 seeds × 4 references, about 95 % of the intervals of equal arms contain 0."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        one, other = rng.normal(0.5, 0.1, (2, 5, 4))
        found = difference(one, other, seed=int(rng.integers(2**31)))
        covered += found.low <= 0 <= found.high
    assert 0.86 <= covered / 300 <= 0.99, covered


def test_one_seed_gives_no_verdict() -> None:
    one = np.array([[0.9, 0.8]])
    assert summarise(one).low == -np.inf
    assert verdict(difference(one, one - 0.5)) == "one seed: no verdict"
    assert verdict(Estimate(0.1, -0.1, 0.2, 3)) == "no difference shown"
    assert verdict(Estimate(-0.1, -0.2, -0.1, 3)) == "worse"
    with pytest.raises(ValueError, match="seeds × references"):
        summarise(np.zeros((0, 2)))
