"""Guests on a real bus: brought in once, loaded by hash, refused when the file is not the one of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ludus.api.v1.match_pb2 import Player, Ticket
from ludus.api.v1.policy_pb2 import PolicyHead
from ludus.app.create import Request, create, resolve
from ludus.app.guests import invite
from ludus.app.home import Home
from ludus.games import make
from ludus.kernel.blobs import put_blob
from ludus.kernel.config import RunConfig, load
from ludus.kernel.guests import guests_of
from ludus.kernel.service import Fatal
from ludus.kernel.topology import POLICIES_BUCKET
from ludus.league.guests import admit_guests
from ludus.play.bank import PolicyBank
from ludus.play.fixed import FixedPolicy
from ludus.play.store import PolicyStore

from ..conftest import BusFactory  # type: ignore[import-untyped]
from ..unit.onnx_kit import linear  # type: ignore[import-untyped]


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """Of a run with one guest, as its folder has it."""
    file = tmp_path / "starter.onnx"
    file.write_bytes(linear(224, bias=0.25).SerializeToString())
    found, files = invite(resolve(Request("dogfight", preset="competition", guests=[str(file)])))
    return load(create(Home(tmp_path / "home"), found, "r", files).config_file)


def ticket(config: RunConfig) -> Ticket:
    (ref,) = guests_of(config).values()
    return Ticket(players=[Player(bot="ace"), Player(policy=ref)], matches=2, seeds=[1])


def bank_of(config: RunConfig) -> PolicyBank:
    game = make(config.game, rules=config.rules, batch=1, **config.game_parameters)
    return PolicyBank.for_run(config, game, device="cpu", seed=1)


async def test_a_guest_is_brought_in_once_and_loaded_by_its_hash(bus: BusFactory, config: RunConfig) -> None:
    one = await bus()
    (guest,), (ref,) = config.league.guests, guests_of(config).values()
    await admit_guests(one, config)
    Path(guest.file).unlink()
    await admit_guests(one, config)  # a league that starts again needs no file
    entry = await (await one.bucket(POLICIES_BUCKET)).get("starter.0.0")
    assert entry is not None
    head = PolicyHead.FromString(entry.value)
    assert (head.policy, head.format, head.pinned, head.rules) == (ref, "onnx", True, "competition")
    bank = bank_of(config)
    store = await PolicyStore.open(one, bank, "main")
    assert await store.load_all(ticket(config)) == ""
    policy = bank._versions[ref.sha256][1]
    assert isinstance(policy, FixedPolicy)
    means, logits = policy(torch.zeros(2, 224))
    assert torch.cat((means, logits), 1).tolist() == [[0.25] * 3] * 2


@pytest.mark.parametrize(("damage", "message"), [(b"else", "expected '"), (None, "cannot read .*No such file")])
async def test_another_file_than_that_of_the_run_ends_the_league(
    bus: BusFactory, config: RunConfig, damage: bytes | None, message: str
) -> None:
    path = Path(config.league.guests[0].file)
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(Fatal, match=message):
        await admit_guests(await bus(), config)


async def test_what_is_no_submission_is_never_seated(bus: BusFactory, config: RunConfig) -> None:
    """Whatever stands in the store: the contract is checked where the file is loaded."""
    one = await bus()
    (ref,) = guests_of(config).values()
    ref.sha256 = await put_blob(one, linear(46).SerializeToString(), keep=True)
    head = PolicyHead(policy=ref, game="dogfight", rules="competition", format="onnx")
    await (await one.bucket(POLICIES_BUCKET)).put("starter.0.0", head.SerializeToString())
    store = await PolicyStore.open(one, bank_of(config), "main")
    order = Ticket(players=[Player(bot="ace"), Player(policy=ref)], matches=2, seeds=[1])
    assert "starter@0.0: input: obs float32 [n, 46]" in await store.load_all(order)
