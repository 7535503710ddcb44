"""A recorded match plays again bit for bit; a file that is not whole is refused before it is believed."""

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from ludus.api.v1.match_pb2 import PURPOSE_EVALUATE, Player, Ticket
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.games import make, spec
from ludus.kernel.config import NetworkConfig
from ludus.play.architecture import Architecture
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank
from ludus.play.duel import Contender, duel
from ludus.play.network import Actor
from ludus.play.replay import MAGIC, MAX_FILE_BYTES, Replay, ReplayError, from_bytes, to_bytes
from ludus.play.rerun import digest, re_simulate
from ludus.play.tape import Tape

PARAMETERS = {"observation": "egocentric", "physics": {"gravity": 60.0}}
ARCHITECTURE = Architecture.of(spec("dogfight"), "training", "egocentric", NetworkConfig(hidden=16))


def pilot(seed: int) -> Contender:
    actor = Actor(ARCHITECTURE, generator=torch.Generator().manual_seed(seed))
    return Contender(
        f"pilot-{seed}", ref=PolicyRef(agent="main", epoch=1, step=seed, sha256=f"{seed:064x}"), actor=actor
    )


def bot(name: str) -> Contender:
    return Contender(f"bot:{name}", bot=name)


@pytest.fixture(scope="module")
def match() -> Replay:
    return duel("dogfight", "training", PARAMETERS, 2**63 + 7, [pilot(3), bot("brawler")])


def test_a_file_gives_back_the_replay(match: Replay) -> None:
    data = to_bytes(match)
    again = from_bytes(data)
    assert to_bytes(again) == data
    assert [seat.name for seat in again.seats] == ["pilot-3", "bot:brawler"]
    assert again.actions.shape == (match.decisions, 1, 3)
    assert again.parameters == PARAMETERS
    np.testing.assert_array_equal(again.actions, match.actions)


@pytest.mark.parametrize(
    "players",
    [(pilot(1), pilot(2)), (bot("ace"), pilot(1)), (pilot(5), pilot(5)), (bot("chaser"), bot("brawler"))],
    ids=["policies", "bot-first", "mirror", "bots"],
)
@pytest.mark.parametrize("seed", [0, 12345])
def test_it_plays_again_in_any_slot_of_any_batch(players: tuple[Contender, Contender], seed: int) -> None:
    replay = duel("dogfight", "training", PARAMETERS, seed, players)
    alone = re_simulate(replay)
    among = re_simulate(replay, batch=9, slot=5)
    assert len(alone["x"]) == replay.decisions + 1
    for name in set(alone) - {"episode"}:
        np.testing.assert_array_equal(alone[name], among[name], err_msg=name)


def test_every_tick_leads_to_the_same_last_bit(match: Replay) -> None:
    ticks = re_simulate(match, parameters={**match.parameters, "ticks_per_decision": 1}, repeat=10)
    decisions = re_simulate(match)
    assert len(ticks["x"]) == ticks["tick"][-1] + 1
    for name in ("x", "y", "yaw", "speed", "hp", "bullet_x"):
        np.testing.assert_array_equal(ticks[name][:-1:10], decisions[name][: len(ticks[name][:-1:10])])
        np.testing.assert_array_equal(ticks[name][-1], decisions[name][-1])


def test_competition_plays_again_tick_by_tick_too() -> None:
    """Its players' older frames are of decisions; cut into ticks there are others, but the match is the same."""
    match = duel("dogfight", "competition", {"observation": "original"}, 5, [bot("ace"), bot("chaser")])
    ticks = re_simulate(match, parameters={**match.parameters, "ticks_per_decision": 1}, repeat=10)
    decisions = re_simulate(match, batch=3, slot=2)
    for name in ("x", "y", "yaw", "hp", "previous_x"):
        np.testing.assert_array_equal(ticks[name][-1], decisions[name][-1])


