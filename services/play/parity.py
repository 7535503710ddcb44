"""Does an exported file answer like the actor it was made from? Compared on observations from real matches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ..games import Game, make, spec
from .distribution import mode
from .fixed import DeployedActor, raw_layout
from .network import Actor
from .onnx_runtime import infer, open_session
from .weights import Manifest

#: Largest difference allowed: absolute for clamped means, relative to max(1, |logit|) for logits.
TOLERANCE = 1e-5
ROWS = 10_000
_MATCHES = 128
_EVERY = 16
"""decisions between two looks, so that the rows are not all alike"""

FloatArray = npt.NDArray[np.float32]


class ParityError(ValueError):
    """The file does not answer like the actor."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences found on `rows` observations."""

    rows: int
    means: float
    """of the clamped means, absolute"""
    logits: float
    """of the raw logits, relative to max(1, |logit|)"""

    @property
    def worst(self) -> float:
        return max(self.means, self.logits)


def check_parity(data: bytes, actor: Actor, manifest: Manifest, rows: int = ROWS, seed: int = 1) -> Parity:
    """Compare the file's answers with those of the float32 `actor`. Raises ParityError, or BadModel."""
    deployed = DeployedActor(actor, manifest)
    raw, seen = real_observations(actor, manifest, rows, seed)
    with torch.inference_mode():
        # The actor reads the features the game computed, the file computes its own: both are compared.
        means, logits = actor(torch.from_numpy(seen))
        expected = torch.cat((deployed.clamp(means), logits), dim=1).numpy()
    found = infer(open_session(data), raw)
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise ParityError(f"expected finite answers of shape {expected.shape}, found {found.shape}")
    continuous = actor.architecture.continuous
    difference = np.abs(found - expected)
    relative = difference[:, continuous:] / np.maximum(1.0, np.abs(expected[:, continuous:]))
    parity = Parity(rows, float(difference[:, :continuous].max(initial=0)), float(relative.max(initial=0)))
    if not parity.worst <= TOLERANCE:
        raise ParityError(
            f"the file's answers differ from the actor's by {parity.worst:.1e} on {rows} observations; at most "
            f"{TOLERANCE:.0e} is allowed. Nothing was written; try again with onnxruntime and torch of other versions."
        )
    return parity


def real_observations(actor: Actor, manifest: Manifest, rows: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Raw [rows, D] and in the actor's layout [rows, obs]: both seats, matches of the actor against every bot in turn.

    Two games play the same matches, one for each layout: none contains the other in general.
    """
    game, choices = spec(manifest.game), actor.architecture.categorical
    layouts = (raw_layout(game, manifest.rules), manifest.observation)
    tables = [_table(manifest, layout, seed) for layout in layouts]
    seen, kept = [table.reset() for table in tables], []
    actions = np.zeros((_MATCHES, game.seats, game.action.size), np.float32)
    per_look = _MATCHES * game.seats
    with torch.inference_mode():
        for decision in range(_EVERY * -(-rows // per_look)):
            flat = [one.reshape(per_look, -1) for one in seen]
            if decision % _EVERY == 0:
                kept.append([one.copy() for one in flat])
            means, logits = actor(torch.from_numpy(flat[1]))
            actions[...] = mode(means, logits, choices).numpy().reshape(actions.shape)
            seen = [table.step(actions)[0] for table in tables]
    raw, own = (np.concatenate([look[k] for look in kept])[:rows] for k in range(2))
    return raw, own


def _table(manifest: Manifest, layout: str, seed: int) -> Game:
    game = make(manifest.game, rules=manifest.rules, batch=_MATCHES, seed=seed, observation=layout)
    if bots := game.spec.bots[manifest.rules]:
        game.seat_bots(1, [bots[k % len(bots)] for k in range(_MATCHES)])
    return game
