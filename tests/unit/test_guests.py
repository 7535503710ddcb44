"""Guests: ONNX files from elsewhere as opponents, from the configuration to the seat."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from ludus.api.v1.match_pb2 import Player, Ticket
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.app.create import Request, create, resolve
from ludus.app.errors import UsageError
from ludus.app.guests import invite
from ludus.app.home import Home
from ludus.app.words import short_opponent
from ludus.games import make, spec
from ludus.games.game import ShowsRaw
from ludus.kernel.config import ConfigError, RunConfig, load
from ludus.kernel.guests import guest_ids, guests_of
from ludus.kernel.panel import panel_opponents
from ludus.kernel.players import guest_ref, is_guest, orient, player_id, version_id
from ludus.league.ledger import State
from ludus.league.opponents import draw_guest, draw_opponent
from ludus.league.phases import stage_at
from ludus.league.plan import make_plan
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank
from ludus.play.fixed import FixedPolicy
from ludus.play.guests import UnplayableGuest, load_guest

from .onnx_kit import linear, policy

GUESTS = {"one": "one@0.0", "two": "two@0.0"}


def config(*guests: str, rules: str = "training", **changes: str) -> RunConfig:
    preset = "quick" if rules == "training" else "competition"
    sets = [f"{key}={value}" for key, value in changes.items()]
    return resolve(Request("dogfight", preset=preset, guests=guests, assignments=sets))


def onnx_file(path: Path, inputs: int = 46, bias: float = 0.5) -> str:
    path.write_bytes(linear(inputs, bias=bias).SerializeToString())
    return str(path)


def test_a_path_is_enough_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("configs/dogfight-quick.toml").read_text()
    path = tmp_path / "my.toml"
    both = '["x/Star ter_9.onnx", { file = "b.onnx", name = "b2" }]'
    path.write_text(text.replace("[league]", f"[league]\nguests = {both}"))
    assert [guest.player for guest in load(path).league.guests] == ["star-ter-9", "b2"]
    path.write_text(text.replace("[league]", '[league]\nguests = [{ path = "x.onnx" }]'))
    with pytest.raises(ConfigError, match=r"league\.guests\.0\.path.*expected one of file, name, sha256"):
        load(path)
    path.write_text(text.replace("[league]", '[league]\nguests = "x.onnx"'))
    with pytest.raises(ConfigError, match=r"league\.guests: .*'x\.onnx'"):
        load(path)


def test_a_guest_is_copied_into_the_run_and_named_by_its_hash(tmp_path: Path) -> None:
    file = onnx_file(tmp_path / "Starter.onnx")
    found, files = invite(config(file))
    run = create(Home(tmp_path / "home"), found, "r", files)
    (guest,) = load(run.config_file).league.guests
    assert (guest.name, guest.file) == ("starter", str(run.path / "guests" / "starter.onnx"))
    assert Path(guest.file).read_bytes() == Path(file).read_bytes()
    assert guests_of(load(run.config_file)) == {"starter": guest_ref("starter", guest.sha256)}
    assert guest_ids(load(run.config_file)) == ("starter@0.0",)
    # The written configuration starts another run with the same guest.
    again, _ = invite(load(run.config_file))
    assert again.league.guests == (guest,)


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("wide.onnx", 224, r"cannot take part: input: obs float32 \[n, 224\] \(that of --rules competition\)"),
        ("ace.onnx", 46, "the name 'ace' is taken by a bot or the learner"),
        ("main.onnx", 46, "the name 'main' is taken"),
        ("___.onnx", 46, "no name can be made of"),
    ],
)
def test_a_file_that_cannot_be_a_guest_is_refused_before_the_run_exists(
    tmp_path: Path, name: str, inputs: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        invite(config(onnx_file(tmp_path / name, inputs)))


def test_broken_missing_and_doubled_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model at all")
    with pytest.raises(UsageError, match=r"broken\.onnx cannot take part: format: not readable.*ludus validate"):
        invite(config(str(tmp_path / "broken.onnx")))
    with pytest.raises(UsageError, match=r"cannot read .*gone\.onnx: No such file"):
        invite(config(str(tmp_path / "gone.onnx")))
    one, same = onnx_file(tmp_path / "one.onnx"), onnx_file(tmp_path / "same.onnx")
    with pytest.raises(UsageError, match="'same' and 'one' are the same file"):
        invite(config(one, same))
    with pytest.raises(UsageError, match="two guests are called 'one'"):
        invite(config(one, onnx_file(tmp_path / "ONE.onnx", bias=0.2)))
    with pytest.raises(UnplayableGuest, match="ONNX files can play dogfight"):
        load_guest(b"", "pursuit", "standard")


def test_phases_may_name_a_guest_among_their_bots(tmp_path: Path) -> None:
    file = onnx_file(tmp_path / "starter.onnx")
    phases = '[{name="curriculum",share=1.0,scripted_share={start=1.0,end=1.0},bots=[{bots=["ace","starter"]}]}]'
    found, _ = invite(config(file, **{"league.phases": phases}))
    plan = make_plan(found)
    stage = stage_at(found.league.phases, 0, 10)
    drawn = Counter(draw_opponent(stage, "main", [], State(), 1, k, plan.guest_ids) for k in range(200))
    assert set(drawn) == {"bot:ace", "starter@0.0"}
    assert min(drawn.values()) > 60
    with pytest.raises(ConfigError, match="unknown bot of dogfight 'starter'"):
        make_plan(config(**{"league.phases": phases}))


def test_guests_get_their_share_of_the_tickets_and_no_more() -> None:
    drawn = Counter(draw_guest(GUESTS, 0.2, seed=3, ticket=k) for k in range(5000))
    assert abs(drawn[""] / 5000 - 0.8) < 0.02
    assert abs(drawn["one@0.0"] - drawn["two@0.0"]) < 130  # four standard deviations of 1000 fair draws
    assert {draw_guest(GUESTS, 0.0, 3, k) for k in range(100)} == {""}
    assert "" not in {draw_guest(GUESTS, 1.0, 3, k) for k in range(100)}
    assert draw_guest({}, 1.0, 3, 1) == ""


def test_a_guest_has_a_name_of_its_own_everywhere() -> None:
    guest = version_id(guest_ref("starter", "ab"))
    assert player_id(Player(policy=guest_ref("starter", "ab"))) == guest == "starter@0.0"
    assert is_guest(guest)
    assert not any(map(is_guest, ("main@1.0", "bot:ace", "main")))
    assert orient(guest, "main@1.0") == ("main@1.0", guest)
    assert orient("bot:ace", guest) == (guest, "bot:ace")
    assert panel_opponents("main@1.9", ["ace"], "main@1.0", [guest]) == ("bot:ace", guest, "main@1.0")
    assert [short_opponent(player) for player in (guest, "main@1.0", "bot:ace")] == ["starter", "step 0", "ace"]


@pytest.mark.parametrize("rules", ["training", "competition"])
def test_the_raw_observation_is_that_of_the_original_layout(rules: str) -> None:
    """Step by step, whatever layout is seen, through ends of matches and single restarts, bit for bit."""
    layouts = [layout for layout in spec("dogfight").observations[rules] if layout != "original"]
    original = make("dogfight", rules=rules, batch=8, seed=5)
    others = [make("dogfight", rules=rules, batch=8, seed=5, observation=layout) for layout in layouts]
    games, random = [original, *others], np.random.default_rng(0)
    for game in games:
        game.seat_bots(1, "brawler")
        game.reset()
    for step in range(200):
        actions = random.uniform(-1, 1, (8, 2, 3)).astype(np.float32)
        expected, *_ = [game.step(actions)[0] for game in games]
        if step % 50 == 10:
            slots, seeds = np.array([1, 6], np.int32), np.array([step, 7], np.uint64)
            expected, *_ = [game.reset(matches=slots, seeds=seeds) for game in games]
        for game in games:
            assert isinstance(game, ShowsRaw)
            np.testing.assert_array_equal(game.raw_observations(), expected)


class _Witness(FixedPolicy):
    """Remembers the rows it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[torch.Tensor] = []

    def forward(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.rows.append(obs.clone())
        return obs[:, :2] * 0, obs[:, :1] * 0


def test_a_guest_reads_224_floats_beside_a_learner_on_another_layout() -> None:
    game = make("dogfight", rules="competition", batch=4, observation="egocentric", autoreset="disabled")
    actor, manifest = policy(rules="competition")
    bank = PolicyBank(manifest.architecture, 4, 2, device="cpu", seed=1)
    witness, guest = _Witness(), guest_ref("starter", "ab")
    bank.set_live(PolicyRef(agent="main", epoch=1, step=1, sha256="cd"), actor)
    bank.add(guest, witness)
    arena = Arena(game, bank, worker="w", never_idle=False, seed=1)
    players = [Player(policy=PolicyRef(agent="main"), live=True), Player(policy=guest)]
    arena.offer(Ticket(game="dogfight", rules="competition", players=players, matches=4, seeds=[1, 2]))
    arena.fill()
    results, seats = [], (1, 0, 1, 0)
    with torch.inference_mode():
        while arena.playing:
            assert isinstance(game, ShowsRaw)
            expected, full = game.raw_observations()[range(4), seats].copy(), arena.playing == 4
            results += arena.step()
            if full:
                np.testing.assert_array_equal(witness.rows[-1].numpy(), expected)
    assert witness.rows[0].shape == (4, 224)
    assert len(results) == 4
    for result in results:
        assert result.players[1].policy == result.policies_at_end[1] == guest
