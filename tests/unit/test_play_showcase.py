"""The evaluator keeps one match of every pairing, under a name that says which, and never fails over it."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ludus.api.v1.match_pb2 import PURPOSE_EVALUATE, Player, Ticket
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.games import make, spec
from ludus.kernel.config import NetworkConfig
from ludus.play.architecture import Architecture
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank
from ludus.play.network import Actor
from ludus.play.replay import from_bytes
from ludus.play.rerun import re_simulate
from ludus.play.showcase import Showcase


def measure(folder: Path, **which: Any) -> Showcase:
    """Two tickets against the ace and one against step 0, on four slots."""
    architecture = Architecture.of(spec("dogfight"), "training", "original", NetworkConfig(hidden=8))
    game = make("dogfight", batch=4, autoreset="disabled")
    showcase = Showcase(game, SimpleNamespace(directory=str(folder), game_parameters={}), **which)  # type: ignore[arg-type]
    bank = PolicyBank(architecture, 4, 2, device="cpu", seed=1)
    arena = Arena(game, bank, worker="test", never_idle=False, seed=1, tape=showcase.tape)
    refs = [PolicyRef(agent="main", epoch=1, step=step, sha256=f"{step:064x}") for step in (0, 9)]
    for ref in refs:
        bank.add(ref, Actor(architecture, generator=torch.Generator().manual_seed(ref.step)))
    opponents = [Player(bot="ace"), Player(bot="ace"), Player(policy=refs[0])]
    for number, opponent in enumerate(opponents):
        players = [Player(policy=refs[1]), opponent]
        ticket = Ticket(ticket_id=f"t{number}", run="r", purpose=PURPOSE_EVALUATE, players=players, deterministic=True,
                        first_match=10 * number, matches=4, seeds=[number, 50 + number])  # fmt: skip
        arena.offer(ticket)
    arena.fill()
    with torch.inference_mode():
        while arena.playing:
            arena.step()
            arena.fill()
    showcase.write()
    return showcase


def test_the_first_match_of_each_pairing_is_kept(tmp_path: Path) -> None:
    measure(tmp_path)
    files = {path.name: from_bytes(path.read_bytes()) for path in (tmp_path / "replays").iterdir()}
    assert {name: replay.match for name, replay in files.items()} == {
        "main@1.9-ace.replay": 0,
        "main@1.9-main@1.0.replay": 20,
    }
    for replay in files.values():
        assert replay.run == "r"
        re_simulate(replay)


def test_all_matches_are_kept_or_every_third_of_them(tmp_path: Path) -> None:
    measure(tmp_path / "all", keep="all")
    measure(tmp_path / "third", keep="all", every=3)
    every, third = (sorted(path.name for path in (tmp_path / name / "replays").iterdir()) for name in ("all", "third"))
    names = {0: "ace", 10: "ace", 20: "main@1.0"}
    numbers = [first + k for first in names for k in range(4)]
    assert every == sorted(f"main@1.9-{names[number // 10 * 10]}-{number}.replay" for number in numbers)
    assert third == [name for name in every if int(name.removesuffix(".replay").rpartition("-")[2]) % 3 == 0]
    assert len(third) == 4


def test_a_match_of_the_learner_plays_again_although_its_weights_change(tmp_path: Path) -> None:
    architecture = Architecture.of(spec("dogfight"), "training", "original", NetworkConfig(hidden=8))
    game = make("dogfight", batch=2, autoreset="disabled")
    config = SimpleNamespace(directory=str(tmp_path), game_parameters={})
    showcase = Showcase(game, config, keep="all")  # type: ignore[arg-type]
    bank = PolicyBank(architecture, 2, 2, device="cpu", seed=1)
    arena = Arena(game, bank, worker="test", never_idle=False, seed=1, tape=showcase.tape)
    first = PolicyRef(agent="main", epoch=1, step=1, sha256="ab")
    bank.set_live(first, Actor(architecture))
    players = [Player(policy=first, live=True), Player(bot="ace")]
    arena.offer(Ticket(run="r", players=players, first_match=1, matches=2, seeds=[4]))
    arena.fill()
    with torch.inference_mode():
        while arena.playing:
            arena.step()
            bank.set_live(PolicyRef(agent="main", epoch=1, step=arena.decisions + 2, sha256="cd"), Actor(architecture))
    showcase.write()
    for number in (1, 2):
        replay = from_bytes((tmp_path / "replays" / f"main-ace-{number}.replay").read_bytes())
        assert {seat.policy for seat in replay.seats} == {"", "ab"}, "named by the weights it began with"
        re_simulate(replay)


def test_a_folder_that_cannot_be_written_only_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "replays").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        measure(tmp_path)
    assert "no replay" in caplog.text
