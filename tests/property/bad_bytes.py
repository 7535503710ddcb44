"""Every decoder of what comes from others, and the errors by which it may refuse.

Also a program that runs for as long as one likes: `python -m tests.property.bad_bytes 1000000 [NAME…]`.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from google.protobuf.message import DecodeError

from ludus.api.v1 import services_pb2
from ludus.api.v1.match_pb2 import MatchResult, Player, Ticket
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.run_pb2 import RunRecord
from ludus.kernel.config import ConfigError, RunConfig, load
from ludus.league.commands import carry_out
from ludus.league.ledger import State, fold_bytes
from ludus.learner.description import OPTIMIZER, STATE, WEIGHTS, CorruptCheckpoint, describe, read_description
from ludus.learner.slab import Refused
from ludus.learner.slab import decode as decode_rollout
from ludus.learner.state import Counters
from ludus.play.intake import check_ticket
from ludus.play.network import Actor
from ludus.play.weights import CorruptWeights, decode, encode, shapes_of

from ..unit.learner_kit import ARCHITECTURE, MANIFEST, message, slab

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Decoder:
    """`good` is a message it takes; anything else it takes or refuses with one of `errors`."""

    name: str
    good: bytes
    read: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...]

    def survives(self, data: bytes) -> bool:
        """True when the bytes were taken. Other errors than those stated go through."""
        try:
            self.read(data)
        except self.errors:
            return False
        return True


def mutate(good: bytes, draw: random.Random) -> bytes:
    """A few of the usual accidents and attacks: flips, cuts, pieces twice or swapped, noise, huge varints."""
    data = bytearray(good)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(data) + 1), draw.choice((1, 2, 8, 64))
        kind = draw.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] = draw.randrange(256)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            data[at:at] = draw.randbytes(length)
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + length] = b"\xff" * length
        else:
            del data[at : at + length]
    return bytes(data)


def decoders(folder: Path) -> list[Decoder]:
    config = _config()
    actor = Actor(ARCHITECTURE, generator=torch.Generator().manual_seed(1))
    rollout = message(slab(actor, 0, 1)).SerializeToString()
    file = folder / "config.toml"

    def ticket(data: bytes) -> None:
        check_ticket(Ticket.FromString(data), config, ())

    def command(data: bytes) -> None:
        request = services_pb2.StopRunRequest.FromString(data)
        carry_out(RunRecord(), "stop", request.command_id, request.reason)

    def configuration(data: bytes) -> None:
        file.write_bytes(data)
        load(file, environment={})

    def checkpoint(data: bytes) -> None:
        (folder / STATE).write_bytes(data)
        read_description(folder)

    return [
        Decoder("rollout", rollout, lambda d: decode_rollout(d, "learning", "main", ARCHITECTURE), (Refused,)),
        Decoder("weights", *_weights(actor), (CorruptWeights,)),
        Decoder("ticket", _ticket(config), ticket, (DecodeError, ValueError)),
        Decoder("result", _result(), lambda d: fold_bytes(State(), 1, d, k=32), ()),
        Decoder("command", services_pb2.StopRunRequest(run="a", command_id="b").SerializeToString(), command,
                (DecodeError, ValueError)),
        Decoder("config", (ROOT / "configs" / "dogfight-quick.toml").read_bytes(), configuration, (ConfigError,)),
        Decoder("checkpoint", _description(), checkpoint, (CorruptCheckpoint,)),
    ]  # fmt: skip


def _description() -> bytes:
    return describe(Counters(1, 7), MANIFEST, dict.fromkeys((WEIGHTS, OPTIMIZER), b"x"), pinned=False, run="fuzz")


def _config() -> RunConfig:
    config = load(ROOT / "configs" / "dogfight-quick.toml", environment={})
    return config.model_copy(update={"run": "fuzz"})


def _ticket(config: RunConfig) -> bytes:
    players = [Player(policy=PolicyRef(agent="main"), live=True), Player(bot="ace")]
    ticket = Ticket(ticket_id="t", run=config.run, game=config.game, rules=config.rules, players=players, matches=2)
    ticket.parameters_json = json.dumps(config.game_parameters)
    ticket.seeds.append(7)
    return ticket.SerializeToString()


def _result() -> bytes:
    players = [Player(policy=PolicyRef(agent="main"), live=True), Player(bot="ace")]
    return MatchResult(match=1, ticket_id="t", run="fuzz", purpose=1, players=players, outcome=1).SerializeToString()


def _weights(actor: Actor) -> tuple[bytes, Callable[[bytes], Any]]:
    data = encode(actor.state_dict(), "{}")
    expected = shapes_of(actor)
    return data, lambda changed: decode(changed, expected)


def main(count: int, names: list[str]) -> None:
    """Prints rows, of all decoders or those named; fails at the first decoder that breaks, or if memory grows."""
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for decoder in decoders(Path(folder)):
            if names and decoder.name not in names:
                continue
            taken, before = 0, 0
            for number in range(count):
                taken += decoder.survives(mutate(decoder.good, draw))
                if number == count // 10:
                    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(f"{decoder.name:10} {count} messages, {taken} taken, {count - taken} refused, grew {grown:.1f} MB")
            assert grown < 64, decoder.name


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
