"""Behaviour cloning: the pairs are what the bot saw and did, the loss is that by hand, the files are taken by all."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from ludus.app.cli import run
from ludus.games import make, spec
from ludus.kernel.config import load
from ludus.learner import checkpoint
from ludus.learner.cloning import cloning_loss, fit_actor, measure
from ludus.learner.setup import manifest_of, state_of
from ludus.play import demonstrations
from ludus.play.demonstrations import HELD_OUT_EVERY, SLOTS, Classroom, Pairs, Unreadable

from .onnx_kit import policy

DECISIONS = 10
PRESET = Path(__file__).parents[2] / "configs" / "dogfight-competition.toml"


def test_the_actions_read_fly_the_same_match() -> None:
    """A player from outside who does what was read from the bot sees the same, bit for bit, in every slot."""
    learn, held = Classroom("dogfight", "competition", {}, "ace", seed=7).demonstrate(DECISIONS)
    slots, bots = np.arange(SLOTS), spec("dogfight").bots["competition"]
    held_out = slots // 2 % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    assert (len(learn), len(held)) == (DECISIONS * (~held_out).sum(), DECISIONS * held_out.sum())
    game = make("dogfight", rules="competition", batch=SLOTS, seed=7)
    for seat in range(2):
        game.seat_bots(seat, [None if k % 2 == seat else bots[k // 2 % len(bots)] for k in slots])
    actions, seen = np.zeros((SLOTS, 2, 3), np.float32), game.reset()
    for decision in range(DECISIONS):
        for part, pairs in ((~held_out, learn), (held_out, held)):
            rows = slice(decision * part.sum(), (decision + 1) * part.sum())
            np.testing.assert_array_equal(seen[slots[part], slots[part] % 2], pairs.observations[rows])
            actions[slots[part], slots[part] % 2] = pairs.actions[rows]
        seen = game.step(actions)[0]


@pytest.mark.parametrize("rules", ["training", "competition"])
def test_the_bot_corrects_from_the_clones_seat(rules: str) -> None:
    """Where both begin, it does what it does when it flies itself; later it sees what the clone has made of it."""
    actor, _ = policy("original", rules=rules)
    room = Classroom("dogfight", rules, {}, "brawler", seed=3)
    corrected, _ = room.correct(8, actor)
    shown, _ = Classroom("dogfight", rules, {}, "brawler", seed=3).demonstrate(8)
    first = len(shown) // 8
    np.testing.assert_array_equal(corrected.observations[:first], shown.observations[:first])
    np.testing.assert_array_equal(corrected.actions[:first], shown.actions[:first])
    assert not np.array_equal(corrected.observations[-first:], shown.observations[-first:])
    assert not np.array_equal(corrected.actions[-first:], shown.actions[-first:])
    low, high = corrected.actions.min(axis=0), corrected.actions.max(axis=0)
    assert (low >= [-1, 0, 0]).all()
    assert (high <= 1).all()
    assert set(np.unique(corrected.actions[:, 2])) <= {0.0, 1.0}


def test_a_game_that_does_not_show_its_bots_actions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstrations, "_components", lambda game: ("yaw", "flaps"))
    with pytest.raises(Unreadable, match="its snapshot has no action_flaps"):
        Classroom("dogfight", "competition", {}, "ace", seed=1)


def test_the_loss_by_hand() -> None:
    means, logits = torch.tensor([[0.5, 0.0], [1.0, 0.0]]), torch.tensor([[0.0], [log(3)]])
    actions = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    # 0.25 + 1 + ln 2 and 0 + 0 + ln 4, halved
    assert float(cloning_loss(means, logits, actions)) == pytest.approx((1.25 + log(2) + log(4)) / 2)


def test_an_actor_learns_what_can_be_learned() -> None:
    config = load(PRESET, [("network.hidden", 64), ("network.precision", "fp32")], {})
    state = state_of(config, manifest_of(config).architecture)
    rows = np.random.default_rng(0).uniform(-1, 1, (10_240, state.architecture.obs_size)).astype(np.float32)
    actions = np.stack([rows[:, 0], rows[:, 1] / 2, rows[:, 2] > 0], axis=1).astype(np.float32)
    pairs = Pairs(rows, actions)
    learn, held = Pairs(rows[:8192], actions[:8192]), Pairs(rows[8192:], actions[8192:])
    before = measure(state.actor, held)
    losses = list(fit_actor(state, learn, 30))
    after = measure(state.actor, held)
    assert losses[-1] < 0.3 * losses[0]
    assert after.loss < 0.4 * before.loss
    assert after.steering < 0.3 < before.steering
    assert after.agreement > 0.9
    assert len(learn + held) == len(pairs)
    with pytest.raises(ValueError, match="no pairs"):
        measure(state.actor, Pairs(rows[:0], actions[:0]))


def test_a_clone_is_a_checkpoint_a_participant_and_a_submission(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, folder = ["--home", str(tmp_path / "home")], tmp_path / "c"
    small = ["--rounds", "2", "--decisions", "4", "--epochs", "1", "--matches", "0", "--set", "network.hidden=8"]
    assert run([*home, "clone", "do_nothing", "--rules", "competition", *small, "--output", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "round 2 of 2, the clone flies: " in said
    assert "held out" in said
    weights = folder / "do-nothing-clone.safetensors"
    assert run([*home, "validate", str(weights.with_suffix(".onnx")), "--rules", "competition"]) == 0
    capsys.readouterr()
    arguments = ["tournament", str(weights), "ace", "--rules", "competition", "--matches", "2"]
    assert run([*home, *arguments]) == 0
    assert "do-nothing-clone.safetensors" in capsys.readouterr().out
    config = load(PRESET, [("network.hidden", 8)], {})
    state = state_of(config, manifest_of(config).architecture)
    saved = checkpoint.load(folder / "1-0", state, manifest_of(config))
    assert (saved.epoch, saved.step, saved.pinned) == (1, 0, True)
    untouched = state_of(config, manifest_of(config).architecture).moments()
    assert all((tensor == untouched[name]).all() for name, tensor in state.moments().items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "unknown bot of dogfight with rules training 'nobody'"),
        (["ace", "--matches", "3"], "--matches: expected an even number, found 3"),
        (["ace", "--rounds", "0"], "--rounds: expected 1 to 100, found 0"),
        (["ace", "--rules", "chess"], "unknown rule set of dogfight 'chess'"),
        (["ace", "--rules", "competition", "--preset", "quick"], "'competition': expected one of 'training'"),
        (["ace", "--game", "chess"], "chess"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_done(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), "clone", *arguments]) == 2
    assert message in capsys.readouterr().err