def test_the_arena_records_what_was_played_beside_others() -> None:
    """Sixteen matches over eight slots, some slots used twice: each must end in the state that was there."""
    game = make("dogfight", batch=8, seed=3, autoreset="disabled", **PARAMETERS)
    bank = PolicyBank(ARCHITECTURE, 8, 2, device="cpu", seed=5)
    states = {}

    class Watched(Tape):
        def ended(self, slot, info):  # type: ignore[no-untyped-def]
            states[self._open[slot].match.number] = digest(game.snapshot(), slot)
            super().ended(slot, info)

    tape = Watched(game, PARAMETERS, lambda match: True)
    table = Arena(game, bank, worker="test", never_idle=False, seed=1, tape=tape)
    me = pilot(1)
    assert me.ref is not None
    assert me.actor is not None
    bank.add(me.ref, me.actor)
    players = [Player(policy=me.ref), Player(bot="ace")]
    table.offer(Ticket(ticket_id="t", run="r", purpose=PURPOSE_EVALUATE, players=players, matches=16, seeds=range(8)))
    table.fill()
    results = {}
    with torch.inference_mode():
        while table.playing:
            results |= {result.match: result for result in table.step()}
            table.fill()
    replays = tape.take()
    assert {replay.match for replay in replays} == set(results) == set(range(16))
    assert tape.take() == []
    for replay in replays:
        result = results[replay.match]
        assert (replay.seed, replay.first_seat, replay.decisions) == (result.seed, result.first_seat, result.decisions)
        assert replay.seats[replay.first_seat].policy == me.ref.sha256
        assert replay.final_sha256 == states[replay.match]
        re_simulate(from_bytes(to_bytes(replay)))


def test_an_altered_action_is_found_out(match: Replay) -> None:
    actions = match.actions.copy()
    actions[match.decisions // 2, 0, 0] *= -1
    with pytest.raises(ReplayError, match=r"plays differently here.*version of Ludus that recorded it"):
        re_simulate(replace(match, actions=actions))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"game": "chess"}, "unknown game 'chess'"),
        ({"rules": "trainin"}, "Did you mean 'training'"),
        ({"parameters": {"gravity": 3}}, "unknown parameter"),
        ({"parameters": {"ticks_per_decision": "ten"}}, "cannot be played here"),
    ],
)
def test_what_is_not_known_here_is_named(match: Replay, change: dict[str, object], message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        re_simulate(replace(match, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [0, 7, 43, 44, 100, -1])
def test_a_truncated_file_is_refused(match: Replay, cut: int) -> None:
    with pytest.raises(ReplayError):
        from_bytes(to_bytes(match)[:cut])


@pytest.mark.parametrize("place", [3, 20, 60, -5])
def test_an_altered_byte_is_refused(match: Replay, place: int) -> None:
    data = bytearray(to_bytes(match))
    data[place] ^= 1
    with pytest.raises(ReplayError):
        from_bytes(bytes(data))


def sealed(manifest: bytes, actions: bytes = b"", length: int | None = None) -> bytes:
    """A file with a right hash around whatever is wrong inside."""
    body = struct.pack("<I", len(manifest) if length is None else length) + manifest + actions
    return MAGIC + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decisions": 10**9}, "'decisions' must be a whole number"),
        ({"decisions": 60_000_000}, "the file has 12"),
        ({"action_size": True}, "'action_size' must be"),
        ({"seed": -1}, "'seed' must be"),
        ({"outcome": 0}, "'outcome' must be"),
        ({"parameters": []}, "must be a table"),
        ({"seats": []}, "must list"),
        (
            {"seats": [{"name": "a", "bot": "", "policy": ""}, {"name": "b", "bot": "ace", "policy": ""}]},
            "either a bot",
        ),
        ({"game": 3}, "'game' must be text"),
        ({"extra": 1}, "unknown or missing keys: 'extra'"),
    ],
)
def test_a_wrong_manifest_is_refused(match: Replay, change: dict[str, object], message: str) -> None:
    data = to_bytes(match)
    (length,) = struct.unpack_from("<I", data, 40)
    tree = json.loads(data[44 : 44 + length]) | {"decisions": 1} | change
    with pytest.raises(ReplayError, match=message):
        from_bytes(sealed(json.dumps(tree).encode(), bytes(12)))


def test_sizes_are_checked_before_anything_is_read() -> None:
    with pytest.raises(ReplayError, match="truncated or altered"):
        from_bytes(sealed(b"{}", length=2**31))
    with pytest.raises(ReplayError, match="not JSON"):
        from_bytes(sealed(b"[" * 60_000))
    with pytest.raises(ReplayError, match="at most"):
        from_bytes(bytes(MAX_FILE_BYTES + 1))
