"""Numbers drawn from the run's seed by name and index, so that a restart draws the same ones again."""

from __future__ import annotations

from hashlib import blake2b

from .judge import FIRST_EVALUATION_SEED


def derive(seed: int, name: str, index: int) -> int:
    """A 64-bit number; the same three arguments always give the same one."""
    return int.from_bytes(blake2b(f"{seed}/{name}/{index}".encode(), digest_size=8).digest(), "big")


def unit(seed: int, name: str, index: int) -> float:
    """A number in [0, 1)."""
    return (derive(seed, name, index) >> 11) / 2**53


def training_seed(seed: int, match: int) -> int:
    """Spawn seed of a training match: below 2**63."""
    return derive(seed, "train", match) % FIRST_EVALUATION_SEED


def evaluation_seed(seed: int, pair: int) -> int:
    """Spawn seed of an evaluation pair: 2**63 or above, and the same for every candidate and opponent.

    Common random numbers: two candidates differ by their play, not by the luck of their spawns.
    """
    return derive(seed, "evaluate", pair) | FIRST_EVALUATION_SEED


def gate_seed(seed: int, candidate: str, pair: int) -> int:
    """Spawn seed of a pair of the promotion gate: its own for every candidate, so that their errors are independent."""
    return derive(seed, f"gate/{candidate}", pair) | FIRST_EVALUATION_SEED
